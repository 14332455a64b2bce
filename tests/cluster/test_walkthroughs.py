"""Five walk-throughs of what people do with headless Services, on all three faces.

Each look is compared with what the control plane holds, never with another DNS client.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import LookupOptions
from tests.cluster.processes import wait_until
from tests.cluster.workloads import Port
from tests.faces import Face

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace
    from tests.faces import Seen

_GREETER = """
import socket, sys
address, port, name = sys.argv[1:]
with socket.create_server((address, int(port))) as server:
    while True:
        with server.accept()[0] as client:
            client.sendall(name.encode())
"""

# Connects to a name as any program in a pod does, and prints what it is greeted with.
_CLIENT = """
import socket, sys, time
for _ in range(100):
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1) as client:
            print(end=client.recv(100).decode())
            break
    except ConnectionRefusedError:
        time.sleep(0.05)
"""


@pytest.fixture(params=["sync", "asyncio", "cli"])
def face(request: pytest.FixtureRequest) -> Face:
    """Return one of the ways to look."""
    return Face(request.param)


@pytest.fixture
def options(bed: Bed) -> LookupOptions:
    """Return options that lead to the bare CoreDNS, where changes show at once."""
    server = bed.dns["bare"]
    return LookupOptions(nameservers=[f"{server.address}:{server.port}"])


def truth_of(namespace: Namespace, service: str) -> set[tuple[str | None, frozenset[str]]]:
    """Return (hostname, addresses) of each ready pod the control plane holds."""
    return {(pod.hostname, pod.addresses) for pod in namespace.truth(service) if pod.ready}


def as_truth(seen: Seen) -> set[tuple[str | None, frozenset[str]]]:
    """Return the same of what a look saw."""
    return {(each["name"], frozenset(each["addresses"])) for each in seen.endpoints}


def uid_of(namespace: Namespace, pod: str) -> str | None:
    """Return what tells a pod from its replacement of the same name."""
    for each in namespace.pods():
        if each["metadata"]["name"] == pod:
            return str(each["metadata"]["uid"])
    return None


def test_a_statefulset_with_a_named_port(
    bed: Bed, namespace: Namespace, face: Face, options: LookupOptions
) -> None:
    """(a) web x3 behind nginx-headless: three pods with their names, web-0 reached by its own."""
    namespace.service("nginx-headless", Port(80, "web"))
    namespace.statefulset("web", "nginx-headless", 3)
    namespace.wait_ready("web")
    bed.dns["bare"].wait_for(namespace, "nginx-headless")
    service = f"nginx-headless.{namespace.name}"

    for port in ({}, {"port": "web"}, {"port": "web", "protocol": "tcp"}):
        seen = face.look(service, options, **port)
        assert seen.outcome == "OK"
        assert as_truth(seen) == truth_of(namespace, "nginx-headless")
        assert [each["hostname"] for each in seen.endpoints] == [
            f"web-{ordinal}.{service}.svc.cluster.local" for ordinal in range(3)
        ]
        assert [each["ports"] for each in seen.endpoints] == [[80]] * 3
        assert seen.ordinals == [0, 1, 2]
        assert seen.sends == 1
    assert face.look(service, options, port="nope").outcome == "ABSENT"

    bed.network.require_private()
    bed.dns["service"].wait_for(namespace, "nginx-headless")
    first = seen.endpoints[0]
    greeter = bed.program(
        f"web-0-{face.kind}", [sys.executable, "-c", _GREETER, first["addresses"][0], "80", "web-0"]
    )
    greeter.start()
    client = [sys.executable, "-c", _CLIENT, first["hostname"], "80"]

    def greeting() -> str:
        return bed.run(bed.as_pod(client, namespace.name)).stdout

    try:
        wait_until(lambda: greeting() == "web-0", "web-0 to greet", programs=[greeter])
    finally:
        greeter.kill()
        del bed.programs[greeter.name]


def test_a_database_by_ordinal(
    bed: Bed, namespace: Namespace, face: Face, options: LookupOptions
) -> None:
    """(b) mysql x3 behind my-database, an unnamed port 3306: each found by its ordinal."""
    namespace.service("my-database", 3306)
    namespace.statefulset("mysql", "my-database", 3)
    namespace.wait_ready("mysql")
    bed.dns["bare"].wait_for(namespace, "my-database")

    seen = face.look(f"my-database.{namespace.name}", options)
    assert as_truth(seen) == truth_of(namespace, "my-database")
    by_ordinal = {each["ordinal"]: each for each in seen.endpoints}
    for ordinal in range(3):
        (pod,) = [pod for pod in namespace.truth("my-database") if pod.name == f"mysql-{ordinal}"]
        assert frozenset(by_ordinal[ordinal]["addresses"]) == pod.addresses
        assert by_ordinal[ordinal]["ports"] == [3306]
    assert seen.sends == 1


def test_every_form_of_the_name(
    bed: Bed, namespace: Namespace, face: Face, options: LookupOptions
) -> None:
    """(c) color-svc by short name, name.ns and FQDN: the same set, with one question each."""
    namespace.service("color-svc", 80)
    namespace.statefulset("color-ss", "color-svc", 2)
    namespace.wait_ready("color-ss")
    bed.dns["bare"].wait_for(namespace, "color-svc")
    ns = namespace.name

    forms = [f"color-svc.{ns}", f"color-svc.{ns}.svc", f"color-svc.{ns}.svc.cluster.local"]
    forms += [f"{forms[-1]}.", f"COLOR-SVC.{ns}.svc.Cluster.Local"]
    seen = [face.look("color-svc", options, namespace=ns)]
    seen += [face.look(form, options) for form in forms]
    for each in seen:
        assert as_truth(each) == truth_of(namespace, "color-svc")
        assert each == seen[0]._replace(words=each.words)
        assert each.sends == 1


def test_a_deployment_and_a_service_with_a_virtual_address(
    bed: Bed, namespace: Namespace, face: Face, options: LookupOptions
) -> None:
    """(d) three pods with port 8080 and no ordinals, against "not headless"."""
    namespace.service("headless-svc", Port(80, target=8080))
    namespace.service(
        "regular-svc", Port(80, target=8080), headless=False, selector={"app": "headless-svc"}
    )
    namespace.deployment("app", "headless-svc", 3)
    namespace.wait_ready("app", "Deployment")
    bed.dns["bare"].wait_for(namespace, "headless-svc")

    seen = face.look(f"headless-svc.{namespace.name}", options)
    truth = namespace.truth("headless-svc")
    assert seen.addresses == frozenset().union(*(pod.addresses for pod in truth))
    assert len(seen.endpoints) == 3
    assert [each["ports"] for each in seen.endpoints] == [[8080]] * 3
    assert seen.ordinals == [None] * 3
    assert seen.names == {min(pod.addresses).replace(".", "-") for pod in truth}

    regular = face.look(f"regular-svc.{namespace.name}", options)
    virtual = namespace.api.get("Service", "regular-svc", namespace.name)["spec"]["clusterIP"]
    assert regular.outcome == "not headless"
    assert virtual in regular.words
    assert regular.sends == 1


def test_pod_names_instead_of_addresses(bed: Bed, namespace: Namespace, face: Face) -> None:
    """(d) with CoreDNS's endpoint_pod_names the same pods have names, and still no ordinals."""
    namespace.service("headless-svc", Port(80, target=8080))
    namespace.deployment("app", "headless-svc", 3)
    namespace.wait_ready("app", "Deployment")
    server = bed.dns["podnames"]
    server.wait_for(namespace, "headless-svc")

    seen = face.look(
        f"headless-svc.{namespace.name}",
        LookupOptions(nameservers=[f"{server.address}:{server.port}"]),
    )
    assert seen.names == {pod.name for pod in namespace.truth("headless-svc")}
    assert seen.ordinals == [None] * 3


