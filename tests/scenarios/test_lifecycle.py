"""Closing and stopping take effect within 100 ms, in every state and from every place."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from headless_discovery import Look, NotYetKnown, PollPolicy
from headless_discovery.testing import Drip, Drop, Rcode
from tests.scenarios.worlds import AT_ONCE, WITHIN, Silent, ended_within, not_known, quickest, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from headless_discovery import Change, LookupOptions
    from headless_discovery.testing import ClusterDNS
    from tests.scenarios.worlds import Followed, World

FAST = PollPolicy.fast()
SLOW = PollPolicy(interval=60, backoff=60, backoff_max=60)
STATES = ("silent", "silent tcp", "looking", "looking tcp", "idle", "backoff")
pytestmark = pytest.mark.usefixtures("mysql")


class State(NamedTuple):
    """A server, and how to be followed against it.

    Attributes:
        options: How to ask it.
        policy: When.
        is_known: Whether the first look succeeds.
        spoil: Makes the server as bad as the state wants, after a good first look.
        reached: Whether the state is reached.
    """

    options: LookupOptions
    policy: PollPolicy
    is_known: bool
    spoil: Callable[[], None] | None
    reached: Callable[[], object]


@contextlib.contextmanager
def in_state(name: str, dns: ClusterDNS) -> Iterator[State]:
    """A server for a state: what is followed will be in it."""
    options = dns.options.replace(timeout=30.0, attempt_timeout=10.0)
    dns.queries.clear()
    if name.startswith("silent"):
        with Silent() as silent:
            tcp = name == "silent tcp"
            options = silent.options.replace(timeout=30.0, attempt_timeout=10.0, tcp=tcp)
            yield State(options, FAST, False, None, silent.connected if tcp else silent.asked)
    elif name.startswith("looking"):
        fault = Drip(0.05) if name == "looking tcp" else Drop()
        options = options.replace(tcp=name == "looking tcp")
        with contextlib.ExitStack() as stack:

            def spoil() -> None:
                stack.enter_context(dns.fault(fault))
                dns.queries.clear()

            yield State(options, FAST, True, spoil, lambda: until(lambda: len(dns.queries) > 0))
    elif name == "idle":
        yield State(options, SLOW, True, None, lambda: time.sleep(0.05))
    else:
        with dns.fault(Rcode("SERVFAIL")):
            yield State(options.replace(timeout=0.05), SLOW, False, None, lambda: time.sleep(0.1))


def begun(service: Followed, state: State) -> tuple[Future[Any], list[Future[Any]], Future[Any]]:
    """Open it and begin everything that waits: the opening, watches, a wait."""
    opening = service.open()
    if state.is_known:
        opening.result(WITHIN)
    until(lambda: service.inner._follower is not None)
    stopped = service.world.event()  # never set: a watch that could be stopped
    watching = [service.watch(), service.watch(stopped)]
    for each in watching if state.is_known else ():
        each.take()
    watches = [each.next() for each in watching]
    wait = service.wait_for(count=9)
    if state.spoil is not None:
        state.spoil()
    state.reached()
    return opening, watches, wait


@pytest.mark.parametrize("name", STATES)
def test_closed(world: World, cluster_dns: ClusterDNS, name: str) -> None:
    """`close` by somebody else ends it, and everybody who waits, in every state."""

    def measure() -> float:
        with in_state(name, cluster_dns) as state:
            service = world.service(state.options, poll=state.policy)
            opening, watches, wait = begun(service, state)
            assert not wait.done()
            assert not any(each.done() for each in watches)
            closing = service.close()
            taken = ended_within(closing, opening, *watches, wait)
            closing.result(WITHIN)
            opening.result(WITHIN)
            assert [each.result(WITHIN) for each in watches] == [None, None]
            with pytest.raises(NotYetKnown, match="closed"):
                wait.result(WITHIN)
            not_known(lambda: service.members, "closed")
            return taken

    quickest(measure, AT_ONCE)


@pytest.mark.parametrize("by", ["stop", "close"])
@pytest.mark.parametrize("name", STATES)
def test_a_watch_is_ended(world: World, cluster_dns: ClusterDNS, name: str, by: str) -> None:
    """A stop event and the iterator's own close end a watch inside and outside ``with``."""

    def measure() -> float:
        with in_state(name, cluster_dns) as state:
            service = world.service(state.options, poll=state.policy)
            stop = world.event()
            own = service.watch(stop)
            if state.is_known:
                own.take()
            opening = service.open()
            if state.is_known:
                opening.result(WITHIN)
            until(lambda: service.inner._follower is not None)
            shared = service.watch(stop)
            if state.is_known:
                shared.take()
            waiting = [own.next(), shared.next()]
            if state.spoil is not None:
                state.spoil()
            state.reached()
            assert not any(each.done() for each in waiting)
            began = time.monotonic()
            if by == "stop":
                stop.set()
            else:
                ended_within(own.close(), shared.close())
            ended_within(*waiting)
            taken = time.monotonic() - began
            assert [each.result(WITHIN) for each in waiting] == [None, None]
            assert [each.next().result(WITHIN) for each in (own, shared)] == [None, None]
            service.close().result(WITHIN)
            return taken

    quickest(measure, AT_ONCE)


