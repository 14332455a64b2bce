"""Messages for the fuzzer: real answers, odd but well-formed ones, and damaged ones.

Everything comes out of one seeded generator, so a seed is a run.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from headless_discovery.core.wire import AAAA, CNAME, PTR, SOA, SRV, A, encode_question
from headless_discovery.testing import ClusterDNS, Endpoint, Port
from tests.fuzz.replay import answer_of

if TYPE_CHECKING:
    from random import Random

IDENT = b"\x12\x34"
SERVICE = "db.shop.svc.cluster.local"
SECTION = encode_question(SERVICE, SRV, 0)[1]
_LABELS = [label.encode() for label in SERVICE.split(".")]
_OWNERS = (
    b"mysql-0",
    b"mysql-1",
    b"MySQL-1",
    b"10-0-0-1",
    b"_web",
    b"a",
    b"x" * 63,
    b"\0",
    b"\xff.",
)
_TYPES = (A, A, AAAA, SRV, SRV, CNAME, PTR, SOA, 41, 16, 2, 99)
_TTLS = (0, 5, 30, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def real_answers() -> list[bytes]:
    """SRV answers of the embedded cluster DNS, in every layout: plain, compressed, cut."""
    found: list[bytes] = []
    for pods, families, ports in (
        (1, (4,), [3306]),
        (3, (4,), [3306]),
        (9, (4,), [3306]),
        (12, (4,), [3306]),
        (2, (4, 6), [3306]),
        (2, (6,), [3306]),
        (3, (4,), [Port(80, "http"), Port(443, "https")]),
        (40, (4,), [3306]),
    ):
        for shuffle in (False, True):
            with ClusterDNS(shuffle=shuffle) as dns:
                service = dns.service("db.shop", ports=ports)
                dns.statefulset("mysql", service=service, replicas=pods, families=families)
                found += _asked(dns)
    with ClusterDNS() as dns:
        service = dns.service("db.shop", ports=[1])
        service.set_endpoints([Endpoint((f"10.244.0.{n}",)) for n in range(5)])
        found += _asked(dns)
    with ClusterDNS() as dns:
        dns.service("db.shop", ports=[1], cluster_ip=True)
        found += _asked(dns)
    with ClusterDNS() as dns:
        found += _asked(dns)  # NXDOMAIN with its SOA
    return found


def _asked(dns: ClusterDNS) -> list[bytes]:
    return [
        IDENT + answer_of(dns, SERVICE, SRV, edns=edns, tcp=tcp)[2:]
        for edns, tcp in ((1232, False), (0, False), (4096, False), (0, True))
    ]


class Generator:
    """Makes messages.

    Args:
        rng: The source of chance.
        seeds: Answers to damage.
    """

    def __init__(self, rng: Random, seeds: list[bytes]) -> None:
        self._rng = rng
        self._seeds = seeds

    def message(self) -> bytes:
        """The next message; one in eight is new, the others are damaged."""
        chance = self._rng.random()
        if chance < 0.08:
            return self._built()
        if chance < 0.1:
            return self._stretched()
        base = self._built() if chance < 0.2 else self._rng.choice(self._seeds)
        return self._damaged(base)

    def _stretched(self) -> bytes:
        """Around the limits: pointers in a row, labels and names that are too long."""
        rng = self._rng
        chain = rng.choice((1, 2, 15, 16, 17, 18, 40))
        data = bytearray(IDENT + struct.pack("!HHHHH", 0x8400, 1, chain + 1, 0, 0) + SECTION)
        owner = 12
        for _ in range(chain):  # each owner is a pointer to the owner before
            place = len(data)
            data += struct.pack("!HHHIH", 0xC000 | owner, A, 1, 5, 4) + rng.randbytes(4)
            owner = place
        labels = [rng.randbytes(rng.choice((1, 50, 62, 63))) for _ in range(rng.randrange(6))]
        name = b"".join(bytes((len(label),)) + label for label in labels)
        name += rng.choice((b"\0", b"\xc0\x0c"))
        data += struct.pack("!HHHIH", 0xC00C, CNAME, 1, 5, len(name)) + name
        return bytes(data)

    def _damaged(self, base: bytes) -> bytes:
        """Up to four changes behind the question; the header's counts may change too."""
        rng = self._rng
        data = bytearray(base)
        head = 12 + len(SECTION)
        for _ in range(rng.randint(1, 4)):
            if len(data) <= head:
                break
            at = rng.randrange(head, len(data))
            kind = rng.randrange(8)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del data[at : at + rng.randint(1, 8)]
            elif kind == 3:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            elif kind == 4:
                data[at : at + 2] = struct.pack("!H", 0xC000 | rng.randrange(len(data)))
            elif kind == 5:
                data[6 + rng.randrange(6)] = rng.choice((0, 1, 2, 3, 255))
            elif kind == 6:
                start = rng.randrange(head, len(data))
                data[at:at] = data[start : start + rng.randint(1, 40)]
            else:
                data[2 + rng.randrange(2)] ^= rng.choice((0x02, 0x03, 0x05, 0x10))
        data[2] = data[2] & 0x87 | 0x80  # still a response to a query
        return bytes(data)

    def _built(self) -> bytes:
        """A well-formed message of any records, compressed as far as chance will."""
        rng = self._rng
        counts = [rng.choice((0, 1, 1, 2, 4)) for _ in range(3)]
        flags = 0x8400 | rng.choice((0, 0, 0x0200)) | rng.choice((0, 0, 0, 2, 3, 11))
        writer = _Writer(rng)
        writer.data += IDENT + struct.pack("!HHHHH", flags, 1, *counts) + SECTION
        for _ in range(sum(counts)):
            writer.record()
        return bytes(writer.data)


