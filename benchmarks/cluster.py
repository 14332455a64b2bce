"""What following costs a real CoreDNS, and how soon it sees who came: with and without hint.

``make bench-cluster``, or ``python benchmarks/cluster.py [--quick] [--markdown FILE]`` where
the variable HEADLESS_DISCOVERY_TESTBED_BIN names the programs of the test bed. Some thirteen
minutes; root, or ``unshare --user --map-root-user``, is of use and not needed.

A control plane holds three Services, of 3, 100 and 1000 endpoints. For each of them and each
policy there is a CoreDNS of its own with a crowd of followers, all at the same time, so that
what they cost can be told apart and they meet the same events. Once nothing else happens in
the cluster, once another namespace changes ten times a minute on average. In between endpoints
are added to all three Services at once; what followers cost is counted while none is.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # wherever it is started

from benchmarks.crowd import Crowd, opened
from benchmarks.nameserver import NameServer, Spent
from benchmarks.report import aligned, markdown
from headless_discovery import PollPolicy
from tests.cluster.bed import ZONE, Bed
from tests.cluster.network import BedError, free_ports
from tests.cluster.workloads import Namespaces, address_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


BESIDE = "every second"
POLICIES = {
    BESIDE: PollPolicy(interval=1),
    "default": PollPolicy(interval=5),
    "default, hint": PollPolicy(interval=5, hint=1.0),
    "15 s, hint": PollPolicy(interval=15, hint=1.0),
}
FOLLOWERS = {3: 24, 100: 12, 1000: 4}
QUIET, BUSY = "quiet", "busy"
UNRELATED_EVERY = 6.0  # seconds, on average
GOAL_DETECTION, GOAL_OCTETS, GOAL_AT = 0.8, 0.1, 100
# Seconds from one addition to the next: the quick phase must be over, and where the cluster is
# busy hints must have backed off again; looks of no policy may stand to all additions alike.
PAUSES, SPREAD = {QUIET: 38.0, BUSY: 75.0}, 15.0
HEADINGS = (
    *("cluster", "N", "follower", "detection p50", "goal", "verdict", "octets", "goal", "verdict"),
    *("CPU", "questions/h", "hints/h", "KiB/h", "CPU s/h"),
)
LEFT = (0, 2, 5, 8)


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        sizes: Endpoints of the Services.
        settle: Seconds after the begin: followers of the biggest Service learn, look by
            look, the names that one message cannot hold, and look every second meanwhile.
        cost: Seconds in which what followers cost is counted.
        additions: How many, in each state of the cluster.
        stir: Seconds after the unrelated changes have begun: hints back off.
    """

    sizes: tuple[int, ...]
    settle: float
    cost: float
    additions: int
    stir: float


FULLY = Effort((3, 100, 1000), settle=80, cost=60, additions=4, stir=60)
QUICKLY = Effort((3, 100), settle=12, cost=15, additions=1, stir=45)


class Cell(NamedTuple):
    """One row of the table, before it is text: what one crowd came to."""

    state: str
    pods: int
    policy: str
    latencies: list[float]
    spent: Spent
    followers: int

    def an_hour(self, amount: float) -> float:
        """Of one follower."""
        return amount * 3600.0 / self.spent.at / self.followers


