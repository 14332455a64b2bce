"""What a look asks about a Service, and what the replies mean together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.memory import ServerMemory
from headless_discovery.core.plans import PlanMemory, plan
from headless_discovery.core.questions import (
    BAD_RESPONSE,
    NOT_HEADLESS,
    REFUSED,
    SERVFAIL,
    TIMEOUT,
    TOO_LARGE,
    TRUNCATED,
    Problem,
    Question,
)
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL
from headless_discovery.core.steps import advance, out_of_time, takes_long
from headless_discovery.core.wire import AAAA, CNAME, SRV, A
from tests.unit.core import driving
from tests.unit.core.driving import (
    SERVICE,
    failed,
    look,
    nodata,
    nxdomain,
    pod,
    records,
    request,
    srv_records,
    table,
)

if TYPE_CHECKING:
    from headless_discovery.core.questions import Reply
    from headless_discovery.core.snapshot import Snapshot
    from headless_discovery.core.wire import Record

ASK_SRV = Question(SERVICE, SRV)
ASK_A = Question(SERVICE, A)
ASK_AAAA = Question(SERVICE, AAAA)
OTHER = "store.shop.svc.cluster.local"


def a4(owner: str, address: str) -> Record:
    """An A record as the reader gives it."""
    return (owner, A, 5, address)


def a6(owner: str, address: str) -> Record:
    """An AAAA record as the reader gives it."""
    return (owner, AAAA, 5, address)


def link(owner: str, target: str) -> Record:
    """A CNAME record as the reader gives it."""
    return (owner, CNAME, 5, target)


def numbered(count: int) -> list[str]:
    """Names ``mysql-0`` and on."""
    return [f"mysql-{n}" for n in range(count)]


def ip(number: int) -> str:
    """The address of pod ``number``."""
    return f"10.1.{number >> 8}.{number & 255}"


def healthy(count: int = 3, *, glued: int | None = None, truncated: bool = False) -> Reply:
    """An SRV reply with glue for the first ``glued`` pods."""
    names = numbered(count)
    glue = [a4(pod(name), ip(n)) for n, name in enumerate(names[:glued])]
    return records(ASK_SRV, srv_records(names), glue, truncated=truncated)


def by_name(first: int, end: int) -> list[Reply]:
    """Replies to the questions for pods by name, v4 only."""
    found = []
    for n in range(first, end):
        name = pod(f"mysql-{n}")
        found += [records(Question(name, A), [a4(name, ip(n))]), nodata(Question(name, AAAA))]
    return found


def shown(snapshot: Snapshot) -> list[tuple[str | None, tuple[str, ...]]]:
    """Names and addresses."""
    return [(each.name, each.addresses) for each in snapshot]


class TestSrv:
    """The SRV look."""

    def test_a_healthy_service_is_one_question(self) -> None:
        """P8: addresses come with the SRV records; one question, nothing else."""
        looked = look(table(healthy(3)))
        assert looked.questions == [ASK_SRV]
        snapshot = looked.snapshot
        assert snapshot.outcome == OK
        assert shown(snapshot) == [(f"mysql-{n}", (ip(n),)) for n in range(3)]
        assert [each.ordinal for each in snapshot] == [0, 1, 2]
        assert [each.hostname for each in snapshot] == [pod(f"mysql-{n}") for n in range(3)]
        assert {each.ports for each in snapshot} == {(3306,)}
        assert (snapshot.ttl, snapshot.seen_at, snapshot.servers) == (5, 0.5, ("10.96.0.10:53",))
        assert (snapshot.version, snapshot.problem) == (0, None)

    def test_nxdomain_is_absent(self) -> None:
        """NXDOMAIN: no such Service, or no ready pod; one question, ABSENT."""
        looked = look(table(nxdomain(ASK_SRV)))
        assert (looked.snapshot.outcome, len(looked.snapshot)) == (ABSENT, 0)
        assert looked.questions == [ASK_SRV]

    @pytest.mark.parametrize("kind", [TIMEOUT, SERVFAIL, REFUSED, TRUNCATED, BAD_RESPONSE])
    def test_a_failed_srv_never_falls_back_to_addresses(self, kind: str) -> None:
        """A failed SRV is a Failure: switching to addresses would rename everybody."""
        problem = Problem(kind, "as told", 2)
        looked = look(table(failed(ASK_SRV, problem)))
        assert looked.failure.problem == problem
        assert looked.failure.question == ASK_SRV
        assert looked.questions == [ASK_SRV]

    def test_dual_stack_is_one_endpoint(self) -> None:
        """Both families of one pod belong together by its name, v4 first."""
        glue = [a6(pod("mysql-0"), "fd00::1"), a4(pod("mysql-0"), "10.1.0.0")]
        looked = look(table(records(ASK_SRV, srv_records(["mysql-0"]), glue)))
        assert shown(looked.snapshot) == [("mysql-0", ("10.1.0.0", "fd00::1"))]

    def test_one_name_with_old_and_new_address_is_one_endpoint(self) -> None:
        """Two addresses under one name are one pod."""
        glue = [a4(pod("mysql-0"), "10.1.0.9"), a4(pod("mysql-0"), "10.1.0.10")]
        looked = look(table(records(ASK_SRV, srv_records(["mysql-0"]), glue)))
        assert shown(looked.snapshot) == [("mysql-0", ("10.1.0.9", "10.1.0.10"))]

    def test_several_ports(self) -> None:
        """Two ports of one pod are one endpoint with both, sorted, and no single port."""
        answer = srv_records(["mysql-0"], port=9104) + srv_records(["mysql-0"], port=3306)
        (endpoint,) = look(
            table(records(ASK_SRV, answer, [a4(pod("mysql-0"), "10.1.0.0")]))
        ).snapshot
        assert endpoint.ports == (3306, 9104)
        assert endpoint.port is None

    def test_weight_and_priority_mean_nothing(self) -> None:
        """The same pods with other weights are the same snapshot."""
        light = [(o, t, ttl, (0, 1, v[2], v[3])) for o, t, ttl, v in healthy().answer]
        other = records(ASK_SRV, light, healthy().additional)
        assert look(table(other)).snapshot == look(table(healthy())).snapshot

    def test_an_int_port_replaces_and_is_never_asked(self) -> None:
        """``port=5000`` replaces what DNS gave; the question is the same."""
        looked = look(table(healthy(2)), port=5000)
        assert looked.questions == [ASK_SRV]
        assert [each.port for each in looked.snapshot] == [5000, 5000]

    def test_a_named_port_is_asked_by_name(self) -> None:
        """``port="web", protocol="udp"`` asks ``_web._udp`` and takes its records only."""
        named = f"_web._udp.{SERVICE}"
        answer = srv_records(["mysql-0"], owner=named, port=80) + srv_records(["mysql-1"])
        reply = records(Question(named, SRV), answer, [a4(pod("mysql-0"), "10.1.0.0")])
        looked = look(table(reply), port_name="web", protocol="udp")
        assert looked.questions == [Question(named, SRV)]
        assert [(each.name, each.ports) for each in looked.snapshot] == [("mysql-0", (80,))]

    def test_no_such_port_is_absent(self) -> None:
        """NXDOMAIN for a port's name is ABSENT: DNS cannot tell which of the three it is."""
        named = Question(f"_web._tcp.{SERVICE}", SRV)
        assert look(table(nxdomain(named)), port_name="web").snapshot.outcome == ABSENT

    def test_the_plan_srv_never_asks_addresses_instead_of_names(self) -> None:
        """``plan="srv"``: NODATA is EMPTY, with no further question."""
        looked = look(table(nodata(ASK_SRV)), plan="srv")
        assert looked.snapshot.outcome == EMPTY
        assert looked.questions == [ASK_SRV]


