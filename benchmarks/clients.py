"""Clients: a process that looks a Service up with one library, as often as it is told.

Arguments: the client's name, the port of the responder, the Service's full name. One line
in, one line out: ``show`` prints ``address,hostname,port`` of every pod one lookup finds;
``run K`` does K lookups and prints the median wall time and the mean CPU time of one, in
nanoseconds; ``memory`` prints the resident octets. Each client does the same work: a fresh
lookup that ends with address, hostname and port of all pods as Python objects.

Libraries load inside the clients, so that each process holds only what it measures.
"""

from __future__ import annotations

import socket
import sys
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from headless_discovery import Snapshot

Pods = list[tuple[str, str, int]]
AT_ONCE = 32


class Client(Protocol):
    """What the protocol above needs."""

    def show(self) -> Pods:
        """One lookup: address, hostname, port of each pod."""
        ...

    def run(self, count: int) -> tuple[int, int]:
        """That many lookups: wall and CPU nanoseconds of one."""
        ...


class Blocking:
    """A client made of a function that does one lookup, and one that shows its result."""

    def __init__(self, look: Callable[[], Any], pods: Callable[[Any], Pods]) -> None:
        self._look = look
        self._pods = pods

    def show(self) -> Pods:
        """See `Client`."""
        return self._pods(self._look())

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`."""
        look = self._look
        walls = []
        cpu = process_time_ns()
        for _ in range(count):
            start = perf_counter_ns()
            look()
            walls.append(perf_counter_ns() - start)
        cpu = process_time_ns() - cpu
        return sorted(walls)[count // 2], cpu // count


class InLoop:
    """The same for a coroutine function, in one event loop that stays.

    Args:
        make: Called inside the loop; returns the coroutine function that does one lookup.
        pods: Shows its result.
        at_once: How many lookups are under way at the same time. With more than one the
            wall time of one is the batch's, divided.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[], Awaitable[Any]]],
        pods: Callable[[Any], Pods],
        at_once: int,
    ) -> None:
        import asyncio  # noqa: PLC0415 - blocking clients do without

        self._asyncio = asyncio
        self._loop = asyncio.new_event_loop()
        self._pods = pods
        self._at_once = at_once

        async def made() -> Callable[[], Awaitable[Any]]:
            return make()

        self._look = self._loop.run_until_complete(made())

    def show(self) -> Pods:
        """See `Client`."""

        async def once() -> Any:
            return await self._look()

        return self._pods(self._loop.run_until_complete(once()))

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`."""
        batch = self._one_by_one if self._at_once == 1 else self._together
        return self._loop.run_until_complete(batch(count))

    async def _one_by_one(self, count: int) -> tuple[int, int]:
        look = self._look
        walls = []
        cpu = process_time_ns()
        for _ in range(count):
            start = perf_counter_ns()
            await look()
            walls.append(perf_counter_ns() - start)
        cpu = process_time_ns() - cpu
        return sorted(walls)[count // 2], cpu // count

    async def _together(self, count: int) -> tuple[int, int]:
        left = count = max(count, self._at_once)

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await self._look()

        cpu, start = process_time_ns(), perf_counter_ns()
        await self._asyncio.gather(*(worker() for _ in range(self._at_once)))
        return (perf_counter_ns() - start) // count, (process_time_ns() - cpu) // count


def _ours(port: int, name: str) -> Client:
    from headless_discovery import HeadlessService, LookupOptions  # noqa: PLC0415

    service = HeadlessService(name, options=LookupOptions(nameservers=[f"127.0.0.1:{port}"]))
    return Blocking(service.lookup, _of_snapshot)


def _ours_async(port: int, name: str, at_once: int = 1) -> Client:
    from headless_discovery import AsyncHeadlessService, LookupOptions  # noqa: PLC0415

    options = LookupOptions(nameservers=[f"127.0.0.1:{port}"])
    return InLoop(lambda: AsyncHeadlessService(name, options=options).lookup, _of_snapshot, at_once)


def _of_snapshot(snapshot: Snapshot) -> Pods:
    return [(pod.address, pod.hostname or "", pod.port or 0) for pod in snapshot]


def _dnspython(port: int, name: str) -> Client:
    import dns.rdatatype  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    a_record, srv_record = dns.rdatatype.A, dns.rdatatype.SRV

    def look() -> Pods:
        answer = resolver.resolve(name + ".", srv_record)
        addresses = {
            rrset.name: rrset[0].address
            for rrset in answer.response.additional
            if rrset.rdtype == a_record
        }
        return [
            (addresses[record.target], record.target.to_text(omit_final_dot=True), record.port)
            for record in answer
        ]

    return Blocking(look, list)


def _aiodns(port: int, name: str, at_once: int = 1) -> Client:
    import aiodns  # noqa: PLC0415

    def make() -> Callable[[], Awaitable[Pods]]:
        resolver = aiodns.DNSResolver(["127.0.0.1"], udp_port=port, tcp_port=port)

        async def look() -> Pods:
            answer = await resolver.query_dns(name, "SRV")
            # c-ares writes the A records' data as addr, the SRV records' as target and port.
            data: Any
            addresses = {}
            for record in answer.additional:
                data = record.data
                if hasattr(data, "addr"):
                    addresses[record.name] = data.addr
            pods: Pods = []
            for record in answer.answer:
                data = record.data
                pods.append((addresses[data.target], data.target, data.port))
            return pods

        return look

    return InLoop(make, list, at_once)


def _by_udp(port: int, query: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("127.0.0.1", port))
        asked.send(query)
        return asked.recv(65535)


def _by_tcp(port: int, query: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asked:
        asked.connect(("127.0.0.1", port))
        asked.send(len(query).to_bytes(2, "big") + query)
        received = asked.recv(65535)
        size = 2 + int.from_bytes(received[:2], "big")
        while len(received) < size:
            received += asked.recv(65535)
        return received[2:]


def _floor(port: int, name: str) -> Client:
    """The bytes and nothing else, by the transport a real lookup uses for them."""
    query, show = _question(name)
    ask = _by_tcp if _by_udp(port, query)[2] & 2 else _by_udp
    return Blocking(lambda: ask(port, query), show)


def _reader(port: int, name: str) -> Client:
    from headless_discovery.core.wire import SRV, encode_question, read_message  # noqa: PLC0415

    query, show = _question(name)
    data = _by_tcp(port, query)
    _, section = encode_question(name, SRV, 0)

    def look() -> bytes:
        read_message(data, section)
        return data

    return Blocking(look, show)


def _table(port: int, name: str) -> Client:
    """The reader of ordinary answers, with the names of the last look, as a lookup uses it."""
    from headless_discovery.core.srvtable import read_srv_table  # noqa: PLC0415
    from headless_discovery.core.wire import SRV, encode_question  # noqa: PLC0415

    query, show = _question(name)
    data = _by_tcp(port, query)
    _, section = encode_question(name, SRV, 0)
    names: dict[bytes, str] = {}

    def look() -> bytes:
        if read_srv_table(data, section, names) is None:
            raise ValueError("it does not read this answer")
        return data

    return Blocking(look, show)


def _from_wire(port: int, name: str) -> Client:
    from dns.message import from_wire  # noqa: PLC0415

    query, show = _question(name)
    data = _by_tcp(port, query)

    def look() -> bytes:
        from_wire(data)
        return data

    return Blocking(look, show)


def _question(name: str) -> tuple[bytes, Callable[[bytes], Pods]]:
    """A query, and what shows the pods in the bytes that answer it."""
    from headless_discovery.core.wire import SRV, A, encode_question, read_message  # noqa: PLC0415

    tail, section = encode_question(name, SRV, 1232)

    def pods(data: bytes) -> Pods:
        message = read_message(data, section)
        addresses = {record[0]: record[3] for record in message.additional if record[1] == A}
        targets = [record[3] for record in message.answer]
        return [(addresses[target], target, port) for _, _, port, target in targets]

    return b"\x12\x34" + tail, pods


CLIENTS: dict[str, Callable[[int, str], Client]] = {
    "ours": _ours,
    "ours, asyncio": _ours_async,
    "ours, asyncio x32": lambda port, name: _ours_async(port, name, AT_ONCE),
    "dnspython": _dnspython,
    "aiodns": _aiodns,
    "aiodns x32": lambda port, name: _aiodns(port, name, AT_ONCE),
    "bytes only": _floor,
    "read_message": _reader,
    "read_srv_table": _table,
    "from_wire": _from_wire,
}


def _resident() -> int:
    """The octets this process holds in memory."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - pathlib is memory
            pages = file.read().split()[1]
    except OSError:
        import resource  # noqa: PLC0415

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    import os  # noqa: PLC0415

    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def serve(client: Client, commands: Iterable[str]) -> None:
    """Answer commands until they end."""
    for command in commands:
        word, _, rest = command.strip().partition(" ")
        if word == "show":
            line = " ".join(sorted(f"{ip},{host},{port}" for ip, host, port in client.show()))
        elif word == "run":
            line = "{} {}".format(*client.run(int(rest)))
        elif word == "memory":
            line = str(_resident())
        else:
            raise SystemExit(f"there is no command {word!r}")
        print(line, flush=True)


if __name__ == "__main__":
    try:
        chosen = CLIENTS[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
        serve(chosen, sys.stdin)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the other end reports it
        print(f"error {type(problem).__name__}: {problem}", flush=True)
        raise SystemExit(1) from None