def test_a_life_of_a_statefulset(
    bed: Bed, namespace: Namespace, face: Face, options: LookupOptions
) -> None:
    """(e) scaled 3, 5, 2, 0; a pod replaced; readiness lost and back; unready ones published."""
    namespace.service("db", 3306)
    namespace.service("peers", 3306, selector={"app": "db"}, publish_not_ready=True)
    namespace.statefulset("mysql", "db", 3, parallel=True)
    name = f"db.{namespace.name}"

    def settled() -> Seen:
        namespace.wait_ready("mysql")
        return compared()

    def compared() -> Seen:
        # A pod that comes back under its old address looks settled before CoreDNS has even
        # seen it go, so what CoreDNS says must have been the truth for a while.
        since = time.monotonic()
        while time.monotonic() - since < 0.3:
            if not bed.dns["bare"].shows(namespace, "db"):
                bed.dns["bare"].wait_for(namespace, "db")
                since = time.monotonic()
        seen = face.look(name, options)
        assert as_truth(seen) == truth_of(namespace, "db")
        return seen

    assert settled().ordinals == [0, 1, 2]
    for replicas in (5, 2):
        namespace.scale("mysql", replicas)
        assert settled().ordinals == list(range(replicas))

    uid = uid_of(namespace, "mysql-0")
    namespace.delete_pod("mysql-0")
    wait_until(lambda: uid_of(namespace, "mysql-0") not in (None, uid), "mysql-0 to be replaced")
    assert settled().ordinals == [0, 1]

    namespace.set_ready("mysql-1", False)
    wait_until(
        lambda: {pod.name: pod.ready for pod in namespace.truth("db")}["mysql-1"] is False,
        "mysql-1 to be unready",
    )
    assert compared().names == {"mysql-0"}
    bed.dns["bare"].wait_for(namespace, "peers")
    peers = face.look(f"peers.{namespace.name}", options)
    assert peers.addresses == frozenset().union(
        *(pod.addresses for pod in namespace.truth("peers"))
    )
    assert len(peers.endpoints) == 2
    assert peers.ordinals == [None, None]  # not the governing Service: no hostnames there

    namespace.set_ready("mysql-1", True)
    assert settled().ordinals == [0, 1]

    namespace.scale("mysql", 0)
    seen = settled()
    assert (seen.outcome, seen.endpoints) == ("ABSENT", [])
