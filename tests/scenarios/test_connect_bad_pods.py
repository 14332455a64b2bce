"""Pods that do not answer: a call finds one that does, and leaves the others out for a while."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import ConnectFailed, ConnectPolicy, PollPolicy
from tests.scenarios.pods import Pods, asking, demand_ipv6, reach
from tests.scenarios.worlds import WITHIN, quickest, until

if TYPE_CHECKING:
    from headless_discovery import ConnectAttempt
    from tests.scenarios.worlds import Followed, World

SLOW = PollPolicy(interval=60)
FAST = PollPolicy.fast()
SLACK = 0.05
ATTEMPT = 0.2
POLICY = ConnectPolicy(attempt_timeout=ATTEMPT, eject_after=2, eject_for=0.4, eject_at_most=0.4)


def ask(service: Followed, **keywords: Any) -> str:
    """Connect to somebody who says something, and tell what."""
    said: str = service.connect(asking(service), pass_timeout=True, **keywords).result(WITHIN)
    return said


def failure(service: Followed, **keywords: Any) -> ConnectFailed:
    """Nobody is reached, and the error says so."""
    with pytest.raises(ConnectFailed) as raised:
        reach(service, **keywords).result(WITHIN)
    return raised.value


def out(service: Followed) -> set[str | None]:
    """Who is left out."""
    return {each.endpoint.name for each in service.status().ejected}


def test_one_of_each_kind(world: World) -> None:
    """A call takes an attempt's time for each pod that lets it wait; then it goes by them."""
    with Pods(4) as pods:
        pods.blackhole(0)
        pods.refuse(1)
        pods.accept(2, silent=True)

        def measure() -> float:
            service = world.service(pods.options, poll=SLOW, connect_policy=POLICY)
            with service:
                began = time.monotonic()
                assert ask(service) == "mysql-3"
                return time.monotonic() - began

        quickest(measure, 2 * ATTEMPT + SLACK)
        with world.service(
            pods.options, poll=SLOW, connect_policy=POLICY.replace(eject_for=60.0, eject_at_most=60)
        ) as service:
            for _ in range(8):
                assert ask(service) == "mysql-3"
            assert out(service) == {"mysql-0", "mysql-1", "mysql-2"}
            for each in service.status().ejected:
                assert 50 < each.seconds <= 60
            words = {each.endpoint.name: each.error for each in service.status().ejected}
            assert "refused" in words["mysql-1"] or "Connect call failed" in words["mysql-1"]

            def at_once() -> float:
                began = time.monotonic()
                assert ask(service) == "mysql-3"
                return time.monotonic() - began

            quickest(at_once, SLACK)
            assert ask(service, to=3) == "mysql-3"


def test_they_come_back(world: World) -> None:
    """One connection tries a pod that was left out; where it works, the pod has its share again."""
    with Pods(4) as pods:
        pods.blackhole(0)
        pods.refuse(1)
        pods.accept(2, silent=True)
        with world.service(pods.options, poll=SLOW, connect_policy=POLICY) as service:
            until(lambda: ask(service) == "mysql-3" and len(out(service)) == 3)
            for each in range(3):
                pods.accept(each)
            found: set[str] = set()

            def is_complete() -> bool:
                found.add(ask(service))
                return len(found) == 4

            until(is_complete)
            assert out(service) == set()
            assert Counter(ask(service) for _ in range(8)) == dict.fromkeys(found, 2)


def test_still_bad(world: World) -> None:
    """Who fails again after that is left out again, after one attempt."""
    with Pods(3) as pods:
        pods.refuse(0)
        dialled: list[str] = []
        dial = asking(world.service(pods.options))

        def told(pod: Any) -> Any:
            dialled.append(pod.name)
            return dial(pod)

        with world.service(pods.options, poll=SLOW, connect_policy=POLICY) as service:
            until(lambda: service.connect(told).result(WITHIN) and out(service))
            assert dialled.count("mysql-0") == 2
            until(lambda: not out(service))
            for _ in range(6):
                service.connect(told).result(WITHIN)
            assert dialled.count("mysql-0") == 3
            assert out(service) == {"mysql-0"}


@pytest.mark.parametrize("is_open", [True, False], ids=["followed", "one look"])
def test_all_black_holed(world: World, is_open: bool) -> None:
    """`ConnectFailed` comes by the deadline and lists every attempt."""
    with Pods(3) as pods:
        for each in range(3):
            pods.blackhole(each)
        errors: list[ConnectFailed] = []

        def measure() -> float:
            service = world.service(pods.options, poll=SLOW)
            if is_open:
                service.open().result(WITHIN)
            began = time.monotonic()
            errors.append(failure(service, attempt_timeout=0.2, timeout=0.5))
            taken = time.monotonic() - began
            service.close().result(WITHIN)
            assert taken >= 0.5
            return taken

        quickest(measure, 0.5 + SLACK)
        for error in errors:
            demand_listed(error.attempts, pods)
            assert error.timeout == 0.5
            assert error.service == "db.shop.svc.cluster.local"
            assert "no connection within 0.5 s" in str(error)
            assert all(str(attempt) in str(error) for attempt in error.attempts)


