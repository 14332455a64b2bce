"""The Kubernetes DNS schema: what people type, and what pods are called."""

from __future__ import annotations

import pytest

from headless_discovery.core.names import (
    ServiceName,
    check_domain,
    check_label,
    is_pod_label,
    ordinal_of,
    split_service,
    srv_labels,
)
from headless_discovery.errors import InvalidName

FQDN = "my-database.shop.svc.cluster.local"


class TestServiceName:
    """All forms of a Service's name."""

    @pytest.mark.parametrize(
        "text",
        [
            "my-database.shop",
            "my-database.shop.",
            "My-Database.SHOP",
            "my-database.shop.svc",
            "my-database.shop.svc.",
            FQDN,
            FQDN + ".",
            FQDN.upper(),
        ],
    )
    def test_every_form_is_the_same_name(self, text: str) -> None:
        """With or without the last dot, the domain, in any letter case."""
        name = ServiceName(text)
        assert name.fqdn == str(name) == FQDN
        assert (name.service, name.namespace, name.cluster_domain) == (
            "my-database",
            "shop",
            "cluster.local",
        )

    def test_arguments_complete_it(self) -> None:
        """Namespace and cluster domain may come as arguments; agreeing twice is fine."""
        name = ServiceName("db", namespace="Shop", cluster_domain="K8S.Example.")
        assert name.fqdn == "db.shop.svc.k8s.example"
        assert ServiceName(name.fqdn, namespace="shop", cluster_domain="k8s.example") == name

    @pytest.mark.parametrize(
        ("text", "arguments", "said"),
        [
            ("db", {}, "namespace is missing"),
            ("db.shop", {"namespace": "other"}, "leave one of them out"),
            (FQDN, {"cluster_domain": "k8s.example"}, "leave one of them out"),
            ("", {}, "empty"),
            (".", {}, "empty"),
            ("db..svc", {}, "empty label"),
            (".db", {}, "empty label"),
            ("db.shop..", {}, "third label"),
            ("db.shop.svc..a", {}, "empty label"),
            ("db_.shop", {}, "RFC 1123"),
            ("-db.shop", {}, "RFC 1123"),
            ("db-.shop", {}, "RFC 1123"),
            ("db\n.shop", {}, "RFC 1123"),
            ("db.shop\n", {}, "RFC 1123"),
            ("dä.shop", {}, "RFC 1123"),
            ("d\N{KELVIN SIGN}.shop", {}, "RFC 1123"),
            ("*.shop", {}, "RFC 1123"),
            ("a" * 64 + ".shop", {}, "64 octets"),
            ("db.shop.pod.cluster.local", {}, "third label"),
            ("db.shop." + "x" * 200, {}, "third label"),
            ("_web._tcp.db.shop.svc.cluster.local", {}, "SRV name"),
            ("db", {"namespace": "a.b"}, "holds no dot"),
            ("db", {"namespace": ""}, "empty"),
            ("db.shop", {"cluster_domain": ""}, "empty"),
            ("db.shop.svc.bad_domain", {}, "RFC 1123"),
        ],
    )
    def test_what_is_refused(self, text: str, arguments: dict[str, str], said: str) -> None:
        """Each name that cannot be one is refused, with what is wrong about it."""
        with pytest.raises(InvalidName, match=said) as caught:
            ServiceName(text, **arguments)
        assert caught.value.reason

    @pytest.mark.parametrize("text", ["mysql-0." + FQDN, "mysql-0.db.shop.svc"])
    def test_a_pod_is_no_service_and_the_error_names_the_service(self, text: str) -> None:
        """A pod's FQDN gets an error that says which Service it belongs to."""
        with pytest.raises(InvalidName, match="name of a pod") as caught:
            ServiceName(text)
        assert repr(text.partition(".")[2]) in caught.value.reason

    def test_253_octets(self) -> None:
        """A full name may hold 253 octets, not one more, whatever it came from."""
        room = 253 - len("db.shop.svc.") - 64 * 3
        domain = ".".join(["d" * 63] * 3 + ["e" * room])
        assert len(ServiceName("db.shop", cluster_domain=domain).fqdn) == 253
        with pytest.raises(InvalidName, match="254 octets"):
            ServiceName("db1.shop", cluster_domain=domain)
        with pytest.raises(InvalidName, match="at most 253"):
            ServiceName("x." * 128)

    def test_pods(self) -> None:
        """A pod's hostname is one label before the Service, without the last dot."""
        name = ServiceName("db.shop")
        assert name.pod("MySQL-0") == "mysql-0.db.shop.svc.cluster.local"
        for bad in ("a.b", "", "x" * 64, "$(x)"):
            with pytest.raises(InvalidName):
                name.pod(bad)

    def test_hostnames_need_no_dns(self) -> None:
        """A StatefulSet's hostnames by ordinal, from any start."""
        name = ServiceName("db.shop")
        assert name.hostnames("mysql", 2, start=5) == (
            "mysql-5.db.shop.svc.cluster.local",
            "mysql-6.db.shop.svc.cluster.local",
        )
        assert name.hostnames("mysql", 0) == ()
        for arguments in ((-1, 0), (1, -1)):
            with pytest.raises(ValueError, match="0 or more"):
                name.hostnames("mysql", *arguments)
        with pytest.raises(InvalidName):
            name.hostnames("my.sql", 0)

    def test_long_pod_and_port_names(self) -> None:
        """What is put in front counts towards the 253 octets."""
        name = ServiceName("db.shop", cluster_domain=".".join(["d" * 60] * 3))
        with pytest.raises(InvalidName, match="octets"):
            name.pod("p" * 63)
        with pytest.raises(InvalidName, match="octets"):
            name.srv("p" * 63)

    @pytest.mark.parametrize(
        ("port", "protocol"), [("web", "tcp"), ("_web", "_TCP"), ("WEB", "Tcp")]
    )
    def test_srv(self, port: str, protocol: str) -> None:
        """The name of a port's SRV records, with or without the underscores."""
        wanted = "_web._tcp.db.shop.svc.cluster.local"
        assert ServiceName("db.shop").srv(port, protocol) == wanted