def closer(service: Followed) -> Callable[[Change], object]:
    """A callback that closes the service object."""
    if service.world.kind == "threads":
        return lambda _: service.inner.close()

    async def close(_: object) -> None:
        await service.inner.close()

    return close


def test_closed_inside_a_callback(world: World, cluster_dns: ClusterDNS) -> None:
    """It does not wait for itself, and what comes after it in the callback is done."""

    def measure() -> float:
        service = world.service(cluster_dns, poll=FAST)
        service.open().result(WITHIN)
        close = closer(service)
        taken: list[float] = []

        def plain(change: Change) -> None:
            began = time.monotonic()
            close(change)
            taken.append(time.monotonic() - began)

        async def coroutine(change: Change) -> None:
            began = time.monotonic()
            await close(change)  # type: ignore[misc]
            taken.append(time.monotonic() - began)

        wait = service.wait_for(count=9)
        service.subscribe(plain if world.kind == "threads" else coroutine)
        until(lambda: bool(taken))
        with pytest.raises(NotYetKnown):
            wait.result(WITHIN)
        not_known(lambda: service.members)
        return taken[0]

    quickest(measure, AT_ONCE)


def test_closed_inside_on_lookup(world: World, cluster_dns: ClusterDNS) -> None:
    """The first look may be the last one: `open` returns and nothing goes on."""
    closings: list[Any] = []

    def close(_: Look) -> None:
        if world.kind == "threads":
            service.inner.close()
        else:
            closings.append(asyncio.ensure_future(service.inner.close()))

    service = world.service(cluster_dns, poll=FAST, on_lookup=close)
    service.open().result(WITHIN)
    until(lambda: service.inner._follower.over is not None)
    not_known(lambda: service.members, "closed")
    assert len(cluster_dns.queries) == 1


def test_closed_by_many(world: World, cluster_dns: ClusterDNS) -> None:
    """Many close it at once; each returns, none raises."""
    for _ in range(10):
        service = world.service(cluster_dns, poll=FAST)
        service.open().result(WITHIN)
        closings = [service.close() for _ in range(8)]
        assert ended_within(*closings) < 1
        assert [each.result(WITHIN) for each in closings] == [None] * 8


def test_closed_while_a_callback_blocks(world: World, cluster_dns: ClusterDNS) -> None:
    """Nobody waits for a callback that blocks, or awaits, for an hour."""
    inside, release = threading.Event(), threading.Event()

    def block(_: Change) -> None:
        inside.set()
        release.wait(WITHIN)

    async def stubborn(_: Change) -> None:
        inside.set()
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)

    def measure() -> float:
        inside.clear()
        service = world.service(cluster_dns, poll=FAST)
        service.open().result(WITHIN)
        service.subscribe(block if world.kind == "threads" else stubborn)
        assert inside.wait(WITHIN)
        return ended_within(service.close())

    try:
        quickest(measure, AT_ONCE)
    finally:
        release.set()


def test_closed_from_another_loop(cluster_dns: ClusterDNS) -> None:
    """`asyncio.run(service.close())` in another thread ends it where it was opened."""
    from tests.scenarios.worlds import World

    world = World("asyncio")  # in debug mode, in which foreign threads are told
    try:
        service = world.service(cluster_dns, poll=FAST)
        service.open().result(WITHIN)
        watch = service.watch()
        watch.take()
        waiting: list[Future[Any]] = [watch.next(), service.wait_for(count=9)]
        time.sleep(0.03)  # they have begun
        began = time.monotonic()
        asyncio.run(service.inner.close())
        ended_within(*waiting)
        assert time.monotonic() - began < 1
        assert waiting[0].result(WITHIN) is None
        with pytest.raises(NotYetKnown):
            waiting[1].result(WITHIN)
        not_known(lambda: service.members)
    finally:
        world.close()


def test_forgotten(world: World, cluster_dns: ClusterDNS) -> None:
    """A service object that nobody has any more ends; one that is being watched goes on."""
    service = world.service(cluster_dns, poll=FAST)
    service.open().result(WITHIN)
    watch = service.watch()
    watch.take()
    service.subscribe(lambda _: None)
    world._opened.clear()
    world._begun.clear()
    del service
    gc.collect()
    cluster_dns.queries.clear()
    until(lambda: len(cluster_dns.queries) > 3)  # it looks, for the watch
    waiting = watch.next()
    time.sleep(0.02)
    assert not waiting.done()
    watch.close().result(WITHIN)
    assert waiting.result(WITHIN) is None
    world._begun.clear()
    del watch, waiting

    def at_rest() -> bool:
        gc.collect()
        cluster_dns.queries.clear()
        time.sleep(0.15)
        return not cluster_dns.queries

    until(at_rest)  # World.close demands that thread or task is gone
