"""The fault layer: each fault does on the wire what it says, when it says."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from headless_discovery.testing import (
    ClusterDNS,
    CutAfter,
    Delay,
    Drip,
    Drop,
    Duplicate,
    Fault,
    Garbage,
    HeaderOnly,
    LyingLength,
    Raw,
    Rcode,
    RefuseTcp,
    Truncate,
    WrongId,
    WrongQuestion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., dns.message.Message]

DB = "my-database.shop.svc.cluster.local"
QUERY = dns.message.make_query(DB, "SRV", id=77)


@pytest.fixture
def server() -> Iterator[ClusterDNS]:
    """A server with three pods."""
    with ClusterDNS() as dns_server:
        db = dns_server.service("my-database", namespace="shop", ports=[3306])
        dns_server.statefulset("mysql", service=db, replicas=3)
        yield dns_server


def datagrams(server: ClusterDNS, expected: int = 1) -> list[bytes]:
    """Everything that comes back for one query.

    What is expected has all the time a busy machine needs; what is not has a moment.
    """
    found: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", server.port))
        asker.send(QUERY.to_wire())
        try:
            while True:
                asker.settimeout(5 if len(found) < expected else 0.04)
                found.append(asker.recv(65535))
        except TimeoutError:
            return found


def stream(server: ClusterDNS, expected: int | None = None) -> tuple[bytes, bool]:
    """Everything that comes back over TCP, and whether the connection was closed.

    That many octets (None: a whole frame) have all the time a busy machine needs, or the
    end of the connection has; what is behind them has a moment.
    """
    wire = QUERY.to_wire()
    found = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(len(wire).to_bytes(2) + wire)
        try:
            while True:
                wanted = 2 + int.from_bytes(found[:2]) if expected is None else expected
                connection.settimeout(5 if len(found) < wanted else 0.04)
                data = connection.recv(65535)
                if not data:
                    break
                found += data
        except TimeoutError:
            return found, False
    return found, True


def test_dropped_packets_are_lost_as_often_as_said(server: ClusterDNS) -> None:
    """``times`` counts queries; after that the server is good again."""
    drop = Drop(times=2)
    with server.fault(drop):
        assert [len(datagrams(server, count)) for count in (0, 0, 1, 1)] == [0, 0, 1, 1]
    assert drop.struck == 2


def test_a_fault_ends_with_its_block(server: ClusterDNS) -> None:
    """Also when the block is left by an error."""
    with pytest.raises(KeyError), server.fault(Drop()):
        raise KeyError
    assert len(server.faults) == 0
    assert len(datagrams(server)) == 1


def test_a_fault_strikes_the_share_it_was_given() -> None:
    """Out of 400 queries a share of a quarter, the same ones with the same seed."""

    def run() -> list[bool]:
        with ClusterDNS(seed=3) as server:
            server.faults.add(Rcode("REFUSED", share=0.25))
            return [dns.message.from_wire(datagram).rcode() == 5 for datagram in many(server, 400)]

    first = run()
    assert 60 < sum(first) < 140
    assert run() == first


def many(server: ClusterDNS, count: int) -> list[bytes]:
    """The first datagram that comes back for each of several queries."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", server.port))
        asker.settimeout(2)
        found = []
        for _ in range(count):
            asker.send(QUERY.to_wire())
            found.append(asker.recv(65535))
        return found


def test_a_fault_strikes_the_questions_it_was_given(server: ClusterDNS, ask: Ask) -> None:
    """By transport, by type, by a predicate on what is logged."""

    def code(rtype: str, *, tcp: bool = False) -> int:
        return ask(server, DB, rtype, tcp=tcp).rcode()

    with server.fault(Rcode("SERVFAIL", types=("SRV",), transport="tcp")):
        assert [code("SRV"), code("A", tcp=True), code("SRV", tcp=True)] == [0, 0, 2]
    with server.fault(Rcode(9, match=lambda query: query.type == "A")):
        assert [code("SRV"), code("A")] == [0, 9]


def test_a_delayed_answer_does_not_hold_up_others(server: ClusterDNS, ask: Ask) -> None:
    """The one leaves late, the next one at once."""
    with (
        server.fault(Delay(0.04, types=("SRV",))),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker,
    ):
        asker.connect(("127.0.0.1", server.port))
        asker.settimeout(2)
        start = time.monotonic()
        asker.send(QUERY.to_wire())
        ask(server, DB, "A")
        between = time.monotonic() - start
        asker.recv(65535)
        assert time.monotonic() - start >= 0.04 > between


def test_answers_can_be_doubled_and_forged(server: ClusterDNS) -> None:
    """Two of one, another ID, another question: the rest of the message stays."""
    (good,) = datagrams(server)
    with server.fault(Duplicate()):
        assert datagrams(server, 2) == [good, good]
    with server.fault(WrongId()):
        (wrong,) = datagrams(server)
        assert wrong[:2] != good[:2]
        assert wrong[2:] == good[2:]
    with server.fault(WrongQuestion()):
        (wrong,) = datagrams(server)
        assert not QUERY.is_response(dns.message.from_wire(wrong))
        assert wrong[:12] == good[:12]


