"""Following: a poller that looks when it is due, and the task one runs in."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakSet

from .. import forking
from ..core.following import HINT, LOOK, Following
from ..core.outcome import Look, unable
from ..core.waiting import Backlog, Seen
from ..errors import ConfigError, DiscoveryError, NotHeadless
from ..reporting import Reporter
from ..service import CLOSE_WAITS, CLOSED, DEFECT, FORKED, OPEN_WAITS, FollowerBase
from ..sockets import Sockets
from .lookup import ask_serial, look
from .transport import end_tasks, quiet_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.policy import PollPolicy
    from ..target import Target

__all__ = ["Follower", "Poller", "Signal"]

LOOP_CLOSED = "the event loop that the service object was opened in is closed"


class Signal:
    """Something that several tasks wait for, over and over."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """End every present wait."""
        for waiter in tuple(self._waiters):  # one may go meanwhile: a closed loop's are collected
            _settle(waiter)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the next `notify`, or so long."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        timer = None if seconds is None else loop.call_later(max(0.0, seconds), _settle, waiter)
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            if timer is not None:
                timer.cancel()


class Poller:
    """Looks when it is due, in the task that awaits it.

    Args:
        target: Whom to follow.
        policy: When, and what it takes.
        on_lookup: Called with each `Look`, in the same task.
    """

    def __init__(
        self,
        target: Target,
        policy: PollPolicy,
        on_lookup: Callable[[Look], object] | None,
    ) -> None:
        self.target = target
        spread = Random().random  # noqa: S311 - no secret
        self.following = Following(policy, spread, monotonic())
        self.channel = Sockets()
        self.reporter = Reporter()
        #: Whether this is the copy of it in a child process.
        self.is_forked = False
        #: Whether a look is under way.
        self.is_looking = False
        self._on_lookup = on_lookup
        self._wanted = Signal()
        forking.register(self)

    async def turn(self) -> Seen | None:
        """Wait for what is due next, and do it.

        Returns:
            The look that ended; None for anything else.

        Raises:
            NotHeadless, ConfigError, InvalidName: The very first look says so.
        """
        left = self.following.due - monotonic()
        if left > 0:
            await self._wanted.wait(left)
        step = self.following.step(monotonic())
        if step == HINT:
            await self._hint()
        return await self._look() if step == LOOK else None

    def want(self, when: float | None = None) -> None:
        """Look at that moment at the latest, or as soon as may be."""
        self.following.look_by(monotonic() if when is None else when)
        self._wanted.notify()

    def quicken(self) -> None:
        """Somebody waits."""
        self.following.quicken(monotonic())
        self._wanted.notify()

    def close(self) -> None:
        """Close what is open."""
        self.channel.close()

    def forked(self) -> None:
        """This is a child process: its copies are of no use."""
        self.is_forked = True
        self.channel.close()

    async def _look(self) -> Seen:
        first = self.following.looks == 0
        self.is_looking = True
        try:
            done = await self._done(first)
        finally:
            self.is_looking = False
        now = monotonic()
        change = self.following.looked(done, now, at_most=self.target.options.timeout)
        is_refused = first and isinstance(done.error, NotHeadless)
        if not is_refused:
            self.reporter.looked(done, change)
        if self._on_lookup is not None:
            try:
                self._on_lookup(done)
            except (Exception, SystemExit):  # noqa: BLE001 - it must not end it for all others
                self.reporter.callback_raised(self._on_lookup)
        if is_refused and done.error is not None:
            raise done.error
        return Seen.of(done, now, change)

    async def _done(self, first: bool) -> Look:
        """One look, whatever happens."""
        began = monotonic()
        try:
            return await look(self.target, self.channel)
        except DiscoveryError as error:
            if first:
                raise
            result = unable(error)
        except OSError as error:  # as when a process may open no more files
            result = unable(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end the following
            self.reporter.defect()
            result = unable(error)
        return Look(self.target.last_service(), result, (), monotonic() - began)

    async def _serial(self) -> int | None:
        """The serial; the question gives way to whoever wants a look."""
        asking = quiet_task(ask_serial(self.target, self.channel, self.following.look_due))
        woken = quiet_task(self._wanted.wait())
        try:
            await asyncio.wait({asking, woken}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await end_tasks(asking, woken)
            raise
        is_done = asking.done()
        await end_tasks(asking, woken)
        return asking.result() if is_done else None

    async def _hint(self) -> None:
        try:
            serial = await self._serial()
        except (DiscoveryError, OSError):
            serial = None
        except Exception:  # noqa: BLE001 - a defect must not end the following
            self.reporter.defect()
            serial = None
        self.following.hinted(serial, monotonic())


class Follower(FollowerBase):
    """A poller in a task of its own, and those who want to know what it finds.

    Args: as those of `Poller`.
    """

    def __init__(
        self,
        target: Target,
        policy: PollPolicy,
        on_lookup: Callable[[Look], object] | None,
    ) -> None:
        self.poller = Poller(target, policy, on_lookup)
        super().__init__(self.poller)
        #: What the very first look refused.
        self.refusal: DiscoveryError | None = None
        #: Somebody came or went, or it is over.
        self.changed = Signal()
        #: A look ended, or it is over.
        self.looked = Signal()
        #: Tasks that deliver changes to callbacks.
        self.deliveries: set[asyncio.Task[None]] = set()
        #: Of what is being dialled: it ends at once when this does. Whoever dials is not kept
        #: alive by it: in a loop that was closed under him he never comes to take it out.
        self.limits: WeakSet[asyncio.Timeout] = WeakSet()
        self.loop = asyncio.get_running_loop()
        self._waiting: list[Backlog] = []
        self._task: asyncio.Task[None]
        forking.register(self)

    async def open(self, timeout: float) -> None:
        """Begin, and wait for the first look.

        Raises:
            NotHeadless, ConfigError, InvalidName: The very first look says so.
        """
        self._task = quiet_task(self._run())
        if self.over is None:  # a loop may begin tasks eagerly
            await self.looked.wait(timeout + OPEN_WAITS)
        if self.refusal is not None:
            raise self.refusal

    async def close(self) -> None:
        """End it; also from a callback. Once it is over, harmless."""
        if self.over is not None:
            return
        if self.loop is not asyncio.get_running_loop():
            self._over = CLOSED
            self.abandon()
            return
        self._end(CLOSED)
        others = {self._task, *self.deliveries} - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            # A callback that does not want to end is not waited for.
            await asyncio.wait(others, timeout=CLOSE_WAITS)

    def abandon(self) -> None:
        """End it, from anywhere, and wait for nobody."""
        if self._over == FORKED:
            return  # waking its loop would wake the parent's
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self.loop.call_soon_threadsafe(self._cancel)

    def forked(self) -> None:
        """This is a child process: the loop is not here."""
        self._over = FORKED
        self.following.end()
        self._waiting.clear()

    @property
    def over(self) -> str | None:
        """Why it is over; None while it goes on."""
        return LOOP_CLOSED if self._over is None and self.loop.is_closed() else self._over

    def demand_own_loop(self) -> None:
        """Demand the event loop it was opened in: futures cross no loops.

        Raises:
            ConfigError: It is another one, or none runs here.
        """
        try:
            is_own = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            is_own = False
        if not is_own:
            raise ConfigError("event loop", "the service object was opened in another one")

    def want(self) -> None:
        """Look as soon as may be; from any thread."""
        self.loop.call_soon_threadsafe(self.poller.want)

    def add_waiting(self) -> Backlog:
        """What each look is put into from now on."""
        backlog = Backlog()
        self._waiting.append(backlog)
        return backlog

    def remove_waiting(self, backlog: Backlog) -> None:
        """No longer."""
        self._waiting = [each for each in self._waiting if each is not backlog]

    async def _run(self) -> None:
        why = CLOSED
        try:
            while True:
                seen = await self.poller.turn()
                if seen is not None:
                    self._tell(seen)
        except DiscoveryError as error:
            self.refusal = error
        except Exception:  # noqa: BLE001 - whoever reads shall know that nobody looks any more
            self.poller.reporter.defect()
            why = DEFECT
        finally:
            self._end(why)
            self.poller.close()

    def _tell(self, seen: Seen) -> None:
        for backlog in self._waiting:
            backlog.put(seen)
        self.looked.notify()
        if seen.is_news:
            self.changed.notify()

    def _end(self, why: str) -> None:
        self._over = self._over or why
        self.following.end()
        self.looked.notify()
        self.changed.notify()
        for limit in tuple(self.limits):
            with contextlib.suppress(RuntimeError):  # it is ending already
                limit.reschedule(self.loop.time())

    def _cancel(self) -> None:
        self._end(CLOSED)
        for task in (self._task, *self.deliveries):
            task.cancel()


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
            waiter.set_result(None)
