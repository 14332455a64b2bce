"""One question: which server, when, by which transport, and which packets count."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.exchange import exchange
from headless_discovery.core.memory import ServerMemory
from headless_discovery.core.objections import rcode_name
from headless_discovery.core.questions import (
    BAD_RESPONSE,
    FAILED,
    NETWORK,
    NODATA,
    NXDOMAIN,
    RECORDS,
    REFUSED,
    SERVFAIL,
    TIMEOUT,
    TRUNCATED,
    Ask,
    Broken,
    Decode,
    Pause,
    Question,
)
from headless_discovery.core.wire import NS, SRV, A
from tests.unit.core import driving
from tests.unit.core.driving import (
    GOOD,
    IDENT,
    ONE,
    QUESTION,
    SERVICE,
    THREE,
    TWO,
    a,
    after,
    ask,
    cname,
    frame,
    header_only,
    message,
    name_wire,
    opt,
    rr,
    silent,
    soa,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.core.questions import Exchange, Reply, Server
    from tests.unit.core.driving import Arrivals, Sent

CUT = message(answer=[a(SERVICE, "10.6.6.6")], flags=0x8600)
SERVFAIL_REPLY = message(rcode=driving.SERVFAIL)
REFUSED_REPLY = message(rcode=driving.REFUSED)
TXT = rr(SERVICE, 16, b"\x02hi")


def addresses(reply: Reply) -> list[str]:
    """The addresses of the answer."""
    return [record[3] for record in reply.answer]


class TestServers:
    """Rounds over the servers, pauses and attempts."""

    def test_one_healthy_server_is_one_datagram(self) -> None:
        """A good answer ends the exchange; the reply says when, where and what."""
        played = ask(after(0.002, GOOD))
        assert played.reply.status == RECORDS
        assert addresses(played.reply) == ["10.0.0.1"]
        assert (played.reply.server, played.reply.at, played.reply.ttl) == (ONE, 0.002, 5)
        assert [(each.at, each.tcp) for each in played.sent] == [(0.0, False)]
        (attempt,) = played.reply.attempts
        assert (str(attempt.question), str(attempt.server)) == (str(QUESTION), str(ONE))
        assert (attempt.size, attempt.seconds, attempt.outcome) == (len(GOOD), 0.002, "NOERROR")
        assert attempt.ignored == ()

    def test_silence_goes_round_with_one_then_two_seconds(self) -> None:
        """Each server gets 1 s in the first round and 2 s from the second, until the deadline."""
        played = ask(silent, servers=(ONE, TWO), deadline=8)
        assert [(each.at, each.server) for each in played.sent] == [
            (0, ONE),
            (1, TWO),
            (2, ONE),
            (4, TWO),
            (6, ONE),
        ]
        assert played.reply.status == FAILED
        assert played.reply.problem is not None
        assert played.reply.problem.kind == TIMEOUT
        assert played.at == 8

    def test_the_deadline_cuts_the_last_attempt(self) -> None:
        """No attempt outlives the look's deadline."""
        played = ask(silent, deadline=5)
        assert [each.until for each in played.sent] == [1, 3, 5]
        assert played.at == 5

    def test_six_sends_at_most(self) -> None:
        """A question is sent 6 times at most, however much time is left."""
        played = ask(silent, servers=(ONE, TWO, THREE), deadline=100)
        assert len(played.sent) == 6
        assert [each.server for each in played.sent] == [ONE, TWO, THREE] * 2
        assert len(played.reply.attempts) == 6

    def test_a_second_packet_costs_one_second_not_five(self) -> None:
        """The conntrack race that eats the first datagram costs 1 s."""
        played = ask(lambda _sent, count: [(0.001, GOOD)] if count else [])
        assert played.reply.status == RECORDS
        assert played.at == pytest.approx(1.001)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (SERVFAIL_REPLY, SERVFAIL),
            (REFUSED_REPLY, REFUSED),
            (message(rcode=9), BAD_RESPONSE),
            (Broken("Connection refused"), NETWORK),
            (message(answer=[b"\0"]), BAD_RESPONSE),
        ],
        ids=["servfail", "refused", "notauth", "network", "malformed"],
    )
    def test_another_server_is_asked_at_once(self, error: bytes | Broken, kind: str) -> None:
        """After an error the next server is asked in the same instant."""
        played = ask(
            lambda sent, _: [(0.001, error if sent.server == ONE else GOOD)], servers=(ONE, TWO)
        )
        assert [each.at for each in played.sent] == [0, pytest.approx(0.001)]
        assert played.reply.server == TWO
        assert not played.pauses
        alone = ask(after(0.001, error))
        assert alone.reply.problem is not None
        assert alone.reply.problem.kind == kind

    def test_the_same_server_is_left_alone_for_250_ms(self) -> None:
        """A server that answered with an error is asked again no sooner than 250 ms later."""
        played = ask(after(0.01, SERVFAIL_REPLY))
        gaps = [
            later.at - each.at for each, later in zip(played.sent, played.sent[1:], strict=False)
        ]
        assert len(played.sent) == 6
        assert gaps == [pytest.approx(0.26)] * 5

    def test_two_failing_servers_wait_for_the_first_to_become_ready(self) -> None:
        """With all in their pause, the one that is ready first is asked, 250 ms after its error."""
        played = ask(after(0.01, SERVFAIL_REPLY), servers=(ONE, TWO))
        assert [(round(each.at, 3), each.server) for each in played.sent[:4]] == [
            (0.0, ONE),
            (0.01, TWO),
            (0.26, ONE),
            (0.27, TWO),
        ]

    def test_a_blip_is_bridged(self) -> None:
        """One SERVFAIL of an only server is no failure: the second try answers."""
        played = ask(lambda _, count: [(0.001, GOOD if count else SERVFAIL_REPLY)])
        assert played.reply.status == RECORDS
        assert [each.outcome for each in played.reply.attempts] == [
            "the server answered SERVFAIL",
            "NOERROR",
        ]

    def test_no_pause_past_the_deadline(self) -> None:
        """A pause that would end after the deadline is not begun."""
        played = ask(after(0.01, SERVFAIL_REPLY), deadline=0.2)
        assert len(played.sent) == 1
        assert played.at == pytest.approx(0.01)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == SERVFAIL

    def test_an_error_tells_more_than_the_timeout_after_it(self) -> None:
        """The failure names the last answer that said something, not a later silence."""
        played = ask(
            lambda sent, _: [(0.01, REFUSED_REPLY)] if sent.server == ONE else [],
            servers=(ONE, TWO),
            max_sends=2,
        )
        assert played.reply.problem is not None
        assert played.reply.problem == (REFUSED, "the server answered REFUSED", 5)

    def test_a_failed_server_is_last_for_five_seconds(self) -> None:
        """Whoever failed is asked after the others for 5 s, then first again."""
        memory = ServerMemory()
        servers = (ONE, TWO)

        def first_is_dead(sent: Sent, _count: int) -> Arrivals:
            return [] if sent.server == ONE else [(0.001, GOOD)]

        played = ask(first_is_dead, servers=servers, memory=memory)
        assert [each.server for each in played.sent] == [ONE, TWO]  # failed at 1.0
        played = ask(first_is_dead, servers=servers, memory=memory, start=5.9)
        assert [each.server for each in played.sent] == [TWO]
        played = ask(after(0.001, GOOD), servers=servers, memory=memory, start=6.1)
        assert [each.server for each in played.sent] == [ONE]
        assert memory.failed_until == {}

    def test_failed_servers_keep_their_order(self) -> None:
        """Putting failed servers last changes nothing else about the order."""
        memory = ServerMemory()
        memory.failed_until[ONE] = 10.0
        assert memory.order((ONE, TWO, THREE), 5.0) == (TWO, THREE, ONE)
        assert memory.order((ONE, TWO, THREE), 10.0) == (ONE, TWO, THREE)

    def test_no_time_left_sends_nothing(self) -> None:
        """A deadline that has passed already is a timeout without a packet."""
        played = ask(silent, deadline=0.0)
        assert played.sent == []
        assert played.reply.problem == (TIMEOUT, "no time left", None)

    def test_each_message_has_its_own_id(self) -> None:
        """A retry draws a new ID: a late answer to the first is none to the second."""
        drawn: list[bytes] = []

        def draw() -> bytes:
            drawn.append(bytes((0, len(drawn))))
            return drawn[-1]

        steps = exchange(QUESTION, (ONE,), ServerMemory(), start=0, deadline=5, random_id=draw)
        late = message(answer=[a(SERVICE, "10.0.0.1")], ident=b"\0\0")
        played = driving.play(steps, lambda _, count: [(0.1, late)] if count else [])
        assert [each.payload[:2] for each in played.sent] == drawn
        assert played.reply.status == FAILED


