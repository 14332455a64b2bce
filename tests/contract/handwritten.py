"""EndpointSlices that no controller writes, and the Services over them.

In comes a namespace, out goes what the API server then holds. Every address is outside
the ranges the bed gives to pods and the other tests write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.workloads import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.cluster.api import Manifest
    from tests.cluster.workloads import Namespace

PER_SLICE = 100
LONG_LABEL = "a-label-of-63-letters".ljust(63, "x")
FIRST = 20_000  # the first ordinal whose address is used here
_PORTS: Sequence[Manifest] = ({"name": "web", "port": 80},)


def endpoint(address: str | Sequence[str], hostname: str | None = None, **facts: Any) -> Manifest:
    """Return one endpoint; `facts` are conditions, and `pod` the name of a pod."""
    pod = facts.pop("pod", None)
    made: Manifest = {
        "addresses": [address] if isinstance(address, str) else list(address),
        "conditions": facts,
    }
    if hostname is not None:
        made["hostname"] = hostname
    if pod is not None:
        made["targetRef"] = {"kind": "Pod", "name": pod}
    return made


def write_slice(
    namespace: Namespace,
    service: str,
    number: int,
    endpoints: Iterable[Manifest],
    ports: Sequence[Mapping[str, Any]] = _PORTS,
    family: str = "IPv4",
) -> None:
    """Write one EndpointSlice of a Service, which need not exist."""
    namespace.api.apply(
        {
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{service[:50]}-{number}",
                "namespace": namespace.name,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "tests",
                },
            },
            "addressType": family,
            "ports": [dict(port) for port in ports],
            "endpoints": list(endpoints),
        }
    )


def numbered(count: int, prefix: str, first: int = FIRST) -> list[Manifest]:
    """Return endpoints `<prefix>-<n>`, each at an address of its own."""
    return [endpoint(address_of(first + n), f"{prefix}-{n}", ready=True) for n in range(count)]


def many(namespace: Namespace, service: str, count: int, prefix: str = "mysql") -> None:
    """Write a headless Service of `count` endpoints, a hundred in a slice."""
    namespace.service(service, 3306, selector={})
    endpoints = numbered(count, prefix)
    for number, start in enumerate(range(0, count, PER_SLICE)):
        part = endpoints[start : start + PER_SLICE]
        write_slice(namespace, service, number, part, [{"name": "", "port": 3306}])


def write(namespace: Namespace) -> None:
    """Write Services whose slices show one thing each."""

    def service(name: str, *slices: Mapping[str, Any], headless: bool = True) -> None:
        namespace.service(name, 80, selector={}, headless=headless)
        for number, each in enumerate(slices):
            write_slice(namespace, name, number, **each)

    def at(number: int) -> str:
        return f"10.244.200.{number}"

    ready = {"ready": True}
    service(
        "conditions",
        {
            "endpoints": [
                endpoint(at(1), "nil"),
                endpoint(at(2), "serving", ready=False, serving=True, terminating=True),
                endpoint(at(3), "going", ready=True, serving=True, terminating=True),
                endpoint(at(4), "off", ready=False),
                endpoint(at(5), "on", ready=True, serving=False),
            ]
        },
    )
    service("all-off", {"endpoints": [endpoint(at(6), "off", ready=False)]})
    service(
        "twice",
        {"endpoints": [endpoint(at(10), "same", **ready), endpoint(at(11), "other", **ready)]},
        {"endpoints": [endpoint(at(10), "same", **ready)]},
    )
    service("twice-inside", {"endpoints": [endpoint(at(12), "same", **ready)] * 2})
    service(
        "one-name",
        {"endpoints": [endpoint(at(n), "shared", **ready) for n in (20, 21)]},
    )
    service("one-endpoint", {"endpoints": [endpoint((at(22), at(23)), "wide", **ready)]})
    service("one-address", {"endpoints": [endpoint(at(24), name) for name in ("left", "right")]})
    service(
        "null-port",
        {"endpoints": [endpoint(at(30), "np-0")], "ports": [{"name": "web"}]},
    )
    service("null-ports", {"endpoints": [endpoint(at(31), "np-0")], "ports": []})
    service(
        "some-null",
        {"endpoints": [endpoint(at(32), "np-0")], "ports": [{"name": "web"}]},
        {"endpoints": [endpoint(at(33), "np-1")]},
    )
    service(
        "differing",
        {"endpoints": [endpoint(at(34), "d-0")], "ports": [{"name": "web", "port": 8080}]},
        {"endpoints": [endpoint(at(35), "d-1")], "ports": [{"name": "web", "port": 9090}]},
        {"endpoints": [endpoint(at(36), "d-2")], "ports": [{"name": "admin", "port": 9}]},
    )
    service(
        "protocols",
        {
            "endpoints": [endpoint(at(37), "p-0"), endpoint(at(38), "p-1")],
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                {"name": "media", "port": 5004, "protocol": "SCTP"},
            ],
        },
    )
    service("no-endpoints", {"endpoints": []})
    service("no-slices")
    service("by-hand-ip", {"endpoints": [endpoint(at(40), "bh-0")]}, headless=False)
    service(
        "names",
        {
            "endpoints": [
                endpoint("db.example.com"),
                endpoint("web.shop.svc.cluster.local"),
            ],
            "family": "FQDN",
        },
    )
    service(
        "v6-hand",
        {
            "endpoints": [
                endpoint("fd00:244:9::"),
                endpoint("fd00:244:9::8"),
                endpoint("fd00:244:9::9", "named"),
            ],
            "family": "IPv6",
        },
    )
    service(
        "pod-names",
        {
            "endpoints": [
                endpoint(at(50), pod="with.a.dot"),
                endpoint(at(51), pod="p" * 63),
                endpoint(at(52), pod="q" * 70),
                endpoint(at(53), "host", pod="unseen"),
            ]
        },
    )
    service("svc", {"endpoints": [endpoint(at(60), "svc-0")]})
    service("tcp", {"endpoints": [endpoint(at(61), "tcp")]})
    # Of a Service that does not exist: only a reverse question can find it.
    write_slice(namespace, "ghost", 0, [endpoint("10.244.201.1", "ghost-0")])
    for size in (3, 10, 18, 30, 150):
        many(namespace, f"n{size}", size)


def write_long(namespace: Namespace) -> None:
    """Write a Service, in a namespace of a long name too, whose every label has 63 letters."""
    namespace.service(LONG_LABEL, 80, selector={})
    endpoints = [endpoint(f"10.244.202.{n}", long_hostname(n), ready=True) for n in range(1, 31)]
    write_slice(namespace, LONG_LABEL, 0, endpoints)


def long_hostname(number: int) -> str:
    """Return one of the hostnames of `write_long`, 63 letters."""
    return f"{number:02}{LONG_LABEL[2:]}"
