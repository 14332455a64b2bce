"""The server as a whole: where it listens, what it tells of itself, cache and shuffle."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from headless_discovery.testing import ClusterDNS, Endpoint, LoggedQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[..., list[str]]
    Ask = Callable[..., dns.message.Message]

DB = "my-database.shop.svc.cluster.local"


def with_pods(server: ClusterDNS, replicas: int = 3) -> ClusterDNS:
    """The server with a governing Service and its pods."""
    db = server.service("my-database", namespace="shop", ports=[3306])
    server.statefulset("mysql", service=db, replicas=replicas)
    return server


def test_options_and_environment_point_at_the_server() -> None:
    """Both name the port, the cluster domain, and the networks that must be allowed."""
    with ClusterDNS(namespace="shop", cluster_domain="k8s.test") as server:
        assert server.nameserver == f"127.0.0.1:{server.port}"
        assert server.options.nameservers == (server.nameserver,)
        assert server.options.cluster_domain == "k8s.test"
        assert server.options.allow_networks == ()
        assert server.environment == {
            "HEADLESS_DISCOVERY_NAMESERVERS": server.nameserver,
            "HEADLESS_DISCOVERY_NAMESPACE": "shop",
            "HEADLESS_DISCOVERY_CLUSTER_DOMAIN": "k8s.test",
        }
        assert server.resolv_conf().startswith("search shop.svc.k8s.test svc.k8s.test k8s.test\n")


def test_pods_on_loopback_addresses_are_allowed_by_the_options() -> None:
    """The pod network, or a single address given by hand, where a client would refuse it."""
    with ClusterDNS(pod_network="127.8.0.0/16") as server:
        assert server.options.allow_networks == ("127.8.0.0/16",)
        assert server.environment["HEADLESS_DISCOVERY_ALLOW_NETWORKS"] == "127.8.0.0/16"
    with ClusterDNS() as server:
        with_pods(server, 0)
        db = server.service("other")
        server.statefulset("x", service=db, replicas=1).set_address(0, "127.0.0.9")
        assert server.options.allow_networks == ("127.0.0.0/8",)


def test_several_servers_run_at_once_and_leave_nothing(look: Look) -> None:
    """Each has its port; threads and sockets are gone afterwards, also after an error."""
    before = threading.active_count()
    with ClusterDNS() as one, ClusterDNS() as two:
        assert one.port != two.port
        with_pods(one)
        assert len(look(one, DB)) == 3
        assert look(two, DB) == ["NXDOMAIN"]
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", one.port))


def test_an_error_in_the_block_closes_the_server() -> None:
    """The thread ends, the error passes."""
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), ClusterDNS():
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_a_stopped_server_refuses_and_comes_back_on_its_port(
    server: ClusterDNS, look: Look
) -> None:
    """UDP gets an ICMP error, TCP a reset; after that everything is as before."""
    with_pods(server)
    port = server.port
    with server.paused():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(2)
            probe.connect(("127.0.0.1", port))
            probe.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                probe.recv(1)
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", port))
    assert server.port == port
    assert len(look(server, DB)) == len(look(server, DB, tcp=True)) == 3


def test_a_server_that_never_ran_has_no_port() -> None:
    """Asking for it is an error that says what to do."""
    with pytest.raises(RuntimeError, match="with"):
        _ = ClusterDNS().nameserver


def test_it_listens_on_ipv6_when_told_to(look: Look) -> None:
    """The name server is then written in brackets."""
    with ClusterDNS(host="::1") as server:
        with_pods(server)
        assert server.nameserver == f"[::1]:{server.port}"
        assert len(look(server, DB)) == 3


def test_queries_are_logged(server: ClusterDNS, look: Look) -> None:
    """Name as asked, type, transport and payload size of each, oldest first."""
    look(server, DB, "SRV")
    look(server, "X.example.", "TYPE65280", tcp=True, edns=4096)
    assert server.queries == [
        LoggedQuery(f"{DB}.", "SRV", "udp", None),
        LoggedQuery("X.example.", "TYPE65280", "tcp", 4096),
    ]


def test_before_sync_every_name_is_servfail(server: ClusterDNS, ask: Ask, look: Look) -> None:
    """With a SOA, also for names that do not exist, while the zone's own SOA is answered."""
    with_pods(server)
    server.set_synced(False)
    for name in (DB, f"mysql-0.{DB}", "nobody.shop.svc.cluster.local"):
        answer = ask(server, name, "SRV")
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert len(answer.authority) == 1
        assert answer.flags & dns.flags.AA
    assert ask(server, "cluster.local", "SOA").rcode() == dns.rcode.NOERROR
    server.set_synced(True)
    assert len(look(server, DB)) == 3


