"""Watching: iterators over changes, callbacks in tasks of their own, waits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from abc import ABC, abstractmethod
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Self

from ..core.changes import News
from ..core.waiting import Waiting
from ..errors import DiscoveryError, NotYetKnown
from ..service import FORKED
from .transport import end_tasks, quiet_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from ..core.changes import Change
    from ..core.conditions import Condition
    from ..core.snapshot import Snapshot
    from .following import Follower, Poller

__all__ = ["OwnWatch", "SharedWatch", "Watch", "subscribe", "wait_alone", "wait_with"]


class Watch(ABC):
    """An async iterator over changes; also an async context manager, closable from any task.

    The first `Change` adds everybody. An iterator that is not read keeps nothing: the
    next change it gives leads from what it gave last to what is known then.

    Args:
        stop: Ends it when set.
    """

    def __init__(self, stop: asyncio.Event | None) -> None:
        self._news = News()
        self._stop = stop
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        try:
            change = await self._next()
        except DiscoveryError:
            await self.aclose()
            raise
        if change is None:
            await self.aclose()
            raise StopAsyncIteration
        return change

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @abstractmethod
    async def aclose(self) -> None:
        """End the iteration, also one that another task awaits."""

    @abstractmethod
    async def _next(self) -> Change | None:
        """Wait for the next change; None at the end."""

    def _ended(self) -> bool:
        return self._closed or (self._stop is not None and self._stop.is_set())

    async def _done_or_stopped(self, task: asyncio.Task[object]) -> None:
        """Wait for the task's end, or for the stop event."""
        if self._stop is None:
            await asyncio.wait({task})
            return
        stopping = quiet_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await end_tasks(stopping)
            raise
        await end_tasks(stopping)


class SharedWatch(Watch):
    """Changes of an open service object.

    Args:
        follower: What looks.
        stop: Ends it when set.
        owner: The service object: it shall not be given up for forgotten meanwhile.
    """

    def __init__(self, follower: Follower, stop: asyncio.Event | None, owner: object) -> None:
        super().__init__(stop)
        self._owner = owner
        self._follower = follower

    def end(self) -> None:
        """End the iteration, also one that another task awaits; from any thread."""
        self._closed = True
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self._follower.loop.call_soon_threadsafe(self._follower.changed.notify)

    async def aclose(self) -> None:
        """End the iteration, also one that another task awaits."""
        self.end()

    async def _next(self) -> Change | None:
        follower = self._follower
        if follower.over is None:
            follower.demand_own_loop()
        while True:
            if follower.over == FORKED:
                raise NotYetKnown(follower.poller.target.title, FORKED)
            if self._ended() or follower.over is not None:
                return None
            change = self._news.of(follower.following.members)
            if change is not None:
                return change
            if self._stop is None:
                await follower.changed.wait()
            else:
                await self._changed_or_stopped()

    async def _changed_or_stopped(self) -> None:
        follower = self._follower

        async def changed() -> None:
            # It may have happened before this task had its turn.
            is_news = follower.following.members is not self._news.told
            if not (is_news or self._ended() or follower.over is not None):
                await follower.changed.wait()

        task = quiet_task(changed())
        try:
            await self._done_or_stopped(task)
        except asyncio.CancelledError:
            await end_tasks(task)
            raise
        await end_tasks(task)


class OwnWatch(Watch):
    """Changes of a Service that nobody else follows: polls while it is iterated over.

    A step that is cancelled in the middle of a look leaves that look to the next step: who
    waits for each step shorter than DNS takes would see nothing, and ask over and over.
    """

    def __init__(self, poller: Poller, stop: asyncio.Event | None) -> None:
        super().__init__(stop)
        self._poller = poller
        self._turning: asyncio.Task[object] | None = None

    async def aclose(self) -> None:
        """End the iteration, also one that another task awaits."""
        self._closed = True
        if self._turning is not None:
            await end_tasks(self._turning)
        self._poller.close()

    def __del__(self) -> None:
        # Broken out of: nothing may stay open.
        poller, task = self._poller, self._turning
        if task is None or task.done() or task.get_loop().is_closed() or poller.is_forked:
            poller.close()
        else:
            task.get_loop().call_soon_threadsafe(_give_up, task, poller)

    async def _next(self) -> Change | None:
        while not self._ended():
            if self._poller.is_forked:
                raise NotYetKnown(self._poller.target.title, FORKED)
            change = self._news.of(self._poller.following.members)
            if change is not None:
                return change
            task = self._turning = self._turning or quiet_task(self._poller.turn())
            try:
                await self._done_or_stopped(task)
            except asyncio.CancelledError:
                if not self._poller.is_looking:
                    await end_tasks(task)
                raise
            if task.done():
                if self._turning is task:  # another task may have begun the next one
                    self._turning = None
                if not task.cancelled():
                    task.result()  # NotHeadless, ConfigError
        return None


