"""Crafting: DNS messages byte by byte, and faults that send them.

In: names, records, a query. Out: bytes that no codec would write, and `Fault`s for the
embedded server. Nothing here uses the library's own encoder or dnspython's, so neither
can agree with itself.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.testing import Fault, Packet, Raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

A, CNAME, SOA, AAAA, SRV, DNAME = 1, 5, 6, 28, 33, 39
FQDN = "db.shop.svc.cluster.local"
FORGED = "6.6.6.6"
"""The address in everything that must not be believed."""


class Record(NamedTuple):
    """One resource record in wire form; `target` is the name inside SRV and CNAME."""

    owner: bytes
    rdtype: int
    data: bytes
    ttl: int = 5
    target: bytes = b""


def wire(name: str | bytes | Sequence[bytes]) -> bytes:
    """A name: text, or labels of any bytes; bytes are taken as they are."""
    if isinstance(name, bytes):
        return name
    labels = (
        [label.encode() for label in name.split(".") if label] if isinstance(name, str) else name
    )
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def pod(label: str | bytes, service: str = FQDN) -> bytes:
    """The name of a pod of the Service."""
    raw = label.encode() if isinstance(label, str) else label
    return bytes((len(raw),)) + raw + wire(service)


def srv(
    target: str | bytes,
    port: int = 3306,
    *,
    owner: str | bytes = FQDN,
    weight: int = 33,
    ttl: int = 5,
) -> Record:
    """An SRV record."""
    raw = wire(target)
    numbers = b"\0\0" + weight.to_bytes(2) + port.to_bytes(2)
    return Record(wire(owner), SRV, numbers + raw, ttl, raw)


def address(owner: str | bytes, text: str, ttl: int = 5) -> Record:
    """An A or AAAA record."""
    packed = ip_address(text).packed
    return Record(wire(owner), A if len(packed) == 4 else AAAA, packed, ttl)


def cname(owner: str | bytes, target: str | bytes) -> Record:
    """A CNAME record."""
    return Record(wire(owner), CNAME, wire(target), 5, wire(target))


def listed(*pods: tuple[str | bytes, str], ttl: int = 5) -> list[Record]:
    """SRV records and addresses of pods, and the Service's own address records."""
    named = [(pod(label), text) for label, text in pods]
    targets = [srv(name, ttl=ttl) for name in dict.fromkeys(name for name, _ in named)]
    own = [address(name, text, ttl) for name, text in named]
    return [*targets, *own, *(address(FQDN, text, ttl) for _, text in pods)]


def asked(query: bytes) -> tuple[bytes, int, bytes]:
    """Name, type and whole question section of a query."""
    end = 12
    while query[end]:
        end += 1 + query[end]
    name = query[12 : end + 1]
    return name, int.from_bytes(query[end + 1 : end + 3]), query[12 : end + 5]


def encoded(record: Record) -> bytes:
    """A record's bytes."""
    head = record.rdtype.to_bytes(2) + b"\0\1" + record.ttl.to_bytes(4)
    return record.owner + head + len(record.data).to_bytes(2) + record.data


def message(
    query: bytes,
    answer: Iterable[Record | bytes] = (),
    additional: Iterable[Record | bytes] = (),
    *,
    rcode: int = 0,
    first: int = 0x85,
    questions: Sequence[bytes] | None = None,
    tail: bytes = b"",
) -> bytes:
    """A reply to a query.

    Args:
        query: Whose ID and question come back.
        answer: Records, or bytes that pass for one record each.
        additional: The same.
        rcode: Response code.
        first: The first flag octet; 0x85 is a response with AA and RD.
        questions: Instead of the query's own.
        tail: Behind the last record.
    """
    sections = [list(answer), [], list(additional)]
    questions = [asked(query)[2]] if questions is None else questions
    counts = [len(questions), *map(len, sections)]
    head = query[:2] + bytes((first, 0x80 | rcode)) + b"".join(n.to_bytes(2) for n in counts)
    body = [encoded(each) if isinstance(each, Record) else each for s in sections for each in s]
    return head + b"".join(questions) + b"".join(body) + tail


