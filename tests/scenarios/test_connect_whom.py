"""Whom a connection goes to: one pod at its present address, an order, everybody but oneself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import (
    AmbiguousEndpoint,
    ConnectFailed,
    ConnectPolicy,
    EndpointNotFound,
    LookupFailed,
    NoEndpoints,
    NotYetKnown,
    PollPolicy,
    WaitTimeout,
)
from headless_discovery.testing import Rcode
from tests.scenarios.pods import Pods, reach
from tests.scenarios.worlds import WITHIN, Silent, quickest, until

if TYPE_CHECKING:
    from headless_discovery import Endpoint
    from headless_discovery.testing import ClusterDNS
    from tests.scenarios.worlds import World

SLOW = PollPolicy(interval=60)
FAST = PollPolicy.fast()
SLACK = 0.05
NAMES = ("mysql-0", "mysql-1", "mysql-2")
FQDN = "mysql-1.db.shop.svc.cluster.local"


@pytest.mark.parametrize("is_open", [True, False], ids=["followed", "one look"])
def test_one_pod(world: World, is_open: bool) -> None:
    """By ordinal, name, FQDN, endpoint, address or predicate: that one, over and over."""
    with Pods(3) as pods:
        service = world.service(pods.options, poll=SLOW)
        if is_open:
            service.open().result(WITHIN)
        endpoint = service.endpoint(to=1)
        assert endpoint.name == "mysql-1"
        wishes: list[Any] = [1, "mysql-1", FQDN, FQDN + ".", endpoint, lambda pod: pod.ordinal == 1]
        for to in wishes:
            for _ in range(3):
                assert reach(service, to=to).result(WITHIN) == pods.address(1)
        found = {reach(service, to=lambda pod: pod.ordinal > 0).result(WITHIN) for _ in range(4)}
        assert found == {pods.address(1), pods.address(2)}


def test_only_that_pod(world: World) -> None:
    """Where it refuses, nobody else is dialled."""
    with Pods(3) as pods, world.service(pods.options, poll=FAST) as service:
        pods.refuse(1)
        with pytest.raises(ConnectFailed) as raised:
            reach(service, to=1).result(WITHIN)
        assert {each.endpoint.name for each in raised.value.attempts} == {"mysql-1"}
        assert not pods.accepted


def test_nobody_two_or_unknown(world: World, cluster_dns: ClusterDNS) -> None:
    """Each of them is told apart, by name."""
    db = cluster_dns.service("db.shop", ports=[3306])
    service = world.service(cluster_dns, poll=FAST)
    with pytest.raises(NoEndpoints) as nobody:
        reach(service).result(WITHIN)
    assert nobody.value.outcome in ("EMPTY", "ABSENT")
    cluster_dns.statefulset("mysql", service=db, replicas=2)
    cluster_dns.statefulset("replica", service=db, replicas=1)
    with service:
        with pytest.raises(EndpointNotFound, match=r"ordinal 7.*listed: mysql-0"):
            reach(service, to=7).result(WITHIN)
        with pytest.raises(EndpointNotFound, match="stranger"):
            reach(service, to="stranger").result(WITHIN)
        with pytest.raises(EndpointNotFound, match="'to' wants none"):
            reach(service, to=lambda _: False).result(WITHIN)
        with pytest.raises(AmbiguousEndpoint, match=r"mysql-0.*replica-0"):
            reach(service, to=0).result(WITHIN)
        with pytest.raises(NoEndpoints, match="gave none"):
            reach(service, order=lambda _: ()).result(WITHIN)


def test_it_moved(world: World) -> None:
    """A failed dial brings about an early look, and the pod is found where that says it is."""
    with Pods(3) as pods, world.service(pods.options, poll=SLOW) as service:
        old = pods.address(1)
        new = pods.move(1)
        assert service.members.by_ordinal(1).address == old
        began = time.monotonic()
        assert reach(service, to=1).result(WITHIN) == new != old
        assert time.monotonic() - began < 2  # looks are a second apart
        assert service.status().looks == 2


def test_all_moved(world: World) -> None:
    """So it is where anybody will do: who is at another address is tried there."""
    with Pods(2) as pods, world.service(pods.options, poll=SLOW) as service:
        addresses = {pods.move(each) for each in range(2)}
        assert reach(service).result(WITHIN) in addresses


def test_one_look_a_second(world: World) -> None:
    """However many dials fail, and whoever makes them."""
    with Pods(2) as pods, world.service(pods.options, poll=SLOW) as service:
        pods.refuse(0)
        pods.refuse(1)
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            calls = [reach(service) for _ in range(8)]
            assert {type(each.exception(WITHIN)) for each in calls} == {ConnectFailed}
        taken = time.monotonic() - began
        assert 3 <= service.status().looks <= 2 + taken


def test_it_is_waited_for(world: World) -> None:
    """``wait=True`` connects to a pod that comes later."""
    with Pods(1) as pods:
        service = world.service(pods.options, poll=FAST)
        for to in (1, "mysql-2", lambda pod: pod.ordinal == 3):
            ordinal = len(pods.set.pods)
            waiting = reach(service, to=to, wait=True)
            time.sleep(0.05)
            assert not waiting.done()
            pods.scale(ordinal + 1)
            assert waiting.result(WITHIN) == pods.address(ordinal)
            if ordinal == 1:
                service.open().result(WITHIN)


@pytest.mark.parametrize("is_open", [True, False], ids=["followed", "own looks"])
def test_it_is_waited_for_in_vain(world: World, is_open: bool) -> None:
    """`WaitTimeout` comes in time and says who was missing."""
    with Pods(1) as pods:
        service = world.service(pods.options, poll=FAST)
        if is_open:
            service.open().result(WITHIN)

        def measure() -> float:
            began = time.monotonic()
            with pytest.raises(WaitTimeout, match=r"ordinals?=4"):
                reach(service, to=4, wait=True, timeout=0.3).result(WITHIN)
            return time.monotonic() - began

        quickest(measure, 0.3 + SLACK)


def test_everybody_but_oneself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """``exclude_self`` leaves out the pod of ``POD_NAME``; nobody else is nobody."""
    monkeypatch.setenv("POD_NAME", "mysql-1")
    with Pods(3) as pods:
        policy = ConnectPolicy(exclude_self=True)
        service = world.service(pods.options, poll=FAST, connect_policy=policy)
        for is_open in (False, True):
            if is_open:
                service.open().result(WITHIN)
            found = [reach(service).result(WITHIN) for _ in range(6)]
            assert set(found) == {pods.address(0), pods.address(2)}
        names = {service.endpoint(exclude_self=False).name for _ in range(3)}
        assert names == set(NAMES)
        assert reach(service, to=1).result(WITHIN) == pods.address(1)  # who asks for it gets it


def test_nobody_but_oneself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is nobody; ``wait=True`` waits for another one."""
    monkeypatch.setenv("POD_NAME", "mysql-0")
    with Pods(1) as pods:
        policy = ConnectPolicy(exclude_self=True)
        service = world.service(pods.options, poll=FAST, connect_policy=policy)
        with pytest.raises(NoEndpoints, match="only this pod itself"):
            reach(service).result(WITHIN)
        with pytest.raises(WaitTimeout):
            reach(service, wait=True, timeout=0.2).result(WITHIN)
        waiting = reach(service, wait=True)
        time.sleep(0.05)
        pods.scale(2)
        assert waiting.result(WITHIN) == pods.address(1)


