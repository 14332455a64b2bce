"""Forked while a Service is followed: the child is told so, the parent does not notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faces import REPOSITORY

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS

#: Programs, and how often each forks; the whole of row 51 with HEADLESS_DISCOVERY_TEST_FORKS=200.
TIMES = {
    "many": 200,
    "opened": 10,
    "locked": 3,
    "preloaded": 4,
    "processes": 5,
    "in_callbacks": 10,
    "in_a_handler": 1,
    "in_asyncio": 30,
}


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("name", list(TIMES))
def test_forked(cluster_dns: ClusterDNS, name: str) -> None:
    """No child hangs, shares a socket or knows what it cannot know; it can open for itself."""
    times = os.environ.get("HEADLESS_DISCOVERY_TEST_FORKS", TIMES[name])
    done = subprocess.run(
        [
            sys.executable,
            *("-X", "dev", "-W", "error", "-m", "tests.scenarios.forks"),
            name,
            str(times),
            cluster_dns.nameserver,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert json.loads(done.stdout) == []
