"""The embedded DNS against answers recorded from CoreDNS 1.15.0 (``record_coredns.py``)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.query
import pytest

from headless_discovery.testing import ClusterDNS
from tests.unit.testing.content import fill
from tests.unit.testing.record_coredns import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = json.loads(Path(__file__).with_name("coredns-1.15.0.json").read_text())
# The serial of a SOA is in front of its four constant numbers.
SERIAL = re.compile(rb"(?s)....(?=\x00\x00\x1c\x20\x00\x00\x07\x08\x00\x01\x51\x80)")


@pytest.fixture(scope="module")
def server() -> Iterator[ClusterDNS]:
    """A server that holds what CoreDNS held."""
    with ClusterDNS() as dns:
        fill(dns)
        yield dns


def without_serial(wire: bytes) -> bytes:
    """The message with the serials of SOA records, which are times, set to 0."""
    return SERIAL.sub(b"\0\0\0\0", wire)


def test_every_recorded_answer_is_given_octet_for_octet(server: ClusterDNS) -> None:
    """Same question, same octets: records, order, codes, flags, compression, truncation."""
    different = []
    for name, rtype, payload, tcp, recorded in RECORDED:
        query = dns.message.make_query(name, rtype, id=1)
        if payload is not None:
            query.use_edns(0, payload=payload)
        ask = dns.query.tcp if tcp else dns.query.udp
        wire = ask(query, "127.0.0.1", port=server.port, timeout=5).wire
        assert wire is not None
        if isinstance(recorded, str):
            same = without_serial(wire) == without_serial(bytes.fromhex(recorded))
        else:
            same = summary(wire) == recorded
        if not same:
            different.append((name, rtype, payload, "tcp" if tcp else "udp"))
    assert different == []
    assert len(RECORDED) > 500


def test_the_record_covers_truncation_and_every_kind_of_outcome() -> None:
    """The file is worth comparing with: cut answers and all the codes are in it."""
    flags = {row[4][1] if isinstance(row[4], list) else int(row[4][4:8], 16) for row in RECORDED}
    assert {flag & 0xF for flag in flags} == {0, 2, 3, 5}
    assert any(flag & 0x0200 for flag in flags)