class _Writer:
    """Writes records, with names that point at earlier ones where chance will."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._compress = rng.randrange(3)
        self._known: dict[tuple[bytes, ...], int] = {tuple(_LABELS): 12}
        self.data = bytearray()

    def record(self) -> None:
        """One record whose data fits its type."""
        rng = self._rng
        rdtype = rng.choice(_TYPES)
        self._name(() if rdtype == 41 else self._any_name())
        self.data += struct.pack("!HHI", rdtype, rng.choice((1,) * 9 + (3,)), rng.choice(_TTLS))
        place = len(self.data)
        self.data += b"\0\0"
        if rdtype == A:
            self.data += rng.randbytes(4)
        elif rdtype == AAAA:
            self.data += rng.choice(
                (rng.randbytes(16), b"\0" * 10 + b"\xff\xff\n\0\0\1", bytes(16))
            )
        elif rdtype == SRV:
            self.data += rng.randbytes(6)
            self._name(self._any_name())
        elif rdtype in (CNAME, PTR, 2):
            self._name(self._any_name())
        elif rdtype == SOA:
            self._name(self._any_name())
            self._name(self._any_name())
            self.data += rng.randbytes(20)
        elif rdtype == 16:
            self.data += b"\x02hi"
        self.data[place : place + 2] = struct.pack("!H", len(self.data) - place - 2)

    def _any_name(self) -> tuple[bytes, ...]:
        rng = self._rng
        chance = rng.randrange(4)
        if chance == 0:
            return tuple(_LABELS)
        if chance == 1:
            return tuple(rng.choice(_OWNERS) for _ in range(rng.randrange(5)))
        return (rng.choice(_OWNERS), *_LABELS)

    def _name(self, labels: tuple[bytes, ...]) -> None:
        for position in range(len(labels)):
            suffix = labels[position:]
            at = self._known.get(suffix)
            if at is not None and (self._compress == 2 or (self._compress and not position)):
                self.data += struct.pack("!H", 0xC000 | at)
                return
            if len(self.data) < 0x4000:
                self._known.setdefault(suffix, len(self.data))
            self.data += bytes((len(labels[position]),)) + labels[position]
        self.data += b"\0"