def test_a_forged_answer_can_come_in_front_of_the_good_one(server: ClusterDNS) -> None:
    """``keep=True`` sends both."""
    (good,) = datagrams(server)
    with server.fault(HeaderOnly("SERVFAIL", keep=True)):
        bad, second = datagrams(server, 2)
    assert len(bad) == 12
    assert bad[3] & 0xF == 2
    assert second == good


def test_truncation_can_be_claimed(server: ClusterDNS, ask: Ask) -> None:
    """TC on a whole answer or on an empty one, over UDP only if so wanted."""
    with server.fault(Truncate(transport="udp")):
        cut = ask(server, DB, "SRV")
        assert cut.flags & dns.flags.TC
        assert len(cut.answer[0]) == 3
        assert not ask(server, DB, "SRV", tcp=True).flags & dns.flags.TC
    with server.fault(Truncate(empty=True)):
        assert not ask(server, DB, "SRV").answer


def test_garbage_is_no_message(server: ClusterDNS) -> None:
    """As many random octets as asked for."""
    with server.fault(Garbage(9)):
        (noise,) = datagrams(server)
        assert len(noise) == 9


def test_faults_work_one_after_the_other(server: ClusterDNS) -> None:
    """A wrong ID, doubled: both copies are wrong."""
    with server.fault(WrongId(), Duplicate(3)):
        found = datagrams(server, 3)
    assert len(found) == 3
    assert all(each[:2] != QUERY.to_wire()[:2] for each in found)


def test_raw_octets_come_from_a_function(server: ClusterDNS) -> None:
    """It sees the query, the good answer and the transport; a list of messages goes out."""
    calls = []

    def make(query: bytes, answer: bytes, transport: str) -> list[bytes]:
        calls.append((query, transport))
        return [b"one", answer]

    with server.fault(Raw(make)):
        found = datagrams(server, 2)
        assert found[0] == b"one"
        assert QUERY.is_response(dns.message.from_wire(found[1]))
        assert stream(server)[0].startswith(b"\0\x03one")
    assert calls == [(QUERY.to_wire(), "udp"), (QUERY.to_wire(), "tcp")]
    with server.fault(Raw(lambda *_: [b"xy"], framed=False)):
        assert stream(server, 2) == (b"xy", False)


def test_a_function_that_fails_costs_the_answer_only(
    server: ClusterDNS, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why; the server lives."""

    def make(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    with server.fault(Raw(make)):
        assert datagrams(server, 0) == []
    assert "ZeroDivisionError" in caplog.text
    assert len(datagrams(server)) == 1


def test_tcp_can_be_refused_while_udp_answers(server: ClusterDNS) -> None:
    """Open connections are closed, new ones refused, until the fault is gone."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection,
        server.fault(RefuseTcp()),
    ):
        assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            stream(server)
        assert len(datagrams(server)) == 1
    assert len(stream(server)[0]) > 100


def test_tcp_can_be_silent(server: ClusterDNS) -> None:
    """Accepted, and then nothing."""
    with server.fault(Drop(transport="tcp")):
        assert stream(server, 0) == (b"", False)


def test_tcp_can_end_in_the_middle(server: ClusterDNS) -> None:
    """After exactly as many octets as said, none included."""
    whole, _ = stream(server)
    for octets in (0, 1, 2, 3, 50):
        with server.fault(CutAfter(octets)):
            assert stream(server, octets + 1) == (whole[:octets], True)


def test_tcp_can_drip(server: ClusterDNS) -> None:
    """In pieces, complete in the end, and slower than at once."""
    whole, _ = stream(server)
    with server.fault(Drip(0.002, size=30)):
        start = time.monotonic()
        assert stream(server)[0] == whole
        assert time.monotonic() - start >= 0.002 * (len(whole) // 30)


@pytest.mark.parametrize(("seconds", "size"), [(0.001, 50), (0.00001, 1)])
def test_dripped_answers_do_not_mix(server: ClusterDNS, seconds: float, size: int) -> None:
    """Two questions on one connection: the second answer begins when the first is out.

    Also where pieces fall due while others are still being made ready.
    """
    wire = QUERY.to_wire()
    with (
        server.fault(Drip(seconds, size=size)),
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection,
    ):
        connection.sendall((len(wire).to_bytes(2) + wire) * 2)
        for _ in range(2):
            answer, _when = dns.query.receive_tcp(connection, time.time() + 5)
            assert QUERY.is_response(answer)
            assert len(answer.answer[0]) == 3


def test_tcp_can_lie_about_the_length(server: ClusterDNS) -> None:
    """The prefix is what was said, the message behind it whole."""
    whole, _ = stream(server)
    for length in (0, 1, 65535):
        with server.fault(LyingLength(length)):
            assert stream(server, len(whole))[0] == length.to_bytes(2) + whole[2:]


def test_impossible_faults_are_refused() -> None:
    """Each names the value it does not take."""
    with pytest.raises(ValueError, match="share"):
        Fault(share=2)
    with pytest.raises(ValueError, match="times"):
        Fault(times=-1)
    with pytest.raises(ValueError, match="transport"):
        Fault(transport="icmp")
    with pytest.raises(KeyError):
        Rcode("NOSUCH")
