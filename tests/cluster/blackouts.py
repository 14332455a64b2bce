"""DNS that fails, and a process that stands still: what a follower says meanwhile, and after.

In comes a bed, out come observations; the tests and the long run judge them.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from headless_discovery import (
    HeadlessService,
    LookupFailed,
    LookupOptions,
    NotYetKnown,
    WaitTimeout,
)
from tests.cluster.nameservers import Block, coredns
from tests.cluster.outages import Probe, api_server_away
from tests.cluster.processes import stop_all, wait_until
from tests.cluster.recording import Question, Recorder
from tests.cluster.recovering import Looked, recoveries

if TYPE_CHECKING:
    from headless_discovery import Change, Look
    from tests.cluster.bed import Bed
    from tests.cluster.processes import Program
    from tests.cluster.recovering import Recoveries
    from tests.cluster.workloads import Namespace

_SERVICE = "db"
_IN_CLUSTER = "kubernetes.default"
_PODS = 3
_EXACT = 0.2  # seconds by which a time may be off
_LONGEST_WAIT = 6.0  # seconds between two looks of the default policy


class Watched:
    """A followed Service whose looks and changes are kept, open for a `with` block."""

    def __init__(self, namespace: Namespace, nameserver: str, service: str = _SERVICE) -> None:
        self.looks: list[Looked] = []
        self.kinds: set[str] = set()
        self.changes: list[tuple[float, Change]] = []
        self.service = HeadlessService(
            f"{service}.{namespace.name}",
            options=LookupOptions(nameservers=[nameserver]),
            on_lookup=self._looked,
        )

    def __enter__(self) -> Self:
        """Begin; the members are known when this returns."""
        self.service.open()
        self.service.subscribe(lambda change: self.changes.append((time.monotonic(), change)))
        wait_until(lambda: self.changes, "the follower to know")
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.service.close()

    def _looked(self, look: Look) -> None:
        ended = time.monotonic()
        self.looks.append(Looked(ended - look.elapsed, ended, look.error is None))
        if isinstance(look.error, LookupFailed):
            self.kinds.add(look.error.kind)


class Blackout(NamedTuple):
    """CoreDNS was away, or could not say: what the follower told.

    Attributes:
        seconds: How long it was.
        changes: How many changes were told from its begin until the end of the test.
        kinds: How the looks failed.
        stale_off: The most by which `stale_for` differed from the time since the first
            failed look ended.
        stale_behind: The most by which it was behind the outage itself.
        stale_after: What it was after the recovery.
        allowed_behind: What it may be behind: a wait for the next look, and that look.
        unknown: What a service object that was opened during it said of its members, and
            of a wait for one.
        recoveries: How the looks came back.
    """

    seconds: float
    changes: int
    kinds: set[str]
    stale_off: float
    stale_behind: float
    stale_after: float
    allowed_behind: float
    unknown: list[str]
    recoveries: Recoveries

    @property
    def faults(self) -> list[str]:
        """What must not be, in words."""
        found = [*self.recoveries.faults]
        if self.changes:
            found.append(f"{self.changes} changes were told")
        if self.stale_off > _EXACT:
            found.append(f"stale_for was off by {self.stale_off:.2f} s")
        if self.stale_behind > self.allowed_behind + _EXACT:
            found.append(f"stale_for began {self.stale_behind:.2f} s late")
        if self.stale_after:
            found.append(f"stale_for is {self.stale_after:.2f} s after the recovery")
        return found


def coredns_away(bed: Bed, namespace: Namespace, seconds: float) -> Blackout:
    """Kill a CoreDNS and start it again after `seconds`."""
    _database(namespace)
    with coredns(bed, "away", Block("bare")) as server:
        question = {"": Question(server.at["bare"], _IN_CLUSTER, "A")}
        with (
            Recorder(question, every=0.05) as health,
            Watched(namespace, server.nameserver("bare")) as watched,
        ):
            time.sleep(1)
            began = time.monotonic()
            server.program.kill()
            stale = _stale(watched, began, seconds)
            server.program.start()
            server.wait()
            return _recovered(watched, health, began, stale, [])


def coredns_unsynced(bed: Bed, namespace: Namespace, seconds: float) -> Blackout:
    """Start a CoreDNS while the API server is away: it answers SERVFAIL until it has synced.

    Args:
        bed: The test bed.
        namespace: An empty one.
        seconds: How long it says SERVFAIL; before that it is silent for 5 s.
    """
    _database(namespace)
    probe = Probe(namespace)
    with coredns(bed, "unsynced", Block("bare")) as server:
        where = server.nameserver("bare")
        question = {"": Question(server.at["bare"], _IN_CLUSTER, "A")}
        with Recorder(question, every=0.05) as health, Watched(namespace, where) as watched:
            with api_server_away(bed):
                began = time.monotonic()
                server.program.kill()
                server.program.start()
                wait_until(
                    lambda: server.at["bare"].ask(_IN_CLUSTER, "A").rcode == "SERVFAIL",
                    "SERVFAIL",
                    15,
                )
                stale = _stale(watched, began, seconds)
                unknown = _opened_now(namespace, where)
            server.wait(timeout=120)
            probe.wait([server.at["bare"]])
            return _recovered(watched, health, began, stale, unknown)


class Sleeper(NamedTuple):
    """A follower's process was stopped while something changed.

    Attributes:
        seconds: How long it stood.
        woke: When it went on.
        looks: When its looks began.
        told: When it told which names.
        names: What was true when it went on.
    """

    seconds: float
    woke: float
    looks: list[float]
    told: list[tuple[float, set[str]]]
    names: set[str]


_SLEEPER = """
import json, sys, time
from headless_discovery import HeadlessService, LookupOptions
def say(**what):
    print(json.dumps(what), flush=True)
