"""A scripted cluster: the pods behind one headless Service, as they come and go.

Seeded; time is virtual. Pods come, go, move to another address under the same name, lose
their readiness for a moment, take over each other's addresses; the Service is scaled, also
to nothing, and restarted pod by pod. Knows nothing of the library but its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.names import ServiceName
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, Endpoint, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

__all__ = ["SERVICE", "Cluster", "State", "made"]

SERVICE = ServiceName("my-database.shop")
_FQDN = SERVICE.fqdn

Pods = dict[str, tuple[str, ...]]


class State(NamedTuple):
    """What the cluster's DNS should say from some moment on."""

    number: int
    began: float
    members: Pods  # name (or address, where pods have no name) -> addresses
    endpoints: tuple[Endpoint, ...]
    outcome: str


class Kind(NamedTuple):
    """What sort of Service it is."""

    named: bool = True
    dual: bool = False
    deployment: bool = False  # a pod that is replaced gets another name


KINDS = {
    "statefulset": Kind(),
    "dual stack": Kind(dual=True),
    "deployment": Kind(deployment=True),
    "nameless": Kind(named=False),
}

_made: dict[tuple[str, tuple[str, ...]], Endpoint] = {}


def made(key: str, addresses: tuple[str, ...], *, named: bool = True) -> Endpoint:
    """The endpoint of a pod; the same object for the same pod, as the library makes them."""
    kept = (key if named else "", addresses)
    endpoint = _made.get(kept)
    if endpoint is None:
        if len(_made) > 100_000:
            _made.clear()
        tail = key.rpartition("-")[2]
        endpoint = _made[kept] = Endpoint(
            addresses=addresses,
            name=key if named else None,
            hostname=f"{key}.{_FQDN}" if named else None,
            ordinal=int(tail) if named and key.startswith("mysql-") else None,
            ports=(3306,) if named else (),
        )
    return endpoint


