"""The judge: what our readers make of a message, held against dnspython.

What `read_message` accepts, dnspython accepts with the same records. What only ours
refuses has one of the reasons in `ONLY_OURS_REFUSES`. What `read_srv_table` reads,
with names it has met before or without, `read_message` reads with the same content.
Nothing but `WireError` and `Unusual` is ever raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message

from headless_discovery.core.addresses import address_text
from headless_discovery.core.srvtable import read_srv_table
from headless_discovery.core.wire import (
    AAAA,
    CNAME,
    PTR,
    SOA,
    SRV,
    A,
    Unusual,
    WireError,
    label_text,
    read_message,
)

if TYPE_CHECKING:
    from headless_discovery.core.srvtable import SrvTable

Sections = list[set[tuple[Any, ...]]]

# How our refusal begins, and why it is right to differ from dnspython there.
ONLY_OURS_REFUSES = {
    "class": "another class says nothing about the Internet's names; left to dnspython",
    "record type": "types nobody here asks for are left to dnspython",
    "EDNS options": "nobody asked for options; left to dnspython",
}


class DisagreementError(AssertionError):
    """Our reader and the judge differ; the text says how."""


def text_of(name: Any) -> str:
    """A name of dnspython's as ours are written."""
    return ".".join(label_text(label) for label in name.labels if label)


def judged(data: bytes) -> tuple[int, bool, Sections]:
    """What dnspython reads: the rcode, TC, and (owner, type, TTL, data) of each section.

    Raises:
        dns.exception.DNSException: It refuses the message.
    """
    read = dns.message.from_wire(data, one_rr_per_rrset=True)
    sections: Sections = []
    for section in (read.answer, read.authority, read.additional):
        found: set[tuple[Any, ...]] = set()
        for rrset in section:
            for rdata in rrset:
                value: Any = None
                if rrset.rdclass != 1:
                    pass  # ours leaves such a message to dnspython
                elif rrset.rdtype in (A, AAAA):
                    value = address_text(rdata.to_digestable())
                elif rrset.rdtype == SRV:
                    value = (rdata.priority, rdata.weight, rdata.port, text_of(rdata.target))
                elif rrset.rdtype in (CNAME, PTR):
                    value = text_of(rdata.target)
                elif rrset.rdtype == SOA:
                    value = (rdata.serial, rdata.minimum)
                found.add((text_of(rrset.name), int(rrset.rdtype), rrset.ttl, value))
        sections.append(found)
    return int(read.rcode()), bool(read.flags & dns.flags.TC), sections


def agree(data: bytes, section: bytes) -> bool:
    """Hold our reader against dnspython.

    Args:
        data: A message that passed `check_reply`.
        section: The question section it repeats.

    Returns:
        Whether our reader accepted the message.

    Raises:
        DisagreementError: They differ, and not for a reason that is listed.
    """
    try:
        mine = read_message(data, section)
    except (WireError, Unusual) as refused:
        said = str(refused)
    else:
        found = [set(mine.answer), set(mine.authority), set(mine.additional)]
        try:
            theirs = judged(data)
        except dns.exception.DNSException as error:
            raise DisagreementError(f"only ours accepts: dnspython says {error!r}") from error
        if (mine.rcode, mine.truncated, found) != theirs:
            raise DisagreementError(f"ours: {mine}\ndnspython: {theirs}")
        return True
    try:
        dns.message.from_wire(data)
    except dns.exception.DNSException:
        return False
    if not any(said.startswith(reason) for reason in ONLY_OURS_REFUSES):
        raise DisagreementError(f"only ours refuses: {said}")
    return False


def short_way_agrees(data: bytes, section: bytes, names: dict[bytes, str]) -> bool:
    """Hold `read_srv_table` against `read_message`.

    Args:
        data: A message that passed `check_reply` and is not cut.
        section: The question section it repeats.
        names: Names met before; a copy is used.

    Returns:
        Whether there is a table.

    Raises:
        DisagreementError: The table says something else than the records, or there is a
            table of a message that is refused.
    """
    owner = ".".join(_labels(section))
    tables = [
        table
        for known in ({}, dict(names))
        if (table := read_srv_table(data, section, known)) is not None
    ]
    for table in tables:
        try:
            read = read_message(data, section)
        except (WireError, Unusual) as refused:
            raise DisagreementError(f"a table of a message that is refused: {refused}") from refused
        records = read.answer + read.additional
        theirs = (
            read.rcode,
            {(each[0], each[1], _essence(each)) for each in records},
            min(each[2] for each in records),
        )
        if _content(table, owner) != theirs:
            raise DisagreementError(f"table: {table}\nrecords: {read}")
    if len(tables) == 1 and read_srv_table(data, section, {}) is None:
        raise DisagreementError("a table only where names were met before")
    return bool(tables)


def _content(table: SrvTable, owner: str) -> tuple[int, set[tuple[Any, ...]], int]:
    records = table.answer(owner) + table.additional()
    return 0, {(each[0], each[1], _essence(each)) for each in records}, table.ttl


def _essence(record: tuple[str, int, int, Any]) -> Any:
    """The data of a record without priority and weight, which a table leaves out."""
    return record[3][2:] if record[1] == SRV else record[3]


def _labels(section: bytes) -> list[str]:
    labels = []
    offset = 0
    while section[offset]:
        end = offset + 1 + section[offset]
        labels.append(label_text(section[offset + 1 : end]))
        offset = end
    return labels
