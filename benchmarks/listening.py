"""Listening: pods on loopback addresses that accept, and the DNS that tells them.

``python benchmarks/listening.py`` prints the port of its name server and ends with its
input. Services are ``pods-<n>.bench`` for each n of `SIZES`; the first `LISTENING` pods of
each accept and close. Inside a benchmark: ``with listening() as port``.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # wherever it is started

from benchmarks.measure import SERVER_CORE, on_core
from headless_discovery.testing import ClusterDNS, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NETWORK", "SIZES", "listening", "many_files", "service_of"]

NETWORK = "127.0.0.0/8"
SIZES = (3, 100)
LISTENING = 3
BACKLOG = 4096


def service_of(count: int) -> str:
    """The full name of the Service with so many pods."""
    return f"pods-{count}.bench.svc.cluster.local"


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """The port of the name server, while it and the pods run in a process of their own."""
    with on_core(SERVER_CORE):
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    with process:
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def many_files() -> None:
    """A thousand connections have more ends than a process may usually have open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _address(number: int) -> str:
    return f"127.1.{number // 250}.{1 + number % 250}"


def _accept(servers: list[socket.socket]) -> None:
    """Accept and close, until the input ends."""
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    known = {server.fileno(): server for server in servers}
    for number in known:
        poll.register(number, select.POLLIN)
    while True:
        for number, _ in poll.poll():
            if number not in known:
                return
            with contextlib.suppress(OSError):
                while True:
                    known[number].accept()[0].close()


def main() -> None:
    """Serve."""
    many_files()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server((_address(0), 0), backlog=BACKLOG))
        port: int = first.getsockname()[1]
        places = [(_address(number), port) for number in range(1, LISTENING)]
        servers = [socket.create_server(place, backlog=BACKLOG) for place in places]
        servers = [first, *(stack.enter_context(server) for server in servers)]
        for server in servers:
            server.setblocking(False)
        dns = stack.enter_context(ClusterDNS())
        for count in SIZES:
            service = dns.service(f"pods-{count}", namespace="bench", ports=[port])
            service.set_endpoints(
                [Endpoint((_address(each),), hostname=f"pod-{each}") for each in range(count)]
            )
        print(dns.port, flush=True)
        _accept(servers)


if __name__ == "__main__":
    main()