class TestGlueMissing:
    """Addresses that did not come with the SRV records."""

    @pytest.mark.parametrize("missing", [1, 32])
    def test_up_to_32_are_asked_by_name(self, missing: int) -> None:
        """At most 32 targets are asked by name, A and AAAA in one batch; the result is OK."""
        replies = by_name(3, 3 + missing)
        looked = look(table(healthy(3 + missing, glued=3), *replies))
        assert [len(batch) for batch in looked.batches] == [1, 2 * missing]
        assert set(looked.batches[1]) == {reply.question for reply in replies}
        assert looked.snapshot.outcome == OK
        assert len(looked.snapshot) == 3 + missing
        assert all(each.name for each in looked.snapshot)

    def test_with_one_family_half_the_questions(self) -> None:
        """``family=4`` asks A only."""
        replies = [each for each in by_name(0, 2) if each.question.rdtype == A]
        looked = look(table(healthy(2, glued=0), *replies), family=4)
        assert looked.batches[1] == tuple(each.question for each in replies)
        assert looked.snapshot.outcome == OK

    def test_33_are_asked_by_the_service(self) -> None:
        """More than 32: A and AAAA of the Service; named ones keep their names, the rest none."""
        addresses = [a4(SERVICE, ip(n)) for n in range(35)]
        looked = look(
            table(healthy(35, glued=2), records(ASK_A, addresses), nodata(ASK_AAAA)),
        )
        assert looked.batches == [(ASK_SRV,), (ASK_A, ASK_AAAA)]
        snapshot = looked.snapshot
        assert snapshot.outcome == OK
        assert len(snapshot) == 35
        assert [each.name for each in snapshot if each.name] == ["mysql-0", "mysql-1"]
        assert len(snapshot.unresolved) == 33
        assert sum(each.addresses == (ip(0),) for each in snapshot) == 1

    def test_a_name_without_address_is_unresolved(self) -> None:
        """A listed name that nobody knows an address of is told, never handed out."""
        name = pod("mysql-2")
        looked = look(
            table(healthy(3, glued=2), nxdomain(Question(name, A)), nxdomain(Question(name, AAAA)))
        )
        assert looked.snapshot.outcome == OK
        assert looked.snapshot.unresolved == (name,)
        assert len(looked.snapshot) == 2

    def test_one_name_failing_is_partial(self) -> None:
        """A question by name that failed makes the look PARTIAL and names the problem."""
        name = pod("mysql-2")
        looked = look(
            table(healthy(3, glued=2), failed(Question(name, A)), nodata(Question(name, AAAA)))
        )
        assert looked.snapshot.outcome == PARTIAL
        assert str(looked.snapshot.problem).startswith("timeout: no answer in time")
        assert looked.snapshot.unresolved == (name,)
        assert len(looked.snapshot) == 2

    def test_only_unresolved_names_are_partial(self) -> None:
        """Names without any address prove neither presence nor absence."""
        replies = [nxdomain(Question(pod("mysql-0"), rdtype)) for rdtype in (A, AAAA)]
        looked = look(table(healthy(1, glued=0), *replies))
        assert looked.snapshot.outcome == PARTIAL
        assert looked.snapshot.problem == "bad response: no address for any of 1 names"

    def test_a_cut_answer_by_name_is_not_used(self) -> None:
        """A truncated reply for one pod gives no address."""
        name = pod("mysql-0")
        looked = look(
            table(
                healthy(2, glued=0),
                records(Question(name, A), [a4(name, ip(0))], truncated=True),
                nodata(Question(name, AAAA)),
                *by_name(1, 2),
            )
        )
        assert shown(looked.snapshot) == [("mysql-1", (ip(1),))]
        assert looked.snapshot.unresolved == (name,)

    def test_all_by_service_failing_is_partial(self) -> None:
        """The SRV answered, the addresses failed: PARTIAL with the names still known."""
        looked = look(table(healthy(40, glued=1), failed(ASK_A), failed(ASK_AAAA)))
        assert looked.snapshot.outcome == PARTIAL
        assert shown(looked.snapshot) == [("mysql-0", (ip(0),))]
        assert len(looked.snapshot.unresolved) == 39


