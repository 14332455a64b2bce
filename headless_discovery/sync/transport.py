"""Transport: runs exchanges at once on one ``poll`` loop; performs effects, decides nothing."""

from __future__ import annotations

import os
import select
import socket
from errno import EINPROGRESS
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from ..core.fallback import read_at_length
from ..core.questions import Ask, Broken, Decode, Pause
from ..core.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..core.questions import Effect, Event, Exchange, Reply
    from ..core.wire import Message

__all__ = ["random_id", "run"]

RECEIVE = 65535


def random_id() -> bytes:
    """Two bytes from the system's generator: a guessed message ID is a forged answer."""
    return os.urandom(2)


def run(exchanges: Iterable[Exchange]) -> tuple[Reply, ...]:
    """Run exchanges side by side until each has its reply, in their order."""
    poller = select.poll()
    by_fileno: dict[int, _Run] = {}
    runs = [_Run(exchange, poller, by_fileno) for exchange in exchanges]
    try:
        waiting = [each for each in runs if each.start()]
        while waiting:
            wait = min([each.until for each in waiting]) - monotonic()
            for fileno, _ in poller.poll(max(0, ceil(wait * 1000))):
                by_fileno[fileno].ready()
            now = monotonic()
            waiting = [each for each in waiting if each.goes_on(now)]
    finally:
        for each in runs:
            each.close()
    return tuple([each.reply for each in runs])


class _Run:
    """One exchange, the socket it uses and what it waits for."""

    __slots__ = (
        "_by_fileno",
        "_connecting",
        "_done",
        "_exchange",
        "_payload",
        "_poller",
        "_socket",
        "reply",
        "until",
    )
    reply: Reply

    def __init__(self, exchange: Exchange, poller: select.poll, by_fileno: dict[int, _Run]) -> None:
        self._exchange = exchange
        self._poller = poller
        self._by_fileno = by_fileno
        self._socket: socket.socket | None = None
        self._connecting = False
        self._payload = b""
        self._done = False
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
            self._resume(Broken(_reason(error)))
            return
        if not data and self._socket.type == socket.SOCK_STREAM:
            self._resume(Broken("the server closed the connection"))
        else:
            self._resume(data)

    def goes_on(self, now: float) -> bool:
        """Whether it still waits, after ending a wait whose time is over."""
        if not self._done and self.until <= now:
            self._resume(None)
        return not self._done

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            fileno = self._socket.fileno()
            self._poller.unregister(fileno)
            del self._by_fileno[fileno]
            self._socket.close()
            self._socket = None

    def _resume(self, event: bytes | Broken | Message | WireError | None) -> None:
        self._send((event, monotonic()))

    def _send(self, event: Event | None) -> None:
        try:
            # An exchange whose time is over before it began ends at its first step.
            effect = self._exchange.send(event)  # type: ignore[arg-type]
        except StopIteration as stop:
            self.reply = stop.value
            self._done = True
            self.close()
            return
        self._advance(effect)

    def _advance(self, effect: Effect) -> None:
        """Begin an effect; those that end at once lead to the next."""
        if isinstance(effect, Ask):
            self.close()
            self.until = effect.until
            try:
                self._open(effect)
            except OSError as error:
                self._resume(Broken(_reason(error)))
        elif isinstance(effect, Decode):
            try:
                self._resume(read_at_length(effect.data, effect.question, effect.in_time))
            except WireError as error:
                self._resume(error)
        else:
            self.until = effect.until
            if isinstance(effect, Pause):
                self.close()

    def _open(self, ask: Ask) -> None:
        family = socket.AF_INET6 if ":" in ask.server.address else socket.AF_INET
        kind = socket.SOCK_STREAM if ask.tcp else socket.SOCK_DGRAM
        self._socket = opened = socket.socket(family, kind)
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
            self._resume(Broken(_reason(failure)))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
