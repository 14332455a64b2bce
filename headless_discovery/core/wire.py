"""Wire: one question to bytes, and a reply's bytes to records.

In: a question, or the bytes of one DNS message (RFC 1035). Out: bytes, or a `Message`.
Knows nothing of servers, transports or Kubernetes.

The reader is strict and bounded. Pointers go backwards only, never into the name that
holds them, at most 16 in a row; the counts are held against the size of the message
before anything is read. It reads A, AAAA, SRV, CNAME, PTR and SOA of class IN and the
OPT of EDNS; a message with anything else is `Unusual` and left to dnspython (module
``fallback``). What it accepts, dnspython accepts with the same records.
"""

from __future__ import annotations

import struct
from struct import Struct
from typing import Any, NamedTuple

from .addresses import address_text

__all__ = [
    "AAAA",
    "CNAME",
    "HEADER_ONLY",
    "NS",
    "PTR",
    "SOA",
    "SRV",
    "A",
    "Message",
    "Record",
    "Unusual",
    "WireError",
    "check_reply",
    "encode_question",
    "label_text",
    "read_message",
]

A, NS, CNAME, SOA, PTR, AAAA, SRV, OPT = 1, 2, 5, 6, 12, 28, 33, 41
IN = 1
MAX_POINTERS = 16
MAX_WIRE_NAME = 255
MAX_TTL = 0x7FFFFFFF  # RFC 2181 section 8: a larger one counts as 0

HEADER_ONLY = "an error without the question"

# (owner, type, TTL in seconds, data); data is the address as text for A and AAAA,
# (priority, weight, port, target) for SRV, the target for CNAME and PTR, (serial, minimum)
# for SOA, None for types nobody here asks for. Names are lower-case without the last dot.
Record = tuple[str, int, int, Any]

_HEADER = Struct("!HHHHHH")
_FIXED = Struct("!HHIH")
_SRV = Struct("!HHH")
_SOA_NUMBERS = Struct("!IIIII")
_LABEL_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


class WireError(Exception):
    """The bytes are no DNS message; the text says what is wrong."""


class Unusual(Exception):  # noqa: N818 - no error: the message may well be legal
    """Legal as far as it was read, but not for this reader."""


class Message(NamedTuple):
    """A reply's content behind its question."""

    rcode: int
    truncated: bool
    answer: list[Record]
    authority: list[Record]
    additional: list[Record]


def encode_question(name: str, rdtype: int, edns: int) -> tuple[bytes, bytes]:
    """A query message without its two ID bytes, and its question section.

    Args:
        name: Validated name without the last dot; it goes out absolute.
        rdtype: The record type asked for.
        edns: UDP payload size to announce (RFC 6891), 0 for no EDNS.
    """
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    question = labels + b"\0" + rdtype.to_bytes(2, "big") + b"\0\1"
    # RD is set as every stub resolver does: a forwarder in between needs it.
    head = b"\1\0" + b"\0\1\0\0\0\0" + (b"\0\1" if edns else b"\0\0")
    opt = b"\0\0\x29" + edns.to_bytes(2, "big") + b"\0\0\0\0\0\0" if edns else b""
    return head + question + opt, question


def check_reply(data: bytes, ident: bytes, question: bytes) -> str | None:
    """Whether bytes that arrived are a reply to our question (RFC 5452 section 9.1).

    Args:
        data: What arrived.
        ident: The two ID bytes that were sent.
        question: The question section that was sent, in lower case.

    Returns:
        None where it counts, `HEADER_ONLY` for an error that repeats no question, else
        the reason to ignore it.
    """
    if len(data) < 12:
        return "too short for a header"
    if data[:2] != ident:
        return "wrong ID"
    if data[2] & 0xF8 != 0x80:
        return "not a response to a query"
    if data[4] or data[5] != 1:
        if not data[4] and not data[5] and data[3] & 15 and len(data) == 12:
            return HEADER_ONLY
        return "wrong number of questions"
    end = 12 + len(question)
    # Label lengths are below 64 and the types asked hold no capital letter: lower() is
    # the case-insensitive comparison of the name and leaves the rest alone.
    if data[12:end] != question and data[12:end].lower() != question:
        return "wrong question"
    return None


def read_message(data: bytes, question: bytes) -> Message:
    """Read a reply that passed `check_reply`.

    Args:
        data: The whole message, at most 65,535 bytes.
        question: The question section that was sent.

    Raises:
        WireError: The message is malformed.
        Unusual: It holds something this reader leaves to dnspython.
    """
    _, flags, _, *counts = _HEADER.unpack_from(data)
    offset = 12 + len(question)
    # A record takes 11 bytes at least: a lying count ends here, before any work.
    if offset + 11 * sum(counts) > len(data):
        raise WireError("more records announced than the message can hold")
    reader = _Reader(data)
    sections: list[list[Record]] = []
    try:
        for count in counts:
            records, offset = reader.section(offset, count, len(sections) == 2)
            sections.append(records)
    except (IndexError, struct.error):
        raise WireError("the message ends in the middle of a record") from None
    if offset != len(data):
        raise WireError("bytes are left over behind the last record")
    rcode = flags & 15 | reader.extended_rcode << 4
    return Message(rcode, bool(flags & 0x0200), *sections)


