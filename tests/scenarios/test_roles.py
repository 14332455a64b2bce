"""Roles over threads and asyncio: by ordinal, and by what the pods say of themselves."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from headless_discovery import (
    AmbiguousEndpoint,
    AsyncHeadlessService,
    AsyncRoles,
    ConfigError,
    ConnectFailed,
    EndpointNotFound,
    HeadlessService,
    PollPolicy,
    Roles,
)
from tests.scenarios.probing import Asked, Told, name_of
from tests.scenarios.worlds import WITHIN, until

if TYPE_CHECKING:
    from headless_discovery import Endpoint
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import World

FAST = PollPolicy.fast()
MANY = 70


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("is_open", [True, False])
def test_by_ordinal(world: World, cluster_dns: ClusterDNS, is_open: bool) -> None:
    """Without a probe one ordinal is the primary, the others take turns as replicas."""
    service = world.service(cluster_dns, poll=FAST)
    if is_open:
        service.open().result(WITHIN)
    roles = Asked(world, service)
    assert roles.inner.service is service.inner
    assert roles.primary() == "mysql-0"
    assert roles.replicas() == ["mysql-1", "mysql-2"]
    seen = [roles.replica().result(WITHIN).name for _ in range(4)]
    assert Counter(seen) == {"mysql-1": 2, "mysql-2": 2}
    assert roles.connect(dial=name_of).result(WITHIN) == "mysql-0"
    reads = [roles.connect(dial=name_of, role="replica").result(WITHIN) for _ in range(4)]
    assert Counter(reads) == {"mysql-1": 2, "mysql-2": 2}
    other = Asked(world, service, primary=2)
    assert other.primary() == "mysql-2"
    assert other.replicas() == ["mysql-0", "mysql-1"]


def test_nobody_of_that_role(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """The error says what there is."""
    mysql.scale(1)
    service = world.service(cluster_dns)
    roles = Asked(world, service)
    for begun in (roles.replica(), roles.connect(dial=name_of, role="replica")):
        with pytest.raises(EndpointNotFound, match="there is no replica; mysql-0: primary"):
            begun.result(WITHIN)
    assert roles.replicas() == []
    absent = Asked(world, service, primary=1)
    with pytest.raises(EndpointNotFound, match="there is no primary; mysql-0: replica"):
        absent.primary()
    with pytest.raises(EndpointNotFound, match="no endpoint has ordinal 1; listed: mysql-0"):
        absent.connect(dial=name_of).result(WITHIN)


@pytest.mark.usefixtures("mysql")
def test_what_cannot_be_meant(world: World, cluster_dns: ClusterDNS) -> None:
    """A role, a probe of the other world and numbers that are none are refused by name."""
    service = world.service(cluster_dns)
    with pytest.raises(ConfigError, match="role: 'master' is neither"):
        Asked(world, service).connect(role="master").result(WITHIN)
    told = Told(world)
    wrong = told._plain if world.kind == "asyncio" else told._awaited
    with pytest.raises(ConfigError, match="probe: "):
        Asked(world, service, probe=wrong)
    with pytest.raises(ConfigError, match="timeout: 0 is"):
        Asked(world, service, timeout=0)
    assert "primary=3" in repr(Asked(world, service, primary=3).inner)
    assert "db.shop" in repr(Asked(world, service).inner)


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_probe(world: World, cluster_dns: ClusterDNS, is_open: bool) -> None:
    """All are asked at the same time, once, and connections go by what they say."""
    service = world.service(cluster_dns, poll=FAST)
    if is_open:
        service.open().result(WITHIN)
    told = Told(world, primary="mysql-2")
    roles = Asked(world, service, probe=told.probe, keep=60.0)
    assert roles.primary() == "mysql-2"
    assert roles.replicas() == ["mysql-0", "mysql-1"]
    assert roles.connect(dial=name_of).result(WITHIN) == "mysql-2"
    reads = [roles.connect(dial=name_of, role="replica").result(WITHIN) for _ in range(4)]
    reads += [roles.replica().result(WITHIN).name for _ in range(2)]
    assert Counter(reads) == {"mysql-0": 3, "mysql-1": 3}
    assert told.asked == {"mysql-0": 1, "mysql-1": 1, "mysql-2": 1}
    assert told.most == 3


def test_asked_again(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """After `forget`, after a change of the members, and when the answers are old."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        roles = Asked(world, service, probe=told.probe, keep=60.0)
        assert roles.primary() == "mysql-0"
        told.says = {"mysql-0": "replica", "mysql-1": "primary"}
        assert roles.primary() == "mysql-0"
        roles.forget()
        assert roles.primary() == "mysql-1"
        assert told.asked["mysql-0"] == 2
        mysql.scale(4)
        until(lambda: len(service.members) == 4)
        assert roles.replicas() == ["mysql-0", "mysql-2", "mysql-3"]
        assert told.asked["mysql-0"] == 3
        soon = Asked(world, service, probe=told.probe, keep=0.02)
        assert soon.primary() == "mysql-1"
        time.sleep(0.03)
        assert soon.primary() == "mysql-1"
        assert told.asked["mysql-0"] == 5


