"""The numbers and names of DNS messages (RFC 1035, 3596, 2782, 6891).

In: names in text or in wire form. Out: the other form. Knows nothing of messages.
"""

from __future__ import annotations

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41
IXFR, AXFR, ANY = 251, 252, 255

_TYPES = {
    A: "A",
    NS: "NS",
    CNAME: "CNAME",
    SOA: "SOA",
    PTR: "PTR",
    MX: "MX",
    TXT: "TXT",
    AAAA: "AAAA",
    SRV: "SRV",
    43: "DS",
    64: "SVCB",
    65: "HTTPS",
    IXFR: "IXFR",
    AXFR: "AXFR",
    ANY: "ANY",
}

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16

CLASS_IN = 1
OPCODE_QUERY, OPCODE_NOTIFY = 0, 4


def name_wire(text: str) -> bytes:
    """The uncompressed wire form of a name; the last dot is optional, ``""`` is the root.

    Raises:
        ValueError: A label is empty or longer than 63 octets, or is not ASCII.
    """
    stripped = text.removesuffix(".")
    wire = bytearray()
    for label in stripped.split(".") if stripped else ():
        raw = label.encode("ascii")
        if not 0 < len(raw) < 64:
            raise ValueError(f"{text!r} holds a label of {len(raw)} octets, 1 to 63 are allowed")
        wire.append(len(raw))
        wire += raw
    wire.append(0)
    return bytes(wire)


def labels_of(wire: bytes) -> tuple[bytes, ...]:
    """The labels of an uncompressed name, the root left out."""
    labels = []
    at = 0
    while length := wire[at]:
        labels.append(wire[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(labels)


def name_text(wire: bytes) -> str:
    r"""A name in text with the last dot; odd octets as ``\DDD`` (RFC 1035, 5.1)."""
    if wire == b"\0":
        return "."
    return "".join(_label_text(label) + "." for label in labels_of(wire))


def type_text(rtype: int) -> str:
    """The name of a type, ``TYPE65280`` for an unknown one (RFC 3597)."""
    return _TYPES.get(rtype, f"TYPE{rtype}")


def _label_text(label: bytes) -> str:
    if label.replace(b"-", b"").replace(b"_", b"").isalnum():
        return label.decode("ascii")
    return "".join(
        f"\\{octet:03d}"
        if not 33 <= octet <= 126
        else ("\\" * (octet in b'."();@$\\')) + chr(octet)
        for octet in label
    )