class _Reader:
    """Reads records of one message; keeps the names it has met."""

    __slots__ = ("_data", "_plain", "_seen", "_suffixes", "extended_rcode", "had_opt")

    def __init__(self, data: bytes) -> None:
        self._data = data
        # Whole names without pointers by their bytes: glue repeats the SRV targets.
        self._plain: dict[bytes, str] = {}
        # What follows the first label of such names, by its bytes: the Service's name.
        self._suffixes: dict[bytes, str] = {}
        # Names by offset: (text, wire length, pointers followed, end of its own bytes).
        self._seen: dict[int, tuple[str, int, int, int]] = {}
        self.extended_rcode = 0
        self.had_opt = False

    def section(self, offset: int, count: int, additional: bool) -> tuple[list[Record], int]:
        data = self._data
        size = len(data)
        records: list[Record] = []
        for _ in range(count):
            owner, offset = self.name(offset)
            rdtype, rdclass, ttl, length = _FIXED.unpack_from(data, offset)
            start = offset + 10
            offset = start + length
            if offset > size:
                raise WireError("a record is longer than the message")
            if rdtype == OPT:
                self._opt(owner, ttl, start, offset, additional)
                continue
            if rdclass != IN:
                raise Unusual(f"class {rdclass}")
            if ttl > MAX_TTL:
                ttl = 0
            value: Any
            if rdtype == A:
                if length != 4:
                    raise WireError("an A record holds 4 bytes")
                value = "%d.%d.%d.%d" % tuple(data[start:offset])  # noqa: UP031 - the fastest
            elif rdtype == SRV:
                target, end = self.name(start + 6)
                if end != offset:
                    raise WireError("an SRV record's length does not fit its target")
                value = (*_SRV.unpack_from(data, start), target)
            elif rdtype == AAAA:
                if length != 16:
                    raise WireError("an AAAA record holds 16 bytes")
                value = address_text(data[start:offset])
            elif rdtype in (CNAME, PTR):
                value, end = self.name(start)
                if end != offset:
                    raise WireError("a record's length does not fit its name")
            elif rdtype == SOA:
                value = self._soa(start, offset)
            else:
                raise Unusual(f"record type {rdtype}")
            records.append((owner, rdtype, ttl, value))
        return records, offset

    def _opt(self, owner: str, ttl: int, start: int, end: int, additional: bool) -> None:
        """The OPT pseudo record (RFC 6891): its upper TTL byte extends the rcode."""
        if owner or not additional or self.had_opt:
            raise WireError("an OPT record that must not be there")
        if start < end:  # we send no options, so none should come back
            raise Unusual("EDNS options")
        self.had_opt = True
        self.extended_rcode = ttl >> 24

    def _soa(self, start: int, end: int) -> tuple[int, int]:
        _, offset = self.name(start)
        _, offset = self.name(offset)
        if offset + 20 != end:
            raise WireError("an SOA record's length does not fit its content")
        serial, _, _, _, minimum = _SOA_NUMBERS.unpack_from(self._data, offset)
        return serial, minimum

    def name(self, offset: int) -> tuple[str, int]:
        """The name at ``offset`` and the offset behind it."""
        data = self._data
        first = data[offset]
        if 0 < first < 64:
            # A name without pointers ends at a zero byte. Bytes equal to those of a name
            # that was read whole mean that very name, wherever they stand.
            end = data.find(0, offset) + 1
            raw = data[offset:end]
            text = self._plain.get(raw)
            if text is not None:
                return text, end
            suffix = self._suffixes.get(raw[first + 1 :])
            if suffix is not None and len(raw) <= MAX_WIRE_NAME:
                text = label_text(raw[1 : first + 1]) + "." + suffix
                self._plain[raw] = text
                return text, end
        elif first >= 192:
            target = (first & 63) << 8 | data[offset + 1]
            found = self._seen.get(target)
            if found is not None and found[2] < MAX_POINTERS and found[3] <= offset:
                return found[0], offset + 2
        text, _, _, end = self._walk(offset, offset, len(data), MAX_POINTERS)
        return text, end

    def _walk(
        self, offset: int, below: int, limit: int, pointers: int
    ) -> tuple[str, int, int, int]:
        """Read a name label by label.

        Args:
            offset: Where it begins.
            below: A pointer must lead below this.
            limit: The name's own bytes end here at the latest.
            pointers: How many may still be followed.

        Returns:
            Text, wire length, pointers followed, end of its own bytes.
        """
        data = self._data
        start = offset
        labels: list[str] = []
        length = 0
        while True:
            if offset >= limit:
                raise WireError("a name runs into what must not belong to it")
            count = data[offset]
            if count == 0:
                text, rest, followed, end = ".".join(labels), 1, 0, offset + 1
                break
            if count < 64:
                offset += 1 + count
                if offset > limit:
                    raise WireError("a label is longer than what is left")
                labels.append(label_text(data[offset - count : offset]))
                length += 1 + count
                continue
            if count < 192:
                raise WireError("a label of unknown type")
            if offset + 2 > limit:
                raise WireError("a pointer is cut")
            target = (count & 63) << 8 | data[offset + 1]
            if target >= below:
                raise WireError("a compression pointer that does not lead backwards")
            if not pointers:
                raise WireError("too many compression pointers in a row")
            tail, rest, followed, _ = self._walk(target, target, start, pointers - 1)
            text = ".".join([*labels, tail]) if tail else ".".join(labels)
            followed, end = followed + 1, offset + 2
            break
        length += rest
        if length > MAX_WIRE_NAME:
            raise WireError("a name of more than 255 bytes")
        self._seen[start] = (text, length, followed, end)
        if not followed and labels:
            self._plain[data[start:end]] = text
            if len(labels) > 1:
                self._suffixes[data[start + 1 + data[start] : end]] = text.split(".", 1)[1]
        return text, length, followed, end


def label_text(label: bytes) -> str:
    r"""A label in lower case; bytes no Kubernetes name has become ``\ddd`` (RFC 1035, 5.1)."""
    if label.translate(None, _LABEL_BYTES):
        return "".join(
            chr(byte) if byte in _LABEL_BYTES else f"\\{byte:03d}" for byte in label.lower()
        )
    return label.decode("ascii").lower()