def test_orders(world: World) -> None:
    """The lowest first, by chance, or as the caller's own function says."""
    with Pods(3) as pods, world.service(pods.options, poll=SLOW) as service:

        def told(order: Any) -> list[str | None]:
            return [service.endpoint(order=order).name for _ in range(30)]

        assert told("ordinal") == ["mysql-0"] * 30
        assert set(told("random")) == set(NAMES)
        assert told("random") != told("random")
        assert told(reversed) == ["mysql-2"] * 30
        pods.refuse(2)
        dialled: list[str | None] = []

        def dial(pod: Endpoint) -> str | None:
            dialled.append(pod.name)
            if pod.ordinal:
                raise ConnectionRefusedError
            return pod.name

        assert service.connect(dial, order=reversed).result(WITHIN) == "mysql-0"
        assert dialled == ["mysql-2", "mysql-1", "mysql-0"]
        dialled.clear()
        only = service.connect(dial, order=lambda pods: [pods[1]], timeout=0.3)
        assert isinstance(only.exception(WITHIN), ConnectFailed)
        assert dialled == ["mysql-1"]


@pytest.mark.parametrize("is_open", [True, False], ids=["followed", "one look each"])
def test_rounds(world: World, is_open: bool) -> None:
    """``retries`` makes more rounds, each with a fresh look, until one works."""
    with Pods(2) as pods:
        service = world.service(pods.options, poll=SLOW if is_open else FAST)
        if is_open:
            service.open().result(WITHIN)
        pods.refuse(0)
        pods.refuse(1)
        looks = len(pods.dns.queries)
        waiting = reach(service, retries=5)
        until(lambda: len(pods.dns.queries) >= looks + 1 + (not is_open))
        assert not waiting.done()
        addresses = {pods.move(each) for each in range(2)}
        assert waiting.result(WITHIN) in addresses


