"""Transport: runs exchanges at once on one ``poll`` loop; performs effects, decides nothing."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from errno import EINPROGRESS
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from ..core.fallback import read_at_length
from ..core.questions import Ask, Broken, Decode, Pause
from ..core.wire import WireError
from ..sockets import Sockets, reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..core.questions import Effect, Event, Exchange, Reply, Server
    from ..core.wire import Message

__all__ = ["Channel", "Interrupted", "Woken", "run"]

RECEIVE = 65535
LONGEST_POLL = 86400.0  # seconds; poll() counts milliseconds in an int
STOP_SEEN_WITHIN = 0.05  # seconds; a stop event of the caller's has no descriptor to wait on


class Interrupted(Exception):  # noqa: N818 - no error: somebody wants this to end
    """The follower is closed, or its stop event is set."""


class Woken(Exception):  # noqa: N818 - no error: somebody wants something better done
    """What gives way to whoever wakes the follower has done so."""


class Stop(Protocol):
    """What ends a watch: a ``threading.Event``, or anything like it."""

    def is_set(self) -> bool:
        """Whether to stop."""


class Channel(Sockets):
    """What the looks of one follower share: the way to wake and to end them, and sockets.

    Args:
        stop: Ends them too when it is set, within 50 ms.
    """

    def __init__(self, stop: Stop | None = None) -> None:
        super().__init__()
        self._reader, self._writer = socket.socketpair()
        self.sockets |= {self._reader, self._writer}
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._poller = select.poll()
        self._poller.register(self._reader, select.POLLIN)
        self._stop = stop
        self._until: float | None = None
        self._ended = False

    @property
    def fileno(self) -> int:
        """Readable once somebody has called `wake` or `end`."""
        return self._reader.fileno()

    def wake(self) -> None:
        """End the present wait, from any thread; a look goes on."""
        with contextlib.suppress(OSError):  # full: it is awake already; closed: nobody waits
            self._writer.send(b"\0")

    def end(self) -> None:
        """End the present wait and every look, from any thread."""
        self._ended = True
        self.wake()

    def end_at(self, until: float | None) -> None:
        """End every wait and look at that moment, monotonic seconds."""
        self._until = until

    def check(self) -> None:
        """Go on.

        Raises:
            Interrupted: That has an end.
        """
        if self._ended or (self._stop is not None and self._stop.is_set()):
            raise Interrupted
        if self._until is not None and monotonic() >= self._until:
            raise Interrupted

    def clear(self) -> None:
        """Forget what woke this wait."""
        with contextlib.suppress(OSError):
            self._reader.recv(RECEIVE)

    def wait(self, until: float) -> None:
        """Wait until then, or until somebody wakes us.

        Raises:
            Interrupted: That has an end.
        """
        self.check()
        while (left := until - monotonic()) > 0:
            if self._poller.poll(self.milliseconds(left)):
                self.clear()
                self.check()
                return
            self.check()

    def milliseconds(self, seconds: float) -> int:
        """How long to poll; in slices where a stop event has to be looked at."""
        if self._stop is not None:
            seconds = min(seconds, STOP_SEEN_WITHIN)
        if self._until is not None:
            seconds = min(seconds, self._until - monotonic())
        return max(0, ceil(min(seconds, LONGEST_POLL) * 1000))

    def close(self) -> None:
        """Close every socket."""
        self._ended = True
        super().close()


def run(
    exchanges: Iterable[Exchange], channel: Channel | None = None, *, gives_way: bool = False
) -> tuple[Reply, ...]:
    """Run exchanges side by side until each has its reply, in their order.

    Args:
        exchanges: What to run.
        channel: Of the follower they are for.
        gives_way: Whether to leave off where somebody wakes the follower.

    Raises:
        Interrupted: The follower has an end.
        Woken: It gave way.
    """
    poller = select.poll()
    by_fileno: dict[int, _Run] = {}
    runs = [_Run(exchange, poller, by_fileno, channel) for exchange in exchanges]
    if channel is not None:
        poller.register(channel.fileno, select.POLLIN)
    try:
        waiting = [each for each in runs if each.start()]
        while waiting:
            wait = min([each.until for each in waiting]) - monotonic()
            if channel is None:
                events = poller.poll(max(0, ceil(wait * 1000)))
            else:
                events = _poll(poller, wait, channel, gives_way)
            for fileno, _ in events:
                by_fileno[fileno].ready()
            now = monotonic()
            waiting = [each for each in waiting if each.goes_on(now)]
    finally:
        for each in runs:
            each.close()
    return tuple([each.reply for each in runs])


def _poll(
    poller: select.poll, wait: float, channel: Channel, gives_way: bool
) -> list[tuple[int, int]]:
    """Events of the runs' sockets; the channel's own are seen to here."""
    events = poller.poll(channel.milliseconds(wait))
    channel.check()
    if any(fileno == channel.fileno for fileno, _ in events):
        channel.clear()  # somebody wants a look: one is under way
        if gives_way:
            raise Woken
    return [event for event in events if event[0] != channel.fileno]


class _Run:
    """One exchange, the socket it uses and what it waits for."""

    __slots__ = (
        "_by_fileno",
        "_channel",
        "_connecting",
        "_done",
        "_exchange",
        "_payload",
        "_poller",
        "_server",
        "_socket",
        "_was_kept",
        "reply",
        "until",
    )
    reply: Reply

    def __init__(
        self,
        exchange: Exchange,
        poller: select.poll,
        by_fileno: dict[int, _Run],
        channel: Channel | None,
    ) -> None:
        self._exchange = exchange
        self._channel = channel
        self._poller = poller
        self._by_fileno = by_fileno
        self._socket: socket.socket | None = None
        self._connecting = False
        self._payload = b""
        self._done = False
        self._was_kept = False
        self._server: Server | None = None
        self.until = 0.0

    def start(self) -> bool:
        """Perform the first effects; False when it is over."""
        self._send(None)
        return not self._done

    def ready(self) -> None:
        """The socket has something to say."""
        assert self._socket is not None  # noqa: S101 - only open sockets are polled
        if self._connecting:
            self._connected(self._socket)
            return
        try:
            data = self._socket.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            self._resume(Broken(reason(error), self._was_kept))
            return
        if not data and self._socket.type == socket.SOCK_STREAM:
            self._resume(Broken("the server closed the connection", self._was_kept))
        else:
            self._was_kept = False
            self._resume(data)

    def goes_on(self, now: float) -> bool:
        """Whether it still waits, after ending a wait whose time is over."""
        if not self._done and self.until <= now:
            self._resume(None)
        return not self._done

    def close(self) -> None:
        """Close the socket, if there is one."""
        opened = self._leave()
        if opened is not None:
            opened.close() if self._channel is None else self._channel.shut(opened)

    def _keep(self) -> None:
        """Leave the connection to the next question."""
        if self._channel is not None and self._server is not None:
            connection = self._leave()
            if connection is not None:
                self._channel.keep(self._server, connection)

    def _leave(self) -> socket.socket | None:
        """Listen to the socket no longer."""
        opened, self._socket = self._socket, None
        if opened is not None and opened.fileno() >= 0:  # a fork closes what its child holds
            self._poller.unregister(opened)
            del self._by_fileno[opened.fileno()]
        return opened

    def _resume(self, event: bytes | Broken | Message | WireError | None) -> None:
        self._send((event, monotonic()))

    def _send(self, event: Event | None) -> None:
        try:
            # An exchange whose time is over before it began ends at its first step.
            effect = self._exchange.send(event)  # type: ignore[arg-type]
        except StopIteration as stop:
            self.reply = stop.value
            self._done = True
            if self.reply.keep:
                self._keep()
            self.close()
            return
        self._advance(effect)

    def _advance(self, effect: Effect) -> None:
        """Begin an effect; those that end at once lead to the next."""
        if isinstance(effect, Ask):
            self.close()
            self.until = effect.until
            try:
                if not self._open_kept(effect):
                    self._open(effect)
            except OSError as error:
                self._resume(Broken(reason(error), self._was_kept))
        elif isinstance(effect, Decode):
            try:
                self._resume(read_at_length(effect.data, effect.question, effect.in_time))
            except WireError as error:
                self._resume(error)
        else:
            self.until = effect.until
            if isinstance(effect, Pause):
                self.close()

    def _open_kept(self, ask: Ask) -> bool:
        """Ask over the connection that was kept, where there is one."""
        self._was_kept = False
        self._server = ask.server if ask.tcp else None
        if self._channel is None or not ask.tcp or ask.is_fresh:
            return False
        connection = self._channel.take(ask.server)
        if connection is None:
            return False
        self._socket, self._connecting, self._was_kept = connection, False, True
        self._by_fileno[connection.fileno()] = self
        self._poller.register(connection, select.POLLIN)
        connection.send(ask.payload)
        return True

    def _open(self, ask: Ask) -> None:
        family = socket.AF_INET6 if ":" in ask.server.address else socket.AF_INET
        kind = socket.SOCK_STREAM if ask.tcp else socket.SOCK_DGRAM
        opened = (self._channel.open if self._channel else socket.socket)(family, kind)
        self._socket = opened
        self._connecting = ask.tcp
        fileno = opened.fileno()
        self._by_fileno[fileno] = self
        opened.setblocking(False)
        if not ask.tcp:
            try:
                opened.connect(ask.server)
                opened.send(ask.payload)
            finally:  # after sending, while the server is at it
                self._poller.register(fileno, select.POLLIN)
            return
        self._poller.register(fileno, select.POLLOUT)
        self._payload = ask.payload
        error = opened.connect_ex(ask.server)
        if error not in (0, EINPROGRESS):
            raise OSError(error, os.strerror(error))

    def _connected(self, opened: socket.socket) -> None:
        """The TCP handshake has ended, well or badly."""
        self._connecting = False
        self._poller.modify(opened.fileno(), select.POLLIN)
        try:
            # A handshake that failed shows here. A query is some hundred bytes: an empty
            # send buffer takes it whole.
            opened.send(self._payload)
        except OSError as failure:
            self._resume(Broken(reason(failure)))
