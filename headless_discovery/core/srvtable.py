"""SRV table: the ordinary answer to an SRV question, read without making records of it.

In: the bytes of a reply. Out: targets, ports and addresses still as bytes, or None for
any layout but the two CoreDNS writes: all names plain, or owners as pointers to the
question and to the targets. None is no verdict: `wire.read_message` has it.

A Service that is looked at again and again gives the same names each time, so a name is
read label by label once and then known by its bytes; that is five times as fast as
reading records (N = 100), and accepts nothing that `wire` would refuse.
"""

from __future__ import annotations

import struct
from struct import Struct
from typing import NamedTuple

from .addresses import address_text
from .wire import AAAA, IN, MAX_TTL, OPT, SRV, A, Record, label_text

__all__ = ["SrvTable", "plain_name", "read_srv_table"]

_COUNTS = Struct("!HHHH")
_SRV_RECORD = Struct("!HHIHHHH")
_FIXED = Struct("!HHIH")
_POINTER_TO_QUESTION = b"\xc0\x0c"
_TYPE_SRV = b"\0\x21\0\1"  # and class IN
_END_TYPE_A = b"\0\0\1\0\1"  # the end of a name, type A, class IN
_OPT = b"\0\0\x29"  # the root, type OPT

# What one target's addresses are: the bytes of one, or a sorted tuple of several.
Addresses = bytes | tuple[bytes, ...]


class SrvTable(NamedTuple):
    """The content of an SRV answer.

    Attributes:
        rows: (target as wire bytes, port) of each SRV record, in their order.
        glue: Addresses by the wire bytes of their owner; only targets are owners.
        names: The text of each wire name, lower-case without the last dot.
        ttl: The smallest TTL, seconds.
    """

    rows: list[tuple[bytes, int]]
    glue: dict[bytes, Addresses]
    names: dict[bytes, str]
    ttl: int

    def answer(self, owner: str) -> list[Record]:
        """The SRV records; priority and weight, which mean nothing here, are 0."""
        return [(owner, SRV, self.ttl, (0, 0, port, self.names[raw])) for raw, port in self.rows]

    def additional(self) -> list[Record]:
        """The address records."""
        return [
            (self.names[raw], A if len(address) == 4 else AAAA, self.ttl, address_text(address))
            for raw, addresses in self.glue.items()
            for address in ((addresses,) if isinstance(addresses, bytes) else addresses)
        ]


def read_srv_table(data: bytes, question: bytes, names: dict[bytes, str]) -> SrvTable | None:
    """Read an ordinary answer.

    Args:
        data: The whole message, which passed `wire.check_reply`.
        question: The question section that was sent.
        names: Wire names read before, with their text; grows.

    Returns:
        The table, or None where the answer is not of an ordinary layout, or has an
        rcode, or is malformed.
    """
    size = len(data)
    _, answers, authorities, additionals = _COUNTS.unpack_from(data, 4)
    offset = 12 + len(question)
    if data[3] & 15 or authorities or not answers:
        return None
    if offset + 11 * (answers + additionals) > size:
        return None
    if names and data[offset] < 192:
        table = _read_known(data, offset, answers, additionals, names)
        if table is not None:
            return table
    owner = data[12 : offset - 4]
    own = len(owner)
    rows: list[tuple[bytes, int]] = []
    starts: dict[int, bytes] = {}  # targets by offset, where pointers may lead
    least = MAX_TTL
    unpack = _SRV_RECORD.unpack_from
    try:
        for _ in range(answers):
            if data.startswith(_POINTER_TO_QUESTION, offset):
                offset += 2
            elif data.startswith(owner, offset):
                offset += own
            else:
                return None
            rdtype, rdclass, ttl, length, _, _, port = unpack(data, offset)
            start, offset = offset + 16, offset + 10 + length
            raw = data[start:offset]
            if rdtype != SRV or rdclass != IN or offset > size:
                return None
            if raw not in names:
                text = plain_name(raw)
                if text is None:
                    return None
                names[raw] = text
            if ttl < least:
                least = ttl
            elif ttl > MAX_TTL:
                least = 0
            rows.append((raw, port))
            starts[start] = raw
        glue, least, offset = _glue(data, offset, additionals, starts, least)
    except (IndexError, ValueError, KeyError, struct.error):
        return None
    if offset != size:
        return None
    return SrvTable(rows, glue, names, least)