class TestCut:
    """TC over TCP: an incomplete SRV answer."""

    def cut(self, found: list[Reply], **settings: object) -> driving.Looked:
        """A look whose SRV reply was cut after two pods with glue."""
        return look(table(healthy(2, truncated=True), *found), **settings)  # type: ignore[arg-type]

    def test_it_is_completed_by_addresses(self) -> None:
        """A and AAAA of the Service complete it; the union is OK, 3 questions."""
        addresses = [a4(SERVICE, ip(n)) for n in range(5)]
        looked = self.cut([records(ASK_A, addresses), nodata(ASK_AAAA)])
        assert looked.batches == [(ASK_SRV,), (ASK_A, ASK_AAAA)]
        assert looked.snapshot.outcome == OK
        assert [each.name for each in looked.snapshot] == ["mysql-0", "mysql-1", None, None, None]
        assert [each.address for each in looked.snapshot] == [ip(n) for n in range(5)]

    def test_never_by_name(self) -> None:
        """Always A + AAAA of the Service, also where few names lack an address."""
        reply = healthy(3, glued=2, truncated=True)
        addresses = records(ASK_A, [a4(SERVICE, ip(n)) for n in range(3)])
        looked = look(table(reply, addresses, nodata(ASK_AAAA)))
        assert looked.batches == [(ASK_SRV,), (ASK_A, ASK_AAAA)]
        assert looked.snapshot.unresolved == (pod("mysql-2"),)

    def test_one_family_failing_is_partial(self) -> None:
        """A answered, AAAA failed: PARTIAL."""
        looked = self.cut([records(ASK_A, [a4(SERVICE, ip(7))]), failed(ASK_AAAA)])
        assert looked.snapshot.outcome == PARTIAL
        assert len(looked.snapshot) == 3

    def test_addresses_cut_too_is_truncated(self) -> None:
        """Beyond 64 KiB of addresses nothing is left but Failure(truncated)."""
        looked = self.cut([records(ASK_A, [a4(SERVICE, ip(7))], truncated=True), nodata(ASK_AAAA)])
        assert looked.failure.problem.kind == TRUNCATED
        assert looked.failure.question == ASK_A

    @pytest.mark.parametrize("answer", [failed, nxdomain, nodata])
    def test_not_completed_is_truncated_never_a_smaller_set(self, answer: object) -> None:
        """What did fit into the cut answer never passes for the whole."""
        looked = self.cut([answer(ASK_A), answer(ASK_AAAA)])  # type: ignore[operator]
        assert looked.failure.problem.kind == TRUNCATED
        assert looked.failure.question == ASK_SRV

    def test_family_without_addresses_is_empty(self) -> None:
        """``family=6`` of a v4 Service, cut: AAAA says there are none; EMPTY."""
        looked = self.cut([nodata(ASK_AAAA)], family=6)
        assert looked.snapshot.outcome == EMPTY
        assert looked.snapshot.unresolved == ()
        looked = look(table(healthy(9, glued=2, truncated=True), nodata(ASK_AAAA)), family=6)
        assert (looked.snapshot.outcome, looked.snapshot.unresolved) == (EMPTY, ())


