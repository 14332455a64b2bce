"""Connections that are cancelled, short of descriptors or wanted by many: nothing is left."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faces import REPOSITORY
from tests.scenarios.connect_programs import CASES, PROGRAMS

RUNS = [
    *[("cancelled", case) for case in CASES],
    *[("cancelled_twice", case) for case in ("followed", "two families", "both families")],
    *[(name, "") for name in PROGRAMS if "cancelled" not in name],
]


@pytest.mark.parametrize(("name", "case"), RUNS)
def test_nothing_is_left(name: str, case: str) -> None:
    """Every warning being an error: no task, no descriptor, no word, and no other exception."""
    done = subprocess.run(
        [
            sys.executable,
            *("-X", "dev", "-W", "error", "-m", "tests.scenarios.connect_programs"),
            name,
            case,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