class TestWhatCounts:
    """Which packets are an answer; all others are ignored and counted."""

    @pytest.mark.parametrize("rcode", range(6))
    @pytest.mark.parametrize(
        ("shape", "reason"),
        [
            ({"ident": b"\x12\x35"}, "wrong ID"),
            ({"flags": 0x0400}, "not a response to a query"),
            ({"flags": 0x9400}, "not a response to a query"),
            ({"questions": 0, "asked": b""}, "wrong number of questions"),
            ({"questions": 2}, "wrong number of questions"),
            ({"questions": 257}, "wrong number of questions"),
            ({"asked": name_wire("db.shop.svc.cluster.loca1") + b"\0\1\0\1"}, "wrong question"),
            ({"asked": name_wire(SERVICE) + b"\0\x1c\0\1"}, "wrong question"),
            ({"asked": name_wire(SERVICE) + b"\0\1\0\3"}, "wrong question"),
        ],
        ids=["id", "qr", "opcode", "none", "two", "many", "name", "type", "class"],
    )
    def test_what_is_not_our_answer_is_ignored(
        self, shape: dict[str, object], reason: str, rcode: int
    ) -> None:
        """Wrong ID, QR, opcode or question never counts, whatever the rcode; we listen on."""
        forged = message(answer=[a(SERVICE, "10.6.6.6")], rcode=rcode, **shape)  # type: ignore[arg-type]
        played = ask(after(0.001, forged, forged, GOOD))
        assert addresses(played.reply) == ["10.0.0.1"]
        assert played.reply.attempts[0].ignored == ((reason, 2),)
        assert len(played.sent) == 1

    @pytest.mark.parametrize("junk", [b"", b"\x12", IDENT, GOOD[:11], b"\xff" * 512])
    def test_junk_is_ignored(self, junk: bytes) -> None:
        """A thousand packets of junk before the answer cost nothing but their counting."""
        played = ask(after(0.001, *[junk] * 1000, GOOD))
        assert addresses(played.reply) == ["10.0.0.1"]
        assert sum(count for _, count in played.reply.attempts[0].ignored) == 1000

    def test_all_wrong_ids_are_refused(self) -> None:
        """None of the 65,535 other IDs is accepted."""
        good = GOOD[2:]
        forged = [
            number.to_bytes(2, "big") + good
            for number in range(65536)
            if number.to_bytes(2, "big") != IDENT
        ]
        played = ask(after(0.001, *forged), max_sends=1)
        assert played.reply.status == FAILED
        assert played.reply.attempts[0].ignored == (("wrong ID", 65535),)

    def test_junk_does_not_prolong_an_attempt(self) -> None:
        """Ignored packets do not move the end of the attempt."""
        flood = [(step / 100, b"junk") for step in range(1000)]
        played = ask(lambda _sent, _count: list(flood), deadline=3)
        assert [each.at for each in played.sent] == [0, 1]
        assert played.at == 3

    def test_a_packet_at_the_last_moment_ends_the_attempt(self) -> None:
        """A shell that was late: junk that is read after the end is not listened past."""
        steps = exchange(
            QUESTION,
            (ONE,),
            ServerMemory(),
            start=0,
            deadline=1.0,
            random_id=lambda: IDENT,
        )
        next(steps)
        with pytest.raises(StopIteration) as stop:
            steps.send((b"junk", 1.3))
        assert stop.value.value.problem.kind == TIMEOUT

    def test_letter_case_of_the_question_does_not_matter(self) -> None:
        """A server that echoes the question in other letter case is heard."""
        asked = name_wire(SERVICE.upper()) + b"\0\1\0\1"
        played = ask(after(0.001, message(answer=[a(SERVICE.title(), "10.0.0.1")], asked=asked)))
        assert addresses(played.reply) == ["10.0.0.1"]
        assert played.reply.attempts[0].ignored == ()

    def test_nxdomain_that_carries_answers_is_a_bad_response(self) -> None:
        """NXDOMAIN with answers contradicts itself: a failed attempt, not an absence."""
        played = ask(after(0.001, message(answer=[a(SERVICE, "10.0.0.1")], rcode=3)))
        assert played.reply.status == FAILED
        assert played.reply.problem == (BAD_RESPONSE, "NXDOMAIN that carries answers", 3)

    def test_an_answer_about_another_name_is_a_bad_response(self) -> None:
        """Answers that do not hold the name asked for say nothing about it."""
        played = ask(after(0.001, message(answer=[a("evil.example", "10.6.6.6")])))
        assert played.reply.status == FAILED
        assert played.reply.problem is not None
        assert played.reply.problem.kind == BAD_RESPONSE
        wrong_type = message(answer=[driving.aaaa(SERVICE, "fd00::1")])
        assert ask(after(0.001, wrong_type)).reply.status == FAILED

    def test_a_referral_is_a_bad_response(self) -> None:
        """NS records instead of an answer are no NODATA: the server does not know."""
        referral = message(authority=[rr("cluster.local", NS, name_wire("ns.example"))])
        played = ask(after(0.001, referral))
        assert played.reply.status == FAILED
        assert played.reply.problem is not None
        assert "referral" in played.reply.problem.detail
        with_soa = message(authority=[rr("cluster.local", NS, name_wire("ns.example")), soa()])
        assert ask(after(0.001, with_soa)).reply.status == NODATA

    def test_a_cname_alone_counts(self) -> None:
        """A CNAME at the name asked is an answer; what it means the plan decides."""
        played = ask(after(0.001, message(answer=[cname(SERVICE, "x.shop.svc.cluster.local")])))
        assert played.reply.status == RECORDS


