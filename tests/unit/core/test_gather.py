"""From records to endpoints."""

from __future__ import annotations

import pytest

from headless_discovery.core.addresses import AddressPolicy
from headless_discovery.core.gather import Gathering, follow_cnames
from headless_discovery.core.wire import AAAA, CNAME, SRV, A, Record
from tests.unit.core.driving import SERVICE, pod, srv_records

ZONE = "cluster.local"


def chain(links: int) -> list[Record]:
    """CNAMEs from s0 to s<links>."""
    names = [f"s{n}.shop.svc.{ZONE}" for n in range(links + 1)]
    return [(names[n], CNAME, 5, names[n + 1]) for n in range(links)]


class TestCnames:
    """The chain inside one answer."""

    @pytest.mark.parametrize("links", [0, 1, 8])
    def test_up_to_eight_links(self, links: int) -> None:
        """The name at the end, in whatever order the links come."""
        wanted = (f"s{links}.shop.svc.{ZONE}", None)
        assert follow_cnames(chain(links), f"s0.shop.svc.{ZONE}", ZONE) == wanted
        assert follow_cnames(chain(links)[::-1], f"s0.shop.svc.{ZONE}", ZONE) == wanted

    def test_nine_links_are_too_many(self) -> None:
        """One link more is refused and told."""
        name, dropped = follow_cnames(chain(9), f"s0.shop.svc.{ZONE}", ZONE)
        assert name == f"s8.shop.svc.{ZONE}"
        assert dropped is not None
        assert "more than 8" in dropped

    def test_a_loop_ends(self) -> None:
        """A loop is a chain too long."""
        one, two = f"a.shop.svc.{ZONE}", f"b.shop.svc.{ZONE}"
        loop: list[Record] = [(one, CNAME, 5, two), (two, CNAME, 5, one)]
        assert follow_cnames(loop, one, ZONE)[1] is not None

    @pytest.mark.parametrize(
        "target",
        ["evil.example", f"svc.{ZONE}", f"a.pod.{ZONE}", f"a.svc.{ZONE}.evil", f"axsvc.{ZONE}", ""],
    )
    def test_it_must_stay_inside(self, target: str) -> None:
        """A link out of ``svc.<cluster domain>`` ends the chain where it was good."""
        answer: list[Record] = [*chain(1), (f"s1.shop.svc.{ZONE}", CNAME, 5, target)]
        name, dropped = follow_cnames(answer, f"s0.shop.svc.{ZONE}", ZONE)
        assert name == f"s1.shop.svc.{ZONE}"
        assert dropped == f"CNAME to {target}: it leaves svc.{ZONE}"


def gathering(
    *, family: int | None = None, port: int | None = None, statefulset: str | None = None
) -> Gathering:
    """A gathering for the Service of these tests."""
    return Gathering(SERVICE, AddressPolicy(), family=family, port=port, statefulset=statefulset)


class TestGathering:
    """Targets, addresses and ports put together."""

    def test_duplicates_and_order_do_not_matter(self) -> None:
        """Records that come twice or in another order give the same endpoint."""
        names = ["mysql-1", "mysql-0"]
        glue: list[Record] = [(pod(name), A, 5, f"10.0.0.{n}") for n, name in enumerate(names)]
        one, two = gathering(), gathering()
        one.targets(srv_records(names), SERVICE)
        one.glue(glue)
        two.targets(srv_records(names[::-1] * 2), SERVICE)
        two.glue(glue[::-1] * 2)
        assert set(one.endpoints()[0]) == set(two.endpoints()[0])
        assert len(two.endpoints()[0]) == 2

    def test_statefulset(self) -> None:
        """``statefulset=`` decides whose number is an ordinal."""
        found = gathering(statefulset="mysql")
        found.targets(srv_records(["mysql-0", "redis-1"]), SERVICE)
        found.glue([(pod("mysql-0"), A, 5, "10.0.0.1"), (pod("redis-1"), A, 5, "10.0.0.2")])
        ordinals = {each.name: each.ordinal for each in found.endpoints()[0]}
        assert ordinals == {"mysql-0": 0, "redis-1": None}

    def test_dashed_addresses_have_no_ordinal(self) -> None:
        """Pods named after their address, v4 and v6, are named but not numbered."""
        found = gathering()
        found.targets(srv_records(["10-0-0-1", "fd00--7"]), SERVICE)
        found.glue([(pod("10-0-0-1"), A, 5, "10.0.0.1"), (pod("fd00--7"), AAAA, 5, "fd00::7")])
        assert {(each.name, each.ordinal) for each in found.endpoints()[0]} == {
            ("10-0-0-1", None),
            ("fd00--7", None),
        }

    def test_nameless_addresses_of_named_pods_are_not_counted_twice(self) -> None:
        """An address known under a name keeps that name."""
        found = gathering()
        found.targets(srv_records(["mysql-0"]), SERVICE)
        found.glue([(pod("mysql-0"), A, 5, "10.0.0.1")])
        answer: list[Record] = [(SERVICE, A, 5, "10.0.0.1"), (SERVICE, A, 5, "10.0.0.2")]
        found.nameless([*answer, (SERVICE, CNAME, 5, "x"), ("other", A, 5, "10.0.0.3")], SERVICE)
        assert [(each.name, each.address) for each in found.endpoints()[0]] == [
            ("mysql-0", "10.0.0.1"),
            (None, "10.0.0.2"),
        ]

    def test_a_denied_nameless_address_is_dropped(self) -> None:
        """The Service's own addresses are judged too."""
        found = gathering(port=80)
        found.nameless([(SERVICE, A, 5, "127.0.0.1"), (SERVICE, A, 5, "10.0.0.1")], SERVICE)
        assert [(each.address, each.port) for each in found.endpoints()[0]] == [("10.0.0.1", 80)]
        assert found.dropped == (f"address 127.0.0.1 of {SERVICE}: loopback",)

    def test_a_pod_with_one_good_and_one_denied_address(self) -> None:
        """The good address stays, the other one is named."""
        found = gathering()
        found.targets(srv_records(["mysql-0"]), SERVICE)
        found.glue([(pod("mysql-0"), A, 5, "10.0.0.1"), (pod("mysql-0"), A, 5, "127.0.0.1")])
        assert [each.addresses for each in found.endpoints()[0]] == [("10.0.0.1",)]
        assert len(found.dropped) == 1

    def test_what_was_refused_is_not_asked_again(self) -> None:
        """Targets answered for, by a refused address or one of the other family, miss nothing."""
        found = gathering(family=4)
        found.targets(srv_records(["mysql-0", "mysql-1", "mysql-2"]), SERVICE)
        found.glue([(pod("mysql-0"), AAAA, 5, "fd00::1"), (pod("mysql-1"), A, 5, "127.0.0.1")])
        assert found.without_glue() == [pod("mysql-2")]
        found.leave_out([pod("mysql-2")])
        assert found.without_glue() == []
        assert found.endpoints() == ([], ())

    def test_srv_of_other_owners_is_ignored(self) -> None:
        """Only the SRV records of the name asked count."""
        found = gathering()
        found.targets([("other", SRV, 5, (0, 1, 80, pod("mysql-0")))], SERVICE)
        assert found.without_glue() == []
