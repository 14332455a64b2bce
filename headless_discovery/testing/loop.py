"""The server's thread: one selector over all sockets, a heap of what is due later.

In: bound sockets and the function that answers. Out: packets sent whole, late, in
pieces or cut. Everything here runs in one thread but `Loop.call` and `Loop.stop`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import selectors
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .packets import Packet

__all__ = ["Loop"]

_LOG = logging.getLogger(__name__)

IDLE = 10.0  # seconds after which CoreDNS closes a TCP connection without queries
_BATCH = 64  # datagrams answered before the other sockets have their turn
_CALL = 10.0  # seconds a call from another thread waits at most
_CHUNK = 1 << 16


class _Connection:
    """One TCP connection: what has come in, what has to go out."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.ended = False  # the asker has closed its side
        self.closing = False  # to be closed as soon as everything is out
        self.pending = 0  # pieces that are due later
        self.active = now
        self.free_at = now  # when the last dripped piece will be out


class Loop:
    """Serves until it is stopped, then closes every socket it was given or accepted.

    Args:
        respond: From the bytes of a query and ``"udp"`` or ``"tcp"`` to the packets
            that go out.
        udp: The bound datagram socket, not blocking.
        tcp: The listening socket, not blocking.
    """

    def __init__(
        self,
        respond: Callable[[bytes, str], Sequence[Packet]],
        udp: socket.socket,
        tcp: socket.socket,
    ) -> None:
        self._respond = respond
        self._udp = udp
        self._tcp: socket.socket | None = tcp
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._calls: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._waking = threading.Lock()  # the thread may be closing the waker just now
        self._woken.setblocking(False)
        self._running = True
        self._thread: threading.Thread | None = None
        self._selector.register(udp, selectors.EVENT_READ, self._on_datagrams)
        self._selector.register(tcp, selectors.EVENT_READ, self._on_accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._on_wake)

    # --- from other threads ------------------------------------------------------------

    def call(self, what: Callable[[Loop], None]) -> None:
        """Have something done in the thread and wait until it is."""
        if self._thread is threading.current_thread():
            what(self)
            return
        done = threading.Event()

        def do() -> None:
            what(self)
            done.set()

        self._calls.append(do)
        self._wake()
        done.wait(_CALL)

    def stop(self) -> None:
        """Let the thread end."""
        self._running = False
        self._wake()

    def _wake(self) -> None:
        with self._waking:
            if self._waker.fileno() >= 0:
                self._waker.send(b"\0")

    # --- in the thread -----------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped."""
        self._thread = threading.current_thread()
        try:
            while self._running:
                timeout = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
                for key, _ in self._selector.select(timeout):
                    key.data()
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    heapq.heappop(self._due)[2]()
        finally:
            self._selector.close()
            for connection in self._connections:
                connection.sock.close()
            with self._waking:
                for sock in (self._udp, self._tcp, self._waker, self._woken):
                    if sock is not None:
                        sock.close()

    def accept(self, tcp: socket.socket | None) -> None:
        """Accept on another listening socket; None: refuse, and close what is open."""
        if self._tcp is not None:
            self._selector.unregister(self._tcp)
            self._tcp.close()
        self._tcp = tcp
        if tcp is not None:
            self._selector.register(tcp, selectors.EVENT_READ, self._on_accept)
        else:
            for connection in list(self._connections):
                self._close(connection)

    def _on_wake(self) -> None:
        self._woken.recv(_CHUNK)
        while self._calls:
            self._calls.popleft()()

    def _later(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._sequence), what))

    def _answers(self, data: bytes, transport: str) -> Sequence[Packet]:
        try:
            return self._respond(data, transport)
        except Exception:  # noqa: BLE001 - see below
            # A fault of the user's own making, or of this server: the asker gets nothing,
            # the log says why, and the server lives on.
            _LOG.exception("no answer to %d octets by %s", len(data), transport)
            return ()

    # --- UDP -----------------------------------------------------------------------------

    def _on_datagrams(self) -> None:
        for _ in range(_BATCH):
            try:
                data, asker = self._udp.recvfrom(_CHUNK)
            except OSError:  # nothing left, or an ICMP error about an earlier answer
                return
            for packet in self._answers(data, "udp"):
                if packet.delay > 0:
                    self._send_later(packet, asker)
                else:
                    self._send(packet.data, asker)

    def _send_later(self, packet: Packet, asker: tuple[str, int]) -> None:
        self._later(time.monotonic() + packet.delay, lambda: self._send(packet.data, asker))

    def _send(self, data: bytes, asker: tuple[str, int]) -> None:
        try:
            self._udp.sendto(data, asker)
        except OSError as error:
            # Over 65507 octets over IPv4 the asker gets nothing, as from CoreDNS.
            _LOG.debug("%d octets not sent to %s: %s", len(data), asker, error)

    # --- TCP -----------------------------------------------------------------------------

    def _on_accept(self) -> None:
        if self._tcp is None:
            return
        try:
            sock, _ = self._tcp.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock, time.monotonic())
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._on_stream(connection))
        self._check_idle(connection)

    def _check_idle(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        until = connection.active + IDLE
        if time.monotonic() >= until:
            self._close(connection)
        else:
            self._later(until, lambda: self._check_idle(connection))

    def _on_stream(self, connection: _Connection) -> None:
        self._flush(connection)
        if connection not in self._connections or connection.ended:
            return
        try:
            data = connection.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        connection.incoming += data
        while len(connection.incoming) >= 2:
            end = 2 + int.from_bytes(connection.incoming[:2])
            if len(connection.incoming) < end:
                break
            query = bytes(connection.incoming[2:end])
            del connection.incoming[:end]
            connection.active = time.monotonic()
            for packet in self._answers(query, "tcp"):
                self._queue(connection, packet)
        if not data:
            # Answers still due go out first: the asker may have closed its side only.
            connection.ended = True
            self._settle(connection)

    def _queue(self, connection: _Connection, packet: Packet) -> None:
        data = packet.data
        if packet.framed:
            length = len(data) if packet.length is None else packet.length
            data = (length & 0xFFFF).to_bytes(2) + data
        if packet.cut is not None:
            data = data[: packet.cut]
        wait, size = packet.drip or (0.0, max(1, len(data)))
        when = max(time.monotonic() + packet.delay, connection.free_at)
        for start in range(0, max(1, len(data)), size):
            piece = data[start : start + size]
            last = packet.cut is not None and start + size >= len(data)
            connection.pending += 1
            # Behind a piece that still waits, also where both are due by now.
            if connection.pending == 1 and when <= time.monotonic():
                self._put(connection, piece, last=last)
            else:
                self._put_later(when, connection, piece, last=last)
            when += wait
        if packet.drip is not None:
            connection.free_at = when

    def _put_later(self, when: float, connection: _Connection, piece: bytes, *, last: bool) -> None:
        self._later(when, lambda: self._put(connection, piece, last=last))

    def _put(self, connection: _Connection, piece: bytes, *, last: bool) -> None:
        if connection not in self._connections:
            return
        connection.pending -= 1
        if connection.closing:
            return
        connection.outgoing += piece
        connection.closing = last
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        """Send what the socket takes; ask to be told when it takes more."""
        if connection.outgoing:
            try:
                sent = connection.sock.send(connection.outgoing)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._close(connection)
                return
            del connection.outgoing[:sent]
        self._settle(connection)

    def _settle(self, connection: _Connection) -> None:
        """Close a connection that is done, else wait for what it still waits for."""
        done = connection.closing or (connection.ended and not connection.pending)
        if done and not connection.outgoing:
            self._close(connection)
            return
        events = (0 if connection.ended else selectors.EVENT_READ) | (
            selectors.EVENT_WRITE if connection.outgoing else 0
        )
        key = self._selector.get_map().get(connection.sock)
        if events and key is not None:
            if key.events != events:
                self._selector.modify(connection.sock, events, key.data)
        elif events:
            self._selector.register(connection.sock, events, lambda: self._on_stream(connection))
        elif key is not None:
            self._selector.unregister(connection.sock)

    def _close(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            if connection.sock in self._selector.get_map():
                self._selector.unregister(connection.sock)
            connection.sock.close()