class TestNegative:
    """NODATA and NXDOMAIN, and how long they live."""

    def test_nodata(self) -> None:
        """NOERROR without records: the name exists. It lives for the SOA's smaller figure."""
        played = ask(after(0.001, message(authority=[soa(ttl=30, minimum=7)])))
        assert (played.reply.status, played.reply.ttl) == (NODATA, 7)
        played = ask(after(0.001, message(authority=[soa(ttl=4, minimum=7)])))
        assert played.reply.ttl == 4

    def test_nxdomain(self) -> None:
        """NXDOMAIN is an answer like another one, at once final."""
        played = ask(after(0.001, message(rcode=3, authority=[soa()])), servers=(ONE, TWO))
        assert (played.reply.status, played.reply.ttl) == (NXDOMAIN, 5)
        assert len(played.sent) == 1
        assert played.reply.attempts[0].outcome == "NXDOMAIN"

    def test_without_soa_no_ttl_is_known(self) -> None:
        """A negative answer without an SOA says nothing about its life."""
        assert ask(after(0.001, message())).reply.ttl is None

    def test_the_smallest_ttl_counts(self) -> None:
        """Of answer and additional records the smallest TTL is the reply's."""
        answer = [a(SERVICE, "10.0.0.1", ttl=30), a(SERVICE, "10.0.0.2", ttl=9)]
        extra = [a("x." + SERVICE, "10.0.0.3", ttl=3)]
        assert ask(after(0.001, message(answer=answer))).reply.ttl == 9
        assert ask(after(0.001, message(answer=answer, additional=extra))).reply.ttl == 3