@pytest.mark.usefixtures("mysql")
def test_a_failed_dial_asks_again(world: World, cluster_dns: ClusterDNS) -> None:
    """Who cannot be connected to may be the primary no more."""

    def refuse(endpoint: Endpoint) -> str:
        raise ConnectionRefusedError(str(endpoint))

    told = Told(world)
    roles = Asked(world, world.service(cluster_dns), probe=told.probe, keep=60.0)
    for role in ("primary", "replica"):
        with pytest.raises(ConnectFailed):
            roles.connect(dial=refuse, role=role).result(WITHIN)
    assert told.asked["mysql-0"] == 2
    assert roles.primary() == "mysql-0"
    assert told.asked["mysql-0"] == 3


@pytest.mark.usefixtures("mysql")
def test_two_primaries(world: World, cluster_dns: ClusterDNS) -> None:
    """None is chosen; reads go on, and it is looked into again soon."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        told.says = {"mysql-1": "primary", "mysql-2": ValueError("no such thing")}
        roles = Asked(world, service, probe=told.probe, keep=60.0)
        for begun in (world.begin(roles.inner.primary), roles.connect(dial=name_of)):
            with pytest.raises(AmbiguousEndpoint) as raised:
                begun.result(WITHIN)
            assert [each.name for each in raised.value.listed] == ["mysql-0", "mysql-1"]
        for begun in (roles.replica(), roles.connect(dial=name_of, role="replica")):
            with pytest.raises(EndpointNotFound, match="mysql-2: ValueError: no such thing"):
                begun.result(WITHIN)
        told.says = {}
        until(lambda: roles.replicas() == ["mysql-1", "mysql-2"], seconds=1.0)
        assert roles.primary() == "mysql-0"


def test_many(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """All of many pods are asked, not all of them at once."""
    mysql.scale(MANY)
    told = Told(world)
    roles = Asked(world, world.service(cluster_dns), probe=told.probe, timeout=10.0)
    assert roles.primary() == "mysql-0"
    assert len(roles.replicas()) == MANY - 1
    assert set(told.asked.values()) == {1}
    assert 8 < told.most <= 32


def test_nobody_is_there(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """Then nobody is asked."""
    mysql.scale(0)
    told = Told(world)
    roles = Asked(world, world.service(cluster_dns), probe=told.probe)
    with pytest.raises(EndpointNotFound, match="there is no primary; nobody is listed"):
        roles.primary()
    assert not told.asked


@pytest.mark.parametrize(
    ("roles", "service"),
    [
        (Roles, AsyncHeadlessService("db.shop")),
        (AsyncRoles, HeadlessService("db.shop")),
        (Roles, "db.shop"),
        (AsyncRoles, None),
    ],
)
def test_the_wrong_kind_of_service(roles: type[Roles | AsyncRoles], service: object) -> None:
    """A name, or the service object of the other world, is refused at once."""
    with pytest.raises(ConfigError, match=r"service: .* is no (Async)?HeadlessService"):
        roles(service)  # type: ignore[arg-type]
