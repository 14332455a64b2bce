"""Transport: runs exchanges at once on one ``poll`` loop; performs effects, decides nothing."""

from __future__ import annotations

import os
import select
import socket
from errno import EINPROGRESS
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from ..core.fallback import read_unusual
from ..core.questions import Ask, Broken, Decode, Pause
from ..core.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..core.questions import Effect, Event, Exchange, Reply

__all__ = ["random_id", "run"]

RECEIVE = 65535


def random_id() -> bytes:
    """Two bytes from the system's generator: a guessed message ID is a forged answer."""
    return os.urandom(2)


def run(exchanges: Iterable[Exchange]) -> tuple[Reply, ...]:
    """Run exchanges side by side until each has its reply, in their order."""
    runs = [_Run(exchange) for exchange in exchanges]
    try:
        waiting = [each for each in runs if each.start()]
        poller = select.poll()
        while waiting:
            sockets = {each.fileno: each for each in waiting if each.events}
            for each in sockets.values():
                poller.register(each.fileno, each.events)
            wait = min(each.until for each in waiting) - monotonic()
            ready = poller.poll(max(0, ceil(wait * 1000)))
            for fileno in sockets:
                poller.unregister(fileno)
            woken = {sockets[fileno] for fileno, _ in ready}
            waiting = [each for each in waiting if each.step(each in woken)]
    finally:
        for each in runs:
            each.close()
    return tuple(each.reply for each in runs)


class _Run:
    """One exchange, the socket it uses and what it waits for."""

    __slots__ = ("_exchange", "_payload", "_socket", "events", "fileno", "reply", "until")
    reply: Reply

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._socket: socket.socket | None = None
        self._payload = b""
        self.fileno = -1
        self.events = 0
        self.until = 0.0

    def start(self) -> bool:
        """Perform the first effects; False when it is over."""
        return self._advance(next(self._exchange))

    def step(self, ready: bool) -> bool:
        """Go on after a wait; False when the exchange is over."""
        if not ready:
            if monotonic() < self.until:
                return True
            return self._resume(None)
        if self.events == select.POLLOUT:
            return self._connected()
        assert self._socket is not None  # noqa: S101 - ready means a socket waited
        try:
            data = self._socket.recv(RECEIVE)
        except BlockingIOError:
            return True
        except OSError as error:
            return self._resume(Broken(_reason(error)))
        if not data and self._socket.type == socket.SOCK_STREAM:
            return self._resume(Broken("the server closed the connection"))
        return self._resume(data)

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.events = 0

    def _resume(self, event: Event | object) -> bool:
        try:
            effect = self._exchange.send((event, monotonic()))  # type: ignore[arg-type]
        except StopIteration as stop:
            self.reply = stop.value
            self.close()
            return False
        return self._advance(effect)

    def _advance(self, effect: Effect) -> bool:
        """Begin an effect; those that end at once lead to the next."""
        if isinstance(effect, Ask):
            self.close()
            self.until = effect.until
            try:
                self._open(effect)
            except OSError as error:
                return self._resume(Broken(_reason(error)))
        elif isinstance(effect, Decode):
            try:
                return self._resume(read_unusual(effect.data))
            except WireError as error:
                return self._resume(error)
        else:
            self.until = effect.until
            if isinstance(effect, Pause):
                self.close()
        return True

    def _open(self, ask: Ask) -> None:
        family = socket.AF_INET6 if ":" in ask.server.address else socket.AF_INET
        kind = socket.SOCK_STREAM if ask.tcp else socket.SOCK_DGRAM
        self._socket = opened = socket.socket(family, kind)
        opened.setblocking(False)
        self.fileno = opened.fileno()
        if not ask.tcp:
            opened.connect(ask.server)
            opened.send(ask.payload)
            self.events = select.POLLIN
            return
        error = opened.connect_ex(ask.server)
        if error not in (0, EINPROGRESS):
            raise OSError(error, os.strerror(error))
        self._payload = ask.payload
        self.events = select.POLLOUT

    def _connected(self) -> bool:
        """The TCP handshake has ended, well or badly."""
        assert self._socket is not None  # noqa: S101 - a handshake has a socket
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return self._resume(Broken(_reason(OSError(error, os.strerror(error)))))
        try:
            # A query is some hundred bytes: an empty send buffer takes it whole.
            self._socket.send(self._payload)
        except OSError as failure:
            return self._resume(Broken(_reason(failure)))
        self.events = select.POLLIN
        return True


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
