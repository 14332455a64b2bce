"""Soak of the membership: many simulated days under faults, judged from the outside.

``make soak`` runs a hundred seeds of thirty days each: what `tests.simulation` is, at
length, one process a core. Each seed prints a line when it ends, so that a run that was
broken off has still told what it has done; ``--first-seed`` goes on from there.

    python -m tests.soak.membership --seeds 100 --days 30 --jobs 2
    python -m tests.soak.membership --first-seed 17 --seeds 1 --days 30   # one of them again
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation.herd import herd, outage, peak
from tests.simulation.running import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.running import Report

DAY = 86400.0
CHANGE_PAUSE = 500.0  # mean seconds between two happenings in the cluster
FAULT_PAUSE = 300.0  # and between two episodes of each script of faults
_COLUMNS = ("events", "false removals", "by no server's fault", "came again", "false empties")


class Totals:
    """Sums over the seeds that have ended."""

    def __init__(self) -> None:
        self.seeds = 0
        self.seconds = 0.0
        self.figures = dict.fromkeys(
            ("looks", "true membership changes", "published versions", "states judged",
             "fault episodes", "looks disturbed", "messages lost"), 0,
        )  # fmt: skip
        self.violations: dict[str, int] = {}
        self.faults: dict[str, int] = {}
        self.rules: dict[str, list[int]] = {}

    def add(self, report: Report) -> None:
        """One more seed."""
        self.seeds += 1
        self.seconds += report.seconds
        for name, count in (
            ("looks", report.looks),
            ("true membership changes", report.changes),
            ("published versions", report.versions),
            ("states judged", report.judged),
            ("fault episodes", report.episodes),
            ("looks disturbed", sum(report.faults.values())),
            ("messages lost", report.lost),
        ):
            self.figures[name] += count
        for total, more in ((self.violations, report.violations), (self.faults, report.faults)):
            for kind, count in more.items():
                total[kind] = total.get(kind, 0) + count
        for rule, counts in report.rules.items():
            known = self.rules.get(rule, [0] * len(counts))
            self.rules[rule] = [a + b for a, b in zip(known, counts, strict=True)]

    def lines(self) -> Iterable[str]:
        """What to print."""
        yield f"{self.seeds} seeds, {self.seconds / DAY:.1f} simulated days"
        for name, count in self.figures.items():
            yield f"  {name:<26}{count:>14,}"
        yield f"  {'violations':<26}{json.dumps(self.violations or 0):>14}"
        yield f"  {'rule':<28}" + "".join(f"{name:>22}" for name in _COLUMNS)
        for rule, counts in self.rules.items():
            yield f"  {rule:<28}" + "".join(f"{count:>22,}" for count in counts)
        yield "  looks disturbed by: " + ", ".join(
            f"{kind} {count:,}" for kind, count in sorted(self.faults.items())
        )


def herds(followers: int) -> Iterable[str]:
    """Many followers of one Service, and one follower through an hour of silence."""
    yield f"{followers} followers behind one cache of c seconds, most questions in any second:"
    for keeps in (0.0, 5.0, 30.0):
        spread = herd(followers, over=5.0, keeps=keeps, seconds=300.0)
        common = herd(followers, over=0.0, keeps=keeps, seconds=300.0)
        change = herd(followers, over=5.0, keeps=keeps, seconds=300.0, change_at=150.0)
        yield (
            f"  c={keeps:2.0f}: started over 5 s {peak(spread)}; all at once {peak(common)}, "
            f"from the second look on {peak(common, since=0.001)}; "
            f"after a change {peak(change, since=150.0)}"
        )
    ended = outage(3600.0)
    yield (
        f"an hour of silence: {ended.looks} looks, members kept: {ended.members_kept}, "
        f"stale_for {ended.stale_for:.1f} s of {ended.failing_for:.1f}, "
        f"good again after {ended.recovered:.1f} s (a backoff step is {ended.step:.0f})"
    )


def _one(seed: int, seconds: float) -> Report:
    return simulate(seed, seconds, change_pause=CHANGE_PAUSE, fault_pause=FAULT_PAUSE)


def _broken_off(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(arguments: list[str] | None = None) -> int:
    """Run it; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description="Membership over many simulated days.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--followers", type=int, default=1000)
    parsed = parser.parse_args(arguments)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _broken_off)
    for line in herds(parsed.followers):
        _say(line)
    began = time.perf_counter()
    totals = Totals()
    seeds = range(parsed.first_seed, parsed.first_seed + parsed.seeds)
    run = partial(_one, seconds=parsed.days * DAY)
    with get_context("spawn").Pool(parsed.jobs) as pool:
        try:
            for report in pool.imap_unordered(run, seeds):
                totals.add(report)
                _tell(report, time.perf_counter() - began, parsed.days)
        except KeyboardInterrupt:
            _say("broken off; what was done until now:")
    for line in totals.lines():
        _say(line)
    _say(f"  took {time.perf_counter() - began:.0f} seconds")
    return 1 if totals.violations else 0


def _tell(report: Report, after: float, days: float) -> None:
    _say(
        f"{after:7.0f} s  seed {report.seed:4}: log {report.log}, {report.looks:,} looks, "
        f"{report.changes:,} changes, {report.episodes:,} faults, "
        f"{report.took / max(1, report.looks) * 1e6:.0f} us a look, "
        f"violations {report.violations or 0}"
    )
    for example in report.examples[:3]:
        _say(example)
    if report.violations:
        _say(
            f"again: python -m tests.soak.membership --first-seed {report.seed} --seeds 1 "
            f"--days {days:g}"
        )


if __name__ == "__main__":
    sys.exit(main())
