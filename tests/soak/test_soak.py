"""Many lookups under loss, and cancellation at every await: nothing hangs, nothing leaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.soak import soak

LOOKUPS = 10_000
_REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("world", ["threads", "asyncio"])
def test_ten_thousand_lookups_under_loss(world: str) -> None:
    """With one packet in five lost each look is right, or failed after six sends; none is late.

    Six losses in a row happen once in 15,625 looks: more than ten in ten thousand do not
    happen in the life of this test.
    """
    outcome = soak(world, LOOKUPS, seed=3)
    assert outcome.right + outcome.failed == LOOKUPS
    assert outcome.failed <= 10
    assert (outcome.wrong, outcome.late, outcome.tasks) == (0, 0, 0)
    assert outcome.descriptors[0] == outcome.descriptors[1]
    assert outcome.threads[0] == outcome.threads[1]
    assert outcome.memory[1] - outcome.memory[0] < 4096  # KiB


@pytest.mark.parametrize("case", ["udp", "tcp", "by name", "silent", "refused", "unusual"])
def test_cancelled_at_every_await(case: str) -> None:
    """Cancelled at its n-th await, for every n, a lookup leaves no task, socket or warning."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.soak.cancelling", case],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    points, completed = map(int, done.stdout.split())
    assert points >= 1
    assert completed == 1
