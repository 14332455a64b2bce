"""The forwarder: each flow has one server and keeps it, and all servers are used. No bed here."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.network import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOWS = 40
_SCRIPT = Path(__file__).with_name("forwarder.py")


class _Datagram(socketserver.BaseRequestHandler):
    """Answers a datagram with the server's port and what came."""

    def handle(self) -> None:
        data, back = self.request
        back.sendto(_named(back, data), self.client_address)


class _Stream(socketserver.BaseRequestHandler):
    """The same on a connection, until it is closed."""

    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(_named(self.request, data))


def _named(own: socket.socket, data: bytes) -> bytes:
    return b"%d %b" % (own.getsockname()[1], data)


@pytest.fixture
def ways() -> Iterator[tuple[int, set[int]]]:
    """Return the port of a forwarder, and those of the two servers behind it."""
    port, *servers = free_ports(3)
    with contextlib.ExitStack() as stack:
        for server in servers:
            at = ("127.0.0.1", server)
            for made in (
                socketserver.UDPServer(at, _Datagram),
                socketserver.ThreadingTCPServer(at, _Stream),
            ):
                stack.enter_context(made)
                threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
                stack.callback(made.shutdown)
        behind = ",".join(f"127.0.0.1:{server}" for server in servers)
        command = [sys.executable, str(_SCRIPT), f"127.0.0.1:{port}={behind}"]
        running = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(running.kill)
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield port, set(servers)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_flow_keeps_its_server(ways: tuple[int, set[int]], kind: socket.SocketKind) -> None:
    """Forty sockets meet both servers; each of them hears from one only, in order."""
    port, servers = ways
    met = []
    for _ in range(FLOWS):
        with socket.socket(socket.AF_INET, kind) as flow:
            flow.settimeout(5)
            flow.connect(("127.0.0.1", port))
            answers = []
            for number in range(3):
                flow.sendall(b"%d" % number)
                answers.append(flow.recv(100).split())
        assert [said for _, said in answers] == [b"0", b"1", b"2"]
        assert len({server for server, _ in answers}) == 1
        met.append(int(answers[0][0]))
    assert set(met) == servers
    # Fair coins show fewer than eight heads or tails in forty once in fifty thousand runs.
    assert 8 <= met.count(min(servers)) <= FLOWS - 8