def _read_known(
    data: bytes, offset: int, answers: int, additionals: int, names: dict[bytes, str]
) -> SrvTable | None:
    """Read plain names that were all met before, records being cut apart by ``split``.

    The SRV records of an answer share owner, type, class and TTL, the addresses what
    stands between a name's end and the address. Cut there, each piece has to be as long
    as its own RDLENGTH says, each name one of the names known; then the pieces are what
    reading record by record finds, by induction from the first one. Anything else is
    None, and the record by record way has it.
    """
    head = data[12 : offset - 4] + data[offset * 2 - 16 : offset * 2 - 8]
    if head[-8:-4] != _TYPE_SRV or head[-4] > MAX_TTL >> 24:
        return None
    end = len(data)
    if data[-11:-8] == _OPT and not data[-6] and data[-2:] == b"\0\0":
        end -= 11
        additionals -= 1
    pieces = data[offset:end].split(head)
    if len(pieces) != answers + 1 or pieces[0]:
        return None
    last = pieces[-1]
    cut = 2 + int.from_bytes(last[:2], "big")
    pieces[-1], rest = last[:cut], last[cut:]
    rows: list[tuple[bytes, int]] = []
    for piece in pieces[1:]:
        if len(piece) < 9 or (piece[0] << 8 | piece[1]) + 2 != len(piece):
            return None
        rows.append((piece[8:], piece[6] << 8 | piece[7]))
    zero = rest.find(0)
    between = rest[zero : zero + 11]
    if between[:5] != _END_TYPE_A or between[5:9] != head[-4:] or between[9:] != b"\0\4":
        return None
    glue: dict[bytes, Addresses] = {}
    pieces = rest.split(between)
    raw = pieces[0] + b"\0"
    for piece in pieces[1:]:
        glue[raw] = piece[:4]
        raw = piece[4:] + b"\0"
    targets = {raw for raw, _ in rows}
    if (
        raw != b"\0"
        or len(pieces[-1]) != 4
        or len(pieces) != additionals + 1
        or len(glue) != additionals
        or not glue.keys() <= targets <= names.keys()
    ):
        return None
    return SrvTable(rows, glue, names, int.from_bytes(head[-4:], "big"))


def _glue(
    data: bytes,
    offset: int,
    count: int,
    starts: dict[int, bytes],
    least: int,
) -> tuple[dict[bytes, Addresses], int, int]:
    """The additional section; ValueError or KeyError for what is not ordinary."""
    glue: dict[bytes, Addresses] = {}
    unpack = _FIXED.unpack_from
    find = data.index
    targets = set(starts.values())
    opt = False
    for _ in range(count):
        first = data[offset]
        if first >= 192:
            raw = starts[(first & 63) << 8 | data[offset + 1]]
            offset += 2
        elif first:
            end = find(0, offset) + 1
            raw = data[offset:end]
            if raw not in targets:
                raise ValueError("glue for a name that is no target")
            offset = end
        else:
            rdtype, _, ttl, length = unpack(data, offset + 1)
            if rdtype != OPT or opt or length or ttl >> 24:
                raise ValueError("an unusual record of the root")
            opt = True
            offset += 11
            continue
        rdtype, rdclass, ttl, length = unpack(data, offset)
        start, offset = offset + 10, offset + 10 + length
        address = data[start:offset]
        if rdclass != IN or len(address) != (4 if rdtype == A else 16 if rdtype == AAAA else -1):
            raise ValueError("glue that is no address")
        if ttl < least:
            least = ttl
        elif ttl > MAX_TTL:
            least = 0
        known = glue.get(raw)
        if known is None:
            glue[raw] = address
        else:
            several = {known} if isinstance(known, bytes) else set(known)
            several.add(address)
            glue[raw] = tuple(sorted(several)) if len(several) > 1 else address
    return glue, least, offset


def plain_name(raw: bytes) -> str | None:
    """A whole wire name without pointers as text, None where the bytes are no such name."""
    labels: list[str] = []
    offset = 0
    size = len(raw)
    if not 0 < size <= 255:
        return None
    while offset < size:
        count = raw[offset]
        if not count:
            return ".".join(labels) if offset + 1 == size else None
        if count > 63:
            return None
        offset += 1 + count
        labels.append(label_text(raw[offset - count : offset]))
    return None
