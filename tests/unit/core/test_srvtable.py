"""The ordinary SRV answer, read by its bytes: the same as by records, or not at all."""

from __future__ import annotations

import struct

import pytest

from headless_discovery.core import srvtable
from headless_discovery.core.assembly import Assembly
from headless_discovery.core.memory import ServerMemory
from headless_discovery.core.names import ServiceName
from headless_discovery.core.plans import PlanMemory, plan
from headless_discovery.core.questions import Question
from headless_discovery.core.srvtable import SrvTable, plain_name, read_srv_table
from headless_discovery.core.wire import AAAA, SRV, A
from tests.unit.core import driving
from tests.unit.core.driving import (
    SERVICE,
    a,
    aaaa,
    message,
    name_wire,
    opt,
    pod,
    request,
    rr,
    soa,
    srv,
)

ASKED = Question(SERVICE, SRV)
SECTION = name_wire(SERVICE) + b"\0\x21\0\1"


def table(data: bytes, names: dict[bytes, str] | None = None) -> SrvTable | None:
    """Read a message about the SRV question of these tests."""
    return read_srv_table(data, SECTION, {} if names is None else names)


def ordinary(*records: bytes, glue: tuple[bytes, ...] = ()) -> bytes:
    """A message with these records in the answer and the additional section."""
    return message(ASKED, records, additional=glue)


ONE_POD = srv(SERVICE, pod("mysql-0"))
ITS_GLUE = a(pod("mysql-0"), "10.0.0.1")


class TestOrdinary:
    """What is read."""

    def test_plain_names(self) -> None:
        """All names written out, as CoreDNS does below its limit."""
        found = table(ordinary(ONE_POD, glue=(ITS_GLUE, aaaa(pod("mysql-0"), "fd00::1"), opt())))
        assert found is not None
        assert found.answer(SERVICE) == [(SERVICE, SRV, 5, (0, 0, 3306, pod("mysql-0")))]
        assert found.additional() == [
            (pod("mysql-0"), A, 5, "10.0.0.1"),
            (pod("mysql-0"), AAAA, 5, "fd00::1"),
        ]

    def test_compressed_owners(self) -> None:
        """Owners as pointers to the question and to the targets."""
        record = rr(b"\xc0\x0c", SRV, b"\0\0\0\0\0\x50" + name_wire(pod("mysql-0")))
        where = struct.pack("!H", 0xC000 | 12 + len(SECTION) + 2 + 10 + 6)
        found = table(ordinary(record, glue=(rr(where, A, b"\n\0\0\1"),)))
        assert found is not None
        assert list(found.glue.values()) == [b"\n\0\0\1"]

    @pytest.mark.parametrize(
        ("ttls", "least"), [((9, 7), 7), ((7, 9), 7), ((0x80000000, 9), 0), ((9, 0xFFFFFFFF), 0)]
    )
    def test_the_smallest_ttl(self, ttls: tuple[int, int], least: int) -> None:
        """The smallest TTL counts, one above 2^31-1 as 0."""
        first = srv(SERVICE, pod("mysql-0"), ttl=ttls[0])
        found = table(ordinary(first, glue=(a(pod("mysql-0"), "10.0.0.1", ttls[1]),)))
        assert found is not None
        assert found.ttl == least

    def test_addresses_of_one_target_are_a_set(self) -> None:
        """The order of glue and its duplicates do not matter."""
        glue = [a(pod("mysql-0"), f"10.0.0.{n}") for n in (2, 1, 2, 3)]
        found = table(ordinary(ONE_POD, glue=tuple(glue)))
        again = table(ordinary(ONE_POD, glue=tuple(glue[::-1])))
        twice = table(ordinary(ONE_POD, glue=(ITS_GLUE, ITS_GLUE)))
        assert found is not None
        assert again is not None
        assert twice is not None
        assert found.glue == again.glue
        assert list(twice.glue.values()) == [b"\n\0\0\1"]

    def test_names_are_kept(self) -> None:
        """Names read once are known by their bytes."""
        names: dict[bytes, str] = {}
        table(ordinary(ONE_POD, glue=(ITS_GLUE,)), names)
        assert names == {name_wire(pod("mysql-0")): pod("mysql-0")}


PODS = [pod(f"mysql-{n}") for n in range(3)]
PLAIN = [srv(SERVICE, name) for name in PODS]
GLUE = [a(name, f"10.0.0.{n}") for n, name in enumerate(PODS)]


