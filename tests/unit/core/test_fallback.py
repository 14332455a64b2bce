"""Legal but unusual messages, read by dnspython."""

from __future__ import annotations

import pytest

from headless_discovery.core.addresses import AddressPolicy
from headless_discovery.core.fallback import read_unusual
from headless_discovery.core.gather import Gathering
from headless_discovery.core.wire import NS, PTR, SRV, A, WireError, read_message
from tests.unit.core.driving import (
    SERVICE,
    a,
    aaaa,
    cname,
    message,
    name_wire,
    opt,
    rr,
    soa,
    srv,
)

TXT = rr(SERVICE, 16, b"\2hi")
USUAL = {
    "answer": [
        a(SERVICE, "10.0.0.1", 7),
        aaaa(SERVICE, "fd00::1"),
        aaaa(SERVICE, "::ffff:10.0.0.1"),
        aaaa(SERVICE, "::10.0.0.1"),
        aaaa(SERVICE, "::1:2"),
        srv(SERVICE, f"MySQL-0.{SERVICE}"),
        rr(SERVICE, SRV, b"\0" * 6 + b"\4a\nb$" + name_wire(SERVICE)),
        cname(SERVICE, "b.example"),
        rr(SERVICE, PTR, name_wire("x.example")),
    ],
    "authority": [soa()],
    "additional": [a(f"mysql-0.{SERVICE}", "10.0.0.2", 0x80000000)],
}
SECTION = name_wire(SERVICE) + b"\0\1\0\1"


def test_the_same_records_as_our_reader() -> None:
    """What both can read, both read the same, down to the text of addresses and labels."""
    data = message(**USUAL)  # type: ignore[arg-type]
    assert read_unusual(data) == read_message(data, SECTION)


def test_unusual_records_beside_usual_ones() -> None:
    """Types nobody asks for are kept without their data; other classes are left out."""
    hesiod = rr(SERVICE, A, b"\n\0\0\7", rdclass=4)
    data = message(
        answer=[TXT, a(SERVICE, "10.0.0.1"), hesiod],
        authority=[rr("cluster.local", NS, name_wire("ns.example"))],
        additional=[opt(1, b"\xfd\xe9\0\0")],
    )
    found = read_unusual(data)
    assert found.answer == [(SERVICE, 16, 5, None), (SERVICE, A, 5, "10.0.0.1")]
    assert found.authority == [("cluster.local", NS, 5, None)]
    assert (found.additional, found.rcode) == ([], 16)
    assert read_unusual(message(answer=[TXT], flags=0x8600)).truncated


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 11,
        message(answer=[rr(SERVICE, 16, b"\x09hi")]),
        message(answer=[TXT]) + b"\0",
        message(answer=[rr(b"\xff\xff", 16, b"")]),
        message(additional=[opt(), opt()]),
        message(additional=[rr("x", 250, b"\0")]),
    ],
)
def test_what_dnspython_refuses(data: bytes) -> None:
    """Malformed is WireError; no exception of dnspython leaves."""
    with pytest.raises(WireError, match="dnspython"):
        read_unusual(data)


def test_addresses_that_dnspython_writes_with_dots() -> None:
    """``::a00:1`` beside an unusual record becomes an endpoint as it would without."""
    data = message(answer=[TXT, aaaa(SERVICE, "::10.0.0.1"), aaaa(SERVICE, "fd00::1")])
    found = Gathering(SERVICE, AddressPolicy(), family=None, port=None, statefulset=None)
    found.nameless(read_unusual(data).answer, SERVICE)
    assert {each.address for each in found.endpoints()[0]} == {"::a00:1", "fd00::1"}
