"""Sockets: UDP and TCP on one port, served by one thread.

In: a function from the bytes of a query to the packets that answer it. Out: those
packets on the wire, at their time. Knows nothing of Kubernetes and of what messages mean.
"""

from __future__ import annotations

import errno
import itertools
import socket
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from .loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .packets import Packet

__all__ = ["Server"]

_BIND_ATTEMPTS = 50
_REBIND_PATIENCE = 2.0  # seconds to wait for the old port when it is bound again
_BUFFER = 1 << 20  # octets: thousands of questions at once must not get lost

_T = TypeVar("_T")


class Server:
    """A DNS server's sockets and its thread.

    Args:
        respond: From the bytes of a query and ``"udp"`` or ``"tcp"`` to the packets
            that go out; called in the server's thread.
        host: The address to bind.
        port: The port to bind, 0 for any that is free for UDP and TCP.
    """

    def __init__(
        self, respond: Callable[[bytes, str], Sequence[Packet]], host: str, port: int
    ) -> None:
        self.host = host
        self.port = port
        self._respond = respond
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._accepts = True
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._loop is not None

    def start(self) -> None:
        """Bind both sockets, then start the thread; no harm if it runs.

        Raises:
            OSError: The port is taken.
        """
        if self._loop is not None:
            return
        udp, tcp = self._bound()
        self.port = udp.getsockname()[1]
        self._loop = Loop(self._respond, udp, tcp)
        if not self._accepts:
            self._loop.accept(None)
        self._thread = threading.Thread(
            target=self._loop.run, name=f"cluster-dns:{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close all sockets and end the thread; the port is remembered for `start`."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.stop()
            if thread is not threading.current_thread():
                thread.join()

    def set_accepting(self, accepts: bool) -> None:
        """Whether TCP connections are accepted or refused."""
        if accepts == self._accepts:
            return
        self._accepts = accepts
        if self._loop is not None:
            tcp = _patiently(lambda: self._listening(self.port)) if accepts else None
            self._loop.call(lambda loop: loop.accept(tcp))

    def _bound(self) -> tuple[socket.socket, socket.socket]:
        """Both sockets on one port."""
        if self.port:
            return _patiently(lambda: self._pair(self.port))
        for attempt in itertools.count(1):
            try:
                return self._pair(0)
            except OSError as error:
                # TCP found a free port that is taken for UDP: another one.
                if error.errno != errno.EADDRINUSE or attempt == _BIND_ATTEMPTS:
                    raise
        raise AssertionError

    def _pair(self, port: int) -> tuple[socket.socket, socket.socket]:
        tcp = self._listening(port)
        udp = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            udp.bind((self.host, tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
            raise
        return udp, tcp

    def _listening(self, port: int) -> socket.socket:
        tcp = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            tcp.setblocking(False)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((self.host, port))
            tcp.listen(128)
        except OSError:
            tcp.close()
            raise
        return tcp


def _patiently(bind: Callable[[], _T]) -> _T:
    """Bind a port that somebody's outgoing connection may be using for a moment."""
    until = time.monotonic() + _REBIND_PATIENCE
    while True:
        try:
            return bind()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise
            time.sleep(0.02)