class TestKnownNames:
    """Names met before are cut apart instead of read; what comes out is the same."""

    @pytest.mark.parametrize(
        "data",
        [
            message(ASKED, PLAIN, additional=GLUE),
            message(ASKED, PLAIN, additional=[*GLUE, opt()]),
            message(ASKED, PLAIN[::-1], additional=[*GLUE[1:], GLUE[0]]),
            message(ASKED, PLAIN[:1], additional=GLUE[:1]),
        ],
        ids=["plain", "with OPT", "another order", "one"],
    )
    def test_read_at_once(self, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second time no record is read by itself."""
        names: dict[bytes, str] = {}
        first = table(data, names)
        assert first is not None
        monkeypatch.setattr(srvtable, "_glue", None)
        assert table(data, names) == first

    @pytest.mark.parametrize(
        "data",
        [
            message(ASKED, PLAIN),
            message(ASKED, [*PLAIN, srv(SERVICE, PODS[0], ttl=9)], additional=GLUE),
            message(ASKED, PLAIN, additional=[*GLUE, a(PODS[0], "10.0.0.9", ttl=9)]),
            message(ASKED, PLAIN, additional=[*GLUE, a(PODS[0], "10.0.0.9")]),
            message(ASKED, PLAIN, additional=[*GLUE, aaaa(PODS[0], "fd00::1")]),
            message(ASKED, PLAIN, additional=[aaaa(PODS[0], "fd00::1")]),
            message(ASKED, PLAIN, additional=[a(PODS[0], "10.0.0.9", ttl=9)]),
            message(ASKED, [*PLAIN, srv(SERVICE, pod("new-0"))], additional=GLUE),
            message(ASKED, [srv(SERVICE, name, ttl=0x80000000) for name in PODS], additional=GLUE),
        ],
        ids=[
            "no glue",
            "two TTLs",
            "two TTLs of glue",
            "two addresses",
            "two families",
            "another family",
            "another TTL",
            "a new name",
            "a TTL too large",
        ],
    )
    def test_anything_else_is_read_by_record(self, data: bytes) -> None:
        """It is as ordinary as before, and the same as without names."""
        names: dict[bytes, str] = {}
        assert table(message(ASKED, PLAIN, additional=GLUE), names) is not None
        cold = table(data)
        assert cold is not None
        warm = table(data, names)
        assert warm is not None
        assert warm[:2] == cold[:2]
        assert warm.ttl == cold.ttl

    @pytest.mark.parametrize(
        "data",
        [
            message(ASKED, [a(SERVICE, "10.0.0.1")], additional=GLUE),
            message(ASKED, [*PLAIN, a(SERVICE, "10.0.0.1")], additional=GLUE),
            message(ASKED, PLAIN, additional=[*GLUE, a(pod("other-0"), "10.0.0.7")]),
            message(ASKED, [rr(SERVICE, SRV, b"\0\0\0\0"), *PLAIN], additional=GLUE),
            message(ASKED, PLAIN, additional=GLUE)[:-1],
            message(ASKED, PLAIN, additional=GLUE) + b"x",
        ],
        ids=["an address", "an address too", "poison", "a short record", "cut", "left over"],
    )
    def test_what_is_refused_stays_refused(self, data: bytes) -> None:
        """Known names make nothing acceptable."""
        names: dict[bytes, str] = {}
        assert table(message(ASKED, PLAIN, additional=GLUE), names) is not None
        assert table(data) is None
        assert table(data, names) is None


class TestLeftToTheOthers:
    """None is no verdict: the general reader has it."""

    @pytest.mark.parametrize(
        "data",
        [
            message(ASKED),
            message(ASKED, [ONE_POD], rcode=3),
            message(ASKED, [ONE_POD], [soa()]),
            ordinary(a(SERVICE, "10.0.0.1")),
            ordinary(rr(SERVICE, SRV, b"\0" * 6 + name_wire("a"), rdclass=3)),
            ordinary(srv("other." + SERVICE, pod("mysql-0"))),
            ordinary(rr(SERVICE, SRV, b"\0" * 6 + b"\xc0\x0c")),
            ordinary(rr(SERVICE, SRV, b"\0" * 6)),
            ordinary(rr(SERVICE, SRV, b"\0\0")),
            ordinary(ONE_POD)[:-1],
            ordinary(ONE_POD) + b"\0",
            ordinary(ONE_POD, glue=(a("other", "10.0.0.1"),)),
            ordinary(ONE_POD, glue=(a(pod("MYSQL-0"), "10.0.0.1"),)),
            ordinary(ONE_POD, glue=(rr(b"\xc0\x0c", A, b"\n\0\0\1"),)),
            ordinary(ONE_POD, glue=(rr(pod("mysql-0"), A, b"\n\0\0"),)),
            ordinary(ONE_POD, glue=(rr(pod("mysql-0"), AAAA, b"\n\0\0\1"),)),
            ordinary(ONE_POD, glue=(rr(pod("mysql-0"), 16, b"\2hi"),)),
            ordinary(ONE_POD, glue=(rr(pod("mysql-0"), A, b"\n\0\0\1", rdclass=3),)),
            ordinary(ONE_POD, glue=(opt(), opt())),
            ordinary(ONE_POD, glue=(opt(1),)),
            ordinary(ONE_POD, glue=(opt(options=b"\xfd\xe9\0\0"),)),
            ordinary(ONE_POD, glue=(a("", "10.0.0.1"),)),
            ordinary(ONE_POD, glue=(ITS_GLUE,))[:-1],
        ],
    )
    def test_any_other_layout(self, data: bytes) -> None:
        """Whatever is not exactly one of the two layouts is not read here."""
        assert table(data) is None

    def test_lying_counts(self) -> None:
        """More records announced than fit end at once."""
        data = bytearray(ordinary(ONE_POD))
        data[6:8] = b"\xff\xff"
        assert table(bytes(data)) is None

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"", None),
            (b"\0", ""),
            (b"\1a\0", "a"),
            (b"\1A\1b\0", "a.b"),
            (b"\1a", None),
            (b"\1a\0\0", None),
            (b"\5a\0", None),
            (b"\xc0\x0c", None),
            (b"\x40" + b"a" * 64 + b"\0", None),
            (
                name_wire(".".join(["a" * 63] * 3 + ["a" * 61])),
                ".".join(["a" * 63] * 3 + ["a" * 61]),
            ),
            (name_wire(".".join(["a" * 63] * 3 + ["a" * 62])), None),
        ],
    )
    def test_plain_name(self, raw: bytes, text: str | None) -> None:
        """A whole name without pointers, of 255 bytes at most."""
        assert plain_name(raw) == text


POLICY = request().policy


def look(
    data: bytes,
    memory: PlanMemory | None = None,
    servers: ServerMemory | None = None,
    **how: object,
) -> driving.Looked:
    """A whole look whose SRV question is answered by these bytes."""
    wanted = request(**how)._replace(policy=POLICY)  # type: ignore[arg-type]
    return driving.play_plan(
        plan(wanted, memory or PlanMemory(), 0.0),
        lambda question: (
            driving.ask(
                driving.after(0.001, data), question=question, memory=servers or ServerMemory()
            ).reply
        ),
    )


class TestAssembly:
    """Endpoints of the table, those of the last look kept."""

    def test_known_endpoints_are_kept(self) -> None:
        """Two looks with the same answer share their endpoints; a changed one is made anew."""
        memory = PlanMemory()
        two = (ONE_POD, srv(SERVICE, pod("mysql-1")))
        glue = (ITS_GLUE, a(pod("mysql-1"), "10.0.0.2"))
        first = look(ordinary(*two, glue=glue), memory).snapshot
        again = look(ordinary(*two[::-1], glue=glue[::-1]), memory).snapshot
        assert first == again
        assert all(one is other for one, other in zip(first, again, strict=True))
        same = look(ordinary(*two, glue=glue), memory).snapshot
        assert look(ordinary(*two, glue=glue), memory).snapshot.endpoints is same.endpoints
        moved = look(ordinary(*two, glue=(ITS_GLUE, a(pod("mysql-1"), "10.0.0.3"))), memory)
        assert [each.address for each in moved.snapshot] == ["10.0.0.1", "10.0.0.3"]

    def test_other_settings_other_endpoints(self) -> None:
        """What was kept is not used for a look that asks something else."""
        memory = PlanMemory()
        data = ordinary(ONE_POD, glue=(ITS_GLUE, aaaa(pod("mysql-0"), "fd00::1")))
        assert look(data, memory).snapshot.endpoints[0].ports == (3306,)
        assert look(data, memory, port=80).snapshot.endpoints[0].ports == (80,)
        assert look(data, memory, family=6).snapshot.endpoints[0].addresses == ("fd00::1",)
        assert look(data, memory, statefulset="x").snapshot.endpoints[0].ordinal is None

    def test_letter_case_makes_no_second_pod(self) -> None:
        """One name in two letter cases, each with an address, is one endpoint with both."""
        data = ordinary(
            ONE_POD,
            srv(SERVICE, pod("MYSQL-0")),
            glue=(ITS_GLUE, a(pod("MYSQL-0"), "10.0.0.2")),
        )
        (endpoint,) = look(data).snapshot
        assert endpoint.addresses == ("10.0.0.1", "10.0.0.2")

    def test_what_needs_a_closer_look(self) -> None:
        """Several ports, refused records and too many members are judged by the general way."""
        ports = ordinary(ONE_POD, srv(SERVICE, pod("mysql-0"), 9104), glue=(ITS_GLUE,))
        assert look(ports).snapshot.endpoints[0].ports == (3306, 9104)
        evil = ordinary(
            ONE_POD,
            srv(SERVICE, "evil.example"),
            glue=(ITS_GLUE, a("evil.example", "10.6.6.6")),
        )
        assert len(look(evil).snapshot.dropped) == 1
        denied = ordinary(ONE_POD, glue=(ITS_GLUE, a(pod("mysql-0"), "127.0.0.1")))
        assert len(look(denied).snapshot.dropped) == 1
        two = ordinary(
            ONE_POD,
            srv(SERVICE, pod("mysql-1")),
            glue=(ITS_GLUE, a(pod("mysql-1"), "10.0.0.2")),
        )
        assert look(two, max_members=1).failure.problem.kind == "too large"
        virtual = ordinary(srv(SERVICE, SERVICE), glue=(a(SERVICE, "10.96.0.1"),))
        assert look(virtual).failure.addresses == ("10.96.0.1",)

    def test_what_is_kept_is_bounded(self) -> None:
        """Pods that come and go for ever do not pile up, neither as endpoints nor as names."""
        memory, servers = PlanMemory(), ServerMemory()
        for turn in range(30):
            names = [pod(f"x-{turn}-{n}") for n in range(100)]
            data = ordinary(
                *(srv(SERVICE, each) for each in names),
                glue=tuple(a(each, "10.0.0.1") for each in names),
            )
            assert len(look(data, memory, servers).snapshot) == 100
            assert len(servers.names) <= 1300
            assert len(memory.assembly._known) <= 1300
        assert isinstance(memory.assembly, Assembly)

    def test_names_of_odd_answers_are_let_go_too(self) -> None:
        """Answers that turn out not to be ordinary do not pile up names."""
        servers = ServerMemory()
        for turn in range(30):
            names = [pod(f"x-{turn}-{n}") for n in range(100)]
            odd = a("other", "10.0.0.1")
            data = ordinary(*(srv(SERVICE, each) for each in names), glue=(odd,))
            driving.ask(driving.after(0.001, data), question=ASKED, memory=servers)
            assert len(servers.names) <= 1100


def test_encoded_questions_are_bounded() -> None:
    """A thousand other questions later the memory of encoded ones starts afresh."""
    memory = ServerMemory()
    for n in range(1100):
        memory.encoded(Question(f"s{n}.shop.svc.cluster.local", A), 1232)
    assert len(memory._encoded) <= 1024


def test_an_ordinary_answer_at_the_end_of_an_alias() -> None:
    """Through an ExternalName the snapshot tells of all replies, not of the last one alone."""
    alias = "alias.front.svc.cluster.local"
    name = "alias.front"
    ask_srv, ask_a, ask_aaaa = (Question(alias, rdtype) for rdtype in (SRV, A, AAAA))
    steps = plan(request(name), PlanMemory(), 0.0)
    assert next(steps) == (ask_srv,)
    assert steps.send((driving.nodata(ask_srv),)) == (ask_a, ask_aaaa)
    link = (alias, 5, 3, SERVICE)
    assert steps.send((driving.records(ask_a, [link], ttl=3), driving.nodata(ask_aaaa))) == (ASKED,)
    reply = driving.ask(
        driving.after(0.001, ordinary(ONE_POD, glue=(ITS_GLUE,))), question=ASKED
    ).reply
    assert reply.table is not None
    with pytest.raises(StopIteration) as stop:
        steps.send((reply,))
    snapshot = stop.value.value
    assert [each.name for each in snapshot] == ["mysql-0"]
    assert snapshot.service == ServiceName(name)
    assert snapshot.ttl == 3
