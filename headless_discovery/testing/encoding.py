"""Bytes as CoreDNS writes them: questions read, answers compressed, cut to size.

In: the bytes of a query; sections of records. Out: what the query asks; the bytes of
the answer. Knows nothing of Kubernetes and of sockets.

A message library would do for the codec, but not for the sizes: CoreDNS (miekg/dns
``Msg.Truncate`` and CoreDNS ``request.Scrub``) writes names in full as long as the
message fits, compresses only what would not fit (or a UDP answer that would be
fragmented), never compresses the target of an SRV record although it may be pointed
at, and cuts whole records from the end. Tests of truncation need these very sizes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from .protocol import (
    CLASS_IN,
    FORMERR,
    NOTIMP,
    OPCODE_NOTIFY,
    OPCODE_QUERY,
    OPT,
    SERVFAIL,
    SRV,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Edns", "Malformed", "Query", "Record", "Response", "encode", "read_query"]

_QR, _AA, _TC, _RD, _CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0010

MAX_MESSAGE = 65535
MIN_UDP = 512
# Above these a UDP answer is compressed although it fits, to avoid fragments (CoreDNS
# request.Scrub, after NLnet Labs' NSD).
UNFRAGMENTED = {4: 1480, 6: 1220}
OPT_LENGTH = 11
MAX_POINTER = 0x4000  # a compression pointer has 14 bits

_HEADER = struct.Struct("!6H")
_TYPE_CLASS = struct.Struct("!2H")
_RECORD_HEAD = struct.Struct("!HHI")
_OPT = struct.Struct("!BHHIH")
_RECORD_FIXED = struct.Struct("!HHIH")


class Edns(NamedTuple):
    """The OPT record of a query: payload size in octets, version, flags."""

    payload: int
    version: int
    flags: int


class Query(NamedTuple):
    """One question as it was asked.

    ``name`` is the uncompressed wire form in the asker's letter case, ``header`` the
    second 16 bits of the message, ``edns`` None where no OPT record was sent.
    """

    id: int
    header: int
    name: bytes
    rtype: int
    rclass: int
    edns: Edns | None

    @property
    def opcode(self) -> int:
        """The operation, 0 for a query."""
        return self.header >> 11 & 0xF


class Malformed(Exception):  # noqa: N818 - a state of the message, turned into a reply
    """A query that gets an error reply (``reply``) or, where that is None, nothing."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__("malformed query")
        self.reply = reply


class Record(NamedTuple):
    """One resource record of class IN.

    The data is ``head``, then ``names`` in wire form, then ``tail``. Names in the data
    are compressed for every type but SRV.
    """

    owner: bytes
    rtype: int
    ttl: int
    head: bytes
    names: tuple[bytes, ...] = ()
    tail: bytes = b""


class Response(NamedTuple):
    """The sections of one answer, before they are cut to size.

    ``varies`` says that the same question may get another order next time.
    """

    rcode: int
    aa: bool = False
    answer: Sequence[Record] = ()
    authority: Sequence[Record] = ()
    additional: Sequence[Record] = ()
    varies: bool = False


def read_query(data: bytes) -> Query:
    """Read a message that asks one question.

    Accepts and refuses what miekg/dns does by default: one question, at most one
    record in the answer and authority sections, two in the additional.

    Raises:
        Malformed: With the error reply CoreDNS gives, or None where it is silent (no
            whole header, or a message that is itself a response). Messages that end early at
            the border of a field pass, as they do there.
    """
    if len(data) < _HEADER.size:
        raise Malformed(None)
    ident, header, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    if header & _QR:
        raise Malformed(None)
    if header >> 11 & 0xF not in (OPCODE_QUERY, OPCODE_NOTIFY):
        raise Malformed(_refusal(ident, header, NOTIMP))
    if questions != 1 or answers > 1 or authorities > 1 or additionals > 2:
        raise Malformed(_refusal(ident, header & 0x87FF, FORMERR))
    if len(data) == _HEADER.size:
        raise Malformed(_refusal(ident, header & 0x7910, SERVFAIL))
    try:
        at = _skip_name(data, _HEADER.size, pointers=False)
        name = data[_HEADER.size : at]
        # A message may end behind the name or the type: the rest is then 0.
        rest = data[at : at + 4]
        rtype, rclass = _TYPE_CLASS.unpack(rest if len(rest) in (1, 3) else rest.ljust(4, b"\0"))
    except (IndexError, ValueError, struct.error):
        raise Malformed(_refusal(ident, header & 0x87FF, FORMERR)) from None
    question = data[_HEADER.size : at + 4]
    try:
        edns = _read_edns(data, at + 4, answers + authorities + additionals)
    except (IndexError, ValueError, struct.error):
        raise Malformed(_refusal(ident, header & 0x87FF, FORMERR, question)) from None
    return Query(ident, header, name, rtype, rclass, edns)


def _refusal(ident: int, header: int, rcode: int, question: bytes = b"") -> bytes:
    """An error about the message itself: the header's other bits are sent back."""
    bits = (header | _QR) & ~(_AA | 0x0040 | 0x000F) | rcode
    return _HEADER.pack(ident, bits, 1 if question else 0, 0, 0, 0) + question


def _skip_name(data: bytes, at: int, *, pointers: bool) -> int:
    """The offset behind the name at ``at``; at most 255 octets, whole labels only."""
    start = at
    while length := data[at]:
        if length >= 0xC0 and pointers:
            data[at + 1]
            return at + 2
        if length > 63:
            raise ValueError("label type")
        at += 1 + length
        if at - start > 254:
            raise ValueError("long name")
    return at + 1


