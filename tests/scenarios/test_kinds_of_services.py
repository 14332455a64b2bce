"""What each kind of Service comes out as, by sockets from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headless_discovery.testing import Endpoint, Port

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS
    from tests.faces import Face


def test_one_question_tells_a_statefulset(cluster_dns: ClusterDNS, face: Face) -> None:
    """Names, ordinals, addresses and ports come with the answer to one SRV question."""
    db = cluster_dns.service("db.shop", ports=[3306])
    mysql = cluster_dns.statefulset("mysql", service=db, replicas=3)
    seen = face.look("db.shop", cluster_dns.options)
    assert seen.outcome == "OK"
    assert seen.endpoints == [
        {
            "name": f"mysql-{n}",
            "ordinal": n,
            "hostname": f"mysql-{n}.db.shop.svc.cluster.local",
            "addresses": [mysql.address(n)],
            "ports": [3306],
        }
        for n in range(3)
    ]
    assert [(query.name, query.type) for query in cluster_dns.queries] == [
        ("db.shop.svc.cluster.local.", "SRV")
    ]


def test_dual_stack_is_one_endpoint(cluster_dns: ClusterDNS, face: Face) -> None:
    """A pod with two addresses is one endpoint; IPv4 comes first, -4 and -6 keep their own."""
    db = cluster_dns.service("db.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, replicas=2, families=(4, 6))
    both = face.look("db.shop", cluster_dns.options)
    assert [[":" in text for text in each["addresses"]] for each in both.endpoints] == [
        [False, True],
        [False, True],
    ]
    for family, wanted in ((4, False), (6, True)):
        seen = face.look("db.shop", cluster_dns.options.replace(family=family))
        assert [[":" in text for text in each["addresses"]] for each in seen.endpoints] == [
            [wanted],
            [wanted],
        ]
        assert seen.names == {"mysql-0", "mysql-1"}


def test_ipv6_only(cluster_dns: ClusterDNS, face: Face) -> None:
    """Pods with IPv6 alone are found; asked for IPv4 alone there is nobody: EMPTY, no error."""
    db = cluster_dns.service("db.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, replicas=2, families=(6,))
    assert face.look("db.shop", cluster_dns.options).names == {"mysql-0", "mysql-1"}
    assert face.look("db.shop", cluster_dns.options.replace(family=4)).outcome == "EMPTY"


def test_several_ports_and_protocols(cluster_dns: ClusterDNS, face: Face) -> None:
    """All ports without a name, one port with it; a number replaces what DNS gave."""
    dns = cluster_dns.service(
        "dns.shop", ports=[Port(53, "udp-dns", "UDP"), Port(53, "tcp-dns"), Port(9153, "metrics")]
    )
    cluster_dns.statefulset("dns", service=dns, replicas=2)
    options = cluster_dns.options
    assert {tuple(each["ports"]) for each in face.look("dns.shop", options).endpoints} == {
        (53, 9153)
    }
    for arguments, ports in (
        ({"port": "metrics"}, [9153]),
        ({"port": "udp-dns", "protocol": "udp"}, [53]),
        ({"port": 8053}, [8053]),
    ):
        seen = face.look("dns.shop", options, **arguments)
        assert [each["ports"] for each in seen.endpoints] == [ports, ports]
    assert face.look("dns.shop", options, port="udp-dns").outcome == "ABSENT"  # it is no TCP


def test_a_named_target_port_may_differ_by_pod(cluster_dns: ClusterDNS, face: Face) -> None:
    """DNS tells the pod's own port, and pods of one Service may have different ones."""
    web = cluster_dns.service("web.shop", ports=[Port(80, "http", target="listen")])
    pods = cluster_dns.statefulset("web", service=web, replicas=2, ports={"listen": 8080})
    pods.set_ports(1, {"listen": 8081})
    assert [each["ports"] for each in face.look("web.shop", cluster_dns.options).endpoints] == [
        [8080],
        [8081],
    ]


def test_no_ports_means_no_names(cluster_dns: ClusterDNS, face: Face) -> None:
    """A Service without ports has no SRV records: addresses alone, in three questions."""
    db = cluster_dns.service("db.shop")
    mysql = cluster_dns.statefulset("mysql", service=db, replicas=3)
    seen = face.look("db.shop", cluster_dns.options)
    assert seen.outcome == "OK"
    assert seen.names == {None}
    assert seen.addresses == {mysql.address(n) for n in range(3)}
    assert [query.type for query in cluster_dns.queries][:1] == ["SRV"]
    assert sorted(query.type for query in cluster_dns.queries) == ["A", "AAAA", "SRV"]


def test_deployment_pods_have_no_ordinals(cluster_dns: ClusterDNS, face: Face) -> None:
    """Their names are made of addresses; the last number of an address is no ordinal."""
    web = cluster_dns.service("web.shop", ports=[Port(80, target=8080)])
    app = cluster_dns.deployment("app", services=[web], replicas=3)
    seen = face.look("web.shop", cluster_dns.options)
    assert seen.ordinals == [None] * 3
    assert seen.names == {pod.addresses[0].replace(".", "-") for pod in app.pods}


