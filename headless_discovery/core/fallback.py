"""Fallback: a message that takes long to read, be it large or be it unusual.

In: the bytes of a reply. Out: its `Message`, by ``wire`` where that reads it, else by
dnspython. Loading dnspython takes some 70 ms, so this happens inside the function; the
asyncio shell calls it in a worker thread.
"""

from __future__ import annotations

from typing import Any

from .addresses import address_text
from .wire import (
    AAAA,
    CNAME,
    IN,
    PTR,
    SOA,
    SRV,
    A,
    Message,
    Record,
    Unusual,
    WireError,
    label_text,
    read_message,
)

__all__ = ["read_at_length", "read_unusual"]


def read_at_length(data: bytes, question: bytes, in_time: bool) -> Message:
    """Read a message, whatever it holds.

    Args:
        data: The whole message, which passed `wire.check_reply`.
        question: The question section that was sent.
        in_time: Whether there is time for dnspython, up to 0.3 s.

    Raises:
        WireError: It is malformed, or it is unusual and too late.
    """
    try:
        return read_message(data, question)
    except Unusual as unusual:
        if not in_time:
            raise WireError(f"unusual ({unusual}), and it came too late to be read") from None
    return read_unusual(data)


def read_unusual(data: bytes) -> Message:
    """Read a message with dnspython.

    Raises:
        WireError: dnspython refuses it.
    """
    import dns.exception  # noqa: PLC0415 - see the module's docstring
    import dns.message  # noqa: PLC0415

    try:
        message = dns.message.from_wire(data, one_rr_per_rrset=True)
        rcode = int(message.rcode())
    except (dns.exception.DNSException, AttributeError, ValueError) as error:
        raise WireError(f"dnspython: {type(error).__name__}") from None
    sections = (message.answer, message.authority, message.additional)
    return Message(
        rcode, bool(message.flags & 0x0200), *(_records(section) for section in sections)
    )


def _records(section: list[Any]) -> list[Record]:
    records: list[Record] = []
    for rrset in section:
        if rrset.rdclass != IN:  # another class says nothing about the Internet's names
            continue
        owner, rdtype = _text(rrset.name), int(rrset.rdtype)
        for data in rrset:
            value: Any = None
            if rdtype == A:
                value = data.address
            elif rdtype == AAAA:
                # dnspython writes ::10.0.0.1 where RFC 5952 and the rest of core write ::a00:1.
                value = address_text(data.to_digestable())
            elif rdtype == SRV:
                value = (data.priority, data.weight, data.port, _text(data.target))
            elif rdtype in (CNAME, PTR):
                value = _text(data.target)
            elif rdtype == SOA:
                value = (data.serial, data.minimum)
            records.append((owner, rdtype, rrset.ttl, value))
    return records


def _text(name: Any) -> str:
    return ".".join(label_text(label) for label in name.labels if label)
