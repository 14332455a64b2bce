"""Waits: what is waited for, on which answers, for how long; inside ``with`` and outside."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    ConfigError,
    LookupFailed,
    PollPolicy,
    Snapshot,
    WaitTimeout,
)
from headless_discovery.testing import Drop, Rcode
from tests.scenarios.test_lifecycle import in_state
from tests.scenarios.worlds import WITHIN, quickest, until

if TYPE_CHECKING:
    from concurrent.futures import Future

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import Followed, World

FAST = PollPolicy.fast()
SLOW = PollPolicy(interval=60)
GRACE = 0.05
"""Seconds a wait may end after its timeout."""
STATES = ("silent", "silent tcp", "looking", "looking tcp", "idle", "backoff")


@pytest.fixture(params=["inside", "outside"])
def waiter(
    request: pytest.FixtureRequest, world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> Followed:
    """A service object with three pods, opened or not."""
    del mysql
    service = world.service(cluster_dns.options.replace(timeout=0.2), poll=FAST)
    if request.param == "inside":
        service.open().result(WITHIN)
    return service


@pytest.mark.parametrize(
    "condition",
    [
        {"count": 4},
        {"ordinals": range(4)},
        {"names": ("mysql-3", "mysql-0.db.shop.svc.cluster.local")},
        {"quorum": 7},
        {"listed": True},
        {"predicate": lambda snapshot: len(snapshot) > 3},
    ],
    ids=lambda condition: next(iter(condition)),
)
def test_conditions(
    waiter: Followed,
    mysql: StatefulSet,
    monkeypatch: pytest.MonkeyPatch,
    condition: dict[str, Any],
) -> None:
    """Each is waited for until an answer satisfies it, and returns that answer."""
    monkeypatch.setenv("POD_NAME", "mysql-3")
    wait = waiter.wait_for(timeout=WITHIN, **condition)
    time.sleep(0.05)
    assert not wait.done()
    mysql.scale(4)
    found = wait.result(WITHIN)
    assert len(found) == 4
    assert found.version == 0  # what DNS said, not what is published
    assert waiter.wait_for(timeout=WITHIN, **condition).result(WITHIN) == found


def test_what_is_missing(waiter: Followed, cluster_dns: ClusterDNS) -> None:
    """The timeout says it, and carries the last answer and the last failure."""
    with pytest.raises(WaitTimeout, match="without 3, 4") as raised:
        waiter.wait_for(ordinals=range(5), timeout=0.1).result(WITHIN)
    assert raised.value.snapshot is not None
    assert len(raised.value.snapshot) == 3
    assert (raised.value.last_error, raised.value.timeout) == (None, 0.1)
    assert isinstance(raised.value, TimeoutError)
    with cluster_dns.fault(Rcode("REFUSED")), pytest.raises(WaitTimeout) as raised:
        waiter.wait_for(count=9, timeout=0.6).result(WITHIN)
    assert isinstance(raised.value.last_error, LookupFailed)
    assert raised.value.last_error.kind == "refused"


def test_nonsense(waiter: Followed) -> None:
    """It is refused before anything is asked."""
    for condition in (
        {},
        {"count": 0},
        {"count": 1, "quorum": 1},
        {"names": ("$(x)",)},
        {"count": 1, "timeout": -1},
        {"count": 1, "stable": "5s"},
        {"count": 1, "timeout": float("nan")},
    ):
        with pytest.raises(ConfigError):
            waiter.wait_for(**condition).result(WITHIN)


def test_a_predicate_that_raises(waiter: Followed) -> None:
    """It is the caller's own: the error reaches him, and nothing else ends."""

    def bad(_: Snapshot) -> bool:
        raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        waiter.wait_for(predicate=bad).result(WITHIN)
    assert len(waiter.wait_for(count=3, timeout=WITHIN).result(WITHIN)) == 3


def test_stable(waiter: Followed, mysql: StatefulSet) -> None:
    """The same answer has to stand so long; another one, or a failure, begins anew."""
    began = time.monotonic()
    assert len(waiter.wait_for(count=3, stable=0.1, timeout=WITHIN).result(WITHIN)) == 3
    if waiter.inner._follower is None:  # else it may have stood since it was opened
        assert time.monotonic() - began >= 0.1
    wait = waiter.wait_for(count=4, stable=0.2)
    time.sleep(0.05)
    mysql.scale(4)
    time.sleep(0.08)
    mysql.scale(5)
    changed = time.monotonic()
    assert len(wait.result(WITHIN)) == 5
    assert time.monotonic() - changed >= 0.19