def test_shuffling_moves_addresses_and_never_srv_records(ask: Ask, look: Look) -> None:
    """Every order of three addresses comes up; SRV keeps its order, its glue does not."""
    with ClusterDNS(shuffle=True) as server:
        with_pods(server)
        assert len({tuple(look(server, DB)) for _ in range(200)}) == 6
        answers = [ask(server, DB, "SRV") for _ in range(50)]
        assert len({tuple(map(str, answer.answer[0])) for answer in answers}) == 1
        assert len({tuple(str(glue.name) for glue in a.additional) for a in answers}) > 1


def test_runs_with_one_seed_are_alike(look: Look) -> None:
    """Shuffled answers repeat from run to run, and differ from seed to seed."""

    def run(seed: int) -> list[list[str]]:
        with ClusterDNS(shuffle=True, seed=seed) as server:
            with_pods(server, 10)
            return [look(server, DB) for _ in range(3)]

    assert run(1) == run(1) != run(2)


def test_a_cache_keeps_answers_for_their_ttl(ask: Ask, look: Look) -> None:
    """TTLs count down, changes are seen late, the first asker's letter case stays."""
    with ClusterDNS(ttl=5, cache=30) as server:
        db = server.service("my-database", namespace="shop", ports=[3306])
        mysql = server.statefulset("mysql", service=db, replicas=1)
        first = ask(server, DB.title())
        mysql.scale(2)
        server.advance(3)
        second = ask(server, DB)
        assert (first.answer[0].ttl, second.answer[0].ttl) == (5, 2)
        assert str(second.answer[0].name) == f"{DB}.".title()
        assert str(second.question[0].name) == f"{DB}."
        server.advance(2)
        assert len(look(server, DB)) == 2


def test_a_cache_keeps_negative_answers_too(look: Look) -> None:
    """A name asked too early stays away; the cap is the longest it can be."""
    with ClusterDNS(ttl=30, cache=2) as server:
        assert look(server, DB) == ["NXDOMAIN"]
        with_pods(server)
        assert look(server, DB) == ["NXDOMAIN"]
        server.advance(2)
        assert len(look(server, DB)) == 3


def test_a_cache_does_not_answer_another_version_of_edns(ask: Ask) -> None:
    """BADVERS, although the answer to the same question is kept."""
    with ClusterDNS(cache=30) as server:
        with_pods(server)
        assert ask(server, DB).rcode() == dns.rcode.NOERROR
        query = dns.message.make_query(DB, "A", use_edns=1)
        answer = dns.query.udp(query, server.host, port=server.port, timeout=5)
        assert answer.rcode() == dns.rcode.BADVERS


def test_verified_pods_are_those_of_the_namespace(look: Look) -> None:
    """Of a workload, under a Service or none, or of an endpoint that names its pod."""
    with ClusterDNS(pods="verified", endpoint_pod_names=True, pod_network="10.1.0.0/16") as server:
        with_pods(server, 1)
        lone = server.statefulset("lone", service=None, namespace="shop")

        def pod(address: str, namespace: str = "shop") -> list[str]:
            dashed = address.replace(".", "-")
            return look(server, f"{dashed}.{namespace}.pod.cluster.local")

        assert pod("10.1.0.2") == ["10.1.0.2"]
        assert pod("10.1.0.2", "default") == pod("9.9.9.9") == ["NXDOMAIN"]
        assert pod("10.1.0.3") == ["NXDOMAIN"]
        lone.scale(1, ready=False)
        assert pod("10.1.0.3") == ["10.1.0.3"]

        hand = server.service("hand", namespace="shop", ports=[80])
        named = Endpoint(("10.2.0.1",), pod="my.pod", ready=False)
        server.endpoints(hand, [named, Endpoint(("10.2.0.2",))])
        assert pod("10.2.0.1") == ["10.2.0.1"]
        assert pod("10.2.0.2") == ["NXDOMAIN"]