class TestParts:
    """The pieces of a name."""

    def test_split_leaves_open_what_nobody_said(self) -> None:
        """None where neither text nor argument says anything."""
        assert split_service("db") == ("db", None, None)
        assert split_service("db.shop.svc") == ("db", "shop", None)
        assert split_service("db", namespace="shop") == ("db", "shop", None)

    @pytest.mark.parametrize("protocol", ["icmp", "", "tcp ", "tcp.", "_", "\N{KELVIN SIGN}"])
    def test_protocols(self, protocol: str) -> None:
        """Kubernetes knows tcp, udp and sctp."""
        assert [srv_labels("p", each) for each in ("udp", "sctp")] == ["_p._udp", "_p._sctp"]
        with pytest.raises(InvalidName, match="tcp, udp or sctp"):
            srv_labels("web", protocol)

    def test_domain(self) -> None:
        """A cluster domain is lower-cased and loses its last dot."""
        assert check_domain("K8s.Example.") == "k8s.example"
        for bad in ("", "a..b", "a b", "x" * 255):
            with pytest.raises(InvalidName):
                check_domain(bad)

    def test_label(self) -> None:
        """One label, named in the error by what it is."""
        assert check_label("A1", "namespace") == "a1"
        with pytest.raises(InvalidName, match="namespace"):
            check_label("a/b", "namespace")

    @pytest.mark.parametrize(
        "label",
        ["a", "0", "mysql-0", "a_b", "_x", "10-244-2-5", "fd00-244-2--8", "a-", "x" * 63],
    )
    def test_pod_labels(self, label: str) -> None:
        """Letters, digits, ``-`` and ``_`` may name a pod."""
        assert is_pod_label(label)

    @pytest.mark.parametrize(
        "label",
        [
            "", "-a", "--rf", "A", "a.b", "$(x)", "a;b", "a\n", "a\0", "'", '"', "{{x}}", "../a",
            "%n", "\x1b[31m", "\\255", "ä", "x" * 64, " ",
        ],
    )  # fmt: skip
    def test_hostile_labels(self, label: str) -> None:
        """Nothing that a shell, a file or a terminal could take amiss names a pod."""
        assert not is_pod_label(label)


class TestOrdinals:
    """``<statefulset>-<n>``, and what only looks like it."""

    @pytest.mark.parametrize(
        ("label", "addresses", "ordinal"),
        [
            ("mysql-0", ("10.0.0.1",), 0),
            ("mysql-10", ("10.0.0.1",), 10),
            ("my-db-2", ("10.0.0.1",), 2),
            ("mysql", ("10.0.0.1",), None),
            ("mysql-", ("10.0.0.1",), None),
            ("-0", ("10.0.0.1",), None),
            ("mysql-01", ("10.0.0.1",), None),
            ("mysql-x", ("10.0.0.1",), None),
            ("mysql-9999999999", (), 9999999999),
            ("mysql-10000000000", (), None),
            ("10-244-1-12", ("10.244.1.12",), None),
            ("10-244-1-12", ("10.244.1.13",), 12),
            ("10-244-1-12", ("10.0.0.1", "10.244.1.12"), None),
            ("fd00-244-2--8", ("fd00:244:2::8",), None),
            ("app-75d8d959fb-24567", ("10.0.0.1",), None),
            ("app-75d8d959fb-24561", ("10.0.0.1",), 24561),
            ("app-75d8d959fb-2456", ("10.0.0.1",), 2456),
            ("app-5d8d9-24567", ("10.0.0.1",), 24567),
            ("app-aeiou5d8d9-24567", ("10.0.0.1",), 24567),
        ],
    )
    def test_guessed(self, label: str, addresses: tuple[str, ...], ordinal: int | None) -> None:
        """Dashed addresses and pods of a Deployment have none."""
        assert ordinal_of(label, addresses, None) == ordinal

    @pytest.mark.parametrize(
        ("label", "ordinal"),
        [
            ("mysql-3", 3),
            ("mysql-router-3", None),
            ("sql-3", None),
            ("mysql-03", None),
            ("mysql", None),
        ],
    )
    def test_a_statefulset_fixes_it(self, label: str, ordinal: int | None) -> None:
        """With ``statefulset=`` only its own pods have one."""
        assert ordinal_of(label, (), "mysql") == ordinal

    def test_a_statefulset_named_like_a_deployment(self) -> None:
        """``statefulset=`` is exact where guessing errs."""
        assert ordinal_of("app-75d8d959fb-24567", (), "app-75d8d959fb") == 24567
