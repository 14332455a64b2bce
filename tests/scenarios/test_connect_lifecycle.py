"""Closing ends a connection being made within 100 ms, wherever it hangs; interrupts go through."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import ssl
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    ConfigError,
    ConnectPolicy,
    HeadlessService,
    NotYetKnown,
    PollPolicy,
)
from headless_discovery.testing import Drop
from tests.scenarios.pods import Pods, demand_ipv6, reach
from tests.scenarios.worlds import (
    AT_ONCE,
    WITHIN,
    World,
    demand_none_left,
    ended_within,
    not_known,
    open_descriptors,
    quickest,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery import Endpoint

SLOW = PollPolicy(interval=60)
FAST = PollPolicy.fast()
POLICY = ConnectPolicy(attempt_timeout=20.0, timeout=60.0, eject_after=0)


def black_holed(pods: Pods) -> dict[str, Any]:
    """In the middle of dialling."""
    pods.blackhole(0)
    return {}


def two_families(pods: Pods) -> dict[str, Any]:
    """In the middle of a race."""
    demand_ipv6()
    address = pods.address(0)
    pods.refuse(0)
    pods.set.set_address(0, address, "::1")
    pods.blackhole(0)
    return {}


def shaking_hands(pods: Pods) -> dict[str, Any]:
    """In the middle of a TLS handshake."""
    pods.accept(0, silent=True)
    return {"tls": ssl.create_default_context()}


def pausing(pods: Pods) -> dict[str, Any]:
    """In a pause between two rounds."""
    pods.refuse(0)
    return {"retries": 1000}


def waiting(_: Pods) -> dict[str, Any]:
    """While it waits for a pod to be listed."""
    return {"to": 7, "wait": True}


def looking(pods: Pods) -> dict[str, Any]:
    """While it waits for the early look after a failed dial, which does not come."""
    pods.refuse(0)
    pods.dns.faults.add(Drop())
    return {}


HANGING: dict[str, Callable[[Pods], dict[str, Any]]] = {
    each.__name__: each
    for each in (black_holed, two_families, shaking_hands, pausing, waiting, looking)
}


@pytest.mark.parametrize("name", list(HANGING))
def test_closed(world: World, name: str) -> None:
    """It raises `NotYetKnown`, which says that it was closed."""
    with Pods(1) as pods:
        options = pods.options.replace(timeout=30.0)
        keywords = HANGING[name](pods)
        pods.dns.faults.clear()

        def measure() -> float:
            pods.dns.faults.clear()
            poll = FAST if name == "pausing" else SLOW  # else it still waits for the early look
            service = world.service(options, poll=poll, connect_policy=POLICY)
            service.open().result(WITHIN)
            HANGING[name](pods)
            hanging = [reach(service, **keywords) for _ in range(3)]
            time.sleep(1.2 if name == "looking" else 0.15)
            assert not any(each.done() for each in hanging)
            began = time.monotonic()
            closing = service.close()
            ended_within(closing, *hanging)
            taken = time.monotonic() - began
            for each in hanging:
                not_known(lambda each=each: each.result(WITHIN), "closed")  # type: ignore[misc]
            return taken

        quickest(measure, AT_ONCE)


def test_before_and_after(world: World) -> None:
    """Not open yet, and closed again, each call looks for itself."""
    with Pods(2) as pods:
        service = world.service(pods.options, poll=SLOW)
        for _ in range(2):
            looks = len(pods.dns.queries)
            assert reach(service).result(WITHIN)
            assert len(pods.dns.queries) == looks + 1
            with service:
                looks = len(pods.dns.queries)
                assert reach(service).result(WITHIN)
                assert service.endpoint().name
                assert len(pods.dns.queries) == looks


def test_a_dial_that_closes_it(world: World) -> None:
    """What it made is handed out, and what it did not make is no failure of a pod."""
    with Pods(1) as pods:
        service = world.service(pods.options, poll=SLOW)
        service.open().result(WITHIN)

        async def closes(pod: Endpoint) -> str:
            await service.inner.close()
            return str(pod.name)

        def closes_at_once(pod: Endpoint) -> str:
            service.inner.close()
            return str(pod.name)

        is_sync = world.kind == "threads"
        ended = service.connect(closes_at_once if is_sync else closes)
        if is_sync:
            assert ended.result(WITHIN) == "mysql-0"
        else:
            not_known(lambda: ended.result(WITHIN), "closed")
        not_known(lambda: service.members, "closed")


class Abort(BaseException):
    """What no ``except Exception`` may keep."""


def test_what_is_no_exception(world: World) -> None:
    """It goes through at once: nobody else is dialled, and the pod has not failed."""
    with Pods(3) as pods:
        policy = ConnectPolicy(eject_after=1)
        service = world.service(pods.options, poll=SLOW, connect_policy=policy)
        dialled: list[str | None] = []

        def dial(pod: Endpoint) -> None:
            dialled.append(pod.name)
            raise Abort

        with service:
            for count in range(1, 4):
                with pytest.raises(Abort):
                    service.connect(dial, retries=3).result(WITHIN)
                assert len(dialled) == count
            assert set(dialled) == {"mysql-0", "mysql-1", "mysql-2"}
            assert service.status().ejected == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts(error: type[BaseException]) -> None:
    """So do those of the interpreter."""

    def dial(_: object) -> None:
        raise error

    with Pods(2) as pods:
        with HeadlessService("db.shop", options=pods.options, poll=SLOW) as service:
            with pytest.raises(error):
                service.connect(dial)
            assert service.status().ejected == ()

        async def main() -> None:
            async with AsyncHeadlessService("db.shop", options=pods.options, poll=SLOW) as service:
                await service.connect(dial)  # type: ignore[arg-type]

        with pytest.raises(error):
            asyncio.run(main())


@pytest.mark.parametrize("name", ["black_holed", "shaking_hands", "pausing", "waiting"])
def test_control_c(name: str) -> None:
    """It ends a call of the main thread at once, and nothing stays open."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptors = open_descriptors()
    try:
        with Pods(1) as pods:
            keywords = HANGING[name](pods)

            def measure() -> float:
                with HeadlessService(
                    "db.shop", options=pods.options, poll=FAST, connect_policy=POLICY
                ) as service:
                    timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
                    timer.start()
                    began = time.monotonic()
                    with pytest.raises(KeyboardInterrupt):
                        service.connect(**keywords)
                    taken = time.monotonic() - began - 0.15
                    timer.join()
                return taken

            quickest(measure, AT_ONCE)
    finally:
        signal.signal(signal.SIGINT, before)
    demand_none_left(descriptors)


