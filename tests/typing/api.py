"""User code that must type-check: the public API as its users see it.

Never run. mypy --strict reads it; a ``type: ignore`` that is not needed is an error, so each
of them states that the wrong use is refused.
"""

# ruff: noqa: T201 - a name that is not used says nothing
from __future__ import annotations

import asyncio

import pytest

import headless_discovery as hd
from headless_discovery import (
    AmbiguousEndpoint,
    AsyncHeadlessService,
    ConfigError,
    DiscoveryError,
    Endpoint,
    EndpointNotFound,
    HeadlessService,
    InvalidName,
    Look,
    LookupFailed,
    LookupOptions,
    NotHeadless,
    ServiceName,
    Snapshot,
    adiscover,
    discover,
)
from headless_discovery.testing import ClusterDNS, Delay, LoggedQuery, Port, Service, StatefulSet

version: str = hd.__version__


def one_look() -> None:
    """A look gives a snapshot; it iterates over endpoints."""
    snapshot: Snapshot = discover("my-database.shop")
    same: Snapshot = discover(
        ServiceName("my-database.shop"),
        port="mysql",
        protocol="tcp",
        statefulset="mysql",
        options=LookupOptions(timeout=2, family=6),
        allow_partial=True,
        retries=2,
    )
    count: int = len(snapshot)
    equal: bool = snapshot == same
    listed: str = str(snapshot)
    urls: tuple[str, ...] = snapshot.urls("http", by="address")
    first: Endpoint = snapshot.by_ordinal(0)
    named: Endpoint = snapshot.by_name("mysql-0")
    outcome: str = snapshot.outcome
    ttl: int | None = snapshot.ttl
    seen_at: float = snapshot.seen_at
    fqdn: str = snapshot.service.fqdn
    dropped: tuple[str, ...] = snapshot.dropped
    print(count, equal, listed, urls, first, named, outcome, ttl, seen_at, fqdn, dropped)
    for pod in snapshot:
        endpoint: Endpoint = pod
        ordinal: int | None = pod.ordinal
        name: str | None = pod.name
        hostname: str | None = pod.hostname
        address: str = pod.address
        addresses: tuple[str, ...] = pod.addresses
        ports: tuple[int, ...] = pod.ports
        port: int | None = pod.port
        print(endpoint, ordinal, name, hostname, address, addresses, ports, port)


def service_objects() -> None:
    """The service object, and a callback for each look."""

    def count(look: Look) -> None:
        found: Snapshot | None = look.snapshot
        error: LookupFailed | NotHeadless | ConfigError | None = look.error
        elapsed: float = look.elapsed
        for attempt in look.attempts:
            size: int = attempt.size
            server: str = attempt.server
            print(size, server)
        print(found, error, elapsed)

    database = HeadlessService("my-database", namespace="shop", port=3306, on_lookup=count)
    name: ServiceName = database.name
    snapshot: Snapshot = database.lookup(retries=3)
    hostnames: tuple[str, ...] = name.hostnames("mysql", 3)
    pod: str = name.pod("mysql-0")
    srv: str = name.srv("mysql")
    print(snapshot, hostnames, pod, srv)


async def in_asyncio() -> None:
    """The same with await."""
    snapshot: Snapshot = await adiscover("my-database.shop")
    database = AsyncHeadlessService("my-database.shop")
    again: Snapshot = await database.lookup(allow_partial=True)
    both: tuple[Snapshot, Snapshot] = await asyncio.gather(adiscover("a.shop"), adiscover("b.shop"))
    print(snapshot, again, both)


def errors() -> None:
    """Each error carries its facts as attributes."""
    try:
        discover("my-database.shop").by_ordinal(0)
    except InvalidName as invalid:
        value_error: ValueError = invalid
        name: str = invalid.name
        reason: str = invalid.reason
        print(value_error, name, reason)
    except ConfigError as config:
        setting: str = config.setting
        print(setting, config.reason)
    except LookupFailed as failed:
        kind: str = failed.kind
        rcode: str | None = failed.rcode
        servers: tuple[str, ...] = failed.servers
        question: str | None = failed.question
        elapsed: float = failed.elapsed
        partial: Snapshot | None = failed.snapshot
        print(kind, rcode, servers, question, elapsed, partial)
    except NotHeadless as virtual:
        addresses: tuple[str, ...] = virtual.addresses
        ports: tuple[int, ...] = virtual.ports
        print(addresses, ports)
    except AmbiguousEndpoint as ambiguous:
        several: EndpointNotFound = ambiguous
        print(several)
    except EndpointNotFound as missing:
        listed: tuple[Endpoint, ...] = missing.listed
        print(listed, missing.wanted)
    except DiscoveryError as error:
        print(error)


def test_with_the_fixture(cluster_dns: ClusterDNS) -> None:
    """The fixture and what it makes."""
    database: Service = cluster_dns.service("my-database.shop", ports=[3306, Port(80, "http")])
    mysql: StatefulSet = cluster_dns.statefulset("mysql", service=database, replicas=3)
    mysql.scale(5)
    with cluster_dns.fault(Delay(0.1, times=1, transport="udp")), pytest.raises(LookupFailed):
        discover("my-database.shop", options=cluster_dns.options.replace(timeout=0.05))
    queries: list[LoggedQuery] = cluster_dns.queries
    environment: dict[str, str] = cluster_dns.environment
    addresses: list[str] = [address for pod in mysql.pods for address in pod.addresses]
    print(queries, environment, addresses)


def wrong_use() -> None:
    """What the types refuse."""
    discover(3)  # type: ignore[arg-type]
    discover("my-database", "shop")  # type: ignore[call-arg]
    discover("my-database.shop", timeout=3)  # type: ignore[call-arg]
    discover("my-database.shop")[0]  # type: ignore[index]
    discover("my-database.shop").urls("http", by="ordinal")  # type: ignore[arg-type]
    print(HeadlessService("my-database.shop").lookup().outcome.kind)  # type: ignore[attr-defined]
    LookupOptions(timeout="5s")  # type: ignore[arg-type]
    number: int = discover("my-database.shop").by_ordinal(0).ordinal  # type: ignore[assignment]
    print(number)
