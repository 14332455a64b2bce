"""What comes in and what goes out, as faults and tests see it.

In: the bytes of a query. Out: a line of the log, an error reply, a packet with its
departure. Knows nothing of sockets.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RCODES", "LoggedQuery", "Packet", "error_reply"]

RCODES = {
    "NOERROR": 0,
    "FORMERR": 1,
    "SERVFAIL": 2,
    "NXDOMAIN": 3,
    "NOTIMP": 4,
    "REFUSED": 5,
    "YXDOMAIN": 6,
    "YXRRSET": 7,
    "NXRRSET": 8,
    "NOTAUTH": 9,
    "NOTZONE": 10,
}

_HEADER = 12


class LoggedQuery(NamedTuple):
    """One query as the server saw it.

    Attributes:
        name: The name asked, with the last dot, in the asker's letter case.
        type: The type, ``"SRV"``; ``"TYPE65280"`` for an unknown one.
        transport: ``"udp"`` or ``"tcp"``.
        edns: The UDP payload size announced, None without EDNS.
    """

    name: str
    type: str
    transport: str
    edns: int | None


class Packet(NamedTuple):
    """One message on its way out.

    Attributes:
        data: The message.
        delay: Seconds until it leaves.
        length: TCP: the length prefix, where it is not the true one.
        cut: TCP: octets (length prefix included) after which the connection closes.
        drip: TCP: seconds between pieces, and octets in a piece.
        framed: TCP: whether a length prefix goes in front.
    """

    data: bytes
    delay: float = 0.0
    length: int | None = None
    cut: int | None = None
    drip: tuple[float, int] | None = None
    framed: bool = True


def error_reply(query: bytes, rcode: int, *, question: bool) -> bytes:
    """An error reply to a query; RD and CD are sent back, an OPT record is not."""
    end = _HEADER
    if question:
        while query[end]:
            end += 1 + query[end]
        end += 5
    flags = 0x8000 | int.from_bytes(query[2:4]) & 0x7910 | rcode & 0xF
    counts = (1 if question else 0).to_bytes(2) + bytes(6)
    return query[:2] + flags.to_bytes(2) + counts + query[_HEADER:end]
