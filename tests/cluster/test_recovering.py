"""The judge of how followers come back: each fault is found, and what is allowed is none.

No test bed here: looks are written by hand, times are seconds.
"""

from __future__ import annotations

import random

import pytest

from tests.cluster.figures import formula, percentile
from tests.cluster.recovering import Looked, recoveries, step
from tests.cluster.storm import Plan

OUTAGE = [(100.0, 110.0)]


def looks(*moments: tuple[float, float, bool]) -> list[Looked]:
    """(began, ended, good) of each."""
    return [Looked(*moment) for moment in moments]


def test_the_pauses_are_those_of_the_backoff() -> None:
    """1 s doubling to 25 s, and a fifth more at most."""
    assert [step(n) for n in (1, 2, 3, 5, 6, 20)] == [1.2, 2.4, 4.8, 19.2, 30.0, 30.0]


def test_a_recovery_within_one_step_is_right() -> None:
    """The outage as it was felt ends with the first good look."""
    seen = looks((98, 98, True), (103, 104, False), (105, 106, False), (108, 109, False))
    seen += looks((113.5, 113.6, True), (118, 118, True))
    found = recoveries(seen, OUTAGE)
    assert found.faults == []
    assert found.streaks == 1
    assert found.longest == pytest.approx(3.6)
    assert found.felt == [(100, 110), (103, 113.6)]


def test_an_outage_that_nobody_noticed_is_none() -> None:
    """Between two good looks a server may die and return."""
    found = recoveries(looks((99, 99, True), (111, 111, True)), OUTAGE)
    assert (found.faults, found.streaks, found.felt) == ([], 0, OUTAGE)


@pytest.mark.parametrize(
    "seen",
    [
        looks((90, 91, False), (92, 92, True)),  # nothing was away
        looks((90, 91, False), (101, 102, False), (104.8, 105, True)),  # the second of them late
        looks((103, 104, False), (105.6, 106, True)),  # 1.6 s after a first failure
        looks((109, 110, False), (111, 111.2, False), (112, 112, True)),  # CoreDNS was there
    ],
)
def test_a_late_or_needless_failure_is_found(seen: list[Looked]) -> None:
    """A look that failed by itself, and a pause that is longer than its step."""
    assert len(recoveries(seen, OUTAGE).faults) == 1


def test_a_streak_without_an_end_is_felt_to_its_next_look() -> None:
    """Whoever stops watching in the middle of an outage has judged nothing wrong."""
    found = recoveries(looks((103, 104, False)), [(100.0, 105.0)])
    assert found.faults == []
    assert found.felt[-1] == (103, 105.2)


def test_kills_come_in_the_first_half_of_each_cycle() -> None:
    """All of them, none in a second half, in every cycle the same share."""
    plan = Plan(changes=100, kills=40, away=0, every=1.0, rest=0, cycles=4)
    times = plan.kill_times(random.Random(3))
    assert len(times) == 40
    assert times == sorted(times)
    assert all(time % 25 <= 12.5 for time in times)
    assert [sum(int(time // 25) == cycle for time in times) for cycle in range(4)] == [10] * 4


def test_figures_are_what_they_are_called() -> None:
    """Percentiles by rank; the formula at c = 5 and T = 5 as the performance notes have it."""
    assert percentile([], 0.5) is None
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(100)), 0.99) == 99
    assert percentile(list(range(100)), 1.0) == 99
    assert formula(5, 5) == (5.0, 11.0)
    assert formula(0, 1) == (0.5, 1.2)
