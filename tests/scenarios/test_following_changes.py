"""Who watches and who subscribes: versions in order, diffs that compose, nobody disturbed."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from headless_discovery import AsyncHeadlessService, LookupOptions, PollPolicy
from headless_discovery.core.waiting import Seen
from tests.scenarios.worlds import WITHIN, until
from tests.soak.following import Looks, composed, raise_in_callbacks, read_while_it_changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from headless_discovery import Change
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import Followed, World

FAST = PollPolicy.fast()
WATCHERS = 1000


def demand_whole(changes: list[Change], service: Followed) -> None:
    """They are in order, each begins where the one before ended, and lead to the members."""
    assert changes[0].previous is None
    assert changes[0].added == changes[0].current.endpoints
    for one, two in pairwise(changes):
        assert two.previous is one.current
        assert two.current.version > one.current.version
    assert composed(changes) == changes[-1].current.endpoints == service.members.endpoints


def change_of(step: Future[Change | None]) -> Change:
    """The change that a step comes to."""
    change = step.result(WITHIN)
    assert change is not None
    return change


def settled(service: Followed, pods: set[str]) -> Callable[[], bool]:
    """Whether the members are these pods."""
    return lambda: {str(pod.name) for pod in service.members} == pods


@pytest.mark.parametrize("seed", [1, 2])
def test_diffs_compose(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet, seed: int
) -> None:
    """However fast or slow somebody reads, what he is told leads from nothing to the members."""
    rng = random.Random(seed)
    with world.service(cluster_dns, poll=FAST) as service:
        told: list[Change] = []
        service.subscribe(told.append)
        slow: list[Change] = []

        def dawdle(change: Change) -> None:
            time.sleep(0.1)
            slow.append(change)

        async def dawdle_in_asyncio(change: Change) -> None:
            await asyncio.sleep(0.1)
            slow.append(change)

        service.subscribe(dawdle if world.kind == "threads" else dawdle_in_asyncio)
        watch = service.watch(world.event())
        watched: list[Change] = []
        waiting = watch.next()
        late: list[Change] = []
        for step in range(12):
            if step == 6:
                service.subscribe(late.append)
            if rng.random() < 0.5:
                mysql.scale(rng.randrange(1, 7))
            else:
                mysql.restart(rng.randrange(len(mysql.pods)))
            time.sleep(rng.random() * 0.1)
            if waiting.done():
                watched.append(change_of(waiting))
                waiting = watch.next()
        mysql.scale(2)
        until(settled(service, {"mysql-0", "mysql-1"}))
        until(lambda: told[-1].current is service.members)
        until(lambda: bool(slow) and slow[-1].current is service.members)
        until(lambda: late[-1].current is service.members)
        while not watched or watched[-1].current is not service.members:
            watched.append(change_of(waiting))
            waiting = watch.next()
        for changes in (told, slow, late, watched):
            demand_whole(changes, service)
        assert len(slow) < len(told)
        assert len(told) > 3
        assert late[0].current.version > 1
        watch.close().result(WITHIN)


def test_a_watcher_that_stops_reading(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """It gets one change that stands for all it missed; nothing where all is as before."""
    with world.service(cluster_dns, poll=FAST) as service:
        watch = service.watch()
        first = watch.take()
        mysql.scale(5)
        until(settled(service, {f"mysql-{n}" for n in range(5)}))
        mysql.scale(1)
        until(settled(service, {"mysql-0"}))
        merged = watch.take()
        assert merged.previous is first.current
        assert merged.current is service.members
        assert {pod.name for pod in merged.removed} == {"mysql-1", "mysql-2"}
        assert (merged.added, merged.updated) == ((), ())
        version = service.members.version
        mysql.scale(2)
        until(settled(service, {"mysql-0", "mysql-1"}))
        mysql.scale(1)
        until(settled(service, {"mysql-0"}))
        assert service.members.version > version
        waiting = watch.next()
        time.sleep(0.05)
        assert not waiting.done()  # all is as it was told last
        watch.close().result(WITHIN)


def test_callbacks_disturb_nobody(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """One raises, one blocks for an hour, one unsubscribes itself, one subscribes another."""
    world.expected.append("raised")
    release, known = threading.Event(), threading.Event()
    raised: list[Change] = []
    blocked: list[Change] = []
    told: list[Change] = []
    once: list[Change] = []
    others: list[list[Change]] = []
    ends: list[Callable[[], None]] = []

    def bad(change: Change) -> None:
        raised.append(change)
        raise RuntimeError("the caller's own")

    async def bad_in_asyncio(change: Change) -> None:
        raised.append(change)
        if len(raised) % 2:
            raise asyncio.CancelledError  # of something that it awaited
        raise RuntimeError("the caller's own")

    def block(change: Change) -> None:
        blocked.append(change)
        release.wait(60)

    async def block_in_asyncio(change: Change) -> None:
        blocked.append(change)
        await asyncio.to_thread(release.wait, 60)

    def unsubscribe(change: Change) -> None:
        known.wait(WITHIN)
        once.append(change)
        ends[0]()

    def subscribe_another(_: Change) -> None:
        changes: list[Change] = []
        others.append(changes)
        service.inner.subscribe(changes.append)

    threads = world.kind == "threads"
    with world.service(cluster_dns, poll=FAST) as service:
        service.subscribe(bad if threads else bad_in_asyncio)
        service.subscribe(block if threads else block_in_asyncio)

        def subscribe() -> None:
            ends.append(service.inner.subscribe(unsubscribe))
            known.set()

        world.call(subscribe)
        service.subscribe(subscribe_another)
        service.subscribe(told.append)
        for replicas in (4, 2, 5, 3):
            mysql.scale(replicas)
            until(settled(service, {f"mysql-{n}" for n in range(replicas)}))
            until(lambda: bool(told) and told[-1].current is service.members)
            until(lambda: bool(raised) and raised[-1].current is service.members)
        demand_whole(told, service)
        demand_whole(raised, service)
        assert len(raised) >= 5
        assert service.status().callback_errors == len(raised)
        assert len(blocked) == len(once) == 1
        until(lambda: all(each and each[-1].current is service.members for each in others))
        for each in others:
            demand_whole(each, service)
        release.set()
        until(lambda: len(blocked) == 2)
        demand_whole(blocked, service)


def test_unsubscribed_from_outside(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """It is not called again, the thread or task ends, and twice is harmless."""
    told: list[Change] = []
    with world.service(cluster_dns, poll=FAST) as service:
        end = service.subscribe(told.append)
        until(lambda: len(told) == 1)
        end()
        end()
        mysql.scale(5)
        until(settled(service, {f"mysql-{n}" for n in range(5)}))
        time.sleep(0.05)
    assert len(told) == 1


@pytest.mark.parametrize("turns", range(6))
def test_a_change_at_the_very_moment(turns: int) -> None:
    """A watch with a stop event misses no change that comes while it begins to wait."""

    async def main() -> None:
        options = LookupOptions(nameservers=["127.0.0.1"], cluster_domain="cluster.local")
        policy = PollPolicy(interval=3600)
        async with AsyncHeadlessService("db.shop", options=options, poll=policy) as service:
            watch = service.watch(stop=asyncio.Event())
            await anext(watch)
            step = asyncio.ensure_future(anext(watch))
            for _ in range(turns):
                await asyncio.sleep(0)
            follower = service._follower
            assert follower is not None
            follower.following.looked(looks.next(), time.monotonic())
            follower._tell(Seen(follower.following.observed, time.monotonic(), is_news=True))
            assert (await asyncio.wait_for(step, 2)).current.version == 2

    with Looks() as looks:
        asyncio.run(main())


def test_a_thousand_watchers(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """They all get each change, for the questions of one."""
    if world.kind == "asyncio":
        world.loop.set_debug(False)  # a thousand tracebacks for each change
    with world.service(cluster_dns, poll=FAST) as service:
        watches = [service.watch() for _ in range(WATCHERS)]
        for replicas in (3, 4):
            mysql.scale(replicas)
            until(settled(service, {f"mysql-{n}" for n in range(replicas)}))
            version = service.members.version
            for step in [each.next() for each in watches]:
                assert change_of(step).current.version == version
        waiting = [each.next() for each in watches]
        looks, asked = service.status().looks, len(cluster_dns.queries)
        until(lambda: service.status().looks >= looks + 5)
        assert abs((len(cluster_dns.queries) - asked) - (service.status().looks - looks)) <= 1
        assert len(cluster_dns.queries) <= service.status().looks + 1
        assert not any(each.done() for each in waiting)


def test_read_while_it_changes(world: World, cluster_dns: ClusterDNS) -> None:
    """A million reads of 64 threads beside a thousand changes: none torn, none backwards."""
    reads, swaps = (1_000_000, 1000) if world.kind == "threads" else (200_000, 200)
    seen = read_while_it_changes(world.kind, cluster_dns.options, reads, swaps)
    assert seen.reads >= reads - 64
    assert seen.seen > 0.9 * swaps
    assert (seen.torn, seen.backwards) == (0, 0)


def test_many_that_raise(world: World, cluster_dns: ClusterDNS) -> None:
    """Two thousand callbacks that raise: each is counted, and nobody else misses anything."""
    seen = raise_in_callbacks(world.kind, cluster_dns.options, 2000)
    assert seen.raised >= 2000
    assert seen.versions > 50
    assert seen.missed == 0