class TestHeaderOnly:
    """An error without the question is easily forged: 100 ms for the good answer."""

    def test_the_good_answer_behind_it_wins(self) -> None:
        """Within 100 ms the answer that repeats our question beats the bare error."""
        for rcode in (1, 2, 4, 5):
            bare: Arrivals = [(0.001, header_only(rcode))]
            played = ask(lambda _sent, _count: [*bare, (0.1, GOOD)])  # noqa: B023 - used at once
            assert addresses(played.reply) == ["10.0.0.1"]
            assert len(played.sent) == 1
            assert played.reply.attempts[0].ignored == (("an error without the question", 1),)

    def test_alone_it_ends_the_attempt_after_100_ms(self) -> None:
        """Nothing better within 100 ms: the attempt failed with that error."""
        played = ask(
            lambda sent, _: [(0.01, header_only(2))] if sent.server == ONE else [(0.001, GOOD)],
            servers=(ONE, TWO),
        )
        assert [round(each.at, 3) for each in played.sent] == [0.0, 0.11]
        assert played.reply.attempts[0].outcome == "the server answered SERVFAIL"
        assert played.reply.server == TWO

    def test_a_second_one_does_not_prolong_the_wait(self) -> None:
        """Repeating the bare error does not move the 100 ms."""
        stream = [(0.01 * step, header_only(5)) for step in range(1, 100)]
        played = ask(lambda _sent, _count: list(stream), max_sends=1)
        assert played.at == pytest.approx(0.11, abs=0.011)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == REFUSED

    def test_the_first_one_is_told(self) -> None:
        """Of several bare errors the first one is the attempt's."""
        played = ask(after(0.01, header_only(2), header_only(5)), max_sends=1)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == SERVFAIL

    def test_never_past_the_attempt(self) -> None:
        """Near the end of an attempt the wait is shorter than 100 ms."""
        played = ask(after(0.95, header_only(2)), max_sends=1)
        assert played.at == 1.0

    @pytest.mark.parametrize(
        "data", [header_only(0), header_only(2) + b"\0", header_only(2, b"\0\0")]
    )
    def test_what_is_no_bare_error(self, data: bytes) -> None:
        """Without a rcode, with further bytes or with a wrong ID it is not even that."""
        played = ask(after(0.001, data), max_sends=1)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == TIMEOUT

    def test_over_tcp_it_counts_at_once(self) -> None:
        """On a connection nobody forges: the bare error ends the attempt."""
        played = ask(after(0.001, frame(header_only(5))), tcp=True, max_sends=1)
        assert played.at == 0.001
        assert played.reply.problem is not None
        assert played.reply.problem.kind == REFUSED


