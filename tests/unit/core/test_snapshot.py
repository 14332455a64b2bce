"""`Endpoint` and `Snapshot` as values and as text."""

from __future__ import annotations

import random

import pytest

from headless_discovery.core.names import ServiceName
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, Endpoint, Snapshot, join_port
from headless_discovery.errors import AmbiguousEndpoint, EndpointNotFound

SERVICE = ServiceName("db.shop")


def pod(number: int, name: str = "mysql", **more: object) -> Endpoint:
    """Pod ``number`` of a StatefulSet."""
    label = f"{name}-{number}"
    given: dict[str, object] = {"addresses": (f"10.0.0.{number}",), "ports": (3306,), **more}
    return Endpoint(name=label, hostname=SERVICE.pod(label), ordinal=number, **given)  # type: ignore[arg-type]


def nameless(address: str, *ports: int) -> Endpoint:
    """An endpoint that only has an address."""
    return Endpoint(addresses=(address,), ports=ports)


class TestEndpoint:
    """One pod."""

    def test_address_and_port(self) -> None:
        """The first address; the one port, None for none and for several."""
        assert pod(1, addresses=("10.0.0.1", "fd00::1")).address == "10.0.0.1"
        assert pod(1).port == 3306
        assert pod(1, ports=()).port is None
        assert pod(1, ports=(80, 443)).port is None

    @pytest.mark.parametrize(
        ("endpoint", "text"),
        [
            (pod(0), "mysql-0.db.shop.svc.cluster.local:3306"),
            (pod(0, ports=()), "mysql-0.db.shop.svc.cluster.local"),
            (pod(0, ports=(1, 2)), "mysql-0.db.shop.svc.cluster.local"),
            (nameless("10.0.0.1"), "10.0.0.1"),
            (nameless("10.0.0.1", 80), "10.0.0.1:80"),
            (nameless("fd00::1", 80), "[fd00::1]:80"),
            (nameless("fd00::1"), "[fd00::1]"),
        ],
    )
    def test_text(self, endpoint: Endpoint, text: str) -> None:
        """``hostname:port``; the address where nameless, v6 in brackets, no port where None."""
        assert str(endpoint) == text

    def test_join_port(self) -> None:
        """A place with its port."""
        assert join_port("x", None) == "x"
        assert join_port("::1", 1) == "[::1]:1"