def _give_up(task: asyncio.Task[object], poller: Poller) -> None:
    """Cancel a task that nobody waits for, and close what it used."""

    def close(_: object) -> None:
        _seen(task)
        poller.close()

    task.cancel()
    task.add_done_callback(close)


def _seen(task: asyncio.Task[object]) -> None:
    """Whatever this task raised has been seen to."""
    if not task.cancelled():
        task.exception()


def subscribe(follower: Follower, callback: Callable[[Change], object]) -> Callable[[], None]:
    """Call back with each change, in a task of its own.

    Returns:
        What ends that; it does not wait for a call under way.
    """
    follower.demand_own_loop()
    watch = SharedWatch(follower, None, None)

    async def deliver() -> None:
        async for change in watch:
            try:
                result = callback(change)
                if isawaitable(result):
                    await result
            except asyncio.CancelledError:
                if task.cancelling():
                    raise
                follower.poller.reporter.callback_raised(callback)  # of something it awaited
            except (Exception, SystemExit):  # noqa: BLE001 - the next change may well be taken
                follower.poller.reporter.callback_raised(callback)

    task = quiet_task(deliver())
    follower.deliveries.add(task)
    task.add_done_callback(follower.deliveries.discard)
    return watch.end


async def wait_with(
    follower: Follower, awaited: Condition, stable: float, timeout: float | None
) -> Snapshot:
    """Wait on the looks of an open service object.

    Raises:
        WaitTimeout: It did not come.
        NotYetKnown: The service object was closed meanwhile.
    """
    follower.demand_own_loop()
    poller = follower.poller
    waiting = Waiting(awaited, stable)
    began = monotonic()
    backlog = follower.add_waiting()
    try:
        poller.quicken()
        answer = waiting.begin(follower.following, began)
        while answer is None:
            _stable_look(poller, waiting)
            if not backlog:
                follower.check()
                await follower.looked.wait(_left(began, timeout))
            answer = waiting.judged(*backlog.take())
            if answer is None and timeout is not None and monotonic() - began >= timeout:
                raise waiting.too_late(poller.target.title, poller.following, timeout)
        return answer
    finally:
        follower.remove_waiting(backlog)


async def wait_alone(
    poller: Poller, awaited: Condition, stable: float, timeout: float | None
) -> Snapshot:
    """Wait on looks of its own, in the awaiting task.

    Raises:
        WaitTimeout: It did not come.
    """
    waiting = Waiting(awaited, stable)
    poller.quicken()
    try:
        async with asyncio.timeout(timeout) as limit:
            while True:
                _stable_look(poller, waiting)
                seen = await poller.turn()
                if seen is not None and waiting.saw(seen.answer, seen.at):
                    assert seen.answer is not None  # noqa: S101 - no failure satisfies
                    return seen.answer
    except TimeoutError:
        if timeout is None or not limit.expired():
            raise
        raise waiting.too_late(poller.target.title, poller.following, timeout) from None
    except ImportError:
        if sys.is_finalizing():  # left behind in a closed loop, whose debug mode wants to import
            raise GeneratorExit from None
        raise
    finally:
        poller.close()


def _stable_look(poller: Poller, waiting: Waiting) -> None:
    if waiting.look_at is not None:
        poller.want(waiting.look_at)


def _left(began: float, timeout: float | None) -> float | None:
    return None if timeout is None else max(0.0, began + timeout - monotonic())