class TestEdns:
    """EDNS is announced until a server dislikes it."""

    def test_1232_is_announced(self) -> None:
        """The query announces 1232 bytes by default, and nothing where it is off."""
        assert ask(after(0.001, GOOD)).sent[0].edns == 1232
        assert ask(after(0.001, GOOD), edns=0).sent[0].edns == 0
        assert ask(after(0.001, GOOD), edns=4096).sent[0].edns == 4096

    @pytest.mark.parametrize(
        "dislike",
        [
            message(rcode=1),
            message(rcode=4),
            header_only(1),
            header_only(4),
            message(additional=[opt(1)]),
        ],
        ids=["formerr", "notimp", "bare formerr", "bare notimp", "badvers"],
    )
    def test_the_next_attempt_goes_without_and_so_do_later_questions(self, dislike: bytes) -> None:
        """FORMERR, NOTIMP or BADVERS: that server is asked without EDNS from then on."""
        memory = ServerMemory()
        played = ask(
            lambda sent, _: [(0.001, dislike if sent.edns else GOOD)],
            memory=memory,
        )
        assert [each.edns for each in played.sent] == [1232, 0]
        assert played.reply.status == RECORDS
        again = ask(after(0.001, GOOD), memory=memory, start=10)
        assert [each.edns for each in again.sent] == [0]

    def test_it_is_remembered_per_server(self) -> None:
        """Another server is still asked with EDNS."""
        played = ask(
            lambda sent, _: [(0.001, message(rcode=1))] if sent.server == ONE else [],
            servers=(ONE, TWO),
            max_sends=3,
        )
        assert [(each.server, each.edns) for each in played.sent] == [
            (ONE, 1232),
            (TWO, 1232),
            (ONE, 0),
        ]

    def test_a_server_that_dislikes_everything_fails(self) -> None:
        """FORMERR without EDNS too is a bad response in the end, not a loop."""
        memory = ServerMemory()
        played = ask(after(0.001, message(rcode=1)), edns=0, memory=memory)
        assert len(played.sent) == 6
        assert played.reply.problem == (BAD_RESPONSE, "the server answered FORMERR", 1)
        assert memory.without_edns == set()

    def test_other_errors_keep_edns(self) -> None:
        """SERVFAIL says nothing about EDNS."""
        played = ask(after(0.001, SERVFAIL_REPLY))
        assert {each.edns for each in played.sent} == {1232}

    def test_rcodes_by_name(self) -> None:
        """Codes read as their names, unknown ones by number."""
        assert [rcode_name(code) for code in (0, 3, 16, 11)] == [
            "NOERROR",
            "NXDOMAIN",
            "BADVERS",
            "RCODE11",
        ]


def by_transport(udp: bytes | None, tcp: bytes | Broken | None) -> Callable[[Sent, int], Arrivals]:
    """A handler that answers UDP and TCP differently; None is silence."""

    def handler(sent: Sent, _count: int) -> Arrivals:
        if sent.tcp:
            if tcp is None:
                return []
            return [(0.001, tcp if isinstance(tcp, Broken) else frame(tcp))]
        return [] if udp is None else [(0.001, udp)]

    return handler


class TestTruncation:
    """TC: what was cut is never used."""

    def test_tc_goes_to_tcp_of_the_same_server_at_once(self) -> None:
        """A cut datagram is not read; the same server is asked by TCP in the same instant."""
        played = ask(by_transport(CUT, GOOD), servers=(ONE, TWO))
        assert [(each.server, each.tcp, each.at) for each in played.sent] == [
            (ONE, False, 0),
            (ONE, True, pytest.approx(0.001)),
        ]
        assert addresses(played.reply) == ["10.0.0.1"]
        assert not played.reply.truncated
        assert [each.outcome for each in played.reply.attempts] == ["truncated", "NOERROR"]

    def test_a_cut_message_may_end_anywhere(self) -> None:
        """Servers that cut in the middle of a record are still followed to TCP."""
        played = ask(by_transport(CUT[:-2], GOOD))
        assert addresses(played.reply) == ["10.0.0.1"]

    def test_a_cut_nxdomain_goes_to_tcp_too(self) -> None:
        """TC counts whatever the rcode."""
        cut = message(rcode=3, flags=0x8600)
        played = ask(by_transport(cut, message(rcode=3, authority=[soa()])))
        assert (played.reply.status, len(played.sent)) == (NXDOMAIN, 2)

    def test_an_error_with_tc_is_an_error(self) -> None:
        """SERVFAIL with TC set is SERVFAIL."""
        played = ask(after(0.001, message(rcode=2, flags=0x8600)), max_sends=1)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == SERVFAIL

    def test_it_is_remembered(self) -> None:
        """The next time this question goes by TCP at once; others do not."""
        memory = ServerMemory()
        big = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(100)])
        ask(by_transport(CUT, big), memory=memory)
        again = ask(by_transport(CUT, big), memory=memory, start=5)
        assert [each.tcp for each in again.sent] == [True]
        other = ask(
            after(0.001, message(Question(SERVICE, SRV), authority=[soa()])),
            question=Question(SERVICE, SRV),
            memory=memory,
        )
        assert [each.tcp for each in other.sent] == [False]

    @pytest.mark.parametrize(("edns", "limit"), [(1232, 1232), (0, 512), (4096, 4096)])
    def test_it_is_forgotten_when_the_answer_fits_again(self, edns: int, limit: int) -> None:
        """An answer by TCP that fits a datagram ends it; a larger one does not."""
        memory = ServerMemory()
        count = limit // 41
        small = message(answer=[a(SERVICE, f"10.0.0.{n}") for n in range(count - 2)])
        big = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(count + 2)])
        assert len(small) <= limit < len(big)
        ask(by_transport(CUT, big), memory=memory, edns=edns)
        assert QUESTION in memory.needs_tcp
        ask(by_transport(CUT, small), memory=memory, edns=edns)
        assert QUESTION not in memory.needs_tcp

    def test_a_server_without_edns_fits_512_bytes_only(self) -> None:
        """800 bytes by TCP from a server asked without EDNS do not fit its datagrams."""
        memory = ServerMemory()
        memory.without_edns.add(ONE)
        middle = message(answer=[a(SERVICE, f"10.0.0.{n}") for n in range(19)])
        assert 512 < len(middle) < 1232
        ask(by_transport(CUT, middle), memory=memory)
        again = ask(by_transport(CUT, middle), memory=memory)
        assert [each.tcp for each in again.sent] == [True]

    @pytest.mark.parametrize("tcp", [Broken("Connection refused"), None, SERVFAIL_REPLY])
    def test_tcp_failing_is_truncated_and_the_cut_answer_is_never_used(
        self, tcp: bytes | Broken | None
    ) -> None:
        """Cut, and no TCP anywhere: Failure(truncated) with no record of the cut answer."""
        played = ask(by_transport(CUT, tcp), servers=(ONE, TWO))
        assert played.reply.status == FAILED
        assert played.reply.answer == []
        assert played.reply.problem is not None
        assert played.reply.problem.kind == TRUNCATED
        assert {each.server for each in played.sent if each.tcp} == {ONE, TWO}

    def test_the_cut_with_no_time_left(self) -> None:
        """A cut answer as the last send is truncated too."""
        played = ask(by_transport(CUT, GOOD), max_sends=1)
        assert played.reply.problem == (
            TRUNCATED,
            "the answer was cut and TCP failed: no time left",
            None,
        )

    def test_another_server_helps_where_tcp_is_refused(self) -> None:
        """TCP refused by one server: the next one is asked by TCP."""

        def handler(sent: Sent, _count: int) -> Arrivals:
            if not sent.tcp:
                return [(0.001, CUT)]
            return [(0.001, Broken("refused") if sent.server == ONE else frame(GOOD))]

        played = ask(handler, servers=(ONE, TWO))
        assert played.reply.server == TWO
        assert len(played.sent) == 3

    def test_where_tcp_is_shut_off_udp_is_tried_again(self) -> None:
        """After TCP failed the memory of it goes: a Service that shrank is found by UDP."""
        memory = ServerMemory()
        refused = Broken("Connection refused")
        first = ask(by_transport(CUT, refused), memory=memory)
        assert first.reply.status == FAILED
        later = ask(by_transport(GOOD, refused), memory=memory, start=20)
        assert later.reply.status == RECORDS

    def test_tc_on_tcp_is_told(self) -> None:
        """TC on TCP: the reply says so and leaves the judgement to the plan."""
        played = ask(by_transport(CUT, CUT))
        assert (played.reply.status, played.reply.truncated) == (RECORDS, True)
        assert played.reply.attempts[-1].outcome == "NOERROR, truncated"

    def test_tc_on_tcp_without_any_record(self) -> None:
        """Cut to nothing is no NODATA: it stays an incomplete answer."""
        played = ask(by_transport(CUT, message(flags=0x8600)))
        assert (played.reply.status, played.reply.truncated) == (RECORDS, True)
        assert played.reply.ttl is None

    def test_the_memory_is_bounded(self) -> None:
        """After 4,096 remembered questions it starts afresh."""
        memory = ServerMemory()
        memory.needs_tcp.update(Question(f"s{n}.shop.svc.cluster.local", A) for n in range(4096))
        big = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(100)])
        ask(by_transport(CUT, big), memory=memory)
        assert memory.needs_tcp == {QUESTION}