class Run:
    """One run on a bed."""

    def __init__(self, bed: Bed, effort: Effort) -> None:
        self.effort = effort
        self.cells: list[Cell] = []
        #: What went wrong, as on a machine that has no time for it.
        self.failures: list[str] = []
        namespaces = Namespaces(bed.api)
        self._ours, self._others = namespaces.create(), namespaces.create()
        self._random = Random(5)
        self._written: dict[int, dict[str, float]] = {pods: {} for pods in effort.sizes}
        self._added = 0
        for pods in effort.sizes:
            self._ours.service(_name(pods), 3306, selector={})
            self._ours.write_slices(_name(pods), pods)
        self._others.service("other", 80, selector={})
        keys = [*product(effort.sizes, POLICIES), (0, "nobody")]
        ports = free_ports(2 * len(keys))
        self._servers = {
            key: NameServer(bed, f"coredns-{at}", *ports[2 * at : 2 * at + 2])
            for at, key in enumerate(keys)
        }
        for server in self._servers.values():
            server.start()
        self._crowds = {
            (pods, name): Crowd(
                f"{_name(pods)}.{self._ours.name}.svc.{ZONE}",
                self._servers[pods, name].address,
                POLICIES[name],
                FOLLOWERS[pods],
            )
            for pods, name in keys
            if pods
        }

    async def measure(self, requests: ThreadPoolExecutor) -> None:
        """Everything.

        Args:
            requests: Its threads talk to the API server, and to the metrics.
        """
        self._requests = requests
        async with opened(list(self._crowds.values())):
            _say(f"{sum(FOLLOWERS[pods] for pods, _ in self._crowds)} followers settle")
            await asyncio.sleep(self.effort.settle)
            await self._state(QUIET)
            stirring = asyncio.create_task(self._stir())
            await asyncio.sleep(self.effort.stir)
            await self._state(BUSY)
            stirring.cancel()
        for crowd in self._crowds.values():
            self.failures += crowd.failures

    async def _state(self, state: str) -> None:
        """What it costs while nothing happens to the Services, then additions."""
        _say(f"{state}: cost")
        before = await self._spent()
        await asyncio.sleep(self.effort.cost)
        after = await self._spent()
        idle = after[0, "nobody"].since(before[0, "nobody"]).cpu
        for number in range(self.effort.additions):
            _say(f"{state}: addition {number + 1}")
            await self._add()
            await asyncio.sleep(PAUSES[state] + SPREAD * self._random.random())
        for (pods, name), crowd in self._crowds.items():
            spent = after[pods, name].since(before[pods, name])
            spent = spent._replace(cpu=max(0.0, spent.cpu - idle))
            latencies = crowd.latencies(self._written[pods])
            if len(latencies) != crowd.count * self.effort.additions:
                self.failures.append(f"{name}, N = {pods}: an addition was not told once")
            self.cells.append(Cell(state, pods, name, latencies, spent, crowd.count))
        for written in self._written.values():
            written.clear()

    async def _spent(self) -> dict[tuple[int, str], Spent]:
        loop = asyncio.get_running_loop()
        found = {}
        for key, server in self._servers.items():
            found[key] = await loop.run_in_executor(self._requests, server.spent)
        return found

    async def _add(self) -> None:
        """One more endpoint for each Service, at the same time, in a slice of its own."""
        loop = asyncio.get_running_loop()
        self._added += 1
        # All of them in one second of the clock: what is a hint for one is no noise for others.
        await asyncio.sleep(1.0 - time.time() % 1.0 + 0.7 * self._random.random())
        await asyncio.gather(
            *(
                loop.run_in_executor(self._requests, self._write, at, pods)
                for at, pods in enumerate(self.effort.sizes)
            )
        )

    def _write(self, at: int, pods: int) -> None:
        # From 20,000 on nobody else has the addresses.
        first = 20_000 + 1000 * at
        members = {f"late-{n}": address_of(first + n) for n in range(self._added)}
        late = address_of(first + self._added - 1)

        def write() -> None:
            self._written[pods][late] = time.monotonic()
            self._ours.write_members(_name(pods), members, 3306)

        _surely(write)

    async def _stir(self) -> None:
        """Change what nobody follows."""
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            await asyncio.sleep(self._random.expovariate(1 / UNRELATED_EVERY))
            number += 1
            members = {"other": address_of(30_000 + number % 2)}
            write = partial(self._others.write_members, "other", members, 80)
            await loop.run_in_executor(self._requests, _surely, write)


def _surely(write: Callable[[], None]) -> None:
    """Write, where need be over another connection: those that rest are closed after a while."""
    for _ in range(10):
        try:
            return write()
        except OSError:
            continue
    raise RuntimeError("the API server does not answer")


def rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """The table as text."""
    beside = {(cell.state, cell.pods): cell for cell in cells if cell.policy == BESIDE}
    return [_row(cell, beside[cell.state, cell.pods]) for cell in sorted(cells, key=_order)]


def _order(cell: Cell) -> tuple[int, int, int]:
    return (QUIET, BUSY).index(cell.state), cell.pods, list(POLICIES).index(cell.policy)


def _row(cell: Cell, beside: Cell) -> tuple[str, ...]:
    is_hinted = "hint" in cell.policy
    seen = median(cell.latencies)
    octets = cell.an_hour(cell.spent.octets) / beside.an_hour(beside.spent.octets)
    cpu = cell.an_hour(cell.spent.cpu) / beside.an_hour(beside.spent.cpu)
    return (
        cell.state,
        str(cell.pods),
        cell.policy,
        f"{seen:.2f} s",
        *_judged(seen, GOAL_DETECTION if is_hinted else None, "s"),
        f"{octets:.3f}",
        *_judged(octets, GOAL_OCTETS if is_hinted and cell.pods == GOAL_AT else None),
        f"{cpu:.3f}",
        f"{cell.an_hour(cell.spent.questions):.0f}",
        f"{cell.an_hour(cell.spent.hints):.0f}",
        f"{cell.an_hour(cell.spent.octets) / 1024:.0f}",
        f"{cell.an_hour(cell.spent.cpu):.3f}",
    )


def _judged(value: float, goal: float | None, unit: str = "") -> tuple[str, str]:
    if goal is None:
        return "-", "-"
    return f"<= {goal:g} {unit}".strip(), "goal" if value <= goal else "misses"


def _name(pods: int) -> str:
    return f"db{pods}"


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print; 1 only where something does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test of some 4 minutes")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table there too")
    parsed = parser.parse_args()
    effort = QUICKLY if parsed.quick else FULLY
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="headless-discovery-bench-") as folder:
            _say("the control plane and the name servers start")
            with Bed(Path(folder) / "bed") as bed, ThreadPoolExecutor(8) as requests:
                run = Run(bed, effort)
                asyncio.run(run.measure(requests))
    except (BedError, RuntimeError) as problem:
        print(f"it does not work: {problem}", file=sys.stderr)
        return 1
    table = [HEADINGS, *rows(run.cells)]
    print(aligned(table, LEFT))
    followers = ", ".join(f"{FOLLOWERS[pods]} at N = {pods}" for pods in effort.sizes)
    print(
        f"\nOctets and CPU of CoreDNS: divided by those of {BESIDE!r}; per hour: of one "
        f"follower. Followers: {followers}; {effort.additions} additions in each state.\n"
        f"Python {platform.python_version()}, {time.monotonic() - began:.0f} s in all."
    )
    if run.failures:
        print(f"{len(run.failures)} failures, the first one: {run.failures[0]}")
    if parsed.markdown is not None:
        parsed.markdown.write_text(markdown(table, LEFT), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
