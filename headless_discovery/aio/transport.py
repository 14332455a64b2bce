"""Transport: runs exchanges at once as tasks; performs effects, decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from errno import EINPROGRESS
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.fallback import read_at_length
from ..core.questions import Ask, Broken, Decode, Listen, Pause
from ..core.wire import WireError
from ..sockets import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from ..core.questions import Effect, Event, Exchange, Reply, Server
    from ..core.wire import Message
    from ..sockets import Sockets

__all__ = ["end_tasks", "off_the_loop", "quiet_task", "run"]

Result = TypeVar("Result")

RECEIVE = 65535
READS = 16  # datagrams taken without giving way to the other tasks of the loop


async def run(exchanges: Iterable[Exchange], channel: Sockets | None = None) -> tuple[Reply, ...]:
    """Run exchanges side by side until each has its reply, in their order.

    Args:
        exchanges: What to run.
        channel: Of the follower they are for.
    """
    runs = [_Run(exchange, channel) for exchange in exchanges]
    if len(runs) == 1:
        return (await runs[0].run(),)
    tasks = [quiet_task(each.run()) for each in runs]
    try:
        # No TaskGroup: that would wait for them also when the loop is already closed.
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    return tuple([task.result() for task in tasks])


def quiet_task(work: Coroutine[object, object, Result]) -> asyncio.Task[Result]:
    """A task that closes what it has open, and says nothing, where its loop is closed first."""
    task = asyncio.get_running_loop().create_task(work)
    # asyncio has no public name for it; without it a loop that is closed while somebody is
    # followed prints "Task was destroyed but it is pending!", which nobody can act on.
    task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001
    return task


async def off_the_loop(until: float, function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function that takes long in a thread of its own.

    Not in the loop's default executor: the application may keep that busy for minutes.

    Raises:
        TimeoutError: It was not done in time; what comes of it later is dropped.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[Result] = loop.create_future()

    def call() -> None:
        try:
            settle = partial(_settle, waiter, function(*arguments))
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            settle = partial(_fail, waiter, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits any more
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=call, name="headless_discovery", daemon=True).start()
    async with asyncio.timeout(until - monotonic()):
        return await waiter


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for their end; whatever they raised has been seen to."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()


class _Run:
    """One exchange and the socket it uses."""

    __slots__ = ("_channel", "_exchange", "_loop", "_reads", "_server", "_socket", "_was_kept")

    def __init__(self, exchange: Exchange, channel: Sockets | None) -> None:
        self._channel = channel
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._server: Server | None = None
        self._was_kept = False
        self._reads = 0

    async def run(self) -> Reply:
        """Perform effects until the exchange returns its reply."""
        event: Event | None = None
        try:
            while True:
                try:
                    # An exchange whose time is over before it began ends at its first step.
                    effect = self._exchange.send(event)  # type: ignore[arg-type]
                except StopIteration as stop:
                    reply: Reply = stop.value
                    if reply.keep:
                        self._keep()
                    return reply
                event = (await self._perform(effect), monotonic())
        finally:
            self._close()

    async def _perform(self, effect: Effect) -> bytes | Broken | Message | WireError | None:
        if isinstance(effect, Ask):
            self._close()
            try:
                if not self._open_kept(effect) and not await self._open(effect):
                    return None
            except OSError as error:
                return Broken(reason(error), self._was_kept)
        elif isinstance(effect, Decode):
            try:
                return await off_the_loop(
                    effect.until, read_at_length, effect.data, effect.question, effect.in_time
                )
            except WireError as error:
                return error
            except TimeoutError:
                return None
        elif isinstance(effect, Pause):
            self._close()
            await asyncio.sleep(effect.until - monotonic())
            return None
        return await self._receive(effect.until, isinstance(effect, Listen))

    def _open_kept(self, ask: Ask) -> bool:
        """Ask over the connection that was kept, where there is one."""
        self._was_kept = False
        self._server = ask.server if ask.tcp else None
        if self._channel is None or not ask.tcp or ask.is_fresh:
            return False
        connection = self._channel.take(ask.server)
        if connection is None:
            return False
        self._socket, self._was_kept = connection, True
        connection.send(ask.payload)
        return True

    async def _open(self, ask: Ask) -> bool:
        """Connect and send; False when the time ran out on the way."""
        family = socket.AF_INET6 if ":" in ask.server.address else socket.AF_INET
        kind = socket.SOCK_STREAM if ask.tcp else socket.SOCK_DGRAM
        opened = (self._channel.open if self._channel else socket.socket)(family, kind)
        self._socket = opened
        opened.setblocking(False)
        if ask.tcp:
            error = opened.connect_ex(ask.server)
            if error == EINPROGRESS:
                writable = self._ready(self._loop.add_writer, self._loop.remove_writer, ask.until)
                if not await writable:
                    return False
                error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
        else:
            opened.connect(ask.server)
        # A query is some hundred bytes: an empty send buffer takes it whole.
        opened.send(ask.payload)
        return True

    async def _receive(self, until: float, again: bool) -> bytes | Broken | None:
        assert self._socket is not None  # noqa: S101 - one listens after asking
        while True:
            in_time = True
            # Whoever floods us with junk sends faster than a loop goes round: what is there
            # already is read at once.
            self._reads = (self._reads + 1) % READS
            if not again or not self._reads:
                in_time = await self._ready(self._loop.add_reader, self._loop.remove_reader, until)
            again = False
            # A loop that was held up past the deadline finds the answer waiting here.
            try:
                data = self._socket.recv(RECEIVE)
            except BlockingIOError:
                if in_time:
                    continue
                return None
            except OSError as error:
                return Broken(reason(error), self._was_kept)
            if not data and self._socket.type == socket.SOCK_STREAM:
                return Broken("the server closed the connection", self._was_kept)
            self._was_kept = False
            return data

    async def _ready(
        self, add: Callable[..., object], remove: Callable[[int], object], until: float
    ) -> bool:
        """Wait for the socket; False when the time ran out."""
        assert self._socket is not None  # noqa: S101 - callers opened it
        fileno = self._socket.fileno()
        waiter = self._loop.create_future()
        timer = self._loop.call_later(max(0.0, until - monotonic()), _settle, waiter, False)
        add(fileno, _settle, waiter, True)
        try:
            return bool(await waiter)
        finally:
            timer.cancel()
            remove(fileno)

    def _keep(self) -> None:
        """Leave the connection to the next question."""
        if self._channel is not None and self._server is not None and self._socket is not None:
            self._channel.keep(self._server, self._socket)
            self._socket = None

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close() if self._channel is None else self._channel.shut(self._socket)
            self._socket = None


def _settle(waiter: asyncio.Future[Result], result: Result) -> None:
    if not waiter.done():
        waiter.set_result(result)


def _fail(waiter: asyncio.Future[Result], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)