def test_stable_is_broken_by_a_failure(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """Nobody knows what was the case while looks failed."""
    del mysql
    service = world.service(cluster_dns.options.replace(timeout=0.05), poll=FAST)
    with service:
        wait = service.wait_for(count=3, stable=0.2)
        time.sleep(0.1)
        with cluster_dns.fault(Drop()):
            failures = service.status().failures
            until(lambda: service.status().failures > failures)
        again = time.monotonic()
        wait.result(WITHIN)
        assert time.monotonic() - again >= 0.19


def test_a_look_for_stable(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """It is made when the time has passed, not with the next poll."""
    del mysql
    with world.service(cluster_dns, poll=PollPolicy(interval=60, quick_interval=30)) as service:
        wait = service.wait_for(count=3, stable=1.05)
        began = time.monotonic()
        wait.result(WITHIN)
        assert time.monotonic() - began < 5


def test_old_answers_do_not_count(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """While looks fail the last answer satisfies nobody; a good one within its time does."""
    del mysql
    policy = PollPolicy.fast(interval=30, backoff=30, backoff_max=30)
    with world.service(cluster_dns.options.replace(timeout=0.05), poll=policy) as service:
        asked = len(cluster_dns.queries)
        service.wait_for(count=3).result(WITHIN)
        assert len(cluster_dns.queries) == asked  # it is fresh: nothing is asked
        cluster_dns.faults.add(Drop())
        service.refresh()
        until(lambda: service.status().failures == 1)
        cluster_dns.faults.clear()
        assert len(service.observed) == 3
        with pytest.raises(WaitTimeout):
            service.wait_for(count=3, timeout=0.2).result(WITHIN)


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.usefixtures("mysql")
def test_timeouts(world: World, cluster_dns: ClusterDNS, name: str, inside: bool) -> None:
    """A wait ends within 50 ms of its timeout, whatever the server does."""

    def measure() -> float:
        with in_state(name, cluster_dns) as state:
            options = state.options if not inside else state.options.replace(timeout=0.05)
            if state.is_known:
                options = state.options
            service = world.service(options, poll=state.policy)
            if inside:
                service.open().result(WITHIN)
            began = time.monotonic()
            wait: Future[Snapshot] = service.wait_for(count=9, timeout=0.12)
            if state.spoil is not None:
                state.spoil()
            with pytest.raises(WaitTimeout):
                wait.result(WITHIN)
            taken = time.monotonic() - began
            assert taken >= 0.12
            service.close().result(WITHIN)
            return taken - 0.12

    quickest(measure, GRACE)


@pytest.mark.usefixtures("mysql")
def test_no_time_at_all(waiter: Followed) -> None:
    """With ``timeout=0`` it is satisfied by what is known, or at once over."""

    def measure() -> float:
        began = time.monotonic()
        with pytest.raises(WaitTimeout):
            waiter.wait_for(count=9, timeout=0).result(WITHIN)
        return time.monotonic() - began

    quickest(measure, GRACE)


def test_short_steps_of_a_watch(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """Who waits for each step shorter than DNS takes gets his change, and asks no more for it."""
    from headless_discovery.testing import Delay

    del mysql

    async def main() -> int:
        options = cluster_dns.options.replace(attempt_timeout=2.0)
        service = AsyncHeadlessService("db.shop", options=options, poll=FAST)
        steps = 0
        async with service.watch() as watch:
            while True:
                steps += 1
                try:
                    change = await asyncio.wait_for(anext(watch), 0.03)
                except TimeoutError:
                    continue
                assert len(change.added) == 3
                return steps

    with cluster_dns.fault(Delay(0.2)):
        assert asyncio.run(main(), debug=True) > 3
    assert len(cluster_dns.queries) == 1


@pytest.mark.usefixtures("mysql")
def test_a_step_given_up_while_nothing_is_asked(cluster_dns: ClusterDNS) -> None:
    """It leaves nothing behind, although the iterator is kept."""

    async def main() -> None:
        watch = AsyncHeadlessService("db.shop", options=cluster_dns.options, poll=SLOW).watch()
        await anext(watch)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.01)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        await watch.aclose()

    asyncio.run(main(), debug=True)
