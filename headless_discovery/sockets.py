"""Sockets: what the looks of one follower have open, in threads and in asyncio alike.

A child process closes its copies. One TCP connection is kept for the next look: a Service
that needs TCP is asked over it again and again.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from . import forking

if TYPE_CHECKING:
    from .core.questions import Server

__all__ = [
    "UNDER_WAY",
    "NotConnected",
    "Sockets",
    "begin_to_connect",
    "family_of",
    "not_connected",
    "random_id",
    "reason",
]


UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY)


class NotConnected(ConnectionError):  # noqa: N818 - reads as what it states
    """A connection to a pod that did not come about.

    Attributes:
        address: Which of its addresses.
        why: In words.
        errno: The system's number for it; None where it has none.
    """

    def __init__(self, address: str, why: str, errno: int | None = None) -> None:
        super().__init__(why)
        self.address = address
        self.why = why
        self.errno = errno

    def __reduce__(self) -> tuple[type[NotConnected], tuple[str, str, int | None]]:
        return type(self), (self.address, self.why, self.errno)


def begin_to_connect(attempt: socket.socket, address: str, port: int) -> int:
    """Begin to connect a socket that does not wait.

    To a pod on the same machine the connection stands, or is refused, before the first call
    returns, which says nevertheless that it is under way; the second one knows.

    Returns:
        0 where it stands; a number of `UNDER_WAY`, or the one of the error.
    """
    code = attempt.connect_ex((address, port))
    if code == errno.EINPROGRESS:
        code = attempt.connect_ex((address, port))
    return 0 if code == errno.EISCONN else code


class Sockets:
    """What the looks of one follower share: their sockets, and a connection kept."""

    def __init__(self) -> None:
        #: Sockets in use; a child process closes its copies.
        self.sockets: set[socket.socket] = set()
        self._kept: tuple[Server, socket.socket] | None = None

    def open(self, family: int, kind: int) -> socket.socket:
        """A new socket, which a child process closes, whenever it is forked."""
        with forking.lock:
            opened = socket.socket(family, kind)
            self.sockets.add(opened)
        return opened

    def shut(self, opened: socket.socket) -> None:
        """Close a socket."""
        with forking.lock:
            self.sockets.discard(opened)
            opened.close()

    def keep(self, server: Server, connection: socket.socket) -> None:
        """Keep a connection for another question; one at most."""
        self.drop_kept()
        self._kept = (server, connection)

    def take(self, server: Server) -> socket.socket | None:
        """The connection kept to that server, where it is still good."""
        if self._kept is None or self._kept[0] != server:
            return None
        connection = self._kept[1]
        try:
            connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:  # open, and nothing left over
            self._kept = None
            return connection
        except OSError:
            pass
        self.drop_kept()
        return None

    def drop_kept(self) -> None:
        """Close the connection that was kept."""
        if self._kept is not None:
            self.shut(self._kept[1])
            self._kept = None

    def close(self) -> None:
        """Close every socket."""
        self._kept = None
        with forking.lock:
            for each in self.sockets:
                each.close()
            self.sockets.clear()


def family_of(address: str) -> socket.AddressFamily:
    """IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def not_connected(address: str, error: OSError) -> NotConnected:
    """Why a connection did not come about; asyncio's own words tell the address once more."""
    told = os.strerror(error.errno) if error.errno else str(error)
    return NotConnected(address, told.lower(), error.errno)


def random_id() -> bytes:
    """Two bytes from the system's generator: a guessed message ID is a forged answer."""
    return os.urandom(2)


def reason(error: OSError) -> str:
    """Why a socket failed, in words."""
    return (error.strerror or str(error)).lower()