def demand_listed(attempts: tuple[ConnectAttempt, ...], pods: Pods) -> None:
    """Every pod was tried, and each attempt says which, where, how it failed and how long."""
    assert {each.endpoint.name for each in attempts} == {"mysql-0", "mysql-1", "mysql-2"}
    assert len(attempts) == 3
    for each in attempts:
        assert each.address == pods.address(each.endpoint.ordinal or 0)
        assert isinstance(each.error, OSError)
        assert "no connection within" in str(each.error)
        assert 0.05 <= each.seconds < 0.5
        place = f"{each.endpoint.name} at {each.address}:{pods.port}: no connection within"
        assert str(each).startswith(place)


@pytest.mark.parametrize("kind", ["refused", "black-holed"])
@pytest.mark.parametrize("bad", [4, 6])
def test_one_family_is_bad(world: World, bad: int, kind: str) -> None:
    """The other one is tried beside it after 250 ms, or at once (RFC 8305)."""
    demand_ipv6()
    with Pods(1) as pods:
        pods.refuse(0)
        pods.set.set_address(0, pods.address(0), "::1")
        pods.accept(0)
        addresses = pods.set.pod(0).addresses
        ill = next(each for each in addresses if (":" in each) == (bad == 6))
        (pods.refuse if kind == "refused" else pods.blackhole)(0, ill)
        (good,) = set(addresses) - {ill}
        service = world.service(pods.options, poll=SLOW)
        with service:
            assert set(service.endpoint().addresses) == set(addresses)

            def measure() -> float:
                began = time.monotonic()
                assert reach(service).result(WITHIN) == good
                return time.monotonic() - began

            quickest(measure, 0.3 if (bad, kind) == (4, "black-holed") else SLACK)
            assert out(service) == set()


def test_both_families_are_bad(world: World) -> None:
    """Which address failed last is told."""
    demand_ipv6()
    with Pods(1) as pods:
        pods.refuse(0)
        pods.set.set_address(0, pods.address(0), "::1")
        service = world.service(pods.options, poll=SLOW)
        error = failure(service)
        (attempt,) = error.attempts
        assert attempt.address == "::1"
        assert f"[::1]:{pods.port}: connection refused" in str(error)


def test_never_the_last_one(world: World) -> None:
    """Where all fail, one of them is always dialled; and who was left out is better than nobody."""
    policy = POLICY.replace(eject_after=1, eject_for=60.0, eject_at_most=60.0)
    with (
        Pods(2) as pods,
        world.service(pods.options, poll=FAST, connect_policy=policy) as service,
    ):
        pods.refuse(0)
        pods.refuse(1)
        for _ in range(4):
            assert len(failure(service).attempts) == 2
            assert len(out(service)) == 1
        (name,) = out(service)
        assert name is not None
        pods.accept(int(name[-1]))
        assert pods.name_at(reach(service).result(WITHIN)) == name
        until(lambda: name not in out(service))


def test_the_only_one(world: World) -> None:
    """Nobody else could be dialled: it is never left out, whatever it does."""
    with Pods(1) as pods, world.service(pods.options, poll=FAST, connect_policy=POLICY) as service:
        pods.refuse(0)
        for _ in range(5):
            failure(service)
        assert out(service) == set()
        pods.accept(0)
        reach(service).result(WITHIN)


def test_who_is_wanted_is_dialled(world: World) -> None:
    """``to=`` dials a pod that is left out, and that it works is known at once."""
    policy = POLICY.replace(eject_after=1, eject_for=60.0, eject_at_most=60.0)
    with (
        Pods(2) as pods,
        world.service(pods.options, poll=FAST, connect_policy=policy) as service,
    ):
        pods.refuse(0)
        failure(service, to=0)
        assert out(service) == {"mysql-0"}
        pods.accept(0)
        assert reach(service, to=0).result(WITHIN) == pods.address(0)
        assert out(service) == set()


def test_a_successor_is_another_pod(world: World) -> None:
    """What was held against a pod does not hold for the one that comes after it."""
    policy = POLICY.replace(eject_after=1, eject_for=60.0, eject_at_most=60.0)
    with (
        Pods(3) as pods,
        world.service(pods.options, poll=FAST, connect_policy=policy) as service,
    ):
        pods.refuse(1)
        failure(service, to=1)
        assert out(service) == {"mysql-1"}
        address = pods.move(1)
        until(lambda: address in service.members.by_ordinal(1).addresses)
        found = {reach(service).result(WITHIN) for _ in range(3)}
        assert found == {pods.address(each) for each in range(3)}
        assert out(service) == set()


def test_ejection_off(world: World) -> None:
    """With ``eject_after=0`` nobody is ever left out."""
    policy = POLICY.replace(eject_after=0)
    with Pods(2) as pods, world.service(pods.options, poll=SLOW, connect_policy=policy) as service:
        pods.refuse(0)
        for _ in range(10):
            assert reach(service).result(WITHIN) == pods.address(1)
        assert out(service) == set()
