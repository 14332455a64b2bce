"""Cancels what follows a Service at its first await, then at its second, until it ends by itself.

    python -X dev -W error -m tests.soak.cancelling_following open

Run in a process of its own, where every warning is an error and a task or socket left
behind would be told. Prints how many awaits there were, and 1 for the run to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from headless_discovery import AsyncHeadlessService, PollPolicy, WaitTimeout
from headless_discovery.testing import ClusterDNS, Delay, Drop
from tests.soak.cancelling import watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from headless_discovery.testing import StatefulSet

AT_MOST = 400  # awaits; more is an endless one


class Stage:
    """A cluster DNS and a policy."""

    def __init__(self, dns: ClusterDNS, mysql: StatefulSet) -> None:
        self.dns = dns
        self.mysql = mysql
        self.options = dns.options.replace(timeout=0.3, attempt_timeout=0.1)
        #: Never set, and kept: who waits for it and is forgotten would stay.
        self.stop = asyncio.Event()

    def service(self) -> AsyncHeadlessService:
        """A service object that is followed fast."""
        return AsyncHeadlessService("db.shop", options=self.options, poll=PollPolicy.fast())

    def change(self) -> None:
        """Make the members others than they were."""
        self.mysql.restart(0)


@contextlib.asynccontextmanager
async def opening(stage: Stage) -> AsyncIterator[Any]:
    """What is cancelled is closed by itself."""
    service = stage.service()
    yield service.open()
    if service._follower is not None and service._follower.over is None:
        await service.close()


@contextlib.asynccontextmanager
async def closing(stage: Stage) -> AsyncIterator[Any]:
    """It is closed all the same, with callbacks under way."""
    service = await stage.service().open()

    async def slow(_: object) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)

    service.subscribe(slow)
    await asyncio.sleep(0.01)
    yield service.close()
    await asyncio.sleep(0.01)
    follower = service._follower
    if follower is None or follower.over is None:
        raise RuntimeError("it is still open")


@contextlib.asynccontextmanager
async def with_statement(stage: Stage) -> AsyncIterator[Any]:
    """All of it, as one writes it."""

    async def follow() -> None:
        async with stage.service() as service:
            await service.wait_for(count=3)
            async for change in service.watch(stop=stage.stop):
                if change.previous is not None:
                    return
                stage.change()

    yield follow()


def _watch(*, own: bool, stop: bool, drop: bool = False) -> Callable[[Stage], Any]:
    @contextlib.asynccontextmanager
    async def watching(stage: Stage) -> AsyncIterator[Any]:
        service = stage.service()
        if not own:
            await service.open()
        watch = service.watch(stop=stage.stop if stop else None)
        if not own:
            await anext(watch)
            stage.change()
        yield anext(watch)
        if not drop:
            await watch.aclose()
            if watch._closed is False:
                raise RuntimeError("not closed")
        del watch
        if not own:
            await service.close()

    return watching


def _wait(*, own: bool, **condition: Any) -> Callable[[Stage], Any]:
    @contextlib.asynccontextmanager
    async def waiting(stage: Stage) -> AsyncIterator[Any]:
        service = stage.service()
        if not own:
            await service.open()
        yield service.wait_for(**condition)
        if not own:
            await service.close()

    return waiting


CASES: dict[str, Callable[[Stage], Any]] = {
    "open": opening,
    "open silent": opening,
    "close": closing,
    "with": with_statement,
    "watch": _watch(own=False, stop=False),
    "watch stop": _watch(own=False, stop=True),
    "own watch": _watch(own=True, stop=False),
    "own watch stop": _watch(own=True, stop=True),
    "own watch tcp": _watch(own=True, stop=True),
    "own watch dropped": _watch(own=True, stop=True, drop=True),
    "wait": _wait(own=False, count=3, stable=0.05),
    "wait timeout": _wait(own=False, count=9, timeout=0.05),
    "own wait": _wait(own=True, count=3, stable=0.05),
    "own wait silent": _wait(own=True, count=3, timeout=0.15),
}


async def _attempt(stage: Stage, case: str, at: int) -> bool:
    """One run cancelled at its n-th await; whether it came to its end before that."""
    seen = [0]
    async with CASES[case](stage) as work:
        task = asyncio.ensure_future(_run(work, at, seen))
        try:
            await task
        except asyncio.CancelledError:
            completed = False
        except WaitTimeout:
            completed = True
        else:
            completed = True
        del task, work
    return completed


async def _run(work: Any, at: int, seen: list[int]) -> None:
    await watched(work, at, seen)


def main(case: str) -> None:
    """Cancel at every await there is."""
    logging.getLogger("headless_discovery").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with ClusterDNS() as dns, asyncio.Runner() as runner:
        db = dns.service("db.shop", ports=[3306])
        stage = Stage(dns, dns.statefulset("mysql", service=db, replicas=3))
        if "silent" in case:
            dns.faults.add(Drop())
        elif "own watch" in case:
            dns.faults.add(Delay(0.005))
        if "tcp" in case:
            stage.options = stage.options.replace(tcp=True)
        runner.run(_attempt(stage, case, -1))  # warm
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        completed = False
        at = 0
        while not completed:
            completed = runner.run(_attempt(stage, case, at))
            at += 1
            if at > AT_MOST:
                raise RuntimeError("it never comes to an end")
            _demand_nothing_left(runner, before, at)
        print(at - 1, 1)  # noqa: T201


def _demand_nothing_left(runner: asyncio.Runner, before: int, at: int) -> None:
    gc.collect()
    for _ in range(3):  # what was cancelled without being awaited
        runner.run(asyncio.sleep(0))
    if left := asyncio.all_tasks(runner.get_loop()):
        raise RuntimeError(f"cancelled at await {at - 1}: tasks are left: {left}")
    for _ in range(200):  # TCP of the server's side may take a moment to close
        if len(os.listdir("/proc/self/fd")) <= before:  # noqa: PTH208
            return
        runner.run(asyncio.sleep(0.005))
    raise RuntimeError(f"cancelled at await {at - 1}: descriptors are left")


if __name__ == "__main__":
    main(sys.argv[1])
