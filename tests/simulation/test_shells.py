"""Threads and asyncio are the same program: the same world gives the same log."""

from __future__ import annotations

from random import Random

import pytest

from headless_discovery.core.following import Following
from headless_discovery.core.policy import PollPolicy
from tests.simulation.shells import Log, on_asyncio, on_threads
from tests.simulation.world import START

HOUR = 3600.0
CHANGE_PAUSE = 60.0
FAULT_PAUSE = 40.0


def _both(seed: int) -> tuple[Log, Log]:
    logs = []
    for shell in (on_threads, on_asyncio):
        with pytest.MonkeyPatch.context() as patch:
            logs.append(
                shell(seed, HOUR, patch, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)
            )
    return logs[0], logs[1]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_hour_gives_the_same_log(seed: int) -> None:
    """Looks, their outcomes and messages, and the changes of an hour under faults are alike.

    Replayed through the pure core, the looks lead to the same changes once more.
    """
    threads, loop = _both(seed)
    end = START + HOUR
    for left, right in zip(threads.until(end), loop.until(end), strict=True):
        assert left == right
    assert len(threads.looks) > 60
    assert len(threads.changes) > 3
    assert threads.faults > 10

    core = Following(PollPolicy(interval=5.0), Random(0).random, START)
    replayed = [core.looked(look, at) for at, look in threads.looks]
    told = [change for _, change in threads.changes]
    again = [change for change in replayed if change is not None]
    assert again[: len(told)] == told
    assert [each.current.version for each in told] == list(range(1, len(told) + 1))
