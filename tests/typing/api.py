"""User code that must type-check: the public API as its users see it.

Never run. mypy --strict reads it; a ``type: ignore`` that is not needed is an error, so each
of them states that the wrong use is refused.
"""

# ruff: noqa: T201 - a name that is not used says nothing
from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

import headless_discovery as hd
from headless_discovery import (
    AmbiguousEndpoint,
    AsyncHeadlessService,
    Change,
    ConfigError,
    ConnectAttempt,
    ConnectFailed,
    ConnectPolicy,
    DiscoveryError,
    Ejected,
    Endpoint,
    EndpointNotFound,
    HeadlessService,
    InvalidName,
    Look,
    LookupFailed,
    LookupOptions,
    NoEndpoints,
    NotHeadless,
    NotYetKnown,
    PollPolicy,
    ServiceName,
    Snapshot,
    Status,
    WaitTimeout,
    adiscover,
    awatch,
    discover,
    watch,
)
from headless_discovery.testing import ClusterDNS, Delay, LoggedQuery, Port, Service, StatefulSet

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

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


def followed() -> None:
    """A followed Service: its state, its changes, waits."""
    policy: PollPolicy = PollPolicy(interval=2, hint=1.0, max_stale=60.0, ttl_guidance=False)
    quick: PollPolicy = PollPolicy.fast(removal_answers=1).replace(interval=None)
    interval: float | None = quick.interval
    stop = threading.Event()
    with HeadlessService("my-database.shop", poll=policy) as database:
        members: Snapshot = database.members
        observed: Snapshot = database.observed
        status: Status = database.status()
        age: float | None = status.age
        error: DiscoveryError | None = status.last_error
        listed: bool | None = status.listed
        database.refresh()
        three: Snapshot = database.wait_for(count=3, stable=5, timeout=60)
        database.wait_for(ordinals=range(3))
        database.wait_for(names=("mysql-0", "mysql-1"))
        database.wait_for(quorum=5)
        database.wait_for(listed=True)
        database.wait_for(predicate=lambda snapshot: len(snapshot) % 2)
        unsubscribe: Callable[[], None] = database.subscribe(lambda change: print(change.added))
        unsubscribe()
        changes: Iterator[Change] = database.watch(stop=stop)
        for change in changes:
            previous: Snapshot | None = change.previous
            current: Snapshot = change.current
            added: tuple[Endpoint, ...] = change.added
            updated: tuple[tuple[Endpoint, Endpoint], ...] = change.updated
            print(previous, current, added, change.removed, updated)
        with database.watch() as closable:
            first: Change = next(closable)
    opened: HeadlessService = HeadlessService("my-database.shop").open()
    opened.close()
    for change in watch("my-database.shop", stop=stop, poll=quick, port=3306):
        print(change.current.version)
    print(members, observed, age, error, listed, three, first, interval)
    print(status.synced, status.stale_for, status.version, status.looks, status.failures)
    print(status.callback_errors, status.due_in)


async def followed_in_asyncio() -> None:
    """The same with await; callbacks may be coroutine functions."""
    stop = asyncio.Event()

    async def note(change: Change) -> None:
        await asyncio.sleep(0)
        print(change)

    async with AsyncHeadlessService("my-database.shop", poll=PollPolicy(interval=2)) as database:
        members: Snapshot = database.members
        status: Status = database.status()
        unsubscribe: Callable[[], None] = database.subscribe(note)
        unsubscribe()
        three: Snapshot = await database.wait_for(count=3, timeout=60)
        changes: AsyncIterator[Change] = database.watch(stop=stop)
        async for change in changes:
            print(change.added)
        async with database.watch() as closable:
            first: Change = await anext(closable)
        database.refresh()
    opened: AsyncHeadlessService = await AsyncHeadlessService("my-database.shop").open()
    await opened.close()
    async for change in awatch("my-database.shop", stop=stop):
        print(change.current.version)
    print(members, status, three, first)


def errors_of_the_followed() -> None:
    """What is not known, and what did not come."""
    try:
        HeadlessService("my-database.shop").wait_for(count=3, timeout=1)
    except WaitTimeout as late:
        timed_out: TimeoutError = late
        missing: str = late.missing
        answer: Snapshot | None = late.snapshot
        failure: DiscoveryError | None = late.last_error
        print(timed_out, missing, answer, failure, late.timeout)
    except NotYetKnown as unknown:
        reason: str = unknown.reason
        age: float | None = unknown.age
        print(reason, age, unknown.last_error, unknown.service)


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


def connecting(context: ssl.SSLContext) -> None:
    """A socket, or what the caller's own function returns; whom, in which order, how long."""
    database = HeadlessService("my-database.shop", connect_policy=ConnectPolicy(timeout=5))
    connection: socket.socket = database.connect()
    secured: socket.socket = database.connect(to=0, tls=context, tls_name="service", wait=True)
    own: Client = database.connect(lambda pod: Client(pod.address), to="mysql-0")
    timed: Client = database.connect(
        lambda pod, seconds: Client(pod.address, seconds),
        pass_timeout=True,
        to=lambda pod: pod.ordinal != 0,
        order=reversed,
        exclude_self=True,
        attempt_timeout=0.5,
        timeout=3,
        retries=2,
    )
    pod: Endpoint = database.endpoint(order="random")
    again: socket.socket = database.connect(to=pod, order="ordinal")
    left_out: tuple[Ejected, ...] = database.status().ejected
    told: list[tuple[Endpoint, float, str]] = [
        (each.endpoint, each.seconds, each.error) for each in left_out
    ]
    print(connection, secured, own, timed, pod, again, told)
    try:
        database.connect()
    except NoEndpoints as nobody:
        print(nobody.outcome)
    except ConnectFailed as failed:
        attempts: tuple[ConnectAttempt, ...] = failed.attempts
        print([(each.endpoint, each.address, each.error, each.seconds) for each in attempts])


async def connecting_awaited() -> None:
    """The same, awaited; without a function of one's own it gives streams."""

    async def dial(pod: Endpoint) -> Client:
        return Client(pod.address)

    database = AsyncHeadlessService("my-database.shop")
    reader, writer = await database.connect(to=0)
    data: bytes = await reader.read()
    writer.write(data)
    own: Client = await database.connect(dial, to="mysql-0", timeout=3)
    pod: Endpoint = await database.endpoint()
    print(own, pod)


class Client:
    """A client of the user's."""

    def __init__(self, address: str, timeout: float = 1.0) -> None:
        self.address = address
        self.timeout = timeout


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
    PollPolicy(interval="5s")  # type: ignore[arg-type]
    PollPolicy(5)  # type: ignore[call-arg]
    HeadlessService("my-database.shop", poll=5)  # type: ignore[arg-type]
    HeadlessService("my-database.shop").wait_for(3)  # type: ignore[call-arg]
    HeadlessService("my-database.shop").watch(stop=True)  # type: ignore[arg-type]
    HeadlessService("my-database.shop").subscribe(print, "now")  # type: ignore[call-arg]
    awatch("my-database.shop", stop=threading.Event())  # type: ignore[arg-type]
    HeadlessService("my-database.shop").connect(order="fastest")  # type: ignore[call-overload]
    HeadlessService("my-database.shop").connect(0)  # type: ignore[call-overload]
    HeadlessService("my-database.shop", connect_policy=5)  # type: ignore[arg-type]
    ConnectPolicy(timeout="5s")  # type: ignore[arg-type]
    watch("my-database.shop").current  # type: ignore[attr-defined] # noqa: B018
