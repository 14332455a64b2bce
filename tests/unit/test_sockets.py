"""Sockets: beginning to connect, and what is known of it at once."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

import pytest

from headless_discovery.sockets import UNDER_WAY, begin_to_connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def attempt() -> Iterator[socket.socket]:
    """Return a socket that does not wait."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as made:
        yield made


def test_a_pod_on_this_machine(attempt: socket.socket) -> None:
    """The connection stands at once: it can be used with nothing to be waited for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert begin_to_connect(attempt, *server.getsockname()) == 0
        assert attempt.getpeername() == server.getsockname()
        accepted, _ = server.accept()
        with accepted:
            attempt.sendall(b"x")
            assert accepted.recv(1) == b"x"


def test_a_pod_that_refuses(attempt: socket.socket) -> None:
    """It is known at once, too, and told once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = server.getsockname()
    assert begin_to_connect(attempt, *place) == errno.ECONNREFUSED


def test_a_pod_that_does_neither(attempt: socket.socket) -> None:
    """It is under way, and the caller waits."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # its queue is full
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(server.getsockname())
        assert begin_to_connect(attempt, *server.getsockname()) in UNDER_WAY
