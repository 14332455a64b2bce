"""The state of the cluster both servers are asked about.

In comes the API server, out goes everything Services, workloads and EndpointSlices can
produce, settled, and the values the control plane chose, by the names the table uses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
from functools import partial
from typing import TYPE_CHECKING

from tests.cluster.processes import wait_until
from tests.cluster.workloads import Namespace, Port
from tests.contract import handwritten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.cluster.api import ApiServer, Manifest
    from tests.cluster.bed import Bed
    from tests.cluster.lookups import Variant

_MARKERS = itertools.count(1)
_UNREADY = {"test/ready": "false"}
_FOREVER = "600s"  # longer than the contract takes

LONG = handwritten.LONG_LABEL


@contextlib.contextmanager
def cluster(bed: Bed) -> Iterator[dict[str, str]]:
    """Have the state in the cluster inside the block; yields the table's placeholders."""
    api = bed.api
    with contextlib.ExitStack() as undo:
        for name in ("shop", "hand", "vacant", LONG):
            undo.enter_context(namespace(api, name))
        shop = Namespace(api, "shop")
        _services(shop)
        _aliases(shop)
        handwritten.write(Namespace(api, "hand"))
        handwritten.write_long(Namespace(api, LONG))
        _workloads(shop)
        leaving = api.path("Pod", shop.name, "leaving-1")
        undo.callback(api.request, "DELETE", f"{leaving}?gracePeriodSeconds=0")
        in_step(bed)
        yield _placeholders(shop)


@contextlib.contextmanager
def namespace(api: ApiServer, name: str) -> Iterator[Namespace]:
    """Have a namespace of this name inside the block; its end is not waited for."""
    api.apply({"kind": "Namespace", "metadata": {"name": name}})
    try:
        yield Namespace(api, name)
    finally:
        api.delete("Namespace", name)


def in_step(bed: Bed) -> None:
    """Wait until every CoreDNS has everything that was written before this call.

    The last thing written in each of its watches is something new; the servers see the
    writes in their order. One that caches is asked another name each time.
    """
    names = [f"seen-{number}" for number in range(100)]
    with contextlib.ExitStack() as undo:
        marker = undo.enter_context(namespace(bed.api, f"marker-{next(_MARKERS)}"))
        marker.service("marker", 80)
        marker.statefulset("pod", "marker", 1)
        marker.wait_ready("pod")
        marker.service("last", 80, selector={})
        endpoints = [handwritten.endpoint("10.244.203.1", name) for name in names]
        handwritten.write_slice(marker, "last", 0, endpoints)
        (pod,) = marker.pods()
        verified = bed.dns["podnames"]
        dashed = _dashed(pod["status"]["podIP"])
        for variant in ("bare", "kubeadm", "cached", "podnames"):
            wait_until(
                partial(_knows, bed.dns[variant], iter(names), f"last.{marker.name}"),
                f"CoreDNS ({variant}) to know the state",
            )
        wait_until(
            lambda: verified.ask(f"{dashed}.{marker.name}.pod.cluster.local.", "A").values,
            "CoreDNS to know the pods",
        )


def _knows(server: Variant, names: Iterator[str], service: str) -> bool:
    return bool(server.ask(f"{next(names)}.{service}", "A", timeout=0.5).values)


def _services(shop: Namespace) -> None:
    """Services of every kind over the workloads below."""
    both = ("IPv4", "IPv6")
    http = Port(80, "http", target=8080)
    shop.service("web", http)
    shop.service("web-too", Port(80, target=8080), selector={"app": "web"})
    shop.service("web-all", http, selector={"app": "web"}, publish_not_ready=True)
    shop.service("web-ip", http, selector={"app": "web"}, headless=False)
    shop.service("db", 3306)
    shop.service("other", 80, selector={"app": "missing"})
    shop.service("app", 80)
    shop.service("app-ip", 80, selector={"app": "app"}, headless=False, families=both)
    shop.service("mixed", Port(80, "http", target="web"))
    shop.service("dual", http, families=both)
    shop.service("dual-4", http, selector={"app": "dual"})
    shop.service("dual-ip", http, selector={"app": "dual"}, headless=False, families=both)
    shop.service("v6", 80, families=("IPv6",))
    shop.service("v6set", Port(80, "http"), families=("IPv6",))
    shop.service("unready", 80)
    shop.service("unready-all", 80, selector={"app": "unready"}, publish_not_ready=True)
    shop.service("unready-ip", 80, selector={"app": "unready"}, headless=False)
    shop.service("some", http)
    shop.service("some-all", http, selector={"app": "some"}, publish_not_ready=True)
    shop.service("leaving", http)
    shop.service("leaving-all", http, selector={"app": "leaving"}, publish_not_ready=True)
    several = (
        http,
        Port(53, "dns", "UDP", 5353),
        Port(53, "dns-tcp", "TCP", 5353),
        Port(5004, "media", "SCTP"),
    )
    shop.service("ports", *several)
    shop.service("ports-ip", *several, selector={"app": "ports"}, headless=False)
    shop.service("noports")
    shop.service("nothing", 80)
    shop.service("nothing-ip", 80, headless=False)
    shop.service("nothing-dual", http, headless=False, families=both)
    shop.service("nothing-v6", Port(443, "tls"), headless=False, families=("IPv6",))


