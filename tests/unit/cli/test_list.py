"""``headless-discovery list``: formats, exit codes, flags and their environment twins."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from headless_discovery.testing import Drop, Endpoint, Rcode, WrongId
from tests.faces import command

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS

NAMES = [f"mysql-{n}.my-database.shop.svc.cluster.local" for n in range(3)]


@pytest.fixture
def environment(cluster_dns: ClusterDNS) -> dict[str, str]:
    """Return what points the command at a database of three pods, one of them dual stack."""
    service = cluster_dns.service("my-database", namespace="shop", ports=[3306])
    service.set_endpoints(
        [
            Endpoint(("10.244.0.10",), hostname="mysql-0"),
            Endpoint(("10.244.0.11",), hostname="mysql-1"),
            Endpoint(("fd00:244::11",), hostname="mysql-1"),
            Endpoint(("10.244.0.12",), hostname="mysql-2"),
        ]
    )
    return cluster_dns.environment


def test_the_table_is_plain_in_a_pipe(environment: dict[str, str]) -> None:
    """Aligned columns, hostnames whole, no escape codes; nothing on stderr."""
    done = command("list", "my-database.shop", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "ORDINAL  ADDRESS      PORT  HOSTNAME",
        f"0        10.244.0.10  3306  {NAMES[0]}",
        f"1        10.244.0.11  3306  {NAMES[1]}",
        f"2        10.244.0.12  3306  {NAMES[2]}",
    ]


def test_wide_shows_everything(environment: dict[str, str]) -> None:
    """All addresses of each pod, and its name."""
    done = command("list", "my-database.shop", "-o", "wide", **environment)
    assert done.stdout.splitlines()[2].split() == [
        "1",
        "mysql-1",
        "10.244.0.11,fd00:244::11",
        "3306",
        NAMES[1],
    ]


def test_json_is_stable(environment: dict[str, str]) -> None:
    """The document of schema 1, field by field."""
    done = command("list", "my-database.shop", "-o", "json", **environment)
    assert json.loads(done.stdout) == {
        "schema": 1,
        "service": "my-database.shop.svc.cluster.local",
        "outcome": "OK",
        "ttl": 5,
        "endpoints": [
            {
                "name": f"mysql-{n}",
                "ordinal": n,
                "hostname": NAMES[n],
                "addresses": [f"10.244.0.1{n}", *(["fd00:244::11"] if n == 1 else [])],
                "ports": [3306],
            }
            for n in range(3)
        ],
    }


def test_the_other_formats(environment: dict[str, str]) -> None:
    """Each format as its readers expect it."""

    def output(form: str, *flags: str) -> str:
        done = command("list", "my-database.shop", "-o", form, *flags, **environment)
        assert done.returncode == 0
        return done.stdout

    assert output("name").split() == NAMES
    assert output("addresses", "-4").split() == ["10.244.0.10", "10.244.0.11", "10.244.0.12"]
    assert output("addresses", "-6").split() == ["fd00:244::11"]
    lines = [json.loads(line) for line in output("jsonl").splitlines()]
    assert [line["hostname"] for line in lines] == NAMES
    rows = list(csv.DictReader(io.StringIO(output("csv"))))
    assert rows[1] == {
        "name": "mysql-1",
        "ordinal": "1",
        "hostname": NAMES[1],
        "addresses": "10.244.0.11 fd00:244::11",
        "ports": "3306",
    }
    assert output("hosts").splitlines()[0] == f"10.244.0.10\t{NAMES[0]} mysql-0"
    assert output("env", "-4").splitlines() == [
        "HD_COUNT=3",
        f"HD_NAMES={','.join(NAMES)}",
        "HD_ADDRESSES=10.244.0.10,10.244.0.11,10.244.0.12",
    ]


def test_nameless_endpoints(cluster_dns: ClusterDNS) -> None:
    """A Service without ports gives addresses; where a name would stand is null or a dash."""
    plain = cluster_dns.service("plain", namespace="shop")
    plain.set_endpoints([Endpoint(("10.244.0.1",))])
    environment = cluster_dns.environment
    endpoint = json.loads(command("list", "plain.shop", "-o", "jsonl", **environment).stdout)
    assert endpoint == {
        "name": None,
        "ordinal": None,
        "hostname": None,
        "addresses": ["10.244.0.1"],
        "ports": [],
    }
    assert command("list", "plain.shop", "-o", "name", **environment).stdout == "10.244.0.1\n"
    assert command("list", "plain.shop", "-o", "hosts", **environment).stdout.startswith("#")
    assert command("list", "plain.shop", **environment).stdout.splitlines()[1].split() == [
        "-",
        "10.244.0.1",
        "-",
        "-",
    ]


def test_nobody_is_there(cluster_dns: ClusterDNS) -> None:
    """Exit 1 says ABSENT or EMPTY and what that can mean; JSON is printed all the same."""
    environment = cluster_dns.environment
    done = command("list", "nothing.shop", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ABSENT" in done.stderr
    assert "no such Service, or none of its pods is ready" in done.stderr
    done = command("list", "nothing.shop", "-o", "json", **environment)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "schema": 1,
        "service": "nothing.shop.svc.cluster.local",
        "outcome": "ABSENT",
        "ttl": 5,
        "endpoints": [],
    }
    service = cluster_dns.service("six", namespace="shop", ports=[1])
    service.set_endpoints([Endpoint(("fd00:244::1",), hostname="six-0")])
    done = command("list", "six.shop", "-4", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "EMPTY" in done.stderr


def test_dns_failed(cluster_dns: ClusterDNS) -> None:
    """Exit 3, nothing on stdout whatever the format, the kind in words."""
    cluster_dns.faults.add(Rcode("SERVFAIL"))
    for form in ("table", "json", "env"):
        done = command("list", "db.shop", "-o", form, **cluster_dns.environment)
        assert (done.returncode, done.stdout) == (3, "")
        assert "DNS failed: db.shop.svc.cluster.local: servfail" in done.stderr
    cluster_dns.faults.clear()
    cluster_dns.faults.add(Drop())
    done = command("list", "db.shop", "--timeout", "200ms", **cluster_dns.environment)
    assert done.returncode == 3
    assert "timeout" in done.stderr


def test_not_headless(cluster_dns: ClusterDNS) -> None:
    """Exit 5 with the virtual address; nothing on stdout."""
    cluster_dns.service("web", namespace="shop", ports=[80], cluster_ip="10.96.1.2")
    done = command("list", "web.shop", "-o", "json", **cluster_dns.environment)
    assert (done.returncode, done.stdout) == (5, "")
    assert "10.96.1.2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["list"], "SERVICE"),
        (["list", "Bad_Name.shop"], "'bad_name'"),
        (["list", "mysql-0.db.shop.svc.cluster.local"], "name of a pod"),
        (["list", "db.shop", "-n", "other"], "'shop'"),
        (["list", "db.shop", "--timeout", "soon"], "'soon' is no duration"),
        (["list", "db.shop", "--nameserver", "dns.example"], "no name server"),
        (["list", "db.shop", "--allow-network", "10.0.0.0/99"], "network"),
        (["list", "db.shop", "--protocol", "udp"], "port"),
        (["list", "db.shop", "--port", "99999"], "99999"),
        (["list", "db.shop", "-o", "xml"], "xml"),
        (["list", "db.shop", "-4", "-6"], "not allowed"),
        (["lisst", "db.shop"], "lisst"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str) -> None:
    """Exit 2, what was wrong on stderr, nothing on stdout, no traceback."""
    done = command(*arguments, HEADLESS_DISCOVERY_NAMESERVERS="127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("OUTPUT", "xml", "xml"),
        ("TIMEOUT", "soon", "soon"),
        ("FAMILY", "5", "5"),
        ("TCP", "perhaps", "perhaps"),
        ("NAMESERVERS", "dns.example", "dns.example"),
        ("NAMESPACE", "no_such", "no_such"),
        ("ALLOW_NETWORKS", "all", "all"),
    ],
)
def test_wrong_variables(variable: str, value: str, reason: str) -> None:
    """A variable that cannot be used is named, exit 2."""
    environment = {"HEADLESS_DISCOVERY_NAMESERVERS": "127.0.0.1:9"}
    environment[f"HEADLESS_DISCOVERY_{variable}"] = value
    done = command("list", "db", **{"HEADLESS_DISCOVERY_NAMESPACE": "shop", **environment})
    assert (done.returncode, done.stdout) == (2, "")
    assert f"HEADLESS_DISCOVERY_{variable}" in done.stderr
    assert reason in done.stderr


def test_variables_are_the_twins_of_flags(environment: dict[str, str]) -> None:
    """Each variable does what its flag does, and the flag wins."""

    def run(*flags: str, **variables: str) -> str:
        prefixed = {f"HEADLESS_DISCOVERY_{key}": value for key, value in variables.items()}
        return command("list", "my-database", *flags, **{**environment, **prefixed}).stdout

    variables = {"NAMESPACE": "shop", "OUTPUT": "addresses", "FAMILY": "6"}
    assert run(**variables) == "fd00:244::11\n"
    assert run("-4", "-o", "name", **variables).split() == NAMES
    port = {"NAMESPACE": "shop", "OUTPUT": "jsonl"}
    assert json.loads(run(PORT="3307", **port).splitlines()[0])["ports"] == [3307]
    linked = run(PORT="tcp://10.96.0.7:80", **port)  # what Kubernetes sets for a Service
    assert json.loads(linked.splitlines()[0])["ports"] == [3306]
    assert run(STATEFULSET="other", **port).count('"ordinal": null') == 3


def test_explain_tells_each_message(cluster_dns: ClusterDNS, environment: dict[str, str]) -> None:
    """Question, server, transport, rcode, size, time; what was ignored; on stderr alone."""
    cluster_dns.faults.add(WrongId(times=1))
    done = command(
        "list", "my-database.shop", "--explain", "-o", "name", "--timeout", "2", **environment
    )
    assert done.stdout.split() == NAMES
    lines = done.stderr.splitlines()
    server = cluster_dns.nameserver
    question = "my-database.shop.svc.cluster.local. SRV"
    assert lines[0].startswith(f"{question} -> {server} UDP: no answer in time, 0 B, ")
    assert lines[1] == "  ignored: wrong ID (1 x)"
    assert lines[2].startswith(f"{question} -> {server} UDP: NOERROR, ")
    done = command("list", "my-database.shop", "--explain", "--tcp", **environment)
    assert " TCP: NOERROR, " in done.stderr


def test_what_was_dropped_is_said(cluster_dns: ClusterDNS) -> None:
    """A loopback address is refused and named; the flag accepts it."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    service.set_endpoints(
        [
            Endpoint(("10.244.0.1",), hostname="db-0"),
            Endpoint(("127.0.0.5",), hostname="db-1"),
        ]
    )
    environment = dict(cluster_dns.environment)
    environment.pop("HEADLESS_DISCOVERY_ALLOW_NETWORKS", None)
    done = command("list", "db.shop", "-o", "addresses", **environment)
    assert (done.returncode, done.stdout) == (0, "10.244.0.1\n")
    assert "dropped: address 127.0.0.5 of db-1.db.shop.svc.cluster.local: loopback" in done.stderr
    flags = ["--allow-network", "127.0.0.0/8"]
    done = command("list", "db.shop", "-o", "addresses", *flags, **environment)
    assert done.stdout.split() == ["10.244.0.1", "127.0.0.5"]


def test_no_namespace_anywhere() -> None:
    """On a laptop a bare name needs a namespace, and the error says how to give it."""
    done = command("list", "db", HEADLESS_DISCOVERY_NAMESERVERS="127.0.0.1:9")
    assert done.returncode == 2
    assert "'db.<namespace>'" in done.stderr
    assert "HEADLESS_DISCOVERY_NAMESPACE" in done.stderr
