"""What happens to pods, seen through DNS."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import pytest

from headless_discovery.errors import InvalidName
from headless_discovery.testing import ClusterDNS, Endpoint, EndpointPort, Port

if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[..., list[str]]
    Ask = Callable[..., dns.message.Message]

DB = "my-database.shop.svc.cluster.local"


def targets(answers: list[str]) -> list[str]:
    """The first labels of SRV targets."""
    return [text.split()[-1].split(".")[0] for text in answers]


def test_a_statefulset_scales_up_and_down(server: ClusterDNS, look: Look) -> None:
    """Pods come at the upper end and go from there; none left is NXDOMAIN."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    mysql = server.statefulset("mysql", service=db, replicas=2)
    assert targets(look(server, DB, "SRV")) == ["mysql-0", "mysql-1"]
    mysql.scale(3)
    assert look(server, DB) == ["10.244.0.2", "10.244.0.3", "10.244.0.4"]
    mysql.scale(1)
    assert look(server, f"mysql-0.{DB}") == ["10.244.0.2"]
    assert look(server, f"mysql-1.{DB}") == ["NXDOMAIN"]
    mysql.scale(0)
    assert look(server, DB, "SRV") == ["NXDOMAIN"]


def test_a_restarted_pod_has_its_name_at_a_new_address(server: ClusterDNS, look: Look) -> None:
    """The old address is gone, the name stays, and the pod comes last in the answer."""
    db = server.service("my-database.shop", ports=[3306])
    mysql = server.statefulset("mysql", service=db, replicas=3)
    mysql.restart(0)
    assert look(server, DB) == ["10.244.0.3", "10.244.0.4", "10.244.0.5"]
    assert look(server, f"mysql-0.{DB}") == ["10.244.0.5"] == [mysql.address(0)]
    mysql.restart(1, "10.244.0.2")
    assert targets(look(server, DB, "SRV")) == ["mysql-2", "mysql-0", "mysql-1"]
    assert look(server, f"mysql-1.{DB}") == ["10.244.0.2"]


def test_unready_and_terminating_pods_are_left_out(server: ClusterDNS, look: Look) -> None:
    """Only a Service that publishes unready addresses lists them, until they are gone."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    peers = server.service(
        "peers", namespace="shop", ports=[3306], publish_not_ready_addresses=True
    )
    mysql = server.statefulset("mysql", service=db, replicas=3, also=[peers])
    mysql.set_ready(1, ready=False)
    mysql.terminate(2)
    assert targets(look(server, DB, "SRV")) == ["mysql-0"]
    assert look(server, "peers.shop.svc.cluster.local") == [
        "10.244.0.2",
        "10.244.0.3",
        "10.244.0.4",
    ]
    mysql.remove(2)
    mysql.set_ready(1)
    assert targets(look(server, DB, "SRV")) == ["mysql-0", "mysql-1"]
    assert len(look(server, "peers.shop.svc.cluster.local")) == 2
    mysql.set_all_ready(ready=False)
    assert look(server, DB) == ["NXDOMAIN"]


def test_hostnames_exist_under_the_governing_service_only(server: ClusterDNS, look: Look) -> None:
    """Any other Service has names made of addresses."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    read = server.service("read", namespace="shop", ports=[3306])
    server.statefulset("mysql", service=db, replicas=1, also=[read])
    assert targets(look(server, "read.shop.svc.cluster.local", "SRV")) == ["10-244-0-2"]
    assert look(server, "mysql-0.read.shop.svc.cluster.local") == ["NXDOMAIN"]
    assert sorted(look(server, "2.0.244.10.in-addr.arpa", "PTR")) == [
        "10-244-0-2.read.shop.svc.cluster.local.",
        "mysql-0.my-database.shop.svc.cluster.local.",
    ]


def test_deployment_pods_are_named_by_address_or_by_pod(look: Look) -> None:
    """Dashed addresses by default; ``endpoint_pod_names`` gives the pods' own names instead."""
    for by_pod in (False, True):
        with ClusterDNS(endpoint_pod_names=by_pod) as server:
            app = server.deployment("app", services=[server.service("web", ports=[80])], replicas=2)
            (first, second) = targets(look(server, "web.default.svc.cluster.local", "SRV"))
            assert first == (app.pod(0).name if by_pod else "10-244-0-2")
            dashed = look(server, "10-244-0-2.web.default.svc.cluster.local")
            assert dashed == (["NXDOMAIN"] if by_pod else ["10.244.0.2"])
            app.restart(0)
            after = targets(look(server, "web.default.svc.cluster.local", "SRV"))
            assert after[0] == second
            assert after[1] not in (first, second)