class TestTcp:
    """Frames are cut here, whatever pieces the bytes come in."""

    def test_tcp_only(self) -> None:
        """``tcp`` never sends a datagram and is no memory."""
        memory = ServerMemory()
        played = ask(after(0.001, frame(GOOD)), tcp=True, memory=memory)
        assert [each.tcp for each in played.sent] == [True]
        assert played.sent[0].payload[:2] == struct.pack("!H", len(played.sent[0].payload) - 2)
        assert memory.needs_tcp == set()

    def test_byte_by_byte(self) -> None:
        """An answer that comes in single bytes is put together."""
        stream = [(0.001 * n, bytes((byte,))) for n, byte in enumerate(frame(GOOD))]
        played = ask(lambda _sent, _count: list(stream), tcp=True)
        assert addresses(played.reply) == ["10.0.0.1"]

    def test_a_drip_is_bounded_by_the_attempt(self) -> None:
        """One byte every 250 ms does not keep an attempt alive."""
        stream = [(0.25 * n, bytes((byte,))) for n, byte in enumerate(frame(GOOD))]
        played = ask(lambda _sent, _count: list(stream), tcp=True, deadline=3)
        assert [each.at for each in played.sent] == [0, 1]
        assert (played.at, played.reply.status) == (3, FAILED)

    def test_silence_after_the_handshake(self) -> None:
        """A half-open connection costs the attempt, no more."""
        played = ask(silent, tcp=True, servers=(ONE, TWO), max_sends=2)
        assert played.at == 2
        assert played.reply.problem is not None
        assert played.reply.problem.kind == TIMEOUT

    @pytest.mark.parametrize("cut", range(len(frame(GOOD))))
    def test_closed_at_any_byte(self, cut: int) -> None:
        """A connection that closes in the middle of a frame is a network failure."""
        head = frame(GOOD)[:cut]
        closed = Broken("the server closed the connection")
        pieces: list[bytes | Broken] = [head, closed] if head else [closed]
        played = ask(after(0.001, *pieces), tcp=True, max_sends=1)
        assert played.reply.problem == (NETWORK, "the server closed the connection", None)

    @pytest.mark.parametrize("length", [0, 1, 65535])
    def test_a_length_that_lies(self, length: int) -> None:
        """A frame shorter or longer than it says never becomes an answer."""
        played = ask(after(0.001, struct.pack("!H", length) + GOOD), tcp=True, max_sends=1)
        assert played.reply.status == FAILED
        assert played.at == 1.0

    def test_other_frames_are_ignored(self) -> None:
        """Frames that are not our answer are ignored and counted, also when they come at once."""
        wrong = frame(message(ident=b"\0\0"))
        played = ask(after(0.001, wrong + wrong + frame(GOOD)), tcp=True)
        assert addresses(played.reply) == ["10.0.0.1"]
        assert played.reply.attempts[0].ignored == (("wrong ID", 2),)


