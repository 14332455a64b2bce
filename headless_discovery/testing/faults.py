"""Faults: what can go wrong between a good answer and the asker.

In: a query, the good answer to it. Out: the packets that really go out, when and how.
Knows nothing of Kubernetes and of sockets.

    with dns.fault(Drop(times=3)):                      # the first three packets get lost
        ...
    dns.faults.add(Delay(0.2, share=0.5), Rcode("SERVFAIL", types=("SRV",)))

Every fault takes the same keywords (see `Fault`) that say when it strikes. Several
faults work one after the other, in the order they were added.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .packets import RCODES, LoggedQuery, Packet, error_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from random import Random

__all__ = [
    "CutAfter",
    "Delay",
    "Drip",
    "Drop",
    "Duplicate",
    "Fault",
    "Faults",
    "Garbage",
    "HeaderOnly",
    "LyingLength",
    "Raw",
    "Rcode",
    "RefuseTcp",
    "Truncate",
    "WrongId",
    "WrongQuestion",
]

_HEADER = 12


class Fault:
    """What all faults have in common: when they strike.

    Args:
        times: How many queries at most, from now; None (default) every one.
        share: The share of the queries that are hit, 0 to 1, default 1. Random, from
            the server's seed.
        transport: ``"udp"``, ``"tcp"`` or None for both, the default.
        types: The types of questions that are hit, such as ``("SRV",)``; default all.
        match: A predicate on `LoggedQuery`; default all.
        keep: Send the packet *in front of* the good answer instead of in its place, as
            somebody would who guesses the answer; default False.

    Attributes:
        struck: How many queries it has hit.

    Raises:
        ValueError: A value that cannot be meant.
    """

    #: Whether TCP connections are refused while this fault is there.
    refuses_tcp = False

    def __init__(
        self,
        *,
        times: int | None = None,
        share: float = 1.0,
        transport: str | None = None,
        types: Collection[str] = (),
        match: Callable[[LoggedQuery], bool] | None = None,
        keep: bool = False,
    ) -> None:
        if times is not None and times < 0:
            raise ValueError(f"times is 0 or more, not {times}")
        if not 0 <= share <= 1:
            raise ValueError(f"share is 0 to 1, not {share}")
        if transport not in (None, "udp", "tcp"):
            raise ValueError(f"transport is 'udp', 'tcp' or None, not {transport!r}")
        if isinstance(types, str):
            types = (types,)
        self.struck = 0
        self._times = times
        self._share = share
        self._transport = transport
        self._types = frozenset(text.upper() for text in types)
        self._match = match
        self._keep = keep

    def strikes(self, query: LoggedQuery, rng: Random) -> bool:
        """Whether this query is hit; counts it if so."""
        if self._times is not None and self.struck >= self._times:
            return False
        if self._transport not in (None, query.transport):
            return False
        if self._types and query.type not in self._types:
            return False
        if self._match is not None and not self._match(query):
            return False
        if self._share < 1 and rng.random() >= self._share:
            return False
        self.struck += 1
        return True

    def work(
        self, packets: list[Packet], query: bytes, transport: str, rng: Random
    ) -> list[Packet]:
        """What goes out instead of these packets."""
        worked = [
            after for packet in packets for after in self.change(packet, query, transport, rng)
        ]
        return [*worked, *packets] if self._keep else worked

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002
        """What goes out instead of one packet; a subclass says it.

        Args:
            packet: The packet as it would go out.
            query: The bytes of the query.
            transport: ``"udp"`` or ``"tcp"``.
            rng: The server's seeded source of chance.
        """
        return [packet]


class Drop(Fault):
    """Nothing goes out: a lost packet; over TCP a server that accepts and says nothing."""

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return []


class Delay(Fault):
    """The answer leaves later.

    Args:
        seconds: By how much.
        **when: See `Fault`.
    """

    def __init__(self, seconds: float, **when: object) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._seconds = seconds

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(delay=packet.delay + self._seconds)]


class Duplicate(Fault):
    """The answer goes out several times.

    Args:
        copies: How many in all, default 2.
        **when: See `Fault`.
    """

    def __init__(self, copies: int = 2, **when: object) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._copies = copies

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet] * self._copies


class WrongId(Fault):
    """The answer carries another message ID than the query."""

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        wrong = int.from_bytes(packet.data[:2]) ^ rng.randrange(1, 0x10000)
        return [packet._replace(data=wrong.to_bytes(2) + packet.data[2:])]


class WrongQuestion(Fault):
    """The answer is to a question about another name: its first letter is changed."""

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        data = bytearray(packet.data)
        if len(data) > _HEADER + 1:
            data[_HEADER + 1] = ord("y") if data[_HEADER + 1] | 0x20 == ord("x") else ord("x")
        return [packet._replace(data=bytes(data))]


class Rcode(Fault):
    """The server answers with an error, the question being repeated.

    Args:
        rcode: By name, ``"SERVFAIL"``, or number, 0 to 15.
        **when: See `Fault`.
    """

    def __init__(self, rcode: str | int = "SERVFAIL", **when: object) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._rcode = RCODES[rcode] if isinstance(rcode, str) else rcode

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(data=error_reply(query, self._rcode, question=True))]


class HeaderOnly(Rcode):
    """The server answers with an error that does not repeat the question: 12 octets."""

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(data=error_reply(query, self._rcode, question=False))]


class Truncate(Fault):
    """The answer says that it was cut (TC), whatever is in it.

    Args:
        empty: Take all records out, default False.
        **when: See `Fault`.
    """

    def __init__(self, *, empty: bool = False, **when: object) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._empty = empty

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        data = bytearray(error_reply(query, 0, question=True) if self._empty else packet.data)
        data[2] |= 0x02
        return [packet._replace(data=bytes(data))]


class Garbage(Fault):
    """Random octets instead of a message.

    Args:
        size: How many, default 64.
        **when: See `Fault`.
    """

    def __init__(self, size: int = 64, **when: object) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._size = size

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(data=rng.randbytes(self._size))]


class Raw(Fault):
    """Whatever a function makes of the query and the good answer.

    Args:
        make: Called with the bytes of the query, the bytes of the good answer and
            ``"udp"`` or ``"tcp"``, in the server's thread; returns the messages that
            go out.
        framed: TCP: put the length prefix in front of each, default True.
        **when: See `Fault`.
    """

    def __init__(
        self,
        make: Callable[[bytes, bytes, str], list[bytes]],
        *,
        framed: bool = True,
        **when: object,
    ) -> None:
        super().__init__(**when)  # type: ignore[arg-type]
        self._make = make
        self._framed = framed

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [
            packet._replace(data=data, framed=self._framed)
            for data in self._make(query, packet.data, transport)
        ]


class _TcpFault(Fault):
    """A fault that strikes over TCP only."""

    def __init__(self, **when: object) -> None:
        super().__init__(**{**when, "transport": "tcp"})  # type: ignore[arg-type]


class Drip(_TcpFault):
    """Over TCP the answer comes in small pieces.

    Args:
        seconds: Between two pieces.
        size: Octets in a piece, default 1.
        **when: See `Fault`.
    """

    def __init__(self, seconds: float, size: int = 1, **when: object) -> None:
        super().__init__(**when)
        self._drip = (seconds, size)

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(drip=self._drip)]


class CutAfter(_TcpFault):
    """Over TCP the connection closes in the middle of the answer.

    Args:
        octets: How many are sent before, length prefix included; 0 closes at once.
        **when: See `Fault`.
    """

    def __init__(self, octets: int = 0, **when: object) -> None:
        super().__init__(**when)
        self._octets = octets

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(cut=self._octets)]


class LyingLength(_TcpFault):
    """Over TCP the length prefix is not the length of what follows.

    Args:
        length: What it says, 0 to 65535.
        **when: See `Fault`.
    """

    def __init__(self, length: int, **when: object) -> None:
        super().__init__(**when)
        self._length = length

    def change(self, packet: Packet, query: bytes, transport: str, rng: Random) -> list[Packet]:  # noqa: ARG002, D102
        return [packet._replace(length=self._length)]


class RefuseTcp(Fault):
    """TCP connections are refused, and those that are open are closed, while it is there."""

    refuses_tcp = True

    def __init__(self) -> None:
        super().__init__(times=0)


class Faults:
    """The faults of one server, in the order they work.

    Args:
        rng: The seeded source of chance.
        changed: Called after the set has changed.
    """

    def __init__(self, rng: Random, changed: Callable[[], None]) -> None:
        self._rng = rng
        self._changed = changed
        self._lock = threading.Lock()
        self._faults: tuple[Fault, ...] = ()

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    @property
    def refuses_tcp(self) -> bool:
        """Whether TCP connections are refused at present."""
        return any(fault.refuses_tcp for fault in self._faults)

    def add(self, *faults: Fault) -> None:
        """Add faults behind those that are there."""
        with self._lock:
            self._faults = (*self._faults, *faults)
        self._changed()

    def remove(self, *faults: Fault) -> None:
        """Remove these; no harm if they are gone."""
        with self._lock:
            self._faults = tuple(each for each in self._faults if each not in faults)
        self._changed()

    def clear(self) -> None:
        """Remove all: the server is good again."""
        with self._lock:
            self._faults = ()
        self._changed()

    def apply(self, seen: LoggedQuery, query: bytes, answer: bytes) -> list[Packet]:
        """What goes out for one query whose good answer is known."""
        packets = [Packet(answer)]
        if not self._faults:
            return packets
        with self._lock:
            faults = [fault for fault in self._faults if fault.strikes(seen, self._rng)]
        for fault in faults:
            packets = fault.work(packets, query, seen.transport, self._rng)
        return packets
