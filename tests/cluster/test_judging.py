"""The judge of the followers: each fault is found, and what is allowed is none.

No test bed here: histories are written by hand, times are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.judging import (
    ADDITION,
    MOVE,
    REMOVAL,
    Bounds,
    Clock,
    History,
    Published,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.judging import Verdict

END = 500.0
BARE = Bounds(lifetime=0)
CACHED = Bounds(lifetime=5)


def members(text: str) -> dict[str, frozenset[str]]:
    """`"a1 b2"`: member a at address 1, b at 2."""
    return {word[0]: frozenset(word[1:]) for word in text.split()}


def history(*moments: tuple[float, str]) -> History:
    """What was true: (time, members)."""
    return History([(time, members(text)) for time, text in moments], END)


def published(*moments: tuple[float, str]) -> list[Published]:
    """What a follower told, with right versions and right changes."""
    told = []
    before: dict[str, frozenset[str]] = {}
    for version, (time, text) in enumerate(moments, 1):
        now = members(text)
        told.append(
            Published(
                time,
                version,
                now,
                added={name: now[name] for name in now.keys() - before.keys()},
                removed={name: before[name] for name in before.keys() - now.keys()},
                updated={
                    name: (before[name], now[name])
                    for name in now.keys() & before.keys()
                    if now[name] != before[name]
                },
            )
        )
        before = now
    return told


def judged(
    truth: History,
    told: Iterable[Published],
    bounds: Bounds = BARE,
    outages: Iterable[tuple[float, float]] = (),
) -> Verdict:
    """The verdict, for a follower that was there until the end."""
    return judge(truth, told, bounds, Clock(outages), END)


def test_the_bounds_are_those_of_p10() -> None:
    """V and L for no cache, one of 5 s and one of 30 s, by hand."""
    assert [round(Bounds(c).seen, 6) for c in (0, 5, 30)] == [7.5, 12.5, 40.0]
    assert [round(Bounds(c).counting, 6) for c in (0, 5, 30)] == [1.2, 7.5, 40.0]


def test_the_clock_stands_still_during_outages() -> None:
    """Outages that overlap are one; those before and those after do not count."""
    clock = Clock([(10, 12), (11, 15), (30, 40)])
    assert clock.after(0, 5) == 5
    assert clock.after(0, 10) == 10
    assert clock.after(0, 11) == 16
    assert clock.after(12, 3) == 18
    assert clock.after(0, 26) == 41
    assert clock.undisturbed(15, 30)
    assert not clock.undisturbed(14, 16)


def test_what_is_told_in_time_is_right() -> None:
    """An addition, a move and a removal within their bounds: no fault, and their latencies."""
    truth = history((0, "a1"), (100, "a1 b2"), (200, "a3 b2"), (300, "a3"))
    told = published((1, "a1"), (103, "a1 b2"), (204, "a3 b2"), (308, "a3"))
    verdict = judged(truth, told)
    assert verdict.faults == []
    assert verdict.judged == 5  # a at 1 and at 3; b not there, there, not there
    assert verdict.latencies == {ADDITION: [3], MOVE: [4], REMOVAL: [8]}


@pytest.mark.parametrize(
    ("bounds", "removed", "false"),
    [(BARE, 200.4, 0), (BARE, 200.6, 1), (CACHED, 205.3, 0), (CACHED, 205.6, 1)],
)
def test_a_removal_is_false_if_no_answer_can_have_said_it(
    bounds: Bounds, removed: float, false: int
) -> None:
    """A member away for a moment may be reported gone for as long as a cache can say so."""
    truth = history((0, "a1 b2"), (199.9, "a1"), (200, "a1 b2"))
    told = published((1, "a1 b2"), (removed, "a1"), (removed + 3, "a1 b2"))
    assert len(judged(truth, told, bounds).false_removals) == false


@pytest.mark.parametrize(
    "told",
    [
        ((1, "a1"), (50, "a1 c9"), (51, "a1")),
        ((1, "a1"), (50, "a9"), (51, "a1")),
        ((1, "a1"), (106, "a1 b2"), (140, "a1"), (150, "a1 b2"), (151, "a1")),
    ],
)
def test_what_was_never_true_is_a_false_addition(told: tuple[tuple[float, str], ...]) -> None:
    """A stranger, a wrong address, and a member that comes back after its end."""
    truth = history((0, "a1"), (100, "a1 b2"), (130, "a1"))
    assert len(judged(truth, published(*told), CACHED).false_additions) == 1


def test_a_follower_may_see_it_first() -> None:
    """The truth is written down some milliseconds late; a tenth of a second is no such thing."""
    truth = history((0, "a1"), (100, "a1 b2"), (200, "a3 b2"))
    told = published((1, "a1"), (99.95, "a1 b2"), (199.95, "a3 b2"))
    assert judged(truth, told).faults == []
    early = published((1, "a1"), (99.8, "a1 b2"), (199.95, "a3 b2"))
    assert len(judged(truth, early).false_additions) == 1


def test_what_came_and_went_unwatched_is_no_proof() -> None:
    """An addition is no fault where it may have been true for a blink; a removal is."""
    truth = history((0, "a1 b2"))
    truth.blind = [(99.8, 99.95), (300.0, 300.1)]
    told = published((1, "a1 b2"), (100, "a1 b2 c3"), (102, "a1 b2"), (300.2, "a1"))
    verdict = judged(truth, told)
    assert len(verdict.unproven) == 1
    assert verdict.false_additions == []
    assert len(verdict.false_removals) == 1
    truth.blind = [(99.2, 99.4), (100.1, 100.3)]
    assert len(judged(truth, told).false_additions) == 1


def test_what_is_never_told_is_missed() -> None:
    """A lasting addition, move and removal, each not told; and one told late."""
    truth = history((0, "a1 b2"), (100, "a1 b2 c3"), (200, "a9 b2 c3"), (300, "a9 c3"))
    missed = judged(truth, published((1, "a1 b2"))).missed
    assert [each[0] for each in missed] == ["a", "b", "c"]
    late = published((1, "a1 b2"), (109, "a1 b2 c3"), (205, "a9 b2 c3"), (305, "a9 c3"))
    assert [each[0] for each in judged(truth, late).missed] == ["c"]


def test_a_state_must_be_told_until_its_end() -> None:
    """A member that is lost again while it is there is missed, even if it comes back."""
    truth = history((0, "a1 b2"), (100, "a1"), (101, "a1 b2"))
    told = published((1, "a1 b2"), (150, "a1"), (151, "a1 b2"))
    verdict = judged(truth, told)
    assert len(verdict.false_removals) == 1
    assert len(verdict.missed) == 1


def test_what_does_not_last_need_not_be_told() -> None:
    """A pod away for a second, and one there for three, may go unseen."""
    truth = history((0, "a1 b2"), (100, "a1"), (101, "a1 b2"), (200, "a1 b2 c3"), (203, "a1 b2"))
    assert judged(truth, published((1, "a1 b2"))).faults == []


def test_outages_are_not_counted() -> None:
    """What began in an outage is due that much later, and its latency is no figure."""
    truth = history((0, "a1"), (100, "a1 b2"))
    told = published((1, "a1"), (123, "a1 b2"))
    assert len(judged(truth, told).missed) == 1
    verdict = judged(truth, told, outages=[(99, 118)])
    assert verdict.faults == []
    assert verdict.latencies == {}
    assert len(judged(truth, told, outages=[(99, 110)]).missed) == 1


def test_more_than_half_and_nobody_may_take_longer() -> None:
    """Three answers where more than half are gone, thirty seconds where all are."""
    truth = history((0, "a1 b2 c3"), (100, "a1"), (200, ""))
    told = published((1, "a1 b2 c3"), (109.8, "a1"), (238, ""))
    assert judged(truth, told).faults == []
    late = published((1, "a1 b2 c3"), (111, "a1"), (240, ""))
    assert len(judged(truth, late).missed) == 3
    one_of_three = history((0, "a1 b2 c3"), (100, "a1 b2"))
    assert len(judged(one_of_three, published((1, "a1 b2 c3"), (109.8, "a1 b2"))).missed) == 1


def test_what_is_held_back_is_told_one_look_after_the_hold() -> None:
    """An address that was replaced returns late; a removed member only where caches are."""
    moved = history((0, "a1"), (100, "a2"), (101, "a1"))
    told = published((1, "a1"), (100.5, "a2"), (112, "a1"))
    assert judged(moved, told).faults == []
    assert len(judged(moved, published((1, "a1"), (100.5, "a2"), (114, "a1"))).missed) == 1

    removed = history((0, "a1 b2"), (100, "a1"), (120, "a1 b2"))
    told = published((1, "a1 b2"), (119, "a1"), (131, "a1 b2"))
    assert judged(removed, told, CACHED).faults == []
    # Without a cache nothing is held: due at 120 + V.
    assert len(judged(removed, published((1, "a1 b2"), (108, "a1"), (131, "a1 b2"))).missed) == 1


def test_versions_and_changes_that_do_not_fit_are_found() -> None:
    """A gap, a change that leads elsewhere, and a member that is removed twice."""
    truth = history((0, "a1"), (100, "a1 b2"), (200, "a1"))
    good = published((1, "a1"), (102, "a1 b2"), (204, "a1"))
    assert judged(truth, good).broken == []
    gap = [good[0], good[1]._replace(version=3), good[2]._replace(version=4)]
    assert len(judged(truth, gap).broken) == 1
    silent = [good[0], good[1]._replace(added={}), good[2]]
    assert len(judged(truth, silent).broken) == 1
    wrong = [good[0], good[1], good[2]._replace(removed=members("b7"))]
    assert len(judged(truth, wrong).broken) == 1


def test_a_follower_that_never_tells_is_at_fault() -> None:
    """Silence is no agreement."""
    assert judged(history((0, "a1")), []).faults