service = HeadlessService(
    sys.argv[1],
    options=LookupOptions(nameservers=[sys.argv[2]]),
    on_lookup=lambda look: say(look=time.monotonic() - look.elapsed),
)
with service:
    for change in service.watch():
        say(told=time.monotonic(), names=[each.name for each in change.current])
"""


def stopped(bed: Bed, namespace: Namespace, seconds: float) -> Sleeper:
    """Stop the process of a follower, scale its Service, and let the process go on."""
    _database(namespace)
    server = bed.dns["bare"]
    server.wait_for(namespace, _SERVICE)
    name = f"{_SERVICE}.{namespace.name}"
    where = f"{server.address}:{server.port}"
    program = bed.program("sleeper", [sys.executable, "-c", _SLEEPER, name, where])
    try:
        program.start()
        wait_until(lambda: len(_said(program, "look")) >= 2, "the follower to look", 20, [program])
        program.pause()
        slept = time.monotonic()
        namespace.scale(_SERVICE, _PODS + 1)
        namespace.wait_ready(_SERVICE)
        server.wait_for(namespace, _SERVICE)
        time.sleep(max(0.0, slept + seconds - time.monotonic()))
        woke = time.monotonic()
        program.resume()
        time.sleep(4)
        return Sleeper(
            woke - slept,
            woke,
            [each["look"] for each in _said(program, "look")],
            [(each["told"], set(each["names"])) for each in _said(program, "told")],
            {str(pod.name) for pod in namespace.truth(_SERVICE)},
        )
    finally:
        stop_all([program])
        del bed.programs["sleeper"]


def _said(program: Program, what: str) -> list[dict[str, Any]]:
    """The lines of the sleeper that hold `what`; a line cut short is left out."""
    lines = []
    for line in program.log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return [line for line in lines if what in line]


def _database(namespace: Namespace) -> None:
    namespace.service(_SERVICE, 7000)
    namespace.statefulset(_SERVICE, _SERVICE, _PODS, parallel=True)
    namespace.wait_ready(_SERVICE)


class _Stale(NamedTuple):
    """How `stale_for` was while DNS was away, see `Blackout`."""

    off: float
    behind: float
    allowed_behind: float


def _stale(watched: Watched, began: float, seconds: float) -> _Stale:
    """Read members and status again and again until `seconds` after the begin."""
    members = watched.service.members
    off = behind = allowed = 0.0
    while (now := time.monotonic()) < began + seconds or allowed == 0.0:
        status = watched.service.status()
        assert watched.service.members is members
        failed = [look for look in watched.looks if not look.good and look.ended >= began]
        if failed and status.stale_for:  # both are told a moment after the look's end
            off = max(off, abs(now - failed[0].ended - status.stale_for))
            allowed = _LONGEST_WAIT + failed[0].ended - failed[0].began
            assert status.last_error is not None
            assert status.synced
        behind = max(behind, now - began - status.stale_for)
        time.sleep(0.05)
    return _Stale(off, behind, allowed)


def _recovered(
    watched: Watched, health: Recorder, began: float, stale: _Stale, unknown: list[str]
) -> Blackout:
    """Wait for the first good look, and for one more."""
    back = time.monotonic()
    wait_until(lambda: sum(look.began > back for look in watched.looks) >= 2, "two looks", 60)
    end = time.monotonic()
    outages = health.outages("", end)
    return Blackout(
        outages[-1][1] - began,
        sum(when >= began for when, _ in watched.changes),
        watched.kinds,
        stale.off,
        stale.behind,
        watched.service.status().stale_for,
        stale.allowed_behind,
        unknown,
        recoveries(watched.looks, outages),
    )


def _opened_now(namespace: Namespace, where: str) -> list[str]:
    """What a service object says that has never seen an answer."""
    said = []
    with HeadlessService(
        f"{_SERVICE}.{namespace.name}", options=LookupOptions(nameservers=[where])
    ) as service:
        try:
            said.append(f"{len(service.members)} members")
        except NotYetKnown as error:
            said.append(type(error).__name__)
        try:
            said.append(f"{len(service.wait_for(count=1, timeout=0.5))} members")
        except WaitTimeout as error:
            said.append(type(error).__name__)
    return said
