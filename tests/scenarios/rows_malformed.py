"""Rows: replies with our ID and our question, and bytes behind it that are no DNS message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.scenarios.crafting import (
    FQDN,
    A,
    asked,
    encoded,
    listed,
    message,
    pod,
    saying,
    srv,
    wire,
)
from tests.scenarios.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = A.to_bytes(2) + b"\0\1\0\0\0\5\0\4\6\6\6\6"
GOOD = listed(("mysql-0", "10.244.9.1"))


def start(query: bytes) -> int:
    """Where the first record begins."""
    return 12 + len(asked(query)[2])


def pointer(offset: int) -> bytes:
    """A compression pointer."""
    return (0xC000 | offset).to_bytes(2)


def chained(query: bytes) -> bytes:
    """A thousand records, the owner of each a pointer to the owner before."""
    first = start(query)
    owners = [pointer(12), *(pointer(first + 16 * number) for number in range(999))]
    return message(query, [owner + ADDRESS for owner in owners])


def circle(query: bytes) -> bytes:
    """Two names, each a pointer to the other."""
    first = start(query)
    return message(query, [pointer(first + 16) + ADDRESS, pointer(first) + ADDRESS])


def announced(query: bytes) -> bytes:
    """A thousand records announced, one there."""
    data = message(query, GOOD)
    return data[:6] + (1000).to_bytes(2) + data[8:]


def with_length(length: int) -> bytes:
    """An SRV record whose RDLENGTH is not its length."""
    record = encoded(srv(pod("mysql-0")))
    at = len(wire(FQDN)) + 8
    return record[:at] + length.to_bytes(2) + record[at + 2 :]


LENGTH = len(srv(pod("mysql-0")).data)
SHAPES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "pointer-to-itself": (
        "a name that is a pointer to itself",
        lambda q: message(q, [pointer(start(q)) + ADDRESS]),
    ),
    "pointers-in-a-circle": ("two names that point at each other", circle),
    "pointer-forward": (
        "a name that points behind itself",
        lambda q: message(q, [pointer(start(q) + 16) + ADDRESS, wire(FQDN) + ADDRESS]),
    ),
    "pointer-out": (
        "a pointer behind the end of the message",
        lambda q: message(q, [pointer(0x3FFF) + ADDRESS]),
    ),
    "pointers-chained": ("a chain of 1,000 pointers", chained),
    "label-type": (
        "a label of more than 63 bytes",
        lambda q: message(q, [b"\x40" + b"a" * 64 + b"\0" + ADDRESS]),
    ),
    "name-too-long": (
        "a name of more than 255 bytes",
        lambda q: message(q, [wire([b"a" * 63] * 4 + [b"b"]) + ADDRESS]),
    ),
    "length-too-small": (
        "an SRV record whose length is too small",
        lambda q: message(q, [with_length(LENGTH - 1)]),
    ),
    "length-too-large": (
        "an SRV record whose length is too large",
        lambda q: message(q, [with_length(LENGTH + 1), *GOOD[1:]]),
    ),
    "length-beyond-the-end": (
        "a record longer than the message",
        lambda q: message(q, [with_length(60_000)]),
    ),
    "address-of-3-bytes": (
        "an A record of 3 bytes",
        lambda q: message(q, [wire(FQDN) + ADDRESS[:-5] + b"\3\6\6\6"]),
    ),
    "bytes-behind": ("bytes behind the last record", lambda q: message(q, GOOD, tail=b"junk")),
    "records-announced": ("1,000 records announced and two there", announced),
    "cut-short": ("an end in the middle of a record", lambda q: message(q, GOOD)[:-3]),
}

ROWS = [
    Row(
        id=f"malformed-{name}",
        does=f"sends our question and {what}",
        why="Malformed is refused as a whole, within milliseconds.",
        faults=lambda make=make: [saying(make)],  # type: ignore[misc]
        options={"max_sends": 1},
        timeout=0.15,
        outcome="bad response",
        words=("malformed: ",),
        at_most=0.1,
    )
    for name, (what, make) in SHAPES.items()
]