def test_rounds_that_are_too_few(world: World) -> None:
    """Every attempt of every round is listed."""
    with Pods(2) as pods:
        service = world.service(pods.options, poll=SLOW)
        pods.refuse(0)
        pods.refuse(1)
        with pytest.raises(ConnectFailed) as raised:
            reach(service, retries=2).result(WITHIN)
        names = [str(each.endpoint.name) for each in raised.value.attempts]
        assert sorted(names) == ["mysql-0"] * 3 + ["mysql-1"] * 3
        assert raised.value.timeout is None


@pytest.mark.parametrize("retries", [0, 5])
def test_a_dns_that_does_not_answer(world: World, retries: int) -> None:
    """Outside ``with`` the whole call ends in time, its looks included."""

    def measure() -> float:
        with Silent() as silent:
            service = world.service(silent.options)
            began = time.monotonic()
            with pytest.raises(LookupFailed):
                reach(service, timeout=0.4, retries=retries).result(WITHIN)
            return time.monotonic() - began

    quickest(measure, 0.4 + SLACK)


def test_dns_dies_between_rounds(world: World) -> None:
    """What was tried is told, and that DNS failed since."""
    with Pods(2) as pods:
        service = world.service(pods.options.replace(timeout=0.3), poll=SLOW)
        pods.refuse(0)
        pods.refuse(1)
        waiting = reach(service, retries=1)
        until(lambda: len(pods.dns.queries) > 0)
        with pods.dns.fault(Rcode("SERVFAIL")), pytest.raises(ConnectFailed) as raised:
            waiting.result(WITHIN)
        assert len(raised.value.attempts) == 2
        assert isinstance(raised.value.__cause__, LookupFailed)


def test_while_dns_fails(world: World) -> None:
    """Inside ``with`` the members are used at once, and nobody waits for a look that fails."""
    with Pods(3) as pods:
        service = world.service(
            pods.options.replace(timeout=0.3),
            poll=FAST,
            connect_policy=ConnectPolicy(eject_after=0),
        )
        with service, pods.dns.fault(Rcode("SERVFAIL")):
            until(lambda: service.status().last_error is not None)

            def connected() -> float:
                began = time.monotonic()
                reach(service).result(WITHIN)
                return time.monotonic() - began

            def refused() -> float:
                began = time.monotonic()
                with pytest.raises(ConnectFailed):
                    reach(service).result(WITHIN)
                return time.monotonic() - began

            quickest(connected, SLACK)
            for each in range(3):
                pods.refuse(each)
            quickest(refused, SLACK)


def test_nothing_known(world: World) -> None:
    """Inside ``with``, where no look has told anything: that is said, and nobody is dialled."""
    with Silent() as silent:
        service = world.service(silent.options.replace(timeout=0.1), poll=FAST)
        with service, pytest.raises(NotYetKnown, match="no look has told"):
            reach(service).result(WITHIN)


def test_who_is_missing_comes_last(world: World) -> None:
    """A member that the last answer lacks is dialled where the others fail, or by name."""
    with Pods(3) as pods, world.service(pods.options, poll=SLOW) as service:
        pods.set.set_ready(1, ready=False)
        service.refresh()
        until(lambda: len(service.observed) == 2)
        assert len(service.members) == 3
        found = [reach(service).result(WITHIN) for _ in range(6)]
        assert set(found) == {pods.address(0), pods.address(2)}
        assert reach(service, to=1).result(WITHIN) == pods.address(1)
        pods.refuse(0)
        pods.refuse(2)
        assert reach(service).result(WITHIN) == pods.address(1)