def test_a_service_that_does_not_govern(cluster_dns: ClusterDNS, face: Face) -> None:
    """Under any other Service than the governing one StatefulSet pods have no hostnames."""
    db = cluster_dns.service("db.shop", ports=[3306])
    read = cluster_dns.service("db-read.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, also=[read], replicas=2)
    assert face.look("db.shop", cluster_dns.options).ordinals == [0, 1]
    assert face.look("db-read.shop", cluster_dns.options).ordinals == [None, None]


def test_unready_pods(cluster_dns: ClusterDNS, face: Face) -> None:
    """They are listed only where the Service publishes them; with none ready it is ABSENT."""
    db = cluster_dns.service("db.shop", ports=[3306])
    peers = cluster_dns.service("peers.shop", ports=[3306], publish_not_ready_addresses=True)
    mysql = cluster_dns.statefulset("mysql", service=peers, also=[db], replicas=3, ready=False)
    assert face.look("db.shop", cluster_dns.options).outcome == "ABSENT"
    assert face.look("peers.shop", cluster_dns.options).ordinals == [0, 1, 2]
    mysql.set_ready(1)
    assert face.look("db.shop", cluster_dns.options).addresses == {mysql.address(1)}


def test_a_virtual_address_is_not_headless(cluster_dns: ClusterDNS, face: Face) -> None:
    """The virtual address is named, and nothing is returned."""
    web = cluster_dns.service("web.shop", ports=[80], cluster_ip="10.96.4.2")
    cluster_dns.deployment("app", services=[web], replicas=3)
    seen = face.look("web.shop", cluster_dns.options)
    assert (seen.outcome, seen.endpoints) == ("not headless", [])
    assert "10.96.4.2" in seen.words


def test_an_external_name_inside(cluster_dns: ClusterDNS, face: Face) -> None:
    """It is followed to the Service at its end, whose pods keep their names there."""
    db = cluster_dns.service("db.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, replicas=2)
    cluster_dns.service("alias.front", external_name="db.shop.svc.cluster.local")
    seen = face.look("alias.front", cluster_dns.options)
    assert [each["hostname"] for each in seen.endpoints] == [
        f"mysql-{n}.db.shop.svc.cluster.local" for n in range(2)
    ]
    assert seen.sends == 4  # SRV without data, A, AAAA, and SRV at the target


def test_an_external_name_outside_is_refused(cluster_dns: ClusterDNS, face: Face) -> None:
    """A name that leaves the cluster leads nowhere, and the answer says so."""
    cluster_dns.service("alias.front", external_name="db.example.com")
    seen = face.look("alias.front", cluster_dns.options)
    assert seen.outcome == "bad response"
    assert "CNAME to db.example.com: it leaves svc.cluster.local" in seen.words


@pytest.mark.parametrize("pod_names", [False, True])
def test_hand_written_endpoints(cluster_dns: ClusterDNS, face: Face, pod_names: bool) -> None:
    """Endpoints without hostname are found too; one hostname on two addresses is one pod."""
    service = cluster_dns.service("db.shop", ports=[5432])
    service.set_endpoints(
        [
            Endpoint(("10.244.7.1",), hostname="pg-0" if pod_names else None),
            Endpoint(("10.244.7.2",), hostname="pg-1"),
            Endpoint(("10.244.7.3",), hostname="pg-1"),
        ]
    )
    seen = face.look("db.shop", cluster_dns.options)
    by_name = {each["name"]: each["addresses"] for each in seen.endpoints}
    assert by_name == {
        "pg-0" if pod_names else "10-244-7-1": ["10.244.7.1"],
        "pg-1": ["10.244.7.2", "10.244.7.3"],
    }


@pytest.mark.parametrize(
    ("replicas", "transports"), [(3, {"udp"}), (19, {"udp", "tcp"}), (300, {"udp", "tcp"})]
)
def test_a_cut_answer_is_asked_again_by_tcp(
    cluster_dns: ClusterDNS, face: Face, replicas: int, transports: set[str]
) -> None:
    """What UDP cannot hold comes by TCP, whole."""
    db = cluster_dns.service("db.shop", ports=[3306])
    mysql = cluster_dns.statefulset("mysql", service=db, replicas=replicas)
    seen = face.look("db.shop", cluster_dns.options)
    assert seen.addresses == {mysql.address(n) for n in range(replicas)}
    assert seen.ordinals == list(range(replicas))
    assert {query.transport for query in cluster_dns.queries} == transports


def test_a_cluster_dns_out_of_step_is_a_failure(cluster_dns: ClusterDNS, face: Face) -> None:
    """SERVFAIL before the server has read the cluster is never "nobody is there"."""
    db = cluster_dns.service("db.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, replicas=3)
    cluster_dns.set_synced(False)
    options = cluster_dns.options.replace(max_sends=2)
    assert face.look("db.shop", options).outcome == "servfail"
    cluster_dns.set_synced(True)
    assert face.look("db.shop", options).outcome == "OK"
