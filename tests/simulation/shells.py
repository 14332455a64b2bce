"""Both shells over name servers in memory, in virtual time.

In: a seed. Out: the log of what a watch told and of every look, from the public classes
for threads and for asyncio. Only what the operating system gives is replaced: the clock,
waiting, and the wire. The event loop is asyncio's own, with a clock that jumps.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery import AsyncHeadlessService, HeadlessService, LookupOptions
from headless_discovery.core.fallback import read_at_length
from headless_discovery.core.following import Following
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.questions import Ask, Broken, Decode, Pause
from headless_discovery.core.wire import WireError

from .cluster import SERVICE
from .memory import MemoryServers
from .world import START, World, setting

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from headless_discovery.core.changes import Change
    from headless_discovery.core.outcome import Look
    from headless_discovery.core.questions import Effect, Event, Exchange, Reply

    from .memory import Arrival

__all__ = ["Log", "on_asyncio", "on_threads"]

_POLICY = PollPolicy(interval=5.0)
_PAST_THE_END = 60.0  # seconds that are run, and not told: a look may be under way at the end


class Line(NamedTuple):
    """One line of a log: a look, or a change."""

    at: float
    what: str
    facts: tuple[object, ...]


class Log(NamedTuple):
    """What one shell told."""

    lines: list[Line]
    looks: list[tuple[float, Look]]
    changes: list[tuple[float, Change]]
    messages: int
    faults: int

    def until(self, end: float) -> list[Line]:
        """The lines before that time."""
        return [line for line in self.lines if line.at < end]


class _Clock:
    """A clock that stands until somebody waits."""

    def __init__(self) -> None:
        self.now = START

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


class _Stage:
    """What both shells share: a world, its servers, a clock, and a log."""

    def __init__(self, seed: int, *, change_pause: float, fault_pause: float) -> None:
        self.clock = _Clock()
        self.world = World(
            setting(seed),
            change_pause=change_pause,
            fault_pause=fault_pause,
            leave_out=("suspended", "refreshes", "hour of nothing"),
        )
        self.servers = MemoryServers(self.world)
        self.spread = Random(f"schedule {seed}").random
        names = tuple(dict.fromkeys(self.world.names))
        self.options = LookupOptions(nameservers=names, cluster_domain="cluster.local")
        self.log = Log([], [], [], 0, 0)

    def following(self) -> Following:
        """A brain whose chance is the seed's."""
        return Following(_POLICY, self.spread, self.clock.now)

    def looked(self, look: Look) -> None:
        """A look ended."""
        found, now = look.snapshot, self.clock.now
        error = None if look.error is None else str(look.error)
        sent = tuple((each.server, each.transport, each.outcome) for each in look.attempts)
        facts: tuple[object, ...] = (error, sent)
        if found is not None:
            facts += (found.outcome, found.endpoints, found.ttl, found.dropped, found.unresolved)
        self.log.lines.append(Line(round(now, 6), "look", facts))
        self.log.looks.append((now, look))

    def changed(self, change: Change) -> None:
        """A watch told a change."""
        now = self.clock.now
        facts = (change.current.version, change.added, change.removed, change.updated)
        self.log.lines.append(Line(round(now, 6), "change", facts))
        self.log.changes.append((now, change))

    def told(self) -> Log:
        """The log, at the end."""
        return self.log._replace(messages=self.servers.messages, faults=self.world.faults)


class _Playing:
    """One exchange over the servers in memory, the n-th of those that run side by side."""

    def __init__(self, number: int, exchange: Exchange, servers: MemoryServers) -> None:
        # Two waits never end at the very same moment: which would be first is chance.
        self._late = number * 1e-6
        self._exchange = exchange
        self._servers = servers
        self._effect: Effect | None = None
        self._arrivals: list[Arrival] = []
        self.reply: Reply | None = None

    def send(self, event: Event | None, now: float) -> None:
        """Tell it what happened; its next effect begins."""
        try:
            self._effect = effect = self._exchange.send(event)  # type: ignore[arg-type]
        except StopIteration as stop:
            self.reply = stop.value
            return
        if isinstance(effect, Ask):
            self._arrivals = sorted(self._servers.receive(effect, now), key=lambda each: each[0])
        elif isinstance(effect, Pause):
            self._arrivals = []
        elif isinstance(effect, Decode):
            try:
                found = read_at_length(effect.data, effect.question, effect.in_time)
            except WireError as error:
                self.send((error, now), now)
            else:
                self.send((found, now), now)

    @property
    def happens(self) -> float:
        """When its effect ends."""
        assert self._effect is not None
        until: float = self._effect.until
        return min([until + self._late, *(at for at, _ in self._arrivals[:1])])

    def go_on(self, now: float) -> None:
        """Its effect has ended."""
        if self._arrivals and self._arrivals[0][0] <= now:
            what: bytes | Broken | None = self._arrivals.pop(0)[1]
        else:
            what = None
        self.send((what, now), now)