class Cluster:
    """The pods of one Service over time.

    Args:
        random: Decides everything.
        kind: A key of `KINDS`.
        size: Pods at the start.
        pause: Mean seconds between two happenings.
        start: The virtual time at which it begins.
    """

    def __init__(self, random: Random, *, kind: str, size: int, pause: float, start: float) -> None:
        self.kind = KINDS[kind]
        self.changes = 0  # members that came, went or got another address
        self.happenings: dict[str, int] = {}
        self._random = random
        self._size = size
        self._pause = pause
        self._serial = 0
        self._freed: list[str] = []
        self._gone = ABSENT
        self.pods: Pods = {}
        for ordinal in range(size):
            self._add(ordinal)
        self.timeline: list[State] = [State(0, start, *self._content())]
        self.news: list[State] = []  # since somebody took them
        self._life = self._live()
        self._next = start + next(self._life)

    @property
    def now(self) -> State:
        """The newest state."""
        return self.timeline[-1]

    def advance(self, until: float) -> None:
        """Let everything happen up to that time; what came of it is added to ``news``."""
        if until < self._next:
            return
        while self._next <= until:
            at = self._next
            delay = next(self._life)
            last = self.timeline[-1]
            if self.pods != last.members:
                keys = self.pods.keys() | last.members.keys()
                self.changes += sum(self.pods.get(k) != last.members.get(k) for k in keys)
                state = State(last.number + 1, at, *self._content())
                self.timeline.append(state)
                self.news.append(state)
            self._next = at + max(delay, 0.001)
        # What nobody can look back at any more: caches keep 30 s, replicas lag by some.
        while len(self.timeline) > 2 and self.timeline[1].began < until - 3600:
            del self.timeline[0]

    def at(self, time: float) -> State:
        """The state at that time."""
        for state in reversed(self.timeline):
            if state.began <= time:
                return state
        return self.timeline[0]

    def _content(self) -> tuple[Pods, tuple[Endpoint, ...], str]:
        named = self.kind.named
        endpoints = ordered(made(key, each, named=named) for key, each in self.pods.items())
        return dict(self.pods), endpoints, OK if self.pods else self._gone

    # --- pods -----------------------------------------------------------------------------

    def _address(self) -> str:
        """A free address; now and then one that another pod has just left."""
        if self._freed and self._random.random() < 0.3:
            return self._freed.pop(self._random.randrange(len(self._freed)))
        self._serial += 1
        return f"10.{self._serial >> 16 & 255}.{self._serial >> 8 & 255}.{self._serial & 255}"

    def _addresses(self) -> tuple[str, ...]:
        first = self._address()
        if not self.kind.dual:
            return (first,)
        self._serial += 1
        return (first, f"fd00::{self._serial >> 16:x}:{self._serial & 0xFFFF:x}")

    def _add(self, ordinal: int) -> None:
        addresses = self._addresses()
        if not self.kind.named:
            name = addresses[0]
        elif self.kind.deployment:
            name = addresses[0].replace(".", "-")
        else:
            name = f"mysql-{ordinal}"
        self.pods[name] = addresses

    def _remove(self, name: str) -> tuple[str, ...]:
        addresses = self.pods.pop(name)
        self._freed = [each for each in self._freed if each not in addresses][-5:]
        self._freed.append(addresses[0])
        return addresses

    def _put(self, name: str, addresses: tuple[str, ...]) -> None:
        """A pod at given addresses, which are free no more."""
        self.pods[name] = addresses
        self._freed = [each for each in self._freed if each not in addresses]

    def _ordinal(self, name: str) -> int:
        return int(name.rpartition("-")[2]) if name.startswith("mysql-") else 0

    def _lowest_free(self) -> int:
        ordinal = 0
        while f"mysql-{ordinal}" in self.pods:
            ordinal += 1
        return ordinal

    # --- what happens -----------------------------------------------------------------------

    def _live(self) -> Iterator[float]:
        """Happenings one after the other; each yields the seconds until it goes on."""
        random = self._random
        kinds = [
            (self._scale, 5),
            (self._restart, 2),
            (self._replace, 6),
            (self._flap, 3),
            (self._move, 4),
            (self._swap, 2),
            (self._shrink, 1),
            (self._to_zero, 1),
            (self._leave, 3),
            (self._family, 2 if self.kind.dual else 0),
        ]
        yield random.expovariate(1 / self._pause)
        while True:
            (happening,) = random.choices([k for k, _ in kinds], [w for _, w in kinds])
            name = happening.__name__[1:]
            self.happenings[name] = self.happenings.get(name, 0) + 1
            yield from happening()
            yield random.expovariate(1 / self._pause)

    def _spacing(self) -> float:
        """Between two pods: kubelets are quick, probes are slow."""
        return self._random.choice((0.12, 0.3, 1.0, 5.0, 20.0)) * (0.5 + self._random.random())

    def _scale(self) -> Iterator[float]:
        wanted = max(1, self._size + self._random.randint(-2, 3))
        spacing = self._spacing()
        while len(self.pods) < wanted:
            self._add(self._lowest_free())
            yield spacing
        while len(self.pods) > wanted:
            self._remove(max(self.pods, key=lambda name: (self._ordinal(name), name)))
            yield spacing

    def _restart(self) -> Iterator[float]:
        """Rolling: the highest ordinal first, one at a time."""
        spacing = self._spacing()
        for name in sorted(self.pods, key=self._ordinal, reverse=True)[:10]:
            yield from self._renew(name)
            yield spacing

    def _replace(self) -> Iterator[float]:
        if self.pods:
            yield from self._renew(self._random.choice(list(self.pods)))

    def _renew(self, name: str) -> Iterator[float]:
        """A pod goes, and soon its successor comes at another address."""
        self._remove(name)
        if not self.pods:
            self._gone = ABSENT
        yield self._random.choice((0.3, 0.3, 2.0, 20.0)) * (0.5 + self._random.random())
        if name not in self.pods:
            self._add(self._ordinal(name))

    def _flap(self) -> Iterator[float]:
        """Readiness goes and comes again, some times in a row."""
        if not self.pods:
            return
        name = self._random.choice(list(self.pods))
        for _ in range(self._random.randint(1, 4)):
            addresses = self.pods.pop(name)
            self._gone = EMPTY
            yield self._random.uniform(0.5, 15.0)
            self._put(name, addresses)
            yield self._random.uniform(0.5, 15.0)

    def _move(self) -> Iterator[float]:
        """Same name, another address, no moment without; sometimes back again."""
        if not self.pods or not self.kind.named or self.kind.deployment:
            return
        name = self._random.choice(list(self.pods))
        before = self._remove(name)
        self._put(name, self._addresses())
        yield self._random.uniform(1.0, 60.0)
        if self._random.random() < 0.3 and before[0] in self._freed:
            self._remove(name)
            self._put(name, before)
            yield self._random.uniform(1.0, 60.0)

    def _swap(self) -> Iterator[float]:
        """Two pods have each other's addresses, at once or one after the other."""
        if len(self.pods) < 2 or not self.kind.named or self.kind.deployment:
            return
        one, two = self._random.sample(list(self.pods), 2)
        first, second = self.pods[one], self.pods[two]
        if self._random.random() < 0.5:
            del self.pods[one]
            yield self._random.uniform(0.1, 10.0)
            self.pods[two] = first
            yield self._random.uniform(0.1, 10.0)
        else:
            self.pods[two] = first
        self.pods[one] = second
        yield 1.0

    def _shrink(self) -> Iterator[float]:
        """More than half of the pods go at once, and come back after a while."""
        if len(self.pods) < 3:
            return
        lost = self._random.sample(list(self.pods), len(self.pods) // 2 + 1)
        for name in lost:
            self._remove(name)
        yield self._random.choice((5.0, 60.0, 240.0))
        for name in lost:
            if name not in self.pods:
                self._add(self._ordinal(name))
            yield 0.2

    def _to_zero(self) -> Iterator[float]:
        """All pods go; for good means: for minutes."""
        self._gone = self._random.choice((ABSENT, ABSENT, EMPTY))
        keep = dict(self.pods)
        for name in list(self.pods):
            self._remove(name)
        yield self._random.choice((5.0, 20.0, 28.0, 40.0, 180.0, 300.0))
        if self._random.random() < 0.3:
            for name, addresses in keep.items():  # they were not ready only
                self._put(name, addresses)
            return
        spacing = self._spacing()
        for ordinal in range(self._size):
            self._add(ordinal)
            yield spacing

    def _leave(self) -> Iterator[float]:
        """One pod is away for minutes; it comes back at its old address or at another."""
        if len(self.pods) < 2:
            return
        name = self._random.choice(list(self.pods))
        addresses = self._remove(name)
        yield self._random.uniform(20.0, 400.0)
        if name not in self.pods:
            if self._random.random() < 0.4 and addresses[0] in self._freed:
                self._put(name, addresses)
            else:
                self._add(self._ordinal(name))

    def _family(self) -> Iterator[float]:
        """A pod of two families loses one for a while."""
        if not self.pods:
            return
        name = self._random.choice(list(self.pods))
        addresses = self.pods[name]
        if len(addresses) == 2:
            self.pods[name] = (addresses[self._random.randrange(2)],)
            yield self._random.uniform(5.0, 200.0)
            if name in self.pods:
                self.pods[name] = addresses
