"""Connections: a process that connects to pods, or picks one, as `clients.py` looks one up.

Arguments and commands are those of ``clients.py``. What is measured ends with a connection
that stands; closing it is not measured, and is done in a way that leaves no port occupied.
Each beside ours does what one would write where the addresses are known already.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
from time import perf_counter_ns, process_time_ns, sleep
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[0] += "/.."

from benchmarks.clients import serve
from benchmarks.listening import NETWORK, many_files
from headless_discovery import HeadlessService, LookupOptions, PollPolicy

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from benchmarks.clients import Client, Pods
    from headless_discovery import AsyncHeadlessService, Endpoint, Snapshot

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

__all__ = ["AT_ONCE", "CONNECTIONS"]

AT_ONCE = 1000
_KEPT = 100  # connections open at a time, where they are made one by one
_PAUSE = 0.003  # seconds, not measured, in which the pods take a hundred from their queues
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing leaves nothing behind


class OneByOne:
    """Connections by a blocking function, one after the other.

    Args:
        pods: Whom to.
        connect: Makes one.
    """

    def __init__(self, pods: Snapshot, connect: Callable[[], socket.socket]) -> None:
        self._pods = pods
        self._connect = connect

    def show(self) -> Pods:
        """See `Client`."""
        _close([self._connect()])
        return _shown(self._pods)

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`."""
        connect = self._connect
        walls: list[int] = []
        cpu = 0
        while len(walls) < count:
            made = []
            began = process_time_ns()
            for _ in range(min(_KEPT, count - len(walls))):
                start = perf_counter_ns()
                made.append(connect())
                walls.append(perf_counter_ns() - start)
            cpu += process_time_ns() - began
            _close(made)
            sleep(_PAUSE)
        return sorted(walls)[count // 2], cpu // count


class Together:
    """Connections by a coroutine function, a thousand at once.

    Args:
        make: Called inside the loop; returns the pods, and what makes one connection.
    """

    def __init__(
        self, make: Callable[[], Awaitable[tuple[Snapshot, Callable[[], Awaitable[Streams]]]]]
    ) -> None:
        import asyncio  # noqa: PLC0415 - the others do without

        self._asyncio = asyncio
        self._loop = asyncio.new_event_loop()

        async def made() -> tuple[Snapshot, Callable[[], Awaitable[Streams]]]:
            return await make()

        self._pods, self._connect = self._loop.run_until_complete(made())

    def show(self) -> Pods:
        """See `Client`."""
        self.run(1)
        return _shown(self._pods)

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`; always a thousand at once, as many thousands as it takes."""
        times = -(-count // AT_ONCE)
        walls, cpu = [], 0
        for _ in range(times):
            wall, spent = self._loop.run_until_complete(self._batch())
            walls.append(wall)
            cpu += spent
        return sorted(walls)[times // 2] // AT_ONCE, cpu // (times * AT_ONCE)

    async def _batch(self) -> tuple[int, int]:
        connect = self._connect
        cpu, start = process_time_ns(), perf_counter_ns()
        made = await self._asyncio.gather(*(connect() for _ in range(AT_ONCE)))
        wall, cpu = perf_counter_ns() - start, process_time_ns() - cpu
        for _, writer in made:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        await self._asyncio.sleep(10 * _PAUSE)
        return wall, cpu


class Picks:
    """Picks of one pod.

    Args:
        pods: Of whom.
        pick: Makes one.
    """

    def __init__(self, pods: Snapshot, pick: Callable[[], Endpoint]) -> None:
        self._pods = pods
        self._pick = pick

    def show(self) -> Pods:
        """See `Client`."""
        if self._pick() not in self._pods:
            raise RuntimeError("it picks a stranger")
        return _shown(self._pods)

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`; the clock would cost more than a pick, so all are timed as one."""
        pick = self._pick
        cpu, start = process_time_ns(), perf_counter_ns()
        for _ in range(count):
            pick()
        return (perf_counter_ns() - start) // count, (process_time_ns() - cpu) // count


def _close(made: list[socket.socket]) -> None:
    for each in made:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        each.close()


def _shown(pods: Snapshot) -> Pods:
    return [(pod.address, pod.hostname or "", pod.port or 0) for pod in pods]


def _options(port: int) -> LookupOptions:
    return LookupOptions(
        nameservers=[f"127.0.0.1:{port}"], cluster_domain="cluster.local", allow_networks=[NETWORK]
    )


def _opened(port: int, name: str) -> HeadlessService:
    """Followed; no look falls into a measurement, or hardly one."""
    poll = PollPolicy(interval=60)
    return HeadlessService(name, options=_options(port), poll=poll).open()


def _pods(port: int, name: str) -> Snapshot:
    return HeadlessService(name, options=_options(port)).lookup()


def _connect(port: int, name: str) -> Client:
    service = _opened(port, name)
    return OneByOne(service.members, lambda: service.connect(to=0))


def _create_connection(port: int, name: str) -> Client:
    pods = _pods(port, name)
    place = (pods.by_ordinal(0).address, pods.by_ordinal(0).port)
    return OneByOne(pods, lambda: socket.create_connection(place))


def _endpoint(port: int, name: str) -> Client:
    service = _opened(port, name)
    return Picks(service.members, service.endpoint)


def _choice(port: int, name: str) -> Client:
    pods = _pods(port, name)
    endpoints = list(pods)
    return Picks(pods, lambda: random.choice(endpoints))


def _connect_together(port: int, name: str) -> Client:
    async def make() -> tuple[Snapshot, Callable[[], Awaitable[Streams]]]:
        from headless_discovery import AsyncHeadlessService  # noqa: PLC0415 - loads asyncio

        poll = PollPolicy(interval=60)
        service: AsyncHeadlessService = AsyncHeadlessService(
            name, options=_options(port), poll=poll
        )
        await service.open()
        return service.members, service.connect

    return Together(make)


def _open_connection(port: int, name: str) -> Client:
    async def make() -> tuple[Snapshot, Callable[[], Awaitable[Streams]]]:
        import asyncio  # noqa: PLC0415 - the others do without
        from itertools import cycle  # noqa: PLC0415

        pods = _pods(port, name)
        places = cycle([(pod.address, pod.port) for pod in pods])

        def connect() -> Awaitable[Streams]:
            return asyncio.open_connection(*next(places))

        return pods, connect

    return Together(make)


CONNECTIONS: dict[str, Callable[[int, str], Any]] = {
    "connect": _connect,
    "create_connection": _create_connection,
    "endpoint": _endpoint,
    "choice": _choice,
    "connect, together": _connect_together,
    "open_connection": _open_connection,
}


if __name__ == "__main__":
    try:
        many_files()
        serve(CONNECTIONS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]), sys.stdin)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the other end reports it
        print(f"error {type(problem).__name__}: {problem}", flush=True)
        raise SystemExit(1) from None
