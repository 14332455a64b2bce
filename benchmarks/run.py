"""Ratios of `headless_discovery` against what one would use instead, side by side in one run.

``make bench``, or ``python benchmarks/run.py [--quick] [--markdown FILE]`` where the extra
``bench`` is installed. Every client looks up the same Service, whose answers come from a
small C program that replays CoreDNS's bytes (``canned.py``), and ends with the address,
hostname and port of all pods. The verdict is about the worse of wall
and CPU time; no speed fails the run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # wherever it is started

from benchmarks.canned import (
    SERVICE,
    Canned,
    LeftOut,
    Responder,
    build_responder,
    expected_by_address,
)
from benchmarks.connecting import connection_rows
from benchmarks.guidance import guidance
from benchmarks.measure import SERVER_CORE, Effort, Worker, build_go, on_core, ratio, rounds
from benchmarks.report import Row, as_markdown, as_text
from benchmarks.startup import command_ratio, import_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measure import Sample

FULL = Effort(rounds=21, batch=0.06, processes=21)
QUICK = Effort(rounds=5, batch=0.015, processes=5)
# Effort, pods of lookups, pods of followers, simulated hours.
FULLY = (FULL, (3, 10, 100, 300), (3, 100, 1000), 100)
QUICKLY = (QUICK, (3, 100), (3, 100), 10)

OURS, ASYNC, TOGETHER = "ours", "ours, asyncio", "ours, asyncio x32"
FOLLOWING, ASYNC_FOLLOWING, LOOP = "following", "following, asyncio", "dnspython loop"
LOOPS = dict.fromkeys((FOLLOWING, ASYNC_FOLLOWING, LOOP), Path(__file__).with_name("loops.py"))
FACES = {
    OURS: "threads",
    ASYNC: "asyncio",
    TOGETHER: "asyncio",
    FOLLOWING: "threads",
    ASYNC_FOLLOWING: "asyncio",
}
LOOKUP = "fresh SRV lookup"
AT_ONCE = "32 at once, lookups/s"

Goals = dict[int, tuple[float, float] | None]


class Comparison(NamedTuple):
    """Two clients and, for each number of pods, goal and stretch goal."""

    what: str
    ours: str
    theirs: str
    goals: Goals
    more_is_better: bool = False


DNSPYTHON_GOALS: Goals = {3: (0.20, 0.13), 10: (0.06, 0.035), 100: (0.05, 0.02), 300: (0.04, 0.014)}
AIODNS_GOALS: Goals = {3: (0.8, 0.5), 100: (0.4, 0.15)}
GO_GOALS: Goals = {3: (1.3, 1.0), 100: (1.5, 0.8)}
COMPARISONS = (
    Comparison(LOOKUP, OURS, "dnspython", DNSPYTHON_GOALS),
    Comparison(LOOKUP, ASYNC, "dnspython", DNSPYTHON_GOALS),
    Comparison(LOOKUP, OURS, "aiodns", AIODNS_GOALS),
    Comparison(LOOKUP, ASYNC, "aiodns", AIODNS_GOALS),
    Comparison(LOOKUP, OURS, "miekg", GO_GOALS),
    Comparison(LOOKUP, ASYNC, "miekg", GO_GOALS),
    # It asks TCP at once, as ours does after the first cut answer: no goal, for fairness.
    Comparison(LOOKUP, OURS, "miekg-tcp", {100: None}),
    Comparison(LOOKUP, OURS, "bytes only", {3: None, 10: (1.6, 1.2), 100: (4, 2.2), 300: None}),
    Comparison(AT_ONCE, TOGETHER, "aiodns x32", {100: (2, 4.5)}, more_is_better=True),
    Comparison("reader alone", "read_srv_table", "from_wire", {100: (0.05, 0.012)}),
    Comparison("reader alone", "read_message", "from_wire", {100: (0.05, 0.012)}),
)
SHOWN = {
    "dnspython": "dnspython Resolver",
    "miekg": "Go miekg/dns",
    "miekg-tcp": "Go miekg/dns, TCP first",
    "bytes only": "bytes, no parsing",
    "aiodns x32": "aiodns",
    "from_wire": "dnspython from_wire",
}
MEMORY_GOAL, MEMORY_LOOKUPS = (0.6, 0.4), 50
MEMORY_OF, FOLLOWER_MEMORY_OF = (OURS, "dnspython"), (FOLLOWING, LOOP)
FOLLOWING_GOALS = {100: (0.05, 0.02)}


class Bench:
    """One run: what it uses, what it may not use, the rows it has found."""

    def __init__(self, folder: Path, effort: Effort, sizes: Sequence[int]) -> None:
        self.effort = effort
        self.sizes = sizes
        self.left_out: dict[str, str] = {}
        self.found: dict[tuple[str, int], list[Sample]] = {}
        self._responder = build_responder(folder)
        self._go: Path | None = None
        try:
            self._go = build_go(folder)
        except LeftOut as reason:
            self.left_out["miekg"] = self.left_out["miekg-tcp"] = str(reason)
        if importlib.util.find_spec("aiodns") is None:
            missing = "aiodns is not installed; make bench installs it (extra: bench)"
            self.left_out["aiodns"] = self.left_out["aiodns x32"] = missing

    @contextlib.contextmanager
    def responder(self, *canned: Canned) -> Iterator[int]:
        """The port of a responder that runs meanwhile."""
        with on_core(SERVER_CORE):
            started = Responder(self._responder, *canned)
        with started:
            yield started.port

    @contextlib.contextmanager
    def workers(self, names: Sequence[str], *canned: Canned) -> Iterator[tuple[list[Worker], int]]:
        """Client processes that were seen to find every pod, and the responder's port."""
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(self.responder(*canned))
            started = []
            for name in names:
                command = self._go if name.startswith("miekg") else LOOPS.get(name)
                worker = Worker(name, port, SERVICE, command)
                stack.callback(worker.close)
                expected = expected_by_address(canned[0]) if canned[0].is_cut else canned[0]
                worker.verify(expected)
                started.append(worker)
            yield started, port

    def lookups(self, count: int) -> None:
        """Everything that is measured with that many pods, in interleaved rounds."""
        wanted = [
            name
            for comparison in COMPARISONS
            if count in comparison.goals
            for name in (comparison.ours, comparison.theirs)
        ]
        names = [name for name in dict.fromkeys(wanted) if name not in self.left_out]
        with self.workers(names, Canned.of(count)) as (workers, _):
            for name, samples in rounds(workers, self.effort).items():
                self.found[name, count] = samples

    def following(self, count: int) -> None:
        """Looks of loops that go on, nothing changing."""
        with self.workers(list(LOOPS), *Canned.in_turns(count)) as (workers, _):
            for name, samples in rounds(workers, self.effort).items():
                self.found[name, count] = samples

    def following_rows(self) -> list[Row]:
        """The CPU of each of those looks."""
        rows = []
        for name in (FOLLOWING, ASYNC_FOLLOWING):
            for (measured, count), samples in self.found.items():
                if measured != name:
                    continue
                found = ratio(samples, self.found[LOOP, count])
                mine, other = (
                    median(each.cpu for each in some) / 1e3
                    for some in (samples, self.found[LOOP, count])
                )
                goal, stretch = FOLLOWING_GOALS.get(count, (None, None))
                what, absolute = "look of a follower", f"{mine:.0f} / {other:.0f} us of CPU"
                face = FACES[name]
                rows.append(Row(what, count, face, LOOP, None, found.cpu, goal, stretch, absolute))
        return rows

    def memory(self, count: int, what: str, names: tuple[str, str]) -> Row:
        """Resident memory after some looks, the first one's to the second one's."""
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(3):
            with self.workers(names, Canned.of(count)) as (workers, _):
                for worker, into in zip(workers, (ours, theirs), strict=True):
                    worker.run(MEMORY_LOOKUPS)
                    into.append(int(worker.ask("memory")) / 2**20)
        mine, other = median(ours), median(theirs)
        absolute = f"{mine:.1f} / {other:.1f} MiB"
        face, beside = FACES.get(names[0], "threads"), SHOWN.get(names[1], names[1])
        return Row(what, count, face, beside, mine / other, None, *MEMORY_GOAL, absolute)

    def starts(self) -> list[Row]:
        """What it costs to begin."""
        brought = import_ratio(self.effort.processes)
        canned = Canned.of(3)
        with self.responder(canned) as port:
            listed = command_ratio(self.effort.processes, port, SERVICE)
        added = f"+{_milliseconds(brought.ours)} / +{_milliseconds(brought.theirs)} ms"
        whole = f"{_milliseconds(listed.ours)} / {_milliseconds(listed.theirs)} ms"
        what, command = "import, added to bare Python", "cold command"
        beside = "import dns.resolver"
        ours = "HeadlessService"
        return [
            Row(what, None, ours, beside, brought.wall, brought.cpu, 0.5, 0.35, added),
            Row(command, 3, "list", "python -c pass", listed.wall, listed.cpu, 6, 4.5, whole),
        ]

    def rows(self) -> list[Row]:
        """The comparisons of everything measured so far."""
        return [
            self._row(comparison, count)
            for comparison in COMPARISONS
            for count in comparison.goals
            if (comparison.theirs, count) in self.found
        ]

    def _row(self, comparison: Comparison, count: int) -> Row:
        found = ratio(self.found[comparison.ours, count], self.found[comparison.theirs, count])
        goal, stretch = comparison.goals[count] or (None, None)
        wall, cpu = found.wall, found.cpu
        absolute = f"{found.ours / 1e3:.0f} / {found.theirs / 1e3:.0f} us"
        if comparison.more_is_better:
            wall, cpu = 1 / wall, 1 / cpu
            absolute = f"{1e9 / found.ours:.0f} / {1e9 / found.theirs:.0f} /s"
        return Row(
            comparison.what,
            count,
            FACES.get(comparison.ours, comparison.ours),
            SHOWN.get(comparison.theirs, comparison.theirs),
            wall,
            cpu,
            goal,
            stretch,
            absolute,
            comparison.more_is_better,
        )


