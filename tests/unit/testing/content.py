"""A cluster with one of everything, for answers that real CoreDNS was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headless_discovery.testing import ClusterDNS, Endpoint, EndpointPort, EndpointSlice, Port

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = ("default", "kube-system", "shop", "scale", "lab")
ZONE = "svc.cluster.local"
SIZES = (1, 3, 10, 17, 18, 30, 100, 300, 1000, 2000, 5000)


def numbered(count: int, prefix: str, first: int = 0) -> tuple[Endpoint, ...]:
    """Endpoints ``<prefix>-<n>`` with an address each."""
    return tuple(
        Endpoint((f"10.245.{first + n // 250}.{n % 250 + 1}",), hostname=f"{prefix}-{n}")
        for n in range(count)
    )


def services() -> Iterator[tuple[dict[str, Any], tuple[EndpointSlice, ...]]]:
    """The arguments of ``ClusterDNS.service`` and the slices of each Service."""
    e, s, port = Endpoint, EndpointSlice, EndpointPort
    web = (port(80, "web"),)
    yield (
        {"name": "db.shop", "ports": [3306]},
        (
            s(
                (
                    e(("10.244.0.2",), "mysql-0", pod="mysql-0"),
                    e(("10.244.0.3",), "mysql-1"),
                    e(("10.244.0.4",), "mysql-2", ready=False),
                ),
                (port(3306),),
            ),
        ),
    )
    yield {"name": "web.shop", "ports": [Port(80, "web")]}, (s(numbered(3, "web"), web),)
    yield (
        {"name": "two.shop", "ports": [Port(80, "http"), Port(53, "dns", "UDP")]},
        (s(numbered(2, "two", 20), (port(8080, "http"), port(5353, "dns", "UDP"))),),
    )
    yield (
        {"name": "dep.shop", "ports": [80]},
        (
            s(
                (
                    e(("10.244.3.1",), pod="dep-75d8d959fb-flpgv"),
                    e(("10.244.3.2",), pod="dep-75d8d959fb-xk2bn"),
                ),
                (port(8080),),
            ),
        ),
    )
    yield {"name": "noports.shop"}, (s((e(("10.244.4.1",), "np-0"),)),)
    yield (
        {"name": "nullport.shop", "ports": [Port(80, "web")]},
        (s((e(("10.244.4.9",), "nu-0"),), (port(None, "web"),)),),
    )
    yield {"name": "empty.shop", "ports": [80]}, ()
    yield (
        {"name": "conditions.shop", "ports": [Port(80, "web")]},
        (
            s(
                (
                    e(("10.244.5.1",), "c-0", ready=None),
                    e(("10.244.5.2",), "c-1", ready=False, serving=True, terminating=True),
                    e(("10.244.5.3",), "c-2", ready=True, terminating=True),
                ),
                web,
            ),
        ),
    )
    yield (
        {"name": "v6.shop", "ports": [Port(80, "web")]},
        (
            s(
                (
                    e(
                        ("fd00:244:2::8",),
                    ),
                    e(
                        ("fd00:244:2::",),
                    ),
                ),
                web,
            ),
        ),
    )
    yield (
        {"name": "shared.shop", "ports": [Port(80, "web")]},
        (
            s(
                (
                    e(("10.244.6.1", "10.244.6.2"), "m-0"),
                    e(("10.244.6.1",), "m-1"),
                    e(("10.244.6.1",), "m-1"),
                ),
                web,
            ),
        ),
    )
    yield (
        {
            "name": "vip.shop",
            "ports": [Port(80, "http", target=8080), Port(443, "https")],
            "cluster_ip": "10.96.0.50",
        },
        (
            s(
                (
                    e(
                        ("10.244.7.1",),
                    ),
                ),
                (port(8080, "http"), port(443, "https")),
            ),
        ),
    )
    yield {"name": "both.shop", "ports": [80], "cluster_ip": ("10.96.0.51", "fd00:96::51")}, ()
    for name, target in (
        ("outside", "example.com"),
        ("inside", "Web.shop.svc.cluster.local"),
        ("missing", "nobody.shop.svc.cluster.local"),
        ("chain", "inside.shop.svc.cluster.local"),
        ("itself", "itself.shop.svc.cluster.local"),
        ("address", "192.0.2.1"),
    ):
        yield {"name": f"{name}.shop", "external_name": target}, ()
    for size in SIZES:
        yield (
            {"name": f"n{size}.scale", "ports": [Port(3306, "mysql")]},
            (s(numbered(size, "mysql", 30), (port(3306, "mysql"),)),),
        )


def fill(dns: ClusterDNS) -> None:
    """Put everything into an embedded cluster DNS."""
    for name in NAMESPACES:
        dns.namespace(name)
    for arguments, slices in services():
        dns.slices(dns.service(**arguments), slices)
