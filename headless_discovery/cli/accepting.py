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
    from collections.abc import Iterable

    from ..core.snapshot import Endpoint

__all__ = ["those_accepting"]

_AT_ONCE = 200  # connections being made at a time; a process may have 1024 files


def those_accepting(snapshot: Snapshot, port: int, seconds: float) -> Snapshot:
    """The answer, with those endpoints only that accept at one of their addresses.

    Args:
        snapshot: The answer.
        port: The port, from 1.
        seconds: How long the pods may take, all together where they are up to 200.
    """
    wanted = [(each, address) for each in snapshot.endpoints for address in each.addresses]
    accepting: set[Endpoint] = set()
    for first in range(0, len(wanted), _AT_ONCE):
        accepting |= _connected(wanted[first : first + _AT_ONCE], port, seconds)
    return Snapshot(
        snapshot.service,
        [each for each in snapshot.endpoints if each in accepting],
        outcome=snapshot.outcome,
    )


def _connected(wanted: Iterable[tuple[Endpoint, str]], port: int, seconds: float) -> set[Endpoint]:
    deadline = time.monotonic() + seconds
    accepting: set[Endpoint] = set()
    trying: dict[int, tuple[socket.socket, Endpoint]] = {}
    poll = select.poll()
    try:
        for endpoint, address in wanted:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            except OSError:  # no such family here, or too many files
                continue
            trying[connection.fileno()] = connection, endpoint
            code = connection.connect_ex((address, port))
            if code in (0, errno.EINPROGRESS):
                poll.register(connection, select.POLLOUT)
            else:
                trying.pop(connection.fileno())[0].close()
        while trying and (left := deadline - time.monotonic()) > 0:
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
