"""One TCP connection is kept while a Service is followed, and renewed without losing a look."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from headless_discovery import AsyncHeadlessService, HeadlessService, Look, PollPolicy
from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headless_discovery import LookupOptions

LOOKS = 12


class Relay:
    """Relays TCP to a cluster DNS, counts the connections, and can close them."""

    def __init__(self, nameserver: str) -> None:
        host, _, port = nameserver.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.accepted = 0
        self._spawn(self._accept)

    @property
    def nameserver(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close_connections(self) -> None:
        """What CoreDNS does with a connection that was idle for ten seconds."""
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and wait for its threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self.close_connections()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self.accepted += 1
                self._open += [client, server]
                self._spawn(self._copy, client, server)
                self._spawn(self._copy, server, client)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()


@pytest.fixture
def relay() -> Iterator[tuple[Relay, LookupOptions]]:
    """A relay before a cluster DNS with 100 pods, and the options to ask it by TCP."""
    with ClusterDNS() as dns:
        database = dns.service("db", namespace="shop", ports=[3306])
        dns.statefulset("mysql", service=database, replicas=100)
        relay = Relay(dns.nameserver)
        try:
            yield relay, dns.options.replace(nameservers=[relay.nameserver], tcp=True)
        finally:
            relay.close()


class Looks:
    """Counts looks and keeps their errors; closes the relay's connections if asked to."""

    def __init__(self, relay: Relay, *, close_after_each: bool) -> None:
        self.done = threading.Event()
        self.errors: list[object] = []
        self.count = 0
        self._relay = relay
        self._close = close_after_each

    def __call__(self, look: Look) -> None:
        """A look ended."""
        self.count += 1
        if look.error is not None:
            self.errors.append(look.error)
        if self._close:
            self._relay.close_connections()
        if self.count == LOOKS:
            self.done.set()


def follow(face: str, options: LookupOptions, looks: Looks) -> None:
    """Follow for some looks."""
    poll = PollPolicy.fast()
    if face == "sync":
        with HeadlessService("db.shop", options=options, poll=poll, on_lookup=looks):
            assert looks.done.wait(10)
            return

    async def main() -> None:
        async with AsyncHeadlessService("db.shop", options=options, poll=poll, on_lookup=looks):
            assert await asyncio.to_thread(looks.done.wait, 10)

    asyncio.run(main())


@pytest.mark.parametrize("face", ["sync", "asyncio"])
def test_one_connection_for_all_looks(face: str, relay: tuple[Relay, LookupOptions]) -> None:
    """Every look of a followed Service goes over the same connection."""
    server, options = relay
    looks = Looks(server, close_after_each=False)
    follow(face, options, looks)
    assert not looks.errors
    assert server.accepted == 1


@pytest.mark.parametrize("face", ["sync", "asyncio"])
def test_renewed_without_losing_a_look(face: str, relay: tuple[Relay, LookupOptions]) -> None:
    """A server that closes the idle connection costs a new one, no failed look, no second send."""
    server, options = relay
    looks = Looks(server, close_after_each=True)
    follow(face, options, looks)
    assert not looks.errors
    assert LOOKS - 1 <= server.accepted <= looks.count + 1


@pytest.mark.parametrize("face", ["sync", "asyncio"])
def test_single_looks_keep_nothing(face: str, relay: tuple[Relay, LookupOptions]) -> None:
    """`lookup()` opens a connection and closes it."""
    server, options = relay
    if face == "sync":
        service = HeadlessService("db.shop", options=options)
        for _ in range(3):
            service.lookup()
    else:
        follower = AsyncHeadlessService("db.shop", options=options)

        async def main() -> None:
            for _ in range(3):
                await follower.lookup()

        asyncio.run(main())
    assert server.accepted == 3
