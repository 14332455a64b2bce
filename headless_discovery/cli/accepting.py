"""Accepting: which of the pods accept a TCP connection, asked of all of them at once.

Being listed says that a pod is ready as far as Kubernetes knows, or that its Service lists
it ready or not. That something answers at a port only a connection can tell; it is closed
as soon as it stands, and no byte is sent.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import TYPE_CHECKING

from ..core.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.snapshot import Endpoint

__all__ = ["those_accepting"]

_AT_ONCE = 200  # connections being made at a time; a process may have 1024 files


def those_accepting(snapshot: Snapshot, port: int, seconds: float) -> Snapshot:
    """The answer, with those endpoints only that accept at one of their addresses.

    Args:
        snapshot: The answer.
        port: The port, from 1.
        seconds: How long the pods may take, all together. Who had no turn by then, where
            they are very many, does not accept.
    """
    deadline = time.monotonic() + seconds
    wanted = ((each, address) for each in snapshot.endpoints for address in each.addresses)
    accepting = _connected(wanted, port, deadline)
    return Snapshot(
        snapshot.service,
        [each for each in snapshot.endpoints if each in accepting],
        outcome=snapshot.outcome,
    )


def _connected(wanted: Iterator[tuple[Endpoint, str]], port: int, deadline: float) -> set[Endpoint]:
    accepting: set[Endpoint] = set()
    trying: dict[int, tuple[socket.socket, Endpoint]] = {}
    poll = select.poll()
    try:
        while (left := deadline - time.monotonic()) > 0:
            while len(trying) < _AT_ONCE and (following := next(wanted, None)) is not None:
                endpoint, address = following
                connection = _begun(address, port)
                if connection is not None:
                    trying[connection.fileno()] = connection, endpoint
                    poll.register(connection, select.POLLOUT)
            if not trying:
                break
            for number, _ in poll.poll(left * 1000):
                poll.unregister(number)
                connection, endpoint = trying.pop(number)
                if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    accepting.add(endpoint)
                connection.close()
    finally:
        for connection, _ in trying.values():
            connection.close()
    return accepting


def _begun(address: str, port: int) -> socket.socket | None:
    """A connection that is being made; None where that is refused on the spot."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError:  # no such family here, or too many files
        return None
    if connection.connect_ex((address, port)) in (0, errno.EINPROGRESS):
        return connection
    connection.close()
    return None
