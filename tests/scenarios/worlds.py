"""Worlds: a followed service object of threads or of asyncio, driven by one test body.

What waits (opening, closing, an iterator's next step, a wait) is begun and told as a
``Future``, so that a test holds several at once and says how long each may take. In the
asyncio world a loop in debug mode runs in a thread of its own and does all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import threading
import time
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Self

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    HeadlessService,
    LookupOptions,
    NotYetKnown,
    PollPolicy,
)
from tests.scenarios.quickness import quickest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from headless_discovery import Change, Endpoint, Snapshot, Status
    from headless_discovery.testing import ClusterDNS

__all__ = [
    "AT_ONCE",
    "WITHIN",
    "Followed",
    "Silent",
    "Watching",
    "World",
    "demand_none_left",
    "ended_within",
    "not_known",
    "open_descriptors",
    "quickest",
    "until",
]

AT_ONCE = 0.1
"""Seconds within which closing and stop events take effect."""
WITHIN = 10.0
"""Seconds after which something is held to hang."""
OURS = "headless_discovery"


class World:
    """Threads, or an event loop in a thread.

    Args:
        kind: ``threads`` or ``asyncio``.
        debug: Whether the loop is in debug mode, which is slow.
    """

    def __init__(self, kind: str, *, debug: bool = True) -> None:
        self.kind = kind
        #: Parts of the errors that the test expects in the log; any other is a finding.
        self.expected: list[str] = []
        self._begun: list[Future[Any]] = []
        self._opened: list[Followed] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        if kind == "asyncio":
            self._loop = asyncio.new_event_loop()
            self._loop.set_debug(debug)
            self._loop.slow_callback_duration = 10.0
            self._thread = threading.Thread(target=self._loop.run_forever, name="the loop")
            self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the asyncio world."""
        assert self._loop is not None
        return self._loop

    def service(
        self,
        options: LookupOptions | ClusterDNS | Silent,
        service: str = "db.shop",
        *,
        poll: PollPolicy | None = None,
        **arguments: Any,
    ) -> Followed:
        """A service object, closed at the end of the world."""
        if not isinstance(options, LookupOptions):
            options = options.options
        followed = Followed(self, service, options=options, poll=poll, **arguments)
        self._opened.append(followed)
        return followed

    def begin(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin a blocking call, or a coroutine function's work."""
        future: Future[Any] = Future()
        if self._loop is not None:

            async def run() -> Any:
                return await work()

            future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        else:

            def call() -> None:
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - raised where it is asked for
                    future.set_exception(error)

            threading.Thread(target=call, name="somebody", daemon=True).start()
        self._begun.append(future)
        return future

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a plain function where the service objects live."""
        if self._loop is None:
            return function()

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(WITHIN)

    def event(self) -> Stop:
        """A stop event, set from the test."""
        return Stop(self)

    def close(self) -> None:
        """Close what a test left open, and demand that nothing is left of it."""
        for each in self._opened:
            each.close().result(WITHIN)
        ended_within(*self._begun)
        self._opened.clear()
        self._begun.clear()
        if self._loop is not None:
            until(lambda: len(self._tasks()) == 0, lambda: f"tasks are left: {self._tasks()}")
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        until(lambda: not _threads(), lambda: f"threads are left: {_threads()}")

    def _tasks(self) -> set[str]:
        """Pending tasks but the one that looks."""

        def names() -> set[str]:
            here = asyncio.current_task()
            return {repr(task) for task in asyncio.all_tasks() if task is not here}

        found: set[str] = self.call(names)
        return found


class Stop:
    """A ``threading.Event`` or an ``asyncio.Event``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.event: Any = threading.Event() if world.kind == "threads" else asyncio.Event()

    def set(self) -> None:
        """Stop."""
        self._world.call(self.event.set)


class Followed:
    """A service object; arguments as those of `HeadlessService`."""

    def __init__(self, world: World, service: str, **arguments: Any) -> None:
        self.world = world
        kind = HeadlessService if world.kind == "threads" else AsyncHeadlessService
        self.inner: Any = kind(service, **arguments)

    def __enter__(self) -> Self:
        self.open().result(WITHIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close().result(WITHIN)

    @property
    def members(self) -> Snapshot:
        """The members."""
        found: Snapshot = self.inner.members
        return found

    @property
    def observed(self) -> Snapshot:
        """The last complete answer."""
        found: Snapshot = self.inner.observed
        return found

    def status(self) -> Status:
        """The status."""
        found: Status = self.inner.status()
        return found

    def refresh(self) -> None:
        """Ask for a look."""
        self.inner.refresh()

    def open(self) -> Future[Any]:
        """Open it."""
        return self.world.begin(lambda: self.inner.open())  # noqa: PLW0108 - looked up there

    def close(self) -> Future[None]:
        """Close it."""
        return self.world.begin(self.inner.close)

    def lookup(self) -> Future[Snapshot]:
        """Look once."""
        return self.world.begin(self.inner.lookup)

    def wait_for(self, **condition: Any) -> Future[Snapshot]:
        """Wait for a condition."""
        return self.world.begin(lambda: self.inner.wait_for(**condition))

    def connect(self, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Connect to a pod."""
        return self.world.begin(lambda: self.inner.connect(*arguments, **keywords))

    def endpoint(self, **keywords: Any) -> Endpoint:
        """Whom it would connect to."""
        found: Endpoint = self.world.begin(lambda: self.inner.endpoint(**keywords)).result(WITHIN)
        return found

    def watch(self, stop: Stop | None = None) -> Watching:
        """Watch it."""
        event = None if stop is None else stop.event
        return Watching(self.world, self.world.call(lambda: self.inner.watch(stop=event)))

    def subscribe(self, callback: Callable[[Change], Any]) -> Callable[[], None]:
        """Subscribe to it; the callback is plain, in either world."""
        end = self.world.call(lambda: self.inner.subscribe(callback))
        return lambda: self.world.call(end)


class Watching:
    """An iterator over changes."""

    def __init__(self, world: World, inner: Any) -> None:
        self.world = world
        self.inner = inner

    def next(self) -> Future[Change | None]:
        """The next change; None at the end."""
        if self.world.kind == "threads":
            return self.world.begin(lambda: next(self.inner, None))
        return self.world.begin(lambda: anext(self.inner, None))

    def take(self) -> Change:
        """The next change, which is there in time."""
        change = self.next().result(WITHIN)
        assert change is not None
        return change

    def close(self) -> Future[None]:
        """Close it."""
        if self.world.kind == "threads":
            return self.world.begin(self.inner.close)
        return self.world.begin(self.inner.aclose)


class Silent:
    """A name server that takes every question and never answers; TCP connects, no more."""

    def __init__(self) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.bind(("127.0.0.1", 0))
        self._tcp.listen(64)
        self._udp.bind(self._tcp.getsockname())
        self._udp.settimeout(WITHIN)
        self._tcp.settimeout(WITHIN)
        self._accepted: list[socket.socket] = []

    @property
    def options(self) -> LookupOptions:
        """How to ask it."""
        host, port = self._tcp.getsockname()
        return LookupOptions(nameservers=(f"{host}:{port}",), cluster_domain="cluster.local")

    def asked(self) -> None:
        """Wait until a datagram has come in."""
        self._udp.recv(512)

    def connected(self) -> None:
        """Wait until somebody has connected by TCP, and say nothing."""
        self._accepted.append(self._tcp.accept()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._udp, self._tcp, *self._accepted):
            each.close()


def not_known(call: Callable[[], Any], *words: str) -> NotYetKnown:
    """It raises `NotYetKnown`, in these words."""
    with pytest.raises(NotYetKnown) as raised:
        call()
    for each in words:
        assert each in str(raised.value)
    return raised.value


def until(
    condition: Callable[[], Any], words: Callable[[], str] | str = "", seconds: float = WITHIN
) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        text = words if isinstance(words, str) else words()
        assert time.monotonic() < end, text or "it did not come"
        time.sleep(0.002)


def ended_within(*futures: Future[Any]) -> float:
    """Seconds until all of them have ended, well or badly."""
    began = time.monotonic()
    for each in futures:
        with contextlib.suppress(CancelledError):
            each.exception(WITHIN)
    return time.monotonic() - began


def open_descriptors() -> set[str]:
    """What this process has open, as the system names it."""
    found = set()
    for each in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            found.add(os.readlink(f"/proc/self/fd/{each}"))  # noqa: PTH115
        except OSError:  # the folder itself, just read
            continue
    return found


def demand_none_left(before: Iterable[str]) -> None:
    """Demand that nothing was opened since and is open still."""
    known = set(before)

    def more() -> set[str]:
        return {each for each in open_descriptors() - known if "socket" in each}

    def none_left() -> bool:
        if more():
            gc.collect()
        return not more()

    until(none_left, lambda: f"descriptors are left: {more()}", 3.0)


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(OURS)]