# --- threads ------------------------------------------------------------------------------


class _StopAt:
    """A stop event that is set at a moment of the virtual clock."""

    def __init__(self, clock: _Clock, at: float) -> None:
        self._clock, self._at = clock, at

    def is_set(self) -> bool:
        """Whether it is time."""
        return self._clock.now >= self._at


def on_threads(
    seed: int,
    seconds: float,
    patch: pytest.MonkeyPatch,
    *,
    change_pause: float,
    fault_pause: float,
) -> Log:
    """What a watch of `HeadlessService` tells in that many virtual seconds."""
    stage = _Stage(seed, change_pause=change_pause, fault_pause=fault_pause)
    clock = stage.clock

    def run(
        exchanges: Iterable[Exchange], _channel: object = None, *, gives_way: bool = False
    ) -> tuple[Reply, ...]:
        assert not gives_way, "nobody asks for hints here"
        playing = [_Playing(n, each, stage.servers) for n, each in enumerate(exchanges)]
        for each in playing:
            each.send(None, clock.now)
        while waiting := [each for each in playing if each.reply is None]:
            first = min(waiting, key=lambda each: each.happens)
            clock.now = max(clock.now, first.happens)
            first.go_on(clock.now)
        return tuple(each.reply for each in playing if each.reply is not None)

    def wait(channel: Channel, until: float) -> None:
        channel.check()
        clock.now = max(clock.now, until)
        channel.check()

    from headless_discovery.sync import following, lookup, transport
    from headless_discovery.sync.transport import Channel
    from headless_discovery.sync.watching import OwnWatch

    for module in (following, lookup, transport):
        patch.setattr(module, "monotonic", clock.monotonic)
    patch.setattr(lookup, "run", run)
    patch.setattr(Channel, "wait", wait)
    service = HeadlessService(SERVICE, options=stage.options, poll=_POLICY, on_lookup=stage.looked)
    stop = _StopAt(clock, START + seconds + _PAST_THE_END)
    with service.watch(stop=stop) as watch:
        assert isinstance(watch, OwnWatch)
        watch._poller.following = stage.following()
        for change in watch:
            stage.changed(change)
    return stage.told()


# --- asyncio ------------------------------------------------------------------------------


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer it sets the clock to it."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock
        self.loop: _JumpingLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; else the next timer is due."""
        ready = super().select(0)
        if not ready and timeout != 0:
            assert timeout is not None, "everybody waits, and nobody for a timer"
            self._clock.now = max(self._clock.now, self.loop.next_timer())
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop with a virtual clock."""

    def __init__(self, clock: _Clock) -> None:
        selector = _JumpingSelector(clock)
        self._clock = clock
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """The virtual time."""
        return self._clock.now

    def next_timer(self) -> float:
        """When the next timer is due."""
        when: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        return when


def on_asyncio(
    seed: int,
    seconds: float,
    patch: pytest.MonkeyPatch,
    *,
    change_pause: float,
    fault_pause: float,
) -> Log:
    """What a watch of `AsyncHeadlessService` tells in that many virtual seconds."""
    stage = _Stage(seed, change_pause=change_pause, fault_pause=fault_pause)
    clock = stage.clock

    async def play(number: int, exchange: Exchange) -> Reply:
        playing = _Playing(number, exchange, stage.servers)
        playing.send(None, clock.now)
        loop = asyncio.get_running_loop()
        while playing.reply is None:
            happened = loop.create_future()
            loop.call_at(playing.happens, happened.set_result, None)
            await happened
            playing.go_on(max(clock.now, playing.happens))
        return playing.reply

    async def run(exchanges: Iterable[Exchange], _channel: object = None) -> tuple[Reply, ...]:
        return tuple(await asyncio.gather(*itertools.starmap(play, enumerate(exchanges))))

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.call_at(START + seconds + _PAST_THE_END, stop.set)
        service = AsyncHeadlessService(
            SERVICE, options=stage.options, poll=_POLICY, on_lookup=stage.looked
        )
        async with service.watch(stop=stop) as changes:
            assert isinstance(changes, OwnWatch)
            changes._poller.following = stage.following()
            async for change in changes:
                stage.changed(change)

    from headless_discovery.aio import following, lookup, transport
    from headless_discovery.aio.watching import OwnWatch

    for module in (following, lookup, transport):
        patch.setattr(module, "monotonic", clock.monotonic)
    patch.setattr(lookup, "run", run)
    with asyncio.Runner(loop_factory=lambda: _JumpingLoop(clock)) as runner:
        runner.run(watch())
    return stage.told()
