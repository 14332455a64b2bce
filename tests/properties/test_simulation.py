"""The membership in a simulated cluster, under faults, judged by what it promises.

Twenty seeds of an hour each; ``make soak`` runs a hundred of thirty days. A seed that fails
is replayed with ``python -m tests.soak.membership --first-seed N --seeds 1``.
"""

from __future__ import annotations

from functools import cache
from itertools import cycle, pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.following import Following
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, Snapshot
from tests.simulation.cluster import SERVICE, made
from tests.simulation.herd import herd, outage, peak
from tests.simulation.running import Run, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.core.changes import Change
    from headless_discovery.core.snapshot import Endpoint
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


# --- single faults, to the letter -----------------------------------------------------------

START = 1000.0
ONE = made("mysql-0", ("10.0.0.1",))
THREE = tuple(made(f"mysql-{n}", (f"10.0.0.{n + 1}",)) for n in range(3))


def said(*pods: Endpoint, ttl: int = 5, outcome: str | None = None) -> Snapshot:
    """An answer; ABSENT where nobody is in it."""
    outcome = outcome or (OK if pods else ABSENT)
    return Snapshot(SERVICE, pods, outcome=outcome, ttl=ttl, servers=("10.96.0.10:53",))


def followed(
    answer: Callable[[float], Snapshot], seconds: float, *, asleep: tuple[float, float] = (0, 0)
) -> tuple[list[float], list[tuple[float, Change]]]:
    """When looks went out and what changed, in seconds from the first look.

    Args:
        answer: Is told the seconds, says what DNS says.
        seconds: How long to follow.
        asleep: From when and until when the process does not run.
    """
    following = Following(PollPolicy(interval=5.0), Random(7).random, START)
    looks, changes = [], []
    while (now := following.due - START) < seconds:
        if asleep[0] <= now < asleep[1]:
            now = asleep[1]
        following.step(START + now)
        looks.append(now)
        look = Look(SERVICE, answer(now), (), 0.0)
        change = following.looked(look, START + now)
        if change is not None:
            changes.append((now, change))
    return looks, changes


@pytest.mark.parametrize("outcome", [ABSENT, EMPTY])
@pytest.mark.parametrize(("lasts", "events"), [(29.0, 0), (32.0, 1)])
def test_nobody_for_half_a_minute(outcome: str, lasts: float, events: int) -> None:
    """To say "nobody" for 29 s is no event; for 32 s, from the first such answer on, it is one."""
    first: list[float] = []

    def answer(now: float) -> Snapshot:
        if now > 60 and not first:
            first.append(now)
        if first and now < first[0] + lasts:
            return said(outcome=outcome)
        return said(*THREE)

    _, changes = followed(answer, 300.0)
    emptied = [change for _, change in changes if not change.current]
    assert len(emptied) == events
    assert len(changes) == 1 + 2 * events  # and everybody is added again
    assert changes[-1][1].current.endpoints == THREE


def test_two_replicas_alternate_between_old_and_new() -> None:
    """Ten thousand answers, old and new in turns: the new pod is added, nothing else."""
    turns = cycle([said(*THREE), said(*THREE[:2], made("mysql-3", ("10.0.0.4",)))])
    looks, changes = followed(lambda _now: next(turns), 5.0 * 10_000)
    assert len(looks) > 9_000
    assert [len(change.added) for _, change in changes] == [3, 1]
    assert not any(change.removed for _, change in changes)


def test_an_order_that_changes_is_no_event() -> None:
    """Ten thousand answers of the same pods in any order are one event: the first."""
    random = Random(3)
    looks, changes = followed(lambda _now: said(*random.sample(THREE, 3)), 5.0 * 10_000)
    assert len(looks) > 9_000
    assert len(changes) == 1


def test_most_are_gone_in_one_answer() -> None:
    """One answer without two of three is no event, three in a row are one."""
    at_once = iter([said(*THREE), said(ONE), said(*THREE), said(ONE), said(ONE), said(*THREE)])
    _, changes = followed(lambda _now: next(at_once, said(ONE)), 60.0)
    assert [len(change.removed) for _, change in changes] == [0, 2]
    assert changes[1][1].removed == THREE[1:]


@pytest.mark.parametrize("ttl", [0, 2**31 - 1])
def test_ttls_of_nothing_and_of_ever(ttl: int) -> None:
    """Neither makes it ask more than once a second, or less than once in six."""
    looks, _ = followed(lambda _now: said(*THREE, ttl=ttl), 1000.0)
    waits = [after - before for before, after in pairwise(looks)]
    assert min(waits) >= 1.0
    assert max(waits) <= 6.0


def test_a_late_wake_looks_at_once() -> None:
    """A process that slept ten minutes looks as soon as it runs, and believes what it sees."""
    new = made("mysql-3", ("10.0.0.4",))
    looks, changes = followed(
        lambda now: said(*THREE) if now < 100 else said(*THREE, new), 800.0, asleep=(100, 700)
    )
    assert 700 in looks
    assert [at for at, _ in changes[1:]] == [700]