class TestSnapshot:
    """What one look found."""

    def test_sorted_by_ordinal_name_address_none_last(self) -> None:
        """2 comes before 10; pods without ordinal later, nameless ones last, by number."""
        wanted = [
            pod(2),
            pod(2, "other"),
            pod(10),
            Endpoint(addresses=("10.0.9.9",), name="a", hostname="a.x"),
            Endpoint(addresses=("10.0.9.8",), name="b", hostname="b.x"),
            nameless("10.0.0.9"),
            nameless("10.0.0.10"),
            nameless("fd00::1"),
        ]
        for seed in range(20):
            shuffled = random.Random(seed).sample(wanted, len(wanted))
            assert list(Snapshot(SERVICE, shuffled)) == wanted

    def test_equality_over_service_and_endpoints(self) -> None:
        """When, by whom and with which TTL it was seen does not matter."""
        one = Snapshot(SERVICE, [pod(0), pod(1)], ttl=5, seen_at=1.0, servers=("a",), version=1)
        two = Snapshot(SERVICE, [pod(1), pod(0)], ttl=9, seen_at=2.0, outcome="PARTIAL")
        assert one == two
        assert hash(one) == hash(two)
        assert one != Snapshot(SERVICE, [pod(0)])
        assert one != Snapshot(ServiceName("db.other"), [pod(0), pod(1)])
        assert one != Snapshot(SERVICE, [pod(0), pod(1, ports=(1,))])

    def test_iteration_length_truth(self) -> None:
        """It is a sized iterable, false when nobody is there; no indexing by number."""
        snapshot = Snapshot(SERVICE, [pod(1)])
        assert (len(snapshot), bool(snapshot), list(snapshot)) == (1, True, [pod(1)])
        assert not Snapshot(SERVICE, outcome=EMPTY)
        with pytest.raises(TypeError):
            snapshot[0]  # type: ignore[index]

    @pytest.mark.parametrize(
        ("endpoint", "by_name", "by_address"),
        [
            (pod(1), "mysql-1.db.shop.svc.cluster.local:3306", "10.0.0.1:3306"),
            (pod(1, ports=()), "mysql-1.db.shop.svc.cluster.local", "10.0.0.1"),
            (pod(1, ports=(80, 443)), "mysql-1.db.shop.svc.cluster.local", "10.0.0.1"),
            (
                pod(1, addresses=("fd00::1",)),
                "mysql-1.db.shop.svc.cluster.local:3306",
                "[fd00::1]:3306",
            ),
            (
                pod(1, addresses=("10.0.0.1", "fd00::1")),
                "mysql-1.db.shop.svc.cluster.local:3306",
                "10.0.0.1:3306",
            ),
            (pod(1, addresses=("fd00::1",), ports=()), pod(1).hostname, "[fd00::1]"),
            (nameless("10.0.0.9", 80), "10.0.0.9:80", "10.0.0.9:80"),
            (nameless("fd00::1", 80), "[fd00::1]:80", "[fd00::1]:80"),
            (nameless("fd00::1"), "[fd00::1]", "[fd00::1]"),
        ],
    )
    def test_renderers(self, endpoint: Endpoint, by_name: str, by_address: str) -> None:
        """By name, the address where nameless; IPv6 in brackets; ``:port`` where it is one."""
        snapshot = Snapshot(SERVICE, [endpoint])
        assert snapshot.hostports() == snapshot.hostports(by="name") == (by_name,)
        assert snapshot.hostports(by="address") == (by_address,)
        assert snapshot.urls("nats") == snapshot.urls("nats", by="name") == (f"nats://{by_name}",)
        assert snapshot.urls("http", by="address") == (f"http://{by_address}",)
        assert str(snapshot) == by_name

    def test_renderers_of_several(self) -> None:
        """One element an endpoint, in the order of the snapshot; ``str()`` joins by commas."""
        snapshot = Snapshot(SERVICE, [pod(2), nameless("fd00::1", 80), pod(1)])
        first, second = (f"mysql-{n}.db.shop.svc.cluster.local:3306" for n in (1, 2))
        assert snapshot.hostports() == (first, second, "[fd00::1]:80")
        assert snapshot.hostports(by="address") == (
            "10.0.0.1:3306",
            "10.0.0.2:3306",
            "[fd00::1]:80",
        )
        assert snapshot.urls("nats") == tuple(f"nats://{each}" for each in snapshot.hostports())
        assert str(snapshot) == ",".join(snapshot.hostports())
        empty = Snapshot(SERVICE)
        assert (str(empty), empty.hostports(), empty.urls("nats")) == ("", (), ())

    def test_renderers_know_two_ways(self) -> None:
        """A third is the caller's slip, also where nobody is there to render."""
        for by in ("ip", "", None):
            with pytest.raises(ValueError, match="by is 'name' or 'address', not"):
                Snapshot(SERVICE).hostports(by=by)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="by is 'name' or 'address', not"):
                Snapshot(SERVICE).urls("nats", by=by)  # type: ignore[arg-type]

    def test_defaults(self) -> None:
        """A raw snapshot: OK, version 0, nothing dropped, nothing unresolved."""
        snapshot = Snapshot(SERVICE)
        assert (snapshot.outcome, snapshot.version, snapshot.ttl) == (OK, 0, None)
        assert (snapshot.dropped, snapshot.unresolved, snapshot.problem) == ((), (), None)