class TestAddresses:
    """A and AAAA of the Service, where SRV holds nothing."""

    def test_no_ports(self) -> None:
        """SRV without data: A and AAAA, 3 questions; endpoints have no names and no pairing."""
        looked = look(
            table(
                nodata(ASK_SRV),
                records(ASK_A, [a4(SERVICE, "10.1.0.10"), a4(SERVICE, "10.1.0.9")]),
                records(ASK_AAAA, [a6(SERVICE, "fd00::1")]),
            )
        )
        assert looked.batches == [(ASK_SRV,), (ASK_A, ASK_AAAA)]
        snapshot = looked.snapshot
        assert shown(snapshot) == [
            (None, ("10.1.0.9",)),
            (None, ("10.1.0.10",)),
            (None, ("fd00::1",)),
        ]
        for each in snapshot:
            assert (each.name, each.hostname, each.ordinal, each.ports) == (None, None, None, ())

    def test_no_srv_is_remembered_for_60_s(self) -> None:
        """P8: while SRV is known to hold no data 2 questions; asked again after 60 s."""
        memory = PlanMemory()
        replies = table(
            nodata(ASK_SRV, at=100.0), records(ASK_A, [a4(SERVICE, ip(1))]), nodata(ASK_AAAA)
        )
        assert len(look(replies, memory=memory, now=100.0).questions) == 3
        assert len(look(replies, memory=memory, now=159.9).questions) == 2
        assert look(replies, memory=memory, now=159.9).snapshot.outcome == OK
        assert len(look(replies, memory=memory, now=160.0).questions) == 3

    def test_the_plan_srv_heeds_no_memory(self) -> None:
        """``plan="srv"`` asks SRV whatever was remembered."""
        memory = PlanMemory()
        memory.no_srv_until[SERVICE] = 99.0
        assert look(table(healthy(1)), memory=memory, plan="srv").questions == [ASK_SRV]

    def test_the_plan_addresses_asks_no_srv(self) -> None:
        """``plan="addresses"``: A and AAAA only; an int port is put on all."""
        looked = look(
            table(records(ASK_A, [a4(SERVICE, ip(1))]), nodata(ASK_AAAA)),
            plan="addresses",
            port=80,
        )
        assert looked.questions == [ASK_A, ASK_AAAA]
        assert [each.port for each in looked.snapshot] == [80]

    @pytest.mark.parametrize(("family", "asked"), [(4, ASK_A), (6, ASK_AAAA)])
    def test_one_family_is_one_question(self, family: int, asked: Question) -> None:
        """``family`` asks its own type only."""
        looked = look(table(nodata(asked)), plan="addresses", family=family)
        assert looked.questions == [asked]
        assert looked.snapshot.outcome == EMPTY

    def test_both_without_data_is_empty(self) -> None:
        """The name exists and holds neither: EMPTY."""
        looked = look(table(nodata(ASK_SRV), nodata(ASK_A), nodata(ASK_AAAA)))
        assert looked.snapshot.outcome == EMPTY

    def test_both_nxdomain_is_absent(self) -> None:
        """NXDOMAIN for both: ABSENT; for one only, the name exists: EMPTY."""
        absent = look(table(nxdomain(ASK_A), nxdomain(ASK_AAAA)), plan="addresses")
        assert absent.snapshot.outcome == ABSENT
        mixed = look(table(nxdomain(ASK_A), nodata(ASK_AAAA)), plan="addresses")
        assert mixed.snapshot.outcome == EMPTY

    @pytest.mark.parametrize(
        ("v4", "v6", "members"),
        [
            (records(ASK_A, [a4(SERVICE, ip(1))]), failed(ASK_AAAA), 1),
            (failed(ASK_A), records(ASK_AAAA, [a6(SERVICE, "fd00::1")]), 1),
            (nodata(ASK_A), failed(ASK_AAAA), 0),
            (failed(ASK_A), nxdomain(ASK_AAAA), 0),
        ],
    )
    def test_one_family_failing_is_partial(self, v4: Reply, v6: Reply, members: int) -> None:
        """A failed family never becomes an absence: PARTIAL, with what the other one said."""
        looked = look(table(v4, v6), plan="addresses")
        assert looked.snapshot.outcome == PARTIAL
        assert len(looked.snapshot) == members
        assert str(looked.snapshot.problem).startswith("timeout: no answer in time")

    def test_both_failing_is_a_failure(self) -> None:
        """Nothing answered: Failure, with the question and the servers."""
        problem = Problem(REFUSED, "refused", 5)
        attempt = driving.ask(driving.silent, max_sends=1).reply.attempts
        reply = failed(ASK_A, problem)._replace(attempts=attempt)
        looked = look(table(reply, failed(ASK_AAAA)), plan="addresses")
        assert looked.failure.problem == problem
        assert looked.failure.question == ASK_A
        assert looked.failure.servers == ("10.96.0.10:53",)

    def test_a_cut_family_is_a_failure(self) -> None:
        """Addresses cut over TCP: Failure(truncated), not the part that did fit."""
        cut = records(ASK_A, [a4(SERVICE, ip(1))], truncated=True)
        looked = look(table(cut, nodata(ASK_AAAA)), plan="addresses")
        assert looked.failure.problem.kind == TRUNCATED

    def test_records_of_other_owners_are_ignored(self) -> None:
        """Only addresses of the name asked count."""
        answer = [a4(SERVICE, ip(1)), a4("evil.example", "10.6.6.6")]
        looked = look(table(records(ASK_A, answer), nodata(ASK_AAAA)), plan="addresses")
        assert shown(looked.snapshot) == [(None, (ip(1),))]

    def test_a_named_port_without_srv_has_no_endpoints(self) -> None:
        """Without SRV nobody says which endpoints have that port: EMPTY, not all of them."""
        named = Question(f"_web._tcp.{SERVICE}", SRV)
        memory = PlanMemory()
        replies = table(nodata(named), records(ASK_A, [a4(SERVICE, ip(1))]), nodata(ASK_AAAA))
        for _ in range(2):  # the second look knows already that SRV holds nothing
            looked = look(replies, memory=memory, now=1.0, port_name="web")
            assert (looked.snapshot.outcome, len(looked.snapshot)) == (EMPTY, 0)

    def test_a_named_port_does_not_hide_what_was_dropped(self) -> None:
        """With a port's name too, a CNAME out of the zone is a bad response, not EMPTY."""
        named = Question(f"_web._tcp.{SERVICE}", SRV)
        away = records(ASK_A, [link(SERVICE, "evil.example"), a4("evil.example", "6.6.6.6")])
        looked = look(table(nodata(named), away, nodata(ASK_AAAA)), port_name="web")
        assert looked.failure.problem.kind == BAD_RESPONSE
        assert len(looked.failure.dropped) == 1