def forged(query: bytes, **how: int | Sequence[bytes]) -> bytes:
    """An answer that would be believed if its header and question were right."""
    name, rdtype, _ = asked(query)
    lie = pod("mysql-9")
    if rdtype == SRV:
        return message(query, [srv(lie, owner=name)], [address(lie, FORGED)], **how)  # type: ignore[arg-type]
    return message(query, [address(name, FORGED)], **how)  # type: ignore[arg-type]


def serving(
    records: Iterable[Record], extra: Iterable[Record] = (), *, glue: bool = True, **when: object
) -> Raw:
    """A server that holds these records and nothing else, and follows its own CNAMEs.

    Args:
        records: Its content; addresses of SRV targets come along as additional records.
        glue: Whether they do.
        extra: Put into every additional section, asked for or not.
        **when: See `Fault`.
    """
    content = list(records)

    def make(query: bytes, _good: bytes, _transport: str) -> list[bytes]:
        name, rdtype, _ = asked(query)
        answer: list[Record] = []
        for _ in range(40):  # a chain of CNAMEs may be a circle
            own = [each for each in content if each.owner.lower() == name.lower()]
            answer += [each for each in own if each.rdtype in (rdtype, DNAME)]
            alias = [each for each in own if each.rdtype == CNAME][:1]
            answer += alias
            if not alias or alias[0] in answer[:-1]:
                break
            name = alias[0].target
        targets = {each.target for each in answer if each.rdtype == SRV}
        own = [each for each in content if each.owner in targets and each.rdtype in (A, AAAA)]
        return [message(query, answer, [*(own if glue else ()), *extra])]

    return Raw(make, **when)  # type: ignore[arg-type]


def saying(make: Callable[[bytes], bytes], **when: object) -> Raw:
    """Send what a function makes of the query."""
    return Raw(lambda query, _good, _transport: [make(query)], **when)  # type: ignore[arg-type]


class Flood(Fault):
    """Many datagrams, in bursts that a socket's buffer holds, then the good answer.

    Args:
        make: The datagrams, from the query and the good answer.
        burst: How many at once.
        pause: Seconds between bursts.
    """

    def __init__(
        self,
        make: Callable[[bytes, bytes], Sequence[bytes]],
        *,
        burst: int = 50,
        pause: float = 0.002,
    ) -> None:
        super().__init__(transport="udp")
        self._make, self._burst, self._pause = make, burst, pause

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        flood = [
            Packet(data, delay=at // self._burst * self._pause)
            for at, data in enumerate(self._make(query, packet.data))
        ]
        return [*flood, packet._replace(delay=len(flood) / self._burst * self._pause + 0.01)]


class Spoof(Fault):
    """Forged answers with the right ID and question, from another socket; then the good one.

    Args:
        count: How many.
        not_to: Ports of this process that are no asker's.
    """

    def __init__(self, count: int, not_to: Sequence[int]) -> None:
        super().__init__(transport="udp")
        self._count, self._not_to = count, not_to

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        data = forged(query)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for port in own_udp_ports() - set(self._not_to):
                for _ in range(self._count):
                    stranger.sendto(data, ("127.0.0.1", port))
        return [packet]


def own_udp_ports() -> set[int]:
    """The local ports of this process's UDP sockets (proc(5))."""
    inodes = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:  # closed in the meantime
            continue
    lines = Path("/proc/self/net/udp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(each[1].split(":")[1], 16) for each in fields if each[9] in inodes}


class CutEverywhere(Fault):
    """Over TCP the first answer is cut after 0 octets, the next after 1, and so on."""

    def __init__(self) -> None:
        super().__init__(transport="tcp")

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(cut=self.struck - 1)]
