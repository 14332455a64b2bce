"""Watching: iterators over changes, callbacks in threads of their own, waits."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from time import monotonic
from typing import TYPE_CHECKING, Self

from ..core.changes import News
from ..core.waiting import Waiting
from ..errors import DiscoveryError, NotYetKnown
from ..service import FORK_SEEN_WITHIN, FORKED
from .following import lacking
from .transport import STOP_SEEN_WITHIN, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from ..core.changes import Change
    from ..core.conditions import Condition
    from ..core.snapshot import Snapshot
    from .following import Follower, Poller
    from .transport import Stop

__all__ = ["OwnWatch", "SharedWatch", "Watch", "subscribe", "wait_alone", "wait_with"]


class Watch(ABC):
    """An iterator over changes; also a context manager, and closable from any thread.

    The first `Change` adds everybody. An iterator that is not read keeps nothing: the
    next change it gives leads from what it gave last to what is known then.
    """

    def __init__(self) -> None:
        self._news = News()

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        try:
            change = self._next()
        except DiscoveryError:
            self.close()
            raise
        if change is None:
            self.close()
            raise StopIteration
        return change

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the iteration, also one that waits in another thread."""

    @abstractmethod
    def _next(self) -> Change | None:
        """Wait for the next change; None at the end."""


class SharedWatch(Watch):
    """Changes of an open service object.

    Args:
        follower: What looks.
        stop: Ends it when set.
        owner: The service object: it shall not be given up for forgotten meanwhile.
    """

    def __init__(self, follower: Follower, stop: Stop | None, owner: object) -> None:
        super().__init__()
        self._owner = owner
        self._follower = follower
        self._stop = stop
        self._closed = False

    def close(self) -> None:
        """End the iteration, also one that waits in another thread."""
        self._closed = True
        with self._follower.changed:
            self._follower.changed.notify_all()

    def _next(self) -> Change | None:
        follower = self._follower
        following = follower.poller.following
        wait = FORK_SEEN_WITHIN if self._stop is None else STOP_SEEN_WITHIN
        while True:
            with follower.changed:
                while not self._ended() and following.members is self._news.told:
                    follower.changed.wait(wait)
            if follower.over == FORKED:
                raise NotYetKnown(follower.poller.target.title, FORKED)
            if self._ended():
                return None
            change = self._news.of(following.members)
            if change is not None:
                return change

    def _ended(self) -> bool:
        return (
            self._closed
            or self._follower.over is not None
            or (self._stop is not None and self._stop.is_set())
        )


class OwnWatch(Watch):
    """Changes of a Service that nobody else follows: polls in the thread that iterates."""

    def __init__(self, poller: Poller) -> None:
        super().__init__()
        self._poller = poller
        self._iterating = threading.Lock()

    def close(self) -> None:
        """End the iteration, also one that waits in another thread."""
        self._poller.channel.end()
        if self._iterating.acquire(blocking=False):
            self._poller.close()
            self._iterating.release()

    def __del__(self) -> None:
        # Broken out of: nothing may stay open.
        self._poller.close()

    def _next(self) -> Change | None:
        if self._poller.is_forked:  # the lock may be held by a thread that is not here
            raise NotYetKnown(self._poller.target.title, FORKED)
        with self._iterating:
            try:
                while True:
                    self._poller.channel.check()
                    change = self._news.of(self._poller.following.members)
                    if change is not None:
                        return change
                    self._poller.turn()
            except Interrupted:
                if self._poller.is_forked:
                    raise NotYetKnown(self._poller.target.title, FORKED) from None
                return None


def subscribe(follower: Follower, callback: Callable[[Change], object]) -> Callable[[], None]:
    """Call back with each change, in a thread of its own.

    Returns:
        What ends that; it does not wait for a call under way.
    """
    watch = SharedWatch(follower, None, None)

    def deliver() -> None:
        try:
            for change in watch:
                try:
                    callback(change)
                except (Exception, SystemExit):  # noqa: BLE001 - the next change may well be taken
                    follower.poller.reporter.callback_raised(callback)
        except NotYetKnown:
            pass  # a fork inside the callback: the child's copy of this thread ends here

    thread = threading.Thread(target=deliver, name="headless_discovery subscriber", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise lacking(follower.poller.target, error) from None
    return watch.close


def wait_with(
    follower: Follower, awaited: Condition, stable: float, timeout: float | None
) -> Snapshot:
    """Wait on the looks of an open service object.

    Raises:
        WaitTimeout: It did not come.
        NotYetKnown: The service object was closed meanwhile.
    """
    poller = follower.poller
    waiting = Waiting(awaited, stable)
    began = monotonic()
    backlog = follower.add_waiting()
    try:
        poller.quicken()
        answer = waiting.begin(follower.following, began)
        while answer is None:
            _stable_look(poller, waiting)
            with follower.looked:
                if not backlog:
                    follower.check()
                    follower.looked.wait(_left(began, timeout))
                seen, is_broken = backlog.take()
            answer = waiting.judged(seen, is_broken)
            if answer is None and timeout is not None and monotonic() - began >= timeout:
                raise waiting.too_late(poller.target.title, poller.following, timeout)
        return answer
    finally:
        follower.remove_waiting(backlog)


def wait_alone(
    poller: Poller, awaited: Condition, stable: float, timeout: float | None
) -> Snapshot:
    """Wait on looks of its own, in the calling thread.

    Raises:
        WaitTimeout: It did not come.
        NotYetKnown: This is a child process that was forked meanwhile.
    """
    waiting = Waiting(awaited, stable)
    began = monotonic()
    poller.channel.end_at(None if timeout is None else began + timeout)
    poller.quicken()
    try:
        while True:
            _stable_look(poller, waiting)
            seen = poller.turn()
            if seen is not None and waiting.saw(seen.answer, seen.at):
                assert seen.answer is not None  # noqa: S101 - no failure satisfies
                return seen.answer
    except Interrupted:
        if poller.is_forked:
            raise NotYetKnown(poller.target.title, FORKED) from None
        assert timeout is not None  # noqa: S101 - nobody else can end it
        raise waiting.too_late(poller.target.title, poller.following, timeout) from None
    finally:
        poller.close()


def _stable_look(poller: Poller, waiting: Waiting) -> None:
    if waiting.look_at is not None:
        poller.want(waiting.look_at)


def _left(began: float, timeout: float | None) -> float:
    left = FORK_SEEN_WITHIN if timeout is None else began + timeout - monotonic()
    return min(max(0.0, left), FORK_SEEN_WITHIN)