class TestDropped:
    """What could not have come from the Kubernetes schema is left out and named."""

    @pytest.mark.parametrize(
        "target",
        [
            "",
            "evil.example",
            "mysql-9.other.shop.svc.cluster.local",
            f"a.mysql-9.{SERVICE}",
            f"-rf.{SERVICE}",
            f"$(x).{SERVICE}",
            "x\\010y." + SERVICE,
            f"mysql-9{SERVICE}",
            "a" * 64 + "." + SERVICE,
        ],
    )
    def test_targets_outside_the_service(self, target: str) -> None:
        """SRV targets that are no pod of this Service are dropped, named, never resolved."""
        answer = [*healthy(2).answer, (SERVICE, SRV, 5, (0, 1, 80, target))]
        glue = [*healthy(2).additional, a4(target, "10.6.6.6")]
        looked = look(table(records(ASK_SRV, answer, glue)))
        assert looked.questions == [ASK_SRV]
        assert [each.name for each in looked.snapshot] == ["mysql-0", "mysql-1"]
        assert looked.snapshot.dropped == (
            f"SRV target {target or '.'}: it is not one label before {SERVICE}",
        )

    def test_nothing_left_is_a_bad_response(self) -> None:
        """When all is dropped the look failed; it names what, and nobody is removed."""
        answer = [(SERVICE, SRV, 5, (0, 1, 80, "evil.example"))]
        looked = look(table(records(ASK_SRV, answer)))
        assert looked.failure.problem.kind == BAD_RESPONSE
        assert "evil.example" in looked.failure.problem.detail
        assert looked.failure.dropped == (
            f"SRV target evil.example: it is not one label before {SERVICE}",
        )

    @pytest.mark.parametrize(
        ("address", "reason"),
        [
            ("127.0.0.1", "loopback"),
            ("0.0.0.0", "unspecified"),  # noqa: S104
            ("169.254.169.254", "link-local"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("::1", "loopback"),
            ("fe80::1", "link-local"),
            ("::ffff:127.0.0.1", "loopback"),
        ],
    )
    def test_addresses_that_no_pod_has(self, address: str, reason: str) -> None:
        """Such an address is dropped and named; its pod is left out and not asked for."""
        rdtype = AAAA if ":" in address else A
        glue = [a4(pod("mysql-0"), ip(0)), (pod("mysql-1"), rdtype, 5, address)]
        looked = look(table(records(ASK_SRV, srv_records(numbered(2)), glue)))
        assert looked.questions == [ASK_SRV]
        assert shown(looked.snapshot) == [("mysql-0", (ip(0),))]
        assert looked.snapshot.unresolved == ()
        (dropped,) = looked.snapshot.dropped
        assert dropped.endswith(f"of {pod('mysql-1')}: {reason}")

    def test_allow_networks(self) -> None:
        """For laptops and tests such networks can be allowed."""
        glue = [a4(pod("mysql-0"), "127.0.0.7")]
        reply = records(ASK_SRV, srv_records(["mysql-0"]), glue)
        looked = look(table(reply), allow_networks=("127.0.0.0/8",))
        assert shown(looked.snapshot) == [("mysql-0", ("127.0.0.7",))]
        assert looked.snapshot.dropped == ()

    def test_mapped_addresses_are_v4(self) -> None:
        """``::ffff:10.1.0.0`` is 10.1.0.0, and not a second address beside it."""
        glue = [a6(pod("mysql-0"), "::ffff:10.1.0.0"), a4(pod("mysql-0"), "10.1.0.0")]
        looked = look(table(records(ASK_SRV, srv_records(["mysql-0"]), glue)))
        assert shown(looked.snapshot) == [("mysql-0", ("10.1.0.0",))]

    def test_glue_of_strangers_is_ignored(self) -> None:
        """Additional records count only for targets that the answer lists."""
        reply = healthy(1)
        reply.additional.append(a4(pod("mysql-7"), "10.6.6.6"))
        reply.additional.append((pod("mysql-0"), CNAME, 5, "evil.example"))
        assert shown(look(table(reply)).snapshot) == [("mysql-0", (ip(0),))]


class TestFamily:
    """``family`` asks and keeps one address family."""

    def test_the_other_family_is_left_out(self) -> None:
        """A pod without an address of the family is left out; that is no drop."""
        glue = [a4(pod("mysql-0"), ip(0)), a6(pod("mysql-1"), "fd00::1")]
        reply = records(ASK_SRV, srv_records(numbered(2)), glue)
        four = look(table(reply), family=4)
        assert shown(four.snapshot) == [("mysql-0", (ip(0),))]
        assert (four.snapshot.dropped, four.snapshot.unresolved) == ((), ())
        assert four.questions == [ASK_SRV]
        assert shown(look(table(reply), family=6).snapshot) == [("mysql-1", ("fd00::1",))]

    def test_none_left_is_empty(self) -> None:
        """No pod with an address of the family: EMPTY."""
        looked = look(table(healthy(2)), family=6)
        assert (looked.snapshot.outcome, looked.snapshot.dropped) == (EMPTY, ())

    def test_none_by_name_is_empty_too(self) -> None:
        """The same where the addresses had to be asked by name."""
        replies = [nodata(Question(pod(name), AAAA)) for name in numbered(2)]
        looked = look(table(healthy(2, glued=0), *replies), family=6)
        assert looked.snapshot.outcome == EMPTY
        assert looked.snapshot.unresolved == ()


class TestNotHeadless:
    """Every SRV target is the Service's own name."""

    def test_a_virtual_address(self) -> None:
        """It is told with the virtual addresses and the Service's ports."""
        answer = [(SERVICE, SRV, 5, (0, 50, port, SERVICE)) for port in (443, 80)]
        glue = [a4(SERVICE, "10.96.7.7"), a4("evil.example", "10.6.6.6")]
        failure = look(table(records(ASK_SRV, answer, glue))).failure
        assert failure.problem.kind == NOT_HEADLESS
        assert (failure.addresses, failure.ports) == (("10.96.7.7",), (80, 443))
        assert failure.servers == ("10.96.0.10:53",)

    def test_by_a_ports_name(self) -> None:
        """A named port shows it too."""
        named = f"_web._tcp.{SERVICE}"
        reply = records(Question(named, SRV), [(named, SRV, 5, (0, 100, 80, SERVICE))])
        failure = look(table(reply), port_name="web").failure
        assert (failure.problem.kind, failure.addresses) == (NOT_HEADLESS, ())

    def test_one_of_several_is_dropped(self) -> None:
        """One record with the Service's own name among pods is a strange record, no more."""
        answer = [*healthy(1).answer, (SERVICE, SRV, 5, (0, 1, 80, SERVICE))]
        looked = look(table(records(ASK_SRV, answer, healthy(1).additional)))
        assert len(looked.snapshot) == 1
        assert len(looked.snapshot.dropped) == 1


class TestExternalName:
    """A Service that is an alias."""

    def replies(self) -> list[Reply]:
        """SRV of the alias holds nothing; its addresses lead to another Service."""
        chain = [link(SERVICE, OTHER), a4(OTHER, ip(0)), a4(OTHER, ip(1))]
        return [nodata(ASK_SRV), records(ASK_A, chain), nodata(ASK_AAAA)]

    def test_a_service_inside_is_followed(self) -> None:
        """Its SRV is asked at the target: one question more, and names of the target."""
        there = Question(OTHER, SRV)
        glue = [a4(pod(name, OTHER), ip(n)) for n, name in enumerate(numbered(2))]
        answer = srv_records(numbered(2), owner=OTHER, service=OTHER)
        looked = look(table(*self.replies(), records(there, answer, glue)))
        assert looked.batches == [(ASK_SRV,), (ASK_A, ASK_AAAA), (there,)]
        assert [each.hostname for each in looked.snapshot] == [
            pod(name, OTHER) for name in numbered(2)
        ]
        assert looked.snapshot.service.fqdn == SERVICE

    def test_with_a_ports_name(self) -> None:
        """A port's name is asked at the target."""
        named, there = f"_web._tcp.{SERVICE}", f"_web._tcp.{OTHER}"
        replies = [nodata(Question(named, SRV)), *self.replies()[1:]]
        answer = srv_records(["mysql-0"], owner=there, service=OTHER)
        reply = records(Question(there, SRV), answer, [a4(pod("mysql-0", OTHER), ip(0))])
        looked = look(table(*replies, reply), port_name="web")
        assert [each.name for each in looked.snapshot] == ["mysql-0"]

    def test_its_srv_failing_is_a_failure(self) -> None:
        """A failed SRV at the target is a Failure, not a switch to addresses."""
        looked = look(table(*self.replies(), failed(Question(OTHER, SRV))))
        assert looked.failure.problem.kind == TIMEOUT

    def test_a_target_without_srv_is_taken_by_its_addresses(self) -> None:
        """A Service without ports at the end: its addresses, without names."""
        looked = look(table(*self.replies(), nodata(Question(OTHER, SRV))))
        assert shown(looked.snapshot) == [(None, (ip(0),)), (None, (ip(1),))]

    def test_not_headless_at_the_target(self) -> None:
        """A target with a virtual address is told as such, by the target's name."""
        reply = records(Question(OTHER, SRV), [(OTHER, SRV, 5, (0, 100, 80, OTHER))])
        failure = look(table(*self.replies(), reply)).failure
        assert failure.problem.kind == NOT_HEADLESS
        assert failure.question == Question(OTHER, SRV)

    def test_a_pod_as_the_target(self) -> None:
        """An alias for something inside that is no Service: its addresses."""
        target = f"mysql-0.{OTHER}"
        chain = [link(SERVICE, target), a4(target, ip(0))]
        looked = look(table(nodata(ASK_SRV), records(ASK_A, chain), nodata(ASK_AAAA)))
        assert shown(looked.snapshot) == [(None, (ip(0),))]

    def test_addresses_only(self) -> None:
        """``plan="addresses"`` follows it without asking SRV."""
        looked = look(table(*self.replies()), plan="addresses")
        assert looked.questions == [ASK_A, ASK_AAAA]
        assert len(looked.snapshot) == 2

    @pytest.mark.parametrize("target", ["evil.example", "db.shop.svc.cluster.local.evil.example"])
    def test_out_of_the_zone_is_refused(self, target: str) -> None:
        """A CNAME that leaves ``svc.<cluster domain>`` is dropped: 6.6.6.6 is no member."""
        away = records(ASK_A, [link(SERVICE, target), a4(target, "6.6.6.6")])
        looked = look(table(nodata(ASK_SRV), away, nodata(ASK_AAAA)))
        assert looked.failure.problem.kind == BAD_RESPONSE
        assert looked.failure.dropped == (f"CNAME to {target}: it leaves svc.cluster.local",)

    def test_srv_through_a_cname_inside(self) -> None:
        """A server that completes names answers under another Service: that one counts."""
        answer = [link(SERVICE, OTHER), *srv_records(["mysql-0"], owner=OTHER, service=OTHER)]
        glue = [a4(pod("mysql-0", OTHER), ip(0))]
        looked = look(table(records(ASK_SRV, answer, glue)))
        assert [each.hostname for each in looked.snapshot] == [pod("mysql-0", OTHER)]

    def test_srv_through_a_cname_to_no_service(self) -> None:
        """A CNAME to something inside that is no Service leaves nothing."""
        odd = f"x.{OTHER}"
        answer = [link(SERVICE, odd), *srv_records(["mysql-0"], owner=odd, service=odd)]
        assert look(table(records(ASK_SRV, answer))).failure.problem.kind == BAD_RESPONSE

    @pytest.mark.parametrize("first", [[], [link(SERVICE, OTHER)]])
    def test_srv_through_a_cname_outside(self, first: list[Record]) -> None:
        """Also behind a good link: never EMPTY, which would remove everybody."""
        start = OTHER if first else SERVICE
        answer = [
            *first,
            link(start, "evil.example"),
            *srv_records(["mysql-0"], owner="evil.example", service="evil.example"),
        ]
        looked = look(table(records(ASK_SRV, answer)))
        assert looked.failure.problem.kind == BAD_RESPONSE
        assert looked.failure.dropped == ("CNAME to evil.example: it leaves svc.cluster.local",)


class TestLimits:
    """Too many members."""

    @pytest.mark.parametrize("count", [4096, 4097])
    def test_max_members(self, count: int) -> None:
        """4,096 endpoints are taken, one more is Failure(too large) with no member."""
        addresses = [a4(SERVICE, ip(n)) for n in range(count)]
        looked = look(table(records(ASK_A, addresses), nodata(ASK_AAAA)), plan="addresses")
        if count == 4096:
            assert len(looked.snapshot) == 4096
        else:
            assert looked.failure.problem == (
                TOO_LARGE,
                "4097 endpoints, more than max_members=4096",
                None,
            )

    def test_unresolved_names_do_not_count(self) -> None:
        """``max_members`` counts endpoints."""
        replies = [nxdomain(Question(pod("mysql-1"), rdtype)) for rdtype in (A, AAAA)]
        looked = look(table(healthy(2, glued=1), *replies), max_members=1)
        assert looked.snapshot.outcome == OK


def test_the_memory_is_per_service_and_the_plan_pure() -> None:
    """Two plans with the same input ask the same and find the same."""
    once = driving.play_plan(plan(request(), PlanMemory(), 0.0), table(healthy(3)).__getitem__)
    again = driving.play_plan(plan(request(), PlanMemory(), 9.0), table(healthy(3)).__getitem__)
    assert once == again


def test_a_bare_alias_is_followed() -> None:
    """An alias without addresses proves nothing: those of its target are asked for."""
    steps = plan(request(), PlanMemory(), 0.0)
    assert next(steps) == (ASK_SRV,)
    assert steps.send((nodata(ASK_SRV),)) == (ASK_A, ASK_AAAA)
    asked = steps.send((records(ASK_A, [link(SERVICE, OTHER)]), nodata(ASK_AAAA)))
    assert asked == (Question(OTHER, SRV),)
    asked = steps.send((nodata(asked[0]),))
    assert asked == (Question(OTHER, A), Question(OTHER, AAAA))
    with pytest.raises(StopIteration) as stop:
        steps.send((records(asked[0], [a4(OTHER, "10.0.0.7")]), nodata(asked[1])))
    assert stop.value.value.outcome == OK
    assert shown(stop.value.value) == [(None, ("10.0.0.7",))]


def test_aliases_without_end() -> None:
    """Eight answers that lead on are followed, the ninth is the last."""

    def leads_on(question: Question) -> Reply:
        return records(question, [link(question.name, f"x{question.name}")])

    steps = plan(request(plan="addresses", family=4), PlanMemory(), 0.0)
    looked = driving.play_plan(steps, leads_on)
    assert looked.snapshot.outcome == EMPTY
    assert len(looked.questions) == 9


def test_too_many_addresses_for_one_pod() -> None:
    """A name of one pod with thousands of addresses is a bad response, and costs nothing."""
    name = pod("mysql-0")
    ask = Question(name, A)
    flood = records(ask, [a4(name, ip(n)) for n in range(65)])
    looked = look(table(healthy(1, glued=0), flood, nodata(Question(name, AAAA))))
    assert looked.snapshot.outcome == PARTIAL
    assert "65 records for a single pod" in str(looked.snapshot.problem)


def test_out_of_time() -> None:
    """A look whose answer could not be taken apart in time is a timeout."""
    late = out_of_time((healthy(3),))
    assert late.problem.kind == "timeout"
    assert late.servers


def test_advance() -> None:
    """One step of a plan: the next questions, or what the look came to."""
    steps = plan(request(), PlanMemory(), 0.0)
    next(steps)
    assert advance(steps, (nodata(ASK_SRV),)) == ((ASK_A, ASK_AAAA), None)
    questions, result = advance(steps, (nodata(ASK_A), nodata(ASK_AAAA)))
    assert questions == ()
    assert result == look(table(nodata(ASK_SRV), nodata(ASK_A), nodata(ASK_AAAA))).result


def test_what_takes_long() -> None:
    """Thousands of records are gathered off an event loop, a handful is not."""
    many = [a4(SERVICE, ip(n)) for n in range(4000)]
    assert takes_long((records(ASK_A, many), nodata(ASK_AAAA)))
    assert not takes_long((healthy(30),))


def test_exchange_and_plan_together() -> None:
    """From bytes to a snapshot: what CoreDNS sends, asked and understood."""
    owner = SERVICE.upper()
    data = driving.message(
        ASK_SRV,
        [driving.srv(owner, f"MySQL-{n}.{SERVICE.title()}") for n in range(3)],
        additional=[driving.a(f"mysql-{n}.{SERVICE}", ip(n)) for n in (2, 0, 1)] + [driving.opt()],
    )
    memory = ServerMemory()
    looked = driving.play_plan(
        plan(request(statefulset="mysql"), PlanMemory(), 0.0),
        lambda question: (
            driving.ask(driving.after(0.001, data), question=question, memory=memory).reply
        ),
    )
    assert str(looked.snapshot) == ",".join(f"mysql-{n}.{SERVICE}:3306" for n in range(3))