class TestPicking:
    """By ordinal and by name."""

    def test_by_ordinal(self) -> None:
        """The ordinal, wherever it stands: with mysql-0 down, 1 is still mysql-1."""
        assert Snapshot(SERVICE, [pod(2), pod(1)]).by_ordinal(1) == pod(1)

    @pytest.mark.parametrize(
        "name", ["mysql-1", "MySQL-1", pod(1).hostname, f"{pod(1).hostname}.".upper()]
    )
    def test_by_name(self, name: str) -> None:
        """Pod name or FQDN, with or without the last dot, in any letter case."""
        assert Snapshot(SERVICE, [pod(1), nameless("10.0.0.7")]).by_name(name) == pod(1)

    def test_not_found_says_who_is_listed(self) -> None:
        """The error carries and names those that are listed, ten at most."""
        snapshot = Snapshot(SERVICE, [pod(n) for n in range(12)])
        with pytest.raises(EndpointNotFound, match=r"mysql-0, .* and 2 more$") as caught:
            snapshot.by_ordinal(40)
        assert caught.value.listed == snapshot.endpoints
        assert (caught.value.service, caught.value.wanted) == (SERVICE.fqdn, "ordinal 40")
        with pytest.raises(EndpointNotFound, match=r"listed: mysql-0$"):
            Snapshot(SERVICE, [pod(0)]).by_name("redis-0")

    def test_nobody_is_listed(self) -> None:
        """With nobody there it says so, and the outcome."""
        with pytest.raises(EndpointNotFound, match=r"none is listed \(ABSENT\)"):
            Snapshot(SERVICE, outcome=ABSENT).by_ordinal(0)

    def test_ambiguous_names_both(self) -> None:
        """Two StatefulSets behind one Service: both pods are named."""
        snapshot = Snapshot(SERVICE, [pod(0), pod(0, "other"), pod(1)])
        with pytest.raises(AmbiguousEndpoint, match=r"mysql-0\..*other-0\.") as caught:
            snapshot.by_ordinal(0)
        assert caught.value.listed == (pod(0), pod(0, "other"))

    def test_not_the_governing_service(self) -> None:
        """Where nobody has an ordinal the error says which Service would give them."""
        dashed = Endpoint(addresses=("10.0.0.1",), name="10-0-0-1", hostname="10-0-0-1.x")
        with pytest.raises(EndpointNotFound, match="serviceName"):
            Snapshot(SERVICE, [dashed]).by_ordinal(0)
        with pytest.raises(EndpointNotFound, match=r"10\.0\.0\.1; none has an ordinal"):
            Snapshot(SERVICE, [nameless("10.0.0.1")]).by_ordinal(0)

    def test_names_without_addresses(self) -> None:
        """Where names came without addresses, who is missing may be among them."""
        name = SERVICE.pod("mysql-7")
        snapshot = Snapshot(SERVICE, [nameless("10.0.0.1")], unresolved=(name,))
        with pytest.raises(EndpointNotFound, match=r"listed: 10\.0\.0\.1"):
            snapshot.by_ordinal(7)

    def test_a_hostile_name_is_escaped_and_cut(self) -> None:
        """What the caller asked for is shown escaped and bounded."""
        with pytest.raises(EndpointNotFound) as caught:
            Snapshot(SERVICE).by_name("\x1b[31m" + "x" * 5000)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_an_ordinal_is_a_number() -> None:
    """Text is a mistake of the caller's, and not an ordinal that nobody has."""
    with pytest.raises(TypeError, match="by_name"):
        Snapshot(ServiceName("db.shop")).by_ordinal("0")  # type: ignore[arg-type]


def test_who_is_in_it() -> None:
    """An endpoint, or the name or FQDN of one, in any letter case."""
    snapshot = Snapshot(SERVICE, [pod(0), nameless("10.0.0.9")])
    assert "mysql-0" in snapshot
    assert "MySQL-0.db.shop.svc.cluster.local." in snapshot
    assert "mysql-1" not in snapshot
    assert "" not in snapshot
    assert pod(0) in snapshot
    assert pod(1) not in snapshot
    assert None not in snapshot