def test_dual_stack_pods_have_one_srv_record_and_two_addresses(
    server: ClusterDNS, ask: Ask, look: Look
) -> None:
    """One name, glue of both families, weight shared among all addresses."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    server.statefulset("mysql", service=db, replicas=2, families=(4, 6))
    answer = ask(server, DB, "SRV")
    assert sorted(look(server, DB, "SRV")) == [
        f"0 25 3306 mysql-0.{DB}.",
        f"0 25 3306 mysql-1.{DB}.",
    ]
    assert sorted(str(rrset[0]) for rrset in answer.additional) == [
        "10.244.0.2",
        "10.244.0.3",
        "fd00:244::2",
        "fd00:244::3",
    ]
    assert look(server, DB, "AAAA") == ["fd00:244::2", "fd00:244::3"]


def test_named_target_ports_are_looked_up_pod_by_pod(server: ClusterDNS, look: Look) -> None:
    """SRV tells the port of each pod, not that of the Service; a pod without it is no SRV."""
    web = server.service("web", ports=[Port(80, "http", target="http")])
    pods = server.statefulset("web", service=web, replicas=3, ports={"http": 8080})
    pods.set_ports(1, {"http": 8081})
    pods.set_ports(2, {})
    found = look(server, "_http._tcp.web.default.svc.cluster.local", "SRV")
    assert sorted(text.split(".")[0] for text in found) == ["0 50 8080 web-0", "0 50 8081 web-1"]
    assert len(look(server, "web.default.svc.cluster.local")) == 3


def test_ordinals_may_start_anywhere(server: ClusterDNS, look: Look) -> None:
    """``spec.ordinals.start`` moves the first ordinal."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    mysql = server.statefulset("mysql", service=db, replicas=2, start=5)
    assert targets(look(server, DB, "SRV")) == ["mysql-5", "mysql-6"]
    mysql.scale(3)
    assert mysql.pods[-1].name == "mysql-7"


def test_more_than_one_slice_comes_in_any_order(server: ClusterDNS, look: Look) -> None:
    """Over 100 endpoints: slices in random order, order inside a slice kept, nobody missing."""
    big = server.service("big", ports=[3306])
    server.endpoints(
        big, [Endpoint((f"10.250.{n // 250}.{n % 250 + 1}",), f"p-{n}") for n in range(250)]
    )
    seen = set()
    for _ in range(30):
        order = [int(name[2:]) for name in targets(look(server, f"{big.fqdn}.", "SRV", tcp=True))]
        assert sorted(order) == list(range(250))
        seen.add(tuple(n for n in order if n % 100 == 0))
    assert len(seen) > 1


def test_five_thousand_endpoints_are_written_and_answered_quickly(
    server: ClusterDNS, ask: Ask
) -> None:
    """More than TCP can carry: the rest is missing and TC says so."""
    big = server.service("big", ports=[3306])
    server.endpoints(
        big, [Endpoint((f"10.250.{n // 250}.{n % 250 + 1}",), f"p-{n}") for n in range(5000)]
    )
    answer = ask(server, big.fqdn, tcp=True)
    assert answer.flags & dns.flags.TC
    assert len(answer.answer[0]) == 4093


def test_endpoints_written_by_hand_have_their_own_ports_and_conditions(
    server: ClusterDNS, look: Look
) -> None:
    """The Service's ports count where an endpoint has none; unready ones are left out."""
    service = server.service("external", ports=[Port(80, target=8080)])
    server.endpoints(
        service,
        [
            Endpoint(("192.0.2.1",), "a"),
            Endpoint(("192.0.2.2",), "b", ports=(EndpointPort(9090),)),
            Endpoint(("192.0.2.3",), "c", ready=False),
        ],
    )
    found = sorted(look(server, service.fqdn, "SRV"))
    assert [text.split(".")[0] for text in found] == ["0 50 8080 a", "0 50 9090 b"]
    service.set_publish_not_ready_addresses()
    assert len(look(server, service.fqdn)) == 3


def test_the_serial_tells_changes_of_services_and_endpoints_only(
    server: ClusterDNS, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unix time of the last change; what alters no answer does not count."""

    def serial() -> int:
        return int(look(server, "cluster.local", "SOA")[0].split()[2])

    db = server.service("my-database", namespace="shop", ports=[3306])
    mysql = server.statefulset("mysql", service=db, replicas=1)
    before = serial()
    monkeypatch.setattr("time.time", lambda: before + 100.0)
    mysql.set_ready(0)
    server.namespace("empty")
    assert serial() == before
    mysql.set_ready(0, ready=False)
    assert serial() == before + 100
    monkeypatch.setattr("time.time", lambda: before + 200.0)
    db.delete()
    assert serial() == before + 200


def test_nothing_is_seen_in_the_middle_of_a_change(server: ClusterDNS) -> None:
    """``at_once`` makes several changes one: a question that comes meanwhile waits."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    mysql = server.statefulset("mysql", service=db, replicas=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", server.port))
        with server.at_once():
            mysql.scale(0)
            asker.send(dns.message.make_query(DB, "A").to_wire())
            asker.settimeout(0.03)
            with pytest.raises(TimeoutError):
                asker.recv(512)
            mysql.scale(2)
        asker.settimeout(5)
        assert len(dns.message.from_wire(asker.recv(512)).answer[0]) == 2


def test_impossible_content_is_refused(server: ClusterDNS) -> None:
    """Names no object can have, twice the same, selectors across namespaces."""
    db = server.service("my-database", namespace="shop")
    with pytest.raises(InvalidName):
        server.service("My_Database")
    with pytest.raises(ValueError, match="exists"):
        server.service("my-database", namespace="shop")
    with pytest.raises(ValueError, match="namespace"):
        server.deployment("app", services=[db], namespace="other")
    with pytest.raises(KeyError):
        server.statefulset("mysql", service=db, replicas=1).set_ready(7)
    with pytest.raises(ValueError, match="used up"):
        ClusterDNS(pod_network="10.0.0.0/30").deployment("app", services=[], replicas=3)


@pytest.mark.parametrize(
    "port",
    ["80", 0, 65536, Port("http", 80), Port(80, protocol="tcp"), None],  # type: ignore[arg-type]
)
def test_what_is_no_port_is_refused(port: object) -> None:
    """A slip in a test is told at once, and is no Service without records."""
    with pytest.raises(ValueError, match="is no port"):
        ClusterDNS().service("db.shop", ports=[port])  # type: ignore[list-item]
