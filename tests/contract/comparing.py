"""Two answers to one question compared, aspect by aspect.

In come the bytes two servers sent, out come the differences. Knows no Kubernetes: what
may differ (the order of shuffled records, a running TTL) is told by the caller.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ASPECTS = (
    "answered",
    "rcode",
    "flags",
    "question",
    "answer",
    "authority",
    "additional",
    "ttl",
    "edns",
    "size",
    "order",
    "cut",
)
"""Everything that is compared."""

_SECTIONS = ("answer", "authority", "additional")
_TIMERS = b"".join(number.to_bytes(4) for number in (7200, 1800, 86400))
_SERIAL = re.compile(b"(?s)...." + re.escape(_TIMERS))
_POINTERS_END = 0x4000  # names beyond cannot be pointed at: there the order changes the size


class Rules(NamedTuple):
    """What may differ.

    Attributes:
        any_order: The records of a section come in a random order.
        ttl_slack: Seconds by which TTLs may differ, where a cache counts them down.
        whole: Records (see `records`) one of which each record of a cut answer must be;
            None where it is not known.
    """

    any_order: bool = False
    ttl_slack: int = 0
    whole: frozenset[tuple[str, str, str]] | None = None


class Difference(NamedTuple):
    """One aspect in which the servers differ, and what each of them said."""

    aspect: str
    real: str
    embedded: str


class _Read(NamedTuple):
    """One section: its records in order, their TTLs in the same order."""

    records: list[tuple[str, str, str]]
    ttls: list[int]


def same_bytes(real: bytes | None, embedded: bytes | None) -> bool:
    """Return whether two answers are the same but for the serial of an SOA record."""
    if real is None or embedded is None or len(real) != len(embedded):
        return real is embedded
    return real == embedded or _masked(real) == _masked(embedded)


def compare(real: bytes | None, embedded: bytes | None, rules: Rules) -> list[Difference]:
    """Return the differences between two answers; none for answers that are alike."""
    if same_bytes(real, embedded):
        return []
    if real is None or embedded is None:
        said = ["silence" if each is None else f"{len(each)} octets" for each in (real, embedded)]
        return [Difference("answered", *said)]
    one, other = dns_message(real), dns_message(embedded)
    found = [
        Difference(aspect, *values)
        for aspect, values in (
            ("rcode", (_rcode(one), _rcode(other))),
            ("flags", (_flags(one), _flags(other))),
            ("question", (_question(one), _question(other))),
            ("edns", (_edns(one), _edns(other))),
        )
        if values[0] != values[1]
    ]
    cut = bool((one.flags | other.flags) & dns.flags.TC)
    reads = [[_read(message, section) for section in _SECTIONS] for message in (one, other)]
    for section, first, second in zip(_SECTIONS, *reads, strict=True):
        found += _compare_sections(section, first, second, cut, rules)
    if cut and rules.whole is not None:
        found += _compare_cut(reads, rules.whole)
    difference = abs(len(real) - len(embedded))
    if rules.any_order and cut:
        # Whole records are cut: as long as another one fits, it is there.
        difference -= difference and max(map(_longest, (one, other)))
    elif rules.any_order and len(real) >= _POINTERS_END:
        difference = 0
    if difference > 0:
        found.append(Difference("size", str(len(real)), str(len(embedded))))
    return found


def dns_message(wire: bytes) -> dns.message.Message:
    """Return a message with every record by itself, as it came."""
    return dns.message.from_wire(wire, one_rr_per_rrset=True)


def records(message: dns.message.Message) -> frozenset[tuple[str, str, str]]:
    """Return owner, type and data of all records of a message, in lower case but the type."""
    return _lower([_read(message, section) for section in _SECTIONS])


def _lower(sections: Iterable[_Read]) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        (owner.lower(), rtype, data.lower())
        for section in sections
        for owner, rtype, data in section.records
    )


def _compare_sections(
    section: str, one: _Read, other: _Read, cut: bool, rules: Rules
) -> Iterator[Difference]:
    if not (cut and rules.any_order):
        first, second = Counter(one.records), Counter(other.records)
        if first != second:
            yield Difference(section, _listed(first - second), _listed(second - first))
            return
        if not rules.any_order and one.records != other.records:
            yield Difference("order", str(one.records[:4]), str(other.records[:4]))
            return
    ttls = sorted(set(one.ttls)), sorted(set(other.ttls))
    if not one.ttls or not other.ttls:
        return
    spread = max(*one.ttls, *other.ttls) - min(*one.ttls, *other.ttls)
    if spread > rules.ttl_slack and ttls[0] != ttls[1]:
        yield Difference("ttl", f"{section} {ttls[0]}", f"{section} {ttls[1]}")


def _compare_cut(
    reads: Iterable[Iterable[_Read]], whole: frozenset[tuple[str, str, str]]
) -> Iterator[Difference]:
    """What can be said of an answer of which some records are missing."""
    strays = [sorted(_lower(sections) - whole) for sections in reads]
    if any(strays):
        yield Difference("cut", *(f"not in the whole answer: {each[:3]}" for each in strays))


def _read(message: dns.message.Message, section: str) -> _Read:
    read = _Read([], [])
    for rrset in getattr(message, section):
        for rdata in rrset:
            text = rdata.to_text()
            if rrset.rdtype == dns.rdatatype.SOA:
                text = " ".join(word for at, word in enumerate(text.split()) if at != 2)
            read.records.append((str(rrset.name), dns.rdatatype.to_text(rrset.rdtype), text))
            read.ttls.append(rrset.ttl)
    return read


def _masked(wire: bytes) -> bytes:
    return _SERIAL.sub(b"\0\0\0\0" + _TIMERS, wire)


def _rcode(message: dns.message.Message) -> str:
    return dns.rcode.to_text(message.rcode())


def _flags(message: dns.message.Message) -> str:
    """Every bit of the header but the ID and the rcode."""
    return f"{dns.flags.to_text(message.flags)} opcode {message.opcode()} {message.flags:04x}"[:-1]


def _question(message: dns.message.Message) -> str:
    return "; ".join(rrset.to_text() for rrset in message.question)


def _edns(message: dns.message.Message) -> str:
    if message.edns < 0:
        return "none"
    options = [option.to_text() for option in message.options]
    # The upper octet of the rcode is compared with the rcode.
    return (
        f"version {message.edns} payload {message.payload} "
        f"flags {message.ednsflags & 0xFFFF:04x} options {options}"
    )


def _longest(message: dns.message.Message) -> int:
    """Return the octets of the longest record, none of its names compressed."""
    lengths = [0]
    for section in _SECTIONS:
        for rrset in getattr(message, section):
            owner = len(rrset.name.to_wire() or b"")
            lengths += [owner + 10 + len(rdata.to_wire() or b"") for rdata in rrset]
    return max(lengths)


def _listed(found: Counter[tuple[str, str, str]]) -> str:
    shown = [" ".join(record) for record in sorted(found)[:4]]
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return (", ".join(shown) or "nothing else") + more