def _read_edns(data: bytes, at: int, count: int) -> Edns | None:
    """The last OPT record among the ``count`` records that begin at ``at``."""
    found = None
    for _ in range(count):
        if at >= len(data):  # records that were announced and are not there: let pass
            break
        at = _skip_name(data, at, pointers=True)
        rtype, rclass, ttl, length = _RECORD_FIXED.unpack_from(data, at)
        at += _RECORD_FIXED.size + length
        if at > len(data):
            raise ValueError("data beyond the end")
        if rtype == OPT:
            _check_options(data[at - length : at])
            found = Edns(rclass, ttl >> 16 & 0xFF, ttl & 0xFFFF)
    return found


def _check_options(data: bytes) -> None:
    at = 0
    while at < len(data):
        _, length = _TYPE_CLASS.unpack_from(data, at)
        at += 4 + length
    if at != len(data):
        raise ValueError("option beyond the end")


def encode(query: Query, response: Response, *, tcp: bool, family: int = 4) -> bytes:
    """The answer as CoreDNS 1.15 writes it, cut to what the asker can take.

    Args:
        query: The question that is answered; its OPT record is sent back, if any.
        response: The sections.
        tcp: By TCP 65535 octets fit; by UDP the payload size asked for, at least 512.
        family: 4 or 6: the address family of the transport.

    Returns:
        The message without a length prefix, TC set where records were cut. Over UDP it
        may be longer than a datagram can be (65507 octets over IPv4).
    """
    opt = _opt(query, response.rcode)
    size = MAX_MESSAGE if tcp else max(MIN_UDP, query.edns.payload if query.edns else 0)
    sections = (response.answer, response.authority, response.additional)
    question = query.name + _TYPE_CLASS.pack(query.rtype, query.rclass)
    plain = _HEADER.size + len(question) + len(opt) + sum(map(_plain_length, sections))
    body = bytearray(_HEADER.size)
    body += question
    if plain > size:
        counts = _write(body, sections, _table(query.name), size - len(opt))
    elif not tcp and plain > UNFRAGMENTED[family]:
        counts = _write(body, sections, _table(query.name), MAX_MESSAGE)
    else:
        counts = _write(body, sections, None, MAX_MESSAGE)
    bits = _QR | (query.header & 0x7800) | (_AA if response.aa else 0) | (response.rcode & 0xF)
    if query.opcode == OPCODE_QUERY:
        bits |= query.header & (_RD | _CD)
    if counts != [len(section) for section in sections]:
        bits |= _TC
    additional = counts[2] + (1 if opt else 0)
    _HEADER.pack_into(body, 0, query.id, bits, 1, counts[0], counts[1], additional)
    body += opt
    return bytes(body)


def _opt(query: Query, rcode: int) -> bytes:
    """The OPT record of the answer: the asker's own, without options and foreign flags."""
    if query.edns is None:
        return b""
    if rcode > 0xF:  # BADVERS: a fresh record that promises nothing
        return _OPT.pack(0, OPT, 0, rcode >> 4 << 24, 0)
    return _OPT.pack(0, OPT, query.edns.payload, query.edns.flags & 0xFF00, 0)


def _plain_length(records: Iterable[Record]) -> int:
    total = 0
    for record in records:
        total += len(record.owner) + 10 + len(record.head) + len(record.tail)
        for name in record.names:
            total += len(name)
    return total


def _table(name: bytes) -> dict[bytes, int]:
    """Where the question's name and its suffixes can be pointed at."""
    table = {}
    at = 0
    while name[at]:
        table[name[at:]] = _HEADER.size + at
        at += 1 + name[at]
    return table


def _write(
    body: bytearray,
    sections: Sequence[Sequence[Record]],
    table: dict[bytes, int] | None,
    limit: int,
) -> list[int]:
    """Append records until ``limit`` octets are reached; return how many of each section."""
    counts = [0, 0, 0]
    for index, section in enumerate(sections):
        for record in section:
            start = len(body)
            if start >= limit and table is not None:
                return counts
            _write_record(body, record, table)
            if len(body) > limit:
                del body[start:]
                return counts
            counts[index] += 1
    return counts


def _write_record(body: bytearray, record: Record, table: dict[bytes, int] | None) -> None:
    owner, rtype, ttl, head, names, tail = record
    if table is None:
        body += owner
        body += _RECORD_HEAD.pack(rtype, CLASS_IN, ttl)
        data = head + b"".join(names) + tail
        body += len(data).to_bytes(2)
        body += data
        return
    _write_name(body, owner, table, compress=True)
    body += _RECORD_HEAD.pack(rtype, CLASS_IN, ttl)
    length_at = len(body)
    body += b"\0\0"
    body += head
    for name in names:
        _write_name(body, name, table, compress=rtype != SRV)
    body += tail
    body[length_at : length_at + 2] = (len(body) - length_at - 2).to_bytes(2)


def _write_name(body: bytearray, name: bytes, table: dict[bytes, int], *, compress: bool) -> None:
    """Append a name; remember its suffixes, also of a name that must stay whole."""
    at = 0
    while length := name[at]:
        suffix = name[at:]
        known = table.get(suffix)
        if known is None:
            if len(body) < MAX_POINTER:
                table[suffix] = len(body)
        elif compress:
            body += (0xC000 | known).to_bytes(2)
            return
        body += name[at : at + 1 + length]
        at += 1 + length
    body.append(0)