def _milliseconds(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e6:.0f}"


def run(
    effort: Effort, sizes: Sequence[int], following: Sequence[int], hours: int
) -> tuple[list[Row], dict[str, str]]:
    """Measure everything; progress goes to stderr.

    Args:
        effort: How long each comparison takes.
        sizes: Numbers of pods, of lookups.
        following: The same of followers.
        hours: How many are simulated.
    """
    with tempfile.TemporaryDirectory(prefix="headless-discovery-bench-") as folder:
        # What pip installs is compiled to .pyc; an editable install may forbid that.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        _say("building the responder and the Go client")
        bench = Bench(Path(folder), effort, sizes)
        for count in sizes:
            _say(f"lookups, {count} pods")
            bench.lookups(count)
        _say("memory")
        memory = bench.memory(max(sizes), f"memory after {MEMORY_LOOKUPS} lookups", MEMORY_OF)
        _say("start-up")
        starts = bench.starts()
        for count in following:
            _say(f"following, {count} pods")
            bench.following(count)
        _say("memory of a follower")
        follower = bench.memory(max(sizes), "memory while following", FOLLOWER_MEMORY_OF)
        _say("TTL guidance, in virtual time")
        guided = guidance(hours)
        _say("connections")
        connected = connection_rows(effort)
        rows = [*bench.rows(), *starts, memory, *bench.following_rows(), follower, *guided]
        rows += connected
        return rows, bench.left_out


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, say what was left out; 1 only where something does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test of some 20 s")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table there too")
    parsed = parser.parse_args()
    began = monotonic()
    try:
        rows, left_out = run(*(QUICKLY if parsed.quick else FULLY))
    except LeftOut as reason:
        print(f"nothing can be measured: {reason}", file=sys.stderr)
        return 1
    except RuntimeError as problem:
        print(f"it does not work: {problem}", file=sys.stderr)
        return 1
    print(as_text(rows))
    for name, why in left_out.items():
        print(f"left out: {SHOWN.get(name, name)}: {why}")
    print(
        f"\nRatios: ours divided by theirs, median of {(QUICK if parsed.quick else FULL).rounds} "
        "interleaved rounds; the absolute figures only orient.\n"
        f"Python {platform.python_version()}, {monotonic() - began:.0f} s in all."
    )
    if parsed.markdown is not None:
        parsed.markdown.write_text(as_markdown(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
