"""Programs that connect, and are cancelled, or run out of descriptors, or are asked too much.

    python -X dev -W error -m tests.scenarios.connect_programs cancelled

Each is run in a process of its own in which every warning is an error: a task, a socket or a
connection that is left behind is told on stderr, which has to stay empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from headless_discovery import (
    AsyncHeadlessService,
    ConnectFailed,
    ConnectPolicy,
    DiscoveryError,
    HeadlessService,
    PollPolicy,
)
from tests.scenarios.pods import Pods
from tests.soak.cancelling import watched

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = PollPolicy.fast()
POLICY = ConnectPolicy(attempt_timeout=0.05, timeout=0.3, stagger=0.01, eject_after=0)
AT_MOST = 300  # awaits; more is an endless one


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def _dial(endpoint: Any) -> str:
    reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
    try:
        return (await reader.readline()).decode()
    finally:
        writer.close()


#: What is cancelled: how the pods are, whether it is followed, and the arguments of connect().
CASES: dict[str, tuple[Callable[[Pods], None], bool, dict[str, Any]]] = {
    "one look": (lambda _: None, False, {}),
    "followed": (lambda _: None, True, {}),
    "dial": (lambda _: None, True, {"dial": _dial}),
    "two families": (lambda pods: _two(pods, None), True, {"to": 0}),
    "one family": (lambda pods: _two(pods, 4), True, {"to": 0}),
    "both families": (lambda pods: _two(pods, 6), True, {"to": 0}),
    "refused": (lambda pods: _all(pods, pods.refuse), True, {"retries": 1}),
    "black-holed": (lambda pods: _all(pods, pods.blackhole), True, {}),
    "retries alone": (lambda pods: _all(pods, pods.refuse), False, {"retries": 1}),
    "waiting": (lambda _: None, True, {"to": 0, "wait": True}),
    "waiting alone": (lambda _: None, False, {"to": 0, "wait": True}),
    "waiting for nobody": (lambda _: None, True, {"to": 9, "wait": True}),
}


def _all(pods: Pods, spoil: Callable[[int], None]) -> None:
    for each in range(len(pods.set.pods)):
        spoil(each)


def _two(pods: Pods, bad: int | None) -> None:
    """A pod of two families, of which one answers, or both, or none."""
    address = pods.address(0)
    pods.refuse(0)
    pods.set.set_address(0, address, "::1")
    pods.accept(0)
    if bad is not None:
        pods.blackhole(0, address)
    if bad == 6:
        pods.blackhole(0, "::1")


def cancelled(case: str) -> None:
    """At its first await, then at its second, until it comes to its own end."""
    spoil, is_open, keywords = CASES[case]
    with Pods(2) as pods, asyncio.Runner() as runner:
        spoil(pods)
        runner.run(_attempt(pods, is_open, keywords, -1))  # warm
        gc.collect()
        before = _descriptors()
        at = 0
        while not runner.run(_attempt(pods, is_open, keywords, at)):
            at += 1
            if at > AT_MOST:
                raise RuntimeError("it never comes to an end")
            _demand_nothing_left(runner, before, at)
        if at == 0:
            raise RuntimeError("it was never cancelled")


async def _attempt(pods: Pods, is_open: bool, keywords: dict[str, Any], at: int) -> bool:
    """One call cancelled at its n-th await; whether it came to its end before that."""
    service = AsyncHeadlessService(
        "db.shop", options=pods.options, poll=FAST, connect_policy=POLICY
    )
    if is_open:
        await service.open()
    task = asyncio.ensure_future(watched(_ended(service, keywords), at, [0]))
    try:
        await task
    except asyncio.CancelledError:
        return False
    except DiscoveryError:
        return True
    finally:
        await service.close()
    return True


async def _ended(service: AsyncHeadlessService, keywords: dict[str, Any]) -> None:
    made: Any = await service.connect(**keywords)
    if not isinstance(made, str):
        made[1].close()


def _demand_nothing_left(runner: asyncio.Runner, before: int, at: int) -> None:
    for _ in range(3):
        runner.run(asyncio.sleep(0))
    if left := asyncio.all_tasks(runner.get_loop()):
        raise RuntimeError(f"cancelled at await {at - 1}: tasks are left: {left}")
    for _ in range(200):  # the other side may take a moment to close
        if _descriptors() <= before:
            return
        runner.run(asyncio.sleep(0.005))
    raise RuntimeError(f"cancelled at await {at - 1}: descriptors are left")


def cancelled_twice(case: str) -> None:
    """What is cancelled while it ends because it was cancelled ends all the same."""
    spoil, is_open, keywords = CASES[case]

    async def twice(at: int) -> bool:
        service = AsyncHeadlessService(
            "db.shop", options=pods.options, poll=FAST, connect_policy=POLICY
        )
        if is_open:
            await service.open()
        seen = [0]
        task = asyncio.ensure_future(watched(_ended(service, keywords), at, seen))
        is_over = False
        while not task.done():
            await asyncio.sleep(0)
            if seen[0] > at >= 0:
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DiscoveryError):
            task.result()
            is_over = True
        is_over = is_over or not task.cancelled()
        await service.close()
        return is_over

    with Pods(2) as pods, asyncio.Runner() as runner:
        spoil(pods)
        runner.run(twice(-1))
        gc.collect()
        before = _descriptors()
        at = 0
        while not runner.run(twice(at)):
            at += 1
            _demand_nothing_left(runner, before, at)


def no_descriptors(_case: str) -> None:
    """The process may open nothing more: connections fail, nobody is left out for that."""
    with Pods(3) as pods:
        policy = ConnectPolicy(eject_after=2, eject_for=60.0)
        arguments: dict[str, Any] = {"options": pods.options, "poll": FAST}
        arguments["connect_policy"] = policy
        service = HeadlessService("db.shop", **arguments).open()
        asyncio.run(_no_descriptors(AsyncHeadlessService("db.shop", **arguments)))
        service.connect().close()
        with _none_left():
            for _ in range(4):
                _fails(service, "too many open files")
        if service.status().ejected:
            raise RuntimeError(f"left out: {service.status()}")
        service.connect().close()
        service.close()


async def _no_descriptors(service: AsyncHeadlessService) -> None:
    async with service:
        _, writer = await service.connect()
        writer.close()
        with _none_left():
            for _ in range(4):
                try:
                    await service.connect()
                except ConnectFailed as error:
                    if "too many open files" not in str(error):
                        raise
        if service.status().ejected:
            raise RuntimeError(f"left out: {service.status()}")
        _, writer = await service.connect()
        writer.close()


def _fails(service: HeadlessService, words: str) -> None:
    try:
        service.connect()
    except ConnectFailed as error:
        if words not in str(error) or len(error.attempts) != 3:
            raise
    else:
        raise RuntimeError("it connected")


@contextlib.contextmanager
def _none_left() -> Any:
    """This process may open no more files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def crowd(_case: str) -> None:
    """64 threads connect while pods die, come back, move, come and go."""
    policy = ConnectPolicy(attempt_timeout=0.3, timeout=3.0, eject_for=0.2, eject_at_most=0.5)
    over = threading.Event()
    failures: list[BaseException] = []
    made: list[int] = []
    before = _descriptors()
    with Pods(6) as pods:
        service = HeadlessService(
            "db.shop", options=pods.options, poll=FAST, connect_policy=policy
        ).open()

        def work(number: int) -> None:
            while not over.is_set():
                try:
                    with service.connect(to=None if number % 4 else (lambda pod: pod.ordinal != 1)):
                        made.append(number)
                    service.status()
                    service.endpoint()
                except ConnectFailed:
                    pass
                except BaseException as error:  # noqa: BLE001 - raised below
                    failures.append(error)
                    return
                time.sleep(0.01)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(64)]
        for each in workers:
            each.start()
        for _ in range(3):
            pods.refuse(1)
            pods.blackhole(2)
            time.sleep(0.15)
            pods.scale(8)
            pods.move(0)
            pods.accept(2)
            time.sleep(0.15)
            pods.accept(1)
            pods.scale(5)
            pods.accept(2, silent=True)
            time.sleep(0.15)
            pods.scale(6)
        over.set()
        for each in workers:
            each.join(10)
            if each.is_alive():
                raise RuntimeError("it hangs")
        service.close()
        if failures:
            raise failures[0]
        if len(set(made)) < 64:
            raise RuntimeError(f"not everybody connected: {sorted(set(made))}")
    gc.collect()
    if _descriptors() > before:
        raise RuntimeError("descriptors are left")