class TestNegatives:
    """Whose "none" is believed."""

    @pytest.mark.parametrize("rcode", [0, 3])
    @pytest.mark.parametrize(
        ("zone", "believed"),
        [("cluster.local", True), ("svc.cluster.local", True), ("", False), ("local", False)],
    )
    def test_the_zone_of_a_negative_answer(self, rcode: int, zone: str, believed: bool) -> None:
        """NXDOMAIN of another zone means that the server does not know the cluster."""
        data = message(authority=[soa(zone)], rcode=rcode)
        reply = ask(after(0.001, data), zone="cluster.local", max_sends=1).reply
        assert (reply.status in (NODATA, NXDOMAIN)) == believed
        if not believed:
            assert reply.problem is not None
            assert "does not know the cluster" in reply.problem.detail
            assert reply.problem.kind == BAD_RESPONSE

    def test_without_a_zone_it_is_believed(self) -> None:
        """Some caches leave the SOA out: that is no reason to fail."""
        data = message(rcode=3)
        assert ask(after(0.001, data), zone="cluster.local").reply.status == NXDOMAIN

    def test_another_server_may_know_the_cluster(self) -> None:
        """A public server in front of the cluster's costs one question."""
        foreign, ours = message(authority=[soa("")], rcode=3), GOOD

        def answers(sent: Sent, _: int) -> Arrivals:
            return [(0.001, foreign if sent.server == ONE else ours)]

        assert ask(answers, servers=(ONE, TWO), zone="cluster.local").reply.status == RECORDS

    def test_a_cut_nxdomain_over_tcp(self) -> None:
        """TC contradicts it, answers do all the more."""
        for answer in ([], [a(SERVICE, "10.0.0.1")]):
            data = frame(message(answer=answer, rcode=3, flags=0x8600))
            reply = ask(after(0.001, data), tcp=True, max_sends=1).reply
            assert reply.problem is not None
            assert reply.problem.kind == BAD_RESPONSE


class TestLate:
    """What arrives when the time is over."""

    def test_a_small_answer_is_still_read(self) -> None:
        """Who was held up past the deadline finds the answer waiting, and takes it."""
        steps = exchange(
            QUESTION, (ONE,), ServerMemory(), start=0, deadline=1, random_id=lambda: IDENT
        )
        next(steps)
        with pytest.raises(StopIteration) as stop:
            steps.send((GOOD, 1.01))
        assert stop.value.value.status == RECORDS

    @pytest.mark.parametrize(("count", "at"), [(100, 1.0), (1000, 0.98)])
    def test_a_large_one_is_not(self, count: int, at: float) -> None:
        """Reading it would end after the deadline."""
        large = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(count)])
        steps = exchange(
            QUESTION,
            (ONE,),
            ServerMemory(),
            start=0,
            deadline=1,
            random_id=lambda: IDENT,
            tcp=True,
            max_sends=1,
        )
        next(steps)
        with pytest.raises(StopIteration) as stop:
            steps.send((frame(large), at))
        assert stop.value.value.problem == (TIMEOUT, "the answer came too late to be read", None)

    def test_reading_that_takes_too_long(self) -> None:
        """Where the reading was begun and not done in time, it is a timeout."""
        large = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(1000)])
        steps = exchange(
            QUESTION, (ONE,), ServerMemory(), start=0, deadline=1, random_id=lambda: IDENT, tcp=True
        )
        next(steps)
        assert isinstance(steps.send((frame(large), 0.5)), Decode)
        with pytest.raises(StopIteration) as stop:
            steps.send((None, 1.0))
        assert stop.value.value.problem == (TIMEOUT, "the answer came too late to be read", None)


