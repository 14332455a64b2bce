"""The world a follower lives in: a cluster, the servers before it, and what goes wrong.

In: the time at which a look begins. Out: what the look found and when it ended, as the
plans would say it, with the truth beside it. Everything is decided by one seed.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.questions import (
    NETWORK,
    SERVFAIL,
    TIMEOUT,
    Failure,
    Problem,
)
from headless_discovery.core.snapshot import Snapshot

from .cluster import SERVICE, Cluster
from .faults import CONTENT, WAY, Faults
from .forging import HUGE_TTL, Forger
from .servers import Replica

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headless_discovery.core.snapshot import Endpoint

    from .forging import Forged

__all__ = ["SILENT", "START", "Answer", "Setting", "World", "setting"]

START = 10_000.0  # no clock begins at nought
SHUFFLED = 0.03  # share of the answers that are not the known list
SILENT = ("outage", "long outage", "hour of nothing")  # faults in which nothing answers
_ATTEMPT = 1.0
_SENDS = 6
_DEADLINE = 5.0

_FAILURES = {
    kind: Failure(Problem(kind, detail))
    for kind, detail in (
        (TIMEOUT, "no answer in time"),
        (NETWORK, "connection refused"),
        (SERVFAIL, "SERVFAIL"),
    )
}


class Setting(NamedTuple):
    """What a seed decides before anything happens."""

    seed: int
    kind: str
    size: int
    replicas: int
    one_address: bool  # all replicas behind one address, one of them taken for each message
    keeps: float  # c: seconds a cache keeps an answer
    keepttl: bool
    ttl: int  # what CoreDNS itself shows

    @property
    def counts_down(self) -> bool:
        """Whether TTLs count down."""
        return self.keeps > 0 and not self.keepttl


def setting(seed: int) -> Setting:
    """The setting of a seed; the first dozen hold every sort of cache."""
    random = Random(f"setting {seed}")
    keeps, keepttl = (
        (0.0, False),
        (5.0, False),
        (30.0, False),
        (0.0, False),
        (5.0, True),
        (30.0, True),
    )[seed % 6]
    ttl = int(keeps) or random.choice((5, 5, 30, 30, 0, HUGE_TTL))
    return Setting(
        seed=seed,
        kind=random.choices(("statefulset", "dual stack", "deployment", "nameless"), (6, 2, 1, 1))[
            0
        ],
        size=random.choice((1, 3, 3, 3, 5, 5, 7, 30)),
        replicas=random.choice((1, 2, 2, 3)),
        one_address=random.random() < 0.7,
        keeps=keeps,
        keepttl=keepttl,
        ttl=ttl,
    )


class Answer(NamedTuple):
    """What one look found, and what it should have found."""

    start: float
    end: float
    result: Snapshot | Failure
    true: bool  # it says nothing but what some replica knows
    clean: bool  # and it is complete, and quick


class World:
    """Everything around one follower.

    Args:
        setting: What the seed decided.
        change_pause: Mean seconds between two happenings in the cluster.
        fault_pause: Mean seconds between two episodes of each script of faults.
        leave_out: Kinds of faults on the way that do not happen.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        change_pause: float,
        fault_pause: float,
        leave_out: tuple[str, ...] = (),
    ) -> None:
        self.setting = setting
        seed = setting.seed
        self.random = random = Random(f"world {seed}")
        self.cluster = Cluster(
            Random(f"cluster {seed}"),
            kind=setting.kind,
            size=setting.size,
            pause=change_pause,
            start=START - 600,
        )
        servers = Random(f"servers {seed}")
        self.replicas = [
            Replica(
                random,
                self.cluster,
                lag=servers.choice((0.0, 0.002, 0.3, 1.5)),
                keeps=setting.keeps,
                keeps_nothing=setting.keeps * servers.choice((1.0, 1.0, 0.5)),
                ttl=setting.ttl,
                keepttl=setting.keepttl,
                rounds_up=servers.random() < 0.7,
                busy=servers.random() < 0.7,
            )
            for _ in range(setting.replicas)
        ]
        self.lags = [each.lag for each in self.replicas]
        self.names = (
            ("10.96.0.10:53",) * setting.replicas
            if setting.one_address
            else tuple(f"10.96.0.{10 + n}:53" for n in range(setting.replicas))
        )
        self._tried_last = [0.0] * setting.replicas  # until when
        script = {
            kind: each
            for kind, each in CONTENT.items()
            if (kind not in ("unresolved", "cut") or self.cluster.kind.named)
            and (kind != "alternating" or setting.replicas > 1)
        }
        way = {kind: each for kind, each in WAY.items() if kind not in leave_out}
        self.way = Faults(Random(f"way {seed}"), way, fault_pause, START)
        self.content = Faults(Random(f"content {seed}"), script, fault_pause, START)
        self._content_was = ""
        self._way_was = ""
        self._victim: Replica | None = None
        self.false_until = 0.0  # caches hold what a frozen replica told
        self.forger = Forger(seed, self.cluster.kind, self.content)
        self.lost = 0  # messages

    @property
    def faults(self) -> int:
        """Looks that were disturbed and messages that were lost, up to now."""
        return self.lost + sum(sum(each.disturbed.values()) for each in (self.way, self.content))

    @property
    def episodes(self) -> int:
        """Times something began to go wrong, and was met by a look."""
        return sum(sum(each.episodes.values()) for each in (self.way, self.content))

    # --- the process ------------------------------------------------------------------------

    def wakes(self, due: float) -> float:
        """When the process runs that wanted to at ``due``: later where it was suspended."""
        way = self.way
        if due >= way.turns_at:
            way.turn(due)
        if way.kind == "suspended":
            way.hit(due)
            return max(due, way.until)
        return due

    def refresh_before(self, now: float, due: float) -> float | None:
        """When the program asks for an early look, between now and the next look."""
        way = self.way
        if way.kind != "refreshes" or now >= way.until:
            return None
        at = now + self.random.choice((0.01, 0.5, 0.999, 1.001, 2.5))
        if at >= due:
            return None
        way.hit(at)
        return at

    def serial(self, now: float) -> int | None:
        """The serial of the cluster's zone: when something changed last; None: no answer."""
        self.turn(now)
        if self.way.kind in (*SILENT, "refused", "servfail"):
            self.way.hit(now)
            return None
        self.cluster.advance(now)
        replica = self.random.choice(self.replicas)
        state = replica.frozen or self.cluster.at(now - replica.lag)
        return int(state.began)

    # --- a look -----------------------------------------------------------------------------

    def ask(self, now: float) -> Answer:
        """One look that begins now."""
        self.turn(now)
        kind = self.way.kind
        end = now + 0.0005 + 0.004 * self.random.random()
        number = 0
        if not kind and self.setting.one_address:
            if len(self.replicas) > 1:
                number = int(self.random.random() * len(self.replicas))
        else:
            end, number, failed = self._sent(now, end, kind)
            if failed:
                self.cluster.advance(end)
                return Answer(now, end, _FAILURES[failed], True, False)
        return self._answered(now, end, number)

    def _sent(self, now: float, end: float, kind: str) -> tuple[float, int, str]:
        """When the look ends, the replica that answered, the kind of failure or nothing."""
        way, random = self.way, self.random
        if kind in SILENT:
            way.hit(now)
            return now + _DEADLINE, 0, TIMEOUT
        if kind in ("refused", "servfail"):
            way.hit(now)
            failure = NETWORK if kind == "refused" else SERVFAIL
            return end + 0.25 * (_SENDS - 1), 0, failure
        loss = 0.1 + 0.4 * way.level if kind == "loss" else 0.0
        at = now
        if kind == "slow":
            way.hit(now)
            end += 1.0 + 3.8 * random.random()
        order = self._order(now)
        for attempt in range(_SENDS):
            number = order[attempt % len(order)]
            timeout = _ATTEMPT if attempt < len(set(self.names)) else 2 * _ATTEMPT
            lost = (
                (kind == "one timeout" and attempt == 0)
                or self.replicas[number].dead
                or (loss and random.random() < loss)
            )
            if not lost:
                return end + (at - now), number, ""
            self.lost += 1
            if kind:
                way.hit(now)
            self._tried_last[number] = at + timeout + 5.0
            at += timeout
            if at >= now + _DEADLINE:
                break
        return now + _DEADLINE, 0, TIMEOUT

    def _order(self, now: float) -> list[int]:
        """The replicas in the order they are asked."""
        count = len(self.replicas)
        if self.setting.one_address:
            return [int(self.random.random() * count) for _ in range(_SENDS)]
        return sorted(range(count), key=lambda each: self._tried_last[each] > now)

    def _answered(self, now: float, end: float, number: int) -> Answer:
        self.cluster.advance(end)
        # The answer may be as old as the question, or have been made just before it came.
        asked = end if end - now < 0.01 else max(now, end - self.random.random())
        state, ttl = self.replicas[number].answer(asked)
        kind = self.content.kind
        server = (self.names[number],)
        true = not (self.false_until and asked < self.false_until)
        if kind in ("frozen", "alternating"):
            self.content.hit(now)
        elif kind:
            return self._forged(now, end, self.forger.forge(state, ttl), server, true=true)
        endpoints: Iterable[Endpoint] = state.endpoints
        if self.random.random() < SHUFFLED:
            endpoints = list(endpoints)
            self.random.shuffle(endpoints)
        snapshot = Snapshot(
            SERVICE, endpoints, outcome=state.outcome, ttl=ttl, seen_at=end, servers=server
        )
        return Answer(now, end, snapshot, true, true)

    # --- faults -----------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Begin and end the faults whose time has come."""
        way, content = self.way, self.content
        if now >= way.turns_at:
            way.turn(now)
        if now >= content.turns_at:
            content.turn(now)
        if way.kind != self._way_was:
            self._way_turned(now)
        if content.kind != self._content_was:
            self._content_turned(now)

    def _way_turned(self, now: float) -> None:
        kind = self.way.kind
        if self._victim is not None:
            self._victim.restart()
            self._victim = None
        if kind == "replica dead":
            self._victim = self.random.choice(self.replicas)
            self._victim.dead = True
        elif kind == "replica restarted":
            self.random.choice(self.replicas).restart()
            self.way.hit(now)
        self._way_was = self.way.kind

    def _content_turned(self, now: float) -> None:
        if self._content_was in ("frozen", "alternating"):
            for each in self.replicas:
                each.frozen = None
            self.false_until = now + self.setting.keeps
        self._content_was = kind = self.content.kind
        self.forger.clear()
        if kind in ("frozen", "alternating"):
            for each in self.replicas if kind == "frozen" else self.replicas[:1]:
                each.freeze(now)
            self.false_until = float("inf")

    def _forged(
        self, now: float, end: float, forged: Forged, server: tuple[str, ...], *, true: bool
    ) -> Answer:
        if not forged.is_good:
            self.content.hit(now)
        snapshot = Snapshot(
            SERVICE,
            forged.endpoints,
            outcome=forged.outcome,
            ttl=forged.ttl,
            seen_at=end,
            servers=server,
            dropped=forged.dropped,
            unresolved=forged.unresolved,
            problem=forged.problem,
        )
        return Answer(now, end, snapshot, true and not forged.lies, true and forged.is_good)