def test_cancelled() -> None:
    """A task that is cancelled while it dials ends at once; the pod has not failed."""
    policy = POLICY.replace(eject_after=1)

    async def cancelled(pods: Pods) -> float:
        async with AsyncHeadlessService(
            "db.shop", options=pods.options, poll=SLOW, connect_policy=policy
        ) as service:
            task = asyncio.ensure_future(service.connect())
            await asyncio.sleep(0.05)
            task.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert service.status().ejected == ()
            return time.monotonic() - began

    with Pods(1) as pods:
        pods.blackhole(0)
        quickest(lambda: asyncio.run(cancelled(pods)), AT_ONCE)


def test_another_loop() -> None:
    """An open service object belongs to its loop; one that is not open to nobody."""
    with Pods(1) as pods:
        world = World("asyncio")
        try:
            service = world.service(pods.options, poll=SLOW)

            async def connect() -> None:
                _, writer = await service.inner.connect()
                writer.close()
                await writer.wait_closed()

            asyncio.run(connect())
            service.open().result(WITHIN)
            with pytest.raises(ConfigError, match="event loop"):
                asyncio.run(connect())
            world.begin(connect).result(WITHIN)
        finally:
            world.close()


def test_a_socket_as_any(world: World) -> None:
    """It blocks, is not inherited, and has the default timeout of its module."""
    with Pods(1) as pods:
        service = world.service(pods.options)
        if world.kind == "threads":
            with service.connect().result(WITHIN) as made:
                assert made.gettimeout() is None
                assert made.getblocking()
                assert not made.get_inheritable()
                assert made.recv(100) == b"mysql-0\n"
        else:

            async def read() -> bytes:
                reader, writer = await service.inner.connect()
                line: bytes = await reader.readline()
                writer.close()
                await writer.wait_closed()
                return line

            assert world.begin(read).result(WITHIN) == b"mysql-0\n"
        until(lambda: pods.accepted["mysql-0"] == 1)
        with pytest.raises(NotYetKnown):
            service.status()


class Made:
    """What a function that dials has made."""


def test_what_is_made_is_the_callers_alone(world: World) -> None:
    """Given up, it is gone at once, whatever failed before: no failure keeps it alive."""
    with Pods(2) as pods, world.service(pods.options, poll=FAST) as service:
        left: list[int] = []
        made: list[weakref.ref[Made]] = []

        def dial(_: Endpoint) -> Made:
            if left:
                left.pop()
                raise ConnectionRefusedError
            result = Made()
            made.append(weakref.ref(result))
            return result

        async def by_task() -> None:
            await service.inner.connect(dial, retries=3)
            await asyncio.sleep(0)

        def by_thread() -> None:
            service.inner.connect(dial, retries=3)

        gc.disable()
        try:
            for failures in (0, 1, 2, 5):
                left[:] = range(failures)
                world.begin(by_thread if world.kind == "threads" else by_task).result(WITHIN)
                assert made.pop()() is None, failures
        finally:
            gc.enable()