class TestUnusual:
    """Legal but unusual messages go to dnspython, if there is time."""

    def test_read_by_dnspython(self) -> None:
        """A TXT record beside the addresses does not hurt."""
        played = ask(after(0.001, message(answer=[a(SERVICE, "10.0.0.1"), TXT])))
        assert addresses(played.reply)[0] == "10.0.0.1"
        assert played.reply.status == RECORDS

    def test_what_dnspython_refuses_is_a_bad_response(self) -> None:
        """Where dnspython finds it malformed, the attempt failed."""
        broken = message(answer=[TXT, rr(SERVICE, 16, b"\x09hi")])
        played = ask(after(0.001, broken), max_sends=1)
        assert played.reply.problem is not None
        assert played.reply.problem.kind == BAD_RESPONSE
        assert "dnspython" in played.reply.problem.detail

    def test_too_late_in_the_last_300_ms(self) -> None:
        """In the last 0.3 s of the deadline dnspython is not begun."""
        unusual = message(answer=[a(SERVICE, "10.0.0.1"), TXT])
        in_time = ask(after(0.69, unusual), deadline=1.0)
        assert in_time.reply.status == RECORDS
        late = ask(after(0.71, unusual), deadline=1.0, max_sends=1)
        assert late.reply.problem == (
            TIMEOUT,
            "the answer came too late to be read",
            None,
        )

    def test_a_large_answer_is_read_apart(self) -> None:
        """Over 16 KiB the reading is an effect of its own, so that no event loop waits for it."""
        steps = exchange(
            QUESTION, (ONE,), ServerMemory(), start=0, deadline=5, random_id=lambda: IDENT, tcp=True
        )
        next(steps)
        large = message(answer=[a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(500)])
        effect = steps.send((frame(large), 0.1))
        assert isinstance(effect, Decode)
        assert effect.data == large
        assert len(ask(after(0.1, frame(large)), tcp=True).reply.answer) == 500

    def test_a_large_unusual_answer_in_the_last_300_ms(self) -> None:
        """A large answer is read by us at any time, but by dnspython only where there is time."""
        many = [a(SERVICE, f"10.0.{n >> 8}.{n & 255}") for n in range(500)]
        late = ask(after(0.9, frame(message(answer=many))), tcp=True, deadline=1.0)
        assert late.reply.status == RECORDS
        odd = frame(message(answer=[*many, TXT]))
        assert ask(after(0.5, odd), tcp=True, deadline=1.0).reply.status == RECORDS
        too_late = ask(after(0.9, odd), tcp=True, deadline=1.0, max_sends=1)
        assert too_late.reply.problem is not None
        assert "too late" in too_late.reply.problem.detail

    def test_by_tcp_too(self) -> None:
        """The same holds for an answer by TCP."""
        unusual = frame(message(answer=[a(SERVICE, "10.0.0.1"), TXT]))
        assert ask(after(0.001, unusual), tcp=True).reply.status == RECORDS


def servers_of(played: driving.Played) -> list[Server]:
    """The servers asked, in order."""
    return [each.server for each in played.sent]


def test_three_servers_two_dead() -> None:
    """With two of three servers dead the third answers within 2 s, in the first round."""
    played = ask(
        lambda sent, _: [(0.001, GOOD)] if sent.server == THREE else [],
        servers=(ONE, TWO, THREE),
    )
    assert servers_of(played) == [ONE, TWO, THREE]
    assert played.at == pytest.approx(2.001)


class TestKeptConnections:
    """A connection of an earlier question may be used, and may have been closed meanwhile."""

    def begun(self) -> tuple[Exchange, Ask]:
        """An exchange by TCP that has just asked."""
        steps = exchange(
            QUESTION, (ONE,), ServerMemory(), start=0, deadline=5, random_id=lambda: IDENT, tcp=True
        )
        effect = next(steps)
        assert isinstance(effect, Ask)
        assert not effect.is_fresh
        return steps, effect

    def reply_to(self, steps: Exchange, data: bytes) -> Reply:
        """What the exchange makes of the last bytes it gets."""
        with pytest.raises(StopIteration) as stop:
            steps.send((data, 0.2))
        reply: Reply = stop.value.value
        return reply

    def test_a_closed_one_is_replaced_within_the_attempt(self) -> None:
        """Servers close what is idle: the question goes out again at once, over a new one."""
        steps, first = self.begun()
        again = steps.send((Broken("closed", was_kept=True), 0.1))
        assert again == first._replace(is_fresh=True)
        reply = self.reply_to(steps, frame(message(answer=[a(SERVICE, "10.0.0.1")])))
        assert reply.status == RECORDS
        assert len(reply.attempts) == 1

    def test_a_new_one_that_breaks_is_an_attempt_that_failed(self) -> None:
        """Only a kept connection may be found closed."""
        steps, _ = self.begun()
        effect = steps.send((Broken("refused"), 0.1))
        assert isinstance(effect, Pause)

    def test_whether_it_can_be_kept(self) -> None:
        """With nothing left over it can be used again; with stray bytes behind it cannot."""
        whole = frame(message(answer=[a(SERVICE, "10.0.0.1")]))
        assert self.reply_to(self.begun()[0], whole).keep
        assert not self.reply_to(self.begun()[0], whole + b"\0").keep
        assert not ask(after(0.1, message(answer=[a(SERVICE, "10.0.0.1")]))).reply.keep
