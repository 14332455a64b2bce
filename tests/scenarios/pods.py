"""Pods: a StatefulSet whose pods really listen, and can be made to fail in each way there is.

A pod that is black-holed is a listening socket whose queue is full: Linux drops every further
SYN, as a host does that is gone. That needs no privilege, no namespace and no rule of a
firewall, on any Linux and for both families, and ends with the socket. A queue that somebody
empties is needed nowhere: a pod that comes back listens anew.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import pytest

from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from headless_discovery import Endpoint, LookupOptions
    from tests.scenarios.worlds import Followed

__all__ = ["Pods", "ask", "asking", "demand_ipv6", "reach"]

NETWORK = "127.3.0.0/16"
_FULL = 0.03  # seconds in which a loopback connection is made, if at all
_BACKLOG = 4096


class Pods:
    """``db.shop`` with pods ``mysql-0``, ``mysql-1``... Each says its name, and waits for the end.

    Args:
        replicas: How many.
        dns: Where they are listed; default: a cluster DNS of their own.
    """

    def __init__(self, replicas: int, dns: ClusterDNS | None = None) -> None:
        self._own = dns is None
        self.dns = ClusterDNS(pod_network=NETWORK, shuffle=True) if dns is None else dns
        self.dns.start()
        # Another test run, on the same addresses, gets another port while this one is bound.
        self._guard = socket.socket()
        self._guard.bind(("127.3.0.1", 0))
        self.port: int = self._guard.getsockname()[1]
        self.service = self.dns.service("db.shop", ports=[self.port])
        self.set = self.dns.statefulset("mysql", service=self.service, replicas=replicas)
        #: Connections accepted, by the pod's name.
        self.accepted: Counter[str] = Counter()
        self._places: dict[tuple[str, str], list[socket.socket]] = {}
        self._names: dict[str, str] = {}
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._waker, waking = socket.socketpair()
        self._selector.register(waking, selectors.EVENT_READ)
        self._waking = waking
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name="the pods", daemon=True)
        self._thread.start()
        for each in range(replicas):
            self.accept(each)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._waker.send(b"x")
        self._thread.join()
        for each in [*self._places]:
            self._leave(*each)
        for client in (*self._clients, self._waker, self._waking, self._guard):
            client.close()
        self._selector.close()
        if self._own:
            self.dns.close()

    @property
    def options(self) -> LookupOptions:
        """How to ask their DNS."""
        return self.dns.options

    def address(self, ordinal: int) -> str:
        """The first address of a pod."""
        return self.set.address(ordinal)

    def name_at(self, address: str) -> str:
        """The pod that last listened there."""
        return self._names[address]

    def accept(self, ordinal: int, *, silent: bool = False) -> None:
        """The pod accepts, and says its name, unless it is silent."""
        for address in self.set.pod(ordinal).addresses:
            self._accept(f"mysql-{ordinal}", address, silent=silent)

    def refuse(self, ordinal: int, address: str | None = None) -> None:
        """Nobody listens."""
        for each in self._addresses(ordinal, address):
            self._leave(f"mysql-{ordinal}", each)

    def blackhole(self, ordinal: int, address: str | None = None) -> None:
        """Whoever dials it hears nothing."""
        for each in self._addresses(ordinal, address):
            place = (f"mysql-{ordinal}", each)
            self._leave(*place)
            with self._lock:
                self._places[place] = _full(each, self.port)

    def move(self, ordinal: int, *, accepts: bool = True) -> str:
        """The pod is replaced; its successor listens at another address, which is told."""
        self.refuse(ordinal)
        self.set.restart(ordinal, ready=False)
        if accepts:
            self.accept(ordinal)
        self.set.set_ready(ordinal)
        return self.address(ordinal)

    def scale(self, replicas: int) -> None:
        """Pods come, and listen before DNS lists them; or go, and listen no more after that."""
        before = {each.name: each for each in self.set.pods}
        self.set.scale(replicas, ready=False)
        for each in range(len(before), replicas):
            self.accept(each)
        self.set.set_all_ready()
        for name in before.keys() - {each.name for each in self.set.pods}:
            for address in before[name].addresses:
                self._leave(name, address)

    def _addresses(self, ordinal: int, address: str | None) -> tuple[str, ...]:
        return self.set.pod(ordinal).addresses if address is None else (address,)

    def _accept(self, name: str, address: str, *, silent: bool) -> None:
        self._leave(name, address)
        self._names[address] = name
        listener = _bound(address, self.port)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        with self._lock:
            self._places[name, address] = [listener]
            self._selector.register(listener, selectors.EVENT_READ, (name, silent))
        self._waker.send(b"x")

    def _leave(self, name: str, address: str) -> None:
        with self._lock:
            for each in self._places.pop((name, address), []):
                with contextlib.suppress(KeyError):
                    self._selector.unregister(each)
                each.close()

    def _serve(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                with self._lock:
                    self._turn(key)

    def _turn(self, key: selectors.SelectorKey) -> None:
        ready = key.fileobj
        assert isinstance(ready, socket.socket)
        with contextlib.suppress(OSError, KeyError):
            if ready is self._waking:
                ready.recv(100)
            elif key.data is None:  # a client that ends
                if not ready.recv(100):
                    raise ConnectionResetError
            else:
                name, silent = key.data
                client, _ = ready.accept()
                self.accepted[name] += 1
                self._clients.add(client)
                if not silent:
                    client.send(f"{name}\n".encode())
                client.setblocking(False)
                self._selector.register(client, selectors.EVENT_READ)
            return
        if ready in self._clients:
            self._selector.unregister(ready)
            self._clients.discard(ready)
            ready.close()


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((address, port))
    return bound


def _full(address: str, port: int) -> list[socket.socket]:
    """A listening socket that answers nobody, and the clients in its queue."""
    listener = _bound(address, port)
    listener.listen(0)
    found = [listener]
    while True:
        client = socket.socket(listener.family)
        client.setblocking(False)
        client.connect_ex((address, port))
        found.append(client)
        poller = select.poll()
        poller.register(client, select.POLLOUT)
        if not poller.poll(_FULL * 1000):
            return found
        assert len(found) < 20, "the queue does not fill"


def reach(service: Followed, *arguments: Any, **keywords: Any) -> Future[str]:
    """Connect, end the connection, and tell the address at its other end."""
    work = service.inner.connect

    def by_thread() -> str:
        with work(*arguments, **keywords) as connected:
            return str(connected.getpeername()[0])

    async def by_task() -> str:
        _, writer = await work(*arguments, **keywords)
        writer.close()
        return str(writer.get_extra_info("peername")[0])

    return service.world.begin(by_thread if service.world.kind == "threads" else by_task)


def ask(endpoint: Endpoint, seconds: float = 5.0) -> str:
    """Dial as a client does that speaks with the pod, and tell what it says."""
    with socket.create_connection((endpoint.address, endpoint.port), seconds) as connected:
        connected.settimeout(seconds)
        said = connected.recv(100).decode().strip()
    if not said:
        raise ConnectionResetError("it said nothing")
    return said


def asking(service: Followed) -> Callable[..., Any]:
    """The same for either world: the asyncio one's can be cancelled."""
    if service.world.kind == "threads":
        return ask
    import asyncio

    async def ask_awaiting(endpoint: Endpoint, seconds: float = 5.0) -> str:  # noqa: ARG001
        reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
        try:
            said = (await reader.readline()).decode().strip()
        finally:
            writer.close()
        if not said:
            raise ConnectionResetError("it said nothing")
        return said

    return ask_awaiting


def demand_ipv6() -> None:
    """Fail where there is no IPv6: that says what the test lacks."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.fail(f"no IPv6 on the loopback interface: {error}")
