"""Cancellation at every await of what follows a Service: nothing hangs, nothing leaks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faces import REPOSITORY
from tests.soak.cancelling_following import CASES


@pytest.mark.parametrize("case", list(CASES))
def test_cancelled_at_every_await(case: str) -> None:
    """Cancelled at its n-th await, for every n, it leaves no task, socket or warning."""
    done = subprocess.run(
        [
            sys.executable,
            *("-X", "dev", "-W", "error", "-m", "tests.soak.cancelling_following"),
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
    points, completed = map(int, done.stdout.split())
    assert points >= 1
    assert completed == 1