def test_a_pods_name_with_dots_is_several_labels(server: ClusterDNS, look: Look) -> None:
    """In targets; asked for it is too many labels, and no label with dots inside either."""
    with ClusterDNS(endpoint_pod_names=True) as named:
        hand = named.service("hand", namespace="shop", ports=[80])
        named.endpoints(hand, [Endpoint(("10.2.0.1",), pod="my.pod")])
        (record,) = look(named, hand.fqdn, "SRV")
        assert record == f"0 100 80 my.pod.{hand.fqdn}."
        assert look(named, f"my.pod.{hand.fqdn}") == ["NXDOMAIN"]
        assert look(named, rf"my\.pod.{hand.fqdn}") == ["NXDOMAIN"]
    assert look(server, r"9\.9\.9\.9.default.pod.cluster.local") == ["NXDOMAIN"]


def test_pipelined_questions_are_all_answered(server: ClusterDNS) -> None:
    """Many queries in one segment of one connection, also one that arrives in pieces."""
    with_pods(server)
    wire = b"".join(
        len(query).to_bytes(2) + query
        for query in (dns.message.make_query(DB, "SRV", id=n).to_wire() for n in range(1, 201))
    )
    got = set()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(wire[:5])
        connection.sendall(wire[5:])
        for _ in range(200):
            answer, _when = dns.query.receive_tcp(connection, time.time() + 5)
            got.add(answer.id)
    assert got == set(range(1, 201))


def test_an_asker_that_closes_its_side_still_gets_the_answer(server: ClusterDNS) -> None:
    """Half-closed TCP: the answer, then the end."""
    with_pods(server)
    query = dns.message.make_query(DB, "SRV")
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        dns.query.send_tcp(connection, query)
        connection.shutdown(socket.SHUT_WR)
        answer, _when = dns.query.receive_tcp(connection, time.time() + 5)
        assert query.is_response(answer)
        assert connection.recv(1) == b""


def test_idle_connections_are_closed(server: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 10 s in CoreDNS and here, shortened for the test."""
    monkeypatch.setattr("headless_discovery.testing.loop.IDLE", 0.03)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        assert connection.recv(1) == b""


def test_hostile_octets_do_not_kill_the_server(server: ClusterDNS, look: Look) -> None:
    """Noise and mutated queries over UDP and TCP; the next question is answered."""
    import random

    with_pods(server)
    rng = random.Random(7)
    good = dns.message.make_query(DB, "SRV", use_edns=0).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(2000):
            mutated = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            noise = rng.randbytes(rng.randrange(80)) if number % 3 else bytes(mutated)
            sender.sendto(noise, ("127.0.0.1", server.port))
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(rng.randbytes(rng.randrange(1, 200)))
    assert len(look(server, DB)) == len(look(server, DB, tcp=True)) == 3


def test_an_answer_larger_than_a_datagram_is_never_sent(server: ClusterDNS, ask: Ask) -> None:
    """Payload size 65535 and over 65507 octets to send: silence, as from CoreDNS."""
    big = server.service("big", ports=[3306])
    server.endpoints(
        big, [Endpoint((f"10.250.{n // 250}.{n % 250 + 1}",), f"p-{n}") for n in range(5000)]
    )
    with pytest.raises(dns.exception.Timeout):
        ask(server, big.fqdn, edns=65535, timeout=0.2)
    assert len(ask(server, big.fqdn, edns=65507).answer[0]) > 4000


def test_impossible_settings_are_refused() -> None:
    """Each names the value it does not take."""
    for setting in ({"ttl": -1}, {"ttl": 3601}, {"cache": 0}, {"pods": "all"}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            ClusterDNS(**setting)
