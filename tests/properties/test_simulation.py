"""The membership in a simulated cluster, under faults, judged by what it promises.

Twenty seeds of an hour each; ``make soak`` runs a hundred of thirty days. A seed that fails
is replayed with ``python -m tests.soak.membership --first-seed N --seeds 1``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.simulation.herd import herd, outage, peak
from tests.simulation.running import Run, simulate

if TYPE_CHECKING:
    from tests.simulation.running import Report

HOUR = 3600.0
SEEDS = range(20)
CHANGE_PAUSE = 30.0
FAULT_PAUSE = 25.0
RULES = ("each answer is the truth", "keep on error")


@cache
def simulated(seed: int) -> Report:
    """An hour of that seed."""
    return simulate(seed, HOUR, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_hour_under_faults(seed: int) -> None:
    """Every lasting state is seen in time, nobody goes without evidence, no version is skipped."""
    report = simulated(seed)
    assert not report.violations, "\n".join(report.examples)
    assert report.judged > 0


def test_there_was_something_to_be_wrong_about() -> None:
    """The twenty hours hold ten thousand faults, thousands of changes, and every kind of fault."""
    reports = [simulated(seed) for seed in SEEDS]
    faults: dict[str, int] = {}
    for report in reports:
        for kind, count in report.faults.items():
            faults[kind] = faults.get(kind, 0) + count
    assert sum(faults.values()) >= 10_000
    # An hour of silence would leave nothing of the hour: it has a test of its own.
    assert [kind for kind, count in faults.items() if not count] in ([], ["hour of nothing"])
    assert sum(report.changes for report in reports) > 2_000
    assert sum(report.judged for report in reports) > 1_500
    assert sum(report.versions for report in reports) > 1_000


def test_what_most_programs_do_is_wrong_more_often() -> None:
    """On the same answers both common rules say "gone" of five times as many living members."""
    totals = dict.fromkeys((*RULES, "headless_discovery"), 0)
    for seed in SEEDS:
        for rule, figures in simulated(seed).rules.items():
            totals[rule] += figures[1]
    for rule in RULES:
        assert totals[rule] > 5 * totals["headless_discovery"]


def test_a_seed_replays_exactly() -> None:
    """The same seed gives the same log, another one another."""
    again = simulate(3, HOUR, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)
    assert again.log == simulated(3).log
    assert again._replace(took=0) == simulated(3)._replace(took=0)
    assert simulated(4).log != again.log


@pytest.mark.parametrize(
    ("weaker", "violation"),
    [
        ({"removal_answers": 1}, "removed without evidence"),
        ({"shrink_answers": 2}, "removed without evidence"),
        ({"nothing_hold": 20.0}, "removed without evidence"),
        ({"nothing_answers": 2, "nothing_hold": 0.0}, "removed without evidence"),
        ({"answer_gap": 0.0, "ttl_trusted": 0.0}, "removed without evidence"),
        ({"drop_answers": 0, "drop_hold": 0.0}, "removed without evidence"),
        ({"return_hold": False}, "taken back"),
        ({"removal_answers": 5}, "not seen in time"),
        ({"interval": 9.0}, "not seen in time"),
        ({"interval": 9.0}, "too late"),
        ({"quick_for": 0.0}, "not seen in time"),
        ({"ttl_guidance": False, "answer_gap": 60.0}, "not seen in time"),
        ({"backoff": 0.5}, "backoff"),
        ({"backoff_max": 60.0}, "too late"),
        ({"ttl_max": 60.0, "ttl_jitter": 0.9}, "too late"),
    ],
    ids=str,
)
def test_the_judges_see_a_weaker_rule(weaker: dict[str, float], violation: str) -> None:
    """A follower with any one of the numbers wrong is found out."""
    for seed in SEEDS:
        run = Run(seed, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)
        run.policy = run.policy.replace(**weaker)
        run.drive(2 * HOUR)
        if violation in run.violations:
            return
    pytest.fail("nobody noticed")


@pytest.mark.parametrize("seed", range(0, 20, 3))
def test_an_hour_with_hints(seed: int) -> None:
    """With the change hint all of that holds as well, and hardly a look more goes out."""
    run = Run(seed, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)
    run.policy = run.policy.replace(hint=1.0)
    run.drive(HOUR)
    assert not run.violations, "\n".join(run.examples)
    assert run.hints > 50
    assert run.looks < 1.5 * simulated(seed).looks


@pytest.mark.parametrize("keeps", [0.0, 5.0, 30.0])
def test_a_thousand_followers(keeps: float) -> None:
    """A thousand followers that were started over 5 s never ask more than 400 times in a second."""
    moments = herd(1000, over=5.0, keeps=keeps, seconds=300.0)
    assert len(moments) > 5_000
    assert peak(moments) <= 400


def test_a_thousand_followers_that_start_at_once() -> None:
    """All look at once, and from then on they are apart."""
    moments = herd(1000, over=0.0, keeps=30.0, seconds=100.0)
    assert peak(moments) == 1000
    assert peak(moments, since=0.001) <= 400


def test_an_hour_of_silence() -> None:
    """The members stay, the streak is told, looks are few, one backoff step later all is well."""
    ended = outage(HOUR)
    assert ended.members_kept
    assert ended.stale_for == pytest.approx(ended.failing_for)
    assert ended.stale_for > HOUR - 10
    assert 100 < ended.looks <= 150
    assert 0 <= ended.recovered <= ended.step