def _workloads(shop: Namespace) -> None:
    """Workloads, and what became of their pods."""
    shop.statefulset("web", "web", 3)
    shop.statefulset("db", "db", 2, start=5)
    shop.statefulset("orphan", "missing", 2)
    shop.deployment("app", "app", 3)
    shop.deployment("mixed-a", "mixed", 2, ports=[Port(8080, "web")])
    shop.deployment("mixed-b", "mixed", 1, ports=[Port(9090, "web")])
    shop.deployment("mixed-c", "mixed", 1)
    shop.statefulset("dual", "dual", 2)
    shop.deployment("v6", "v6", 2)
    shop.statefulset("v6set", "v6set", 2)
    shop.statefulset("unready", "unready", 2, annotations=_UNREADY, parallel=True)
    shop.statefulset("some", "some", 3)
    shop.statefulset("leaving", "leaving", 2)
    shop.statefulset("ports", "ports", 2)
    shop.deployment("noports", "noports", 2)
    for name in ("web", "db", "orphan", "dual", "v6set", "some", "leaving", "ports"):
        shop.wait_ready(name)
    for name in ("app", "mixed-a", "mixed-b", "mixed-c", "v6", "noports"):
        shop.wait_ready(name, "Deployment")
    shop.set_ready("some-1", False)
    shop.delete_pod("leaving-1", _FOREVER)
    shop.api.wait_until(
        lambda: (
            _listed(shop, "some") == {"some-0": True, "some-1": False, "some-2": True}
            and _listed(shop, "unready-all") == {"unready-0": True, "unready-1": True}
            and _listed(shop, "unready") == {"unready-0": False, "unready-1": False}
            and _listed(shop, "leaving") == {"leaving-0": True, "leaving-1": False}
            and any(
                endpoint["conditions"].get("terminating")
                for each in shop.endpoint_slices("leaving-all")
                for endpoint in each["endpoints"]
            )
        ),
        "the pods that are not ready to be listed so",
    )


def _listed(shop: Namespace, service: str) -> dict[str | None, bool]:
    return {pod.name: pod.ready for pod in shop.truth(service)}


def _aliases(shop: Namespace) -> None:
    """Services of type ExternalName."""
    for name, target in (
        ("outside", "example.com"),
        ("inside", "web.shop.svc.cluster.local"),
        ("inside-ip", "web-ip.shop.svc.cluster.local"),
        ("inside-dual", "dual.shop.svc.cluster.local"),
        ("inside-pod", "web-0.web.shop.svc.cluster.local"),
        ("inside-v4", "db.shop.svc.cluster.local"),
        ("chain", "inside.shop.svc.cluster.local"),
        ("to-outside", "outside.shop.svc.cluster.local"),
        ("itself", "itself.shop.svc.cluster.local"),
        ("ping", "pong.shop.svc.cluster.local"),
        ("pong", "ping.shop.svc.cluster.local"),
        ("broken", "nobody.shop.svc.cluster.local"),
        ("address", "192.0.2.1"),
        ("reverse", "1.2.244.10.in-addr.arpa"),
    ):
        spec: Manifest = {"type": "ExternalName", "externalName": target}
        if name == "inside-dual":
            spec["ports"] = [{"name": "http", "port": 80}]
        metadata = {"name": name, "namespace": shop.name}
        shop.api.apply({"kind": "Service", "metadata": metadata, "spec": spec})


def _placeholders(shop: Namespace) -> dict[str, str]:
    """Return what the table calls in braces.

    For each pod its name, its addresses with dashes (`_4`, `_6`) and their reverse names
    (`_r4`, `_r6`); for each Service with addresses the same of these.
    """
    found = {"long": LONG, "long17": handwritten.long_hostname(17)}
    pods = {pod["metadata"]["name"]: pod for pod in shop.pods()}
    by_app = [
        (f"{app}{number}", pod)
        for app in ("app", "v6", "noports", "mixed")
        for number, pod in enumerate(shop.pods(app))
    ]
    for key, pod in [*((name.replace("-", ""), pod) for name, pod in pods.items()), *by_app]:
        found[key] = pod["metadata"]["name"]
        _addresses(found, key, [each["ip"] for each in pod["status"]["podIPs"]])
    for service in [
        *shop.api.list("Service", shop.name),
        shop.api.get("Service", "kubernetes", "default"),
    ]:
        ips = [each for each in service["spec"].get("clusterIPs", ()) if each != "None"]
        _addresses(found, service["metadata"]["name"].replace("-", ""), ips)
    return found


def _addresses(found: dict[str, str], key: str, addresses: Sequence[str]) -> None:
    for text in addresses:
        address = ipaddress.ip_address(text)
        found[f"{key}_{address.version}"] = _dashed(text)
        found[f"{key}_r{address.version}"] = address.reverse_pointer


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")