async def _left_connecting(pods: Pods) -> None:
    service = AsyncHeadlessService(
        "db.shop",
        options=pods.options,
        connect_policy=POLICY.replace(timeout=60, attempt_timeout=60),
    )
    await service.open()
    _left.append(service)
    for keywords in ({"to": 0}, {"to": 9, "wait": True}, {"dial": _dial, "to": 0}):
        task = asyncio.get_running_loop().create_task(_ended(service, keywords))
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the program's own
        _left.append(task)
    await asyncio.sleep(0.1)


_left: list[object] = []


def loop_closed(_case: str) -> None:
    """The loop is closed under connections being made: the collector closes them.

    It warns of them, as of those that asyncio makes: nobody else can.
    """
    warnings.simplefilter("ignore", ResourceWarning)
    before = _descriptors()
    with Pods(1) as pods:
        _two(pods, 6)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(_left_connecting(pods))
        loop.close()
        del loop
        _left.clear()
        gc.collect()
    gc.collect()
    if _descriptors() > before:
        raise RuntimeError("descriptors are left")


PROGRAMS: dict[str, Callable[[str], None]] = {
    "cancelled": cancelled,
    "cancelled_twice": cancelled_twice,
    "no_descriptors": no_descriptors,
    "crowd": crowd,
    "loop_closed": loop_closed,
}


if __name__ == "__main__":
    for _name in ("asyncio", "headless_discovery"):
        logging.getLogger(_name).setLevel(logging.ERROR)
    PROGRAMS[sys.argv[1]](" ".join(sys.argv[2:]))
