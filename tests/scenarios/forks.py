"""Forks while a Service is followed: what the child may do, and what it must not touch.

    python -X dev -W error -m tests.scenarios.forks many 200 127.0.0.1:5353

Run in a process of its own: forking one that holds a test runner proves nothing and harms it.
Prints what went wrong as a JSON list.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from headless_discovery import (
    AsyncHeadlessService,
    DiscoveryError,
    HeadlessService,
    LookupOptions,
    NotYetKnown,
    PollPolicy,
)
from headless_discovery.sync import watching

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = PollPolicy.fast()
WORDS = "opened in another process"
SEEN_WITHIN = 0.2  # seconds instead of five
CHILD = 10.0  # seconds after which a child hangs


def _options() -> LookupOptions:
    return LookupOptions(nameservers=[sys.argv[3]])


def _refused(call: Callable[[], object]) -> None:
    """It says that it belongs to another process."""
    try:
        call()
    except NotYetKnown as error:
        if WORDS not in str(error):
            raise
        return
    raise RuntimeError(f"{call} was not refused")


def _own_inodes() -> set[int]:
    found = set()
    for each in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            name = os.readlink(f"/proc/self/fd/{each}")  # noqa: PTH115
            if name.startswith("socket:["):
                found.add(int(name[8:-1]))
    return found


def _child(work: Callable[[], None]) -> str:
    """Fork, do that in the child; "" where it ended well."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: threads are there
        child = os.fork()
    if child == 0:
        words = ""
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            words = f"{type(error).__name__}: {error}"
        os.write(writer, words.encode()[:4000])
        os._exit(1 if words else 0)
    os.close(writer)
    end = time.monotonic() + CHILD
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(reader)
            return "it hangs"
        time.sleep(0.001)
    words = os.read(reader, 4000).decode()
    os.close(reader)
    return words or ("" if done[1] == 0 else f"status {done[1]}")


def _in_child(service: HeadlessService, before: list[Any]) -> None:
    """What a child finds of a service object of threads."""
    if left := _own_inodes():
        raise RuntimeError(f"shared sockets: {left}")
    calls: list[Callable[[], object]] = [
        lambda: service.members,
        lambda: service.observed,
        service.status,
        service.refresh,
        service.watch,
        lambda: service.wait_for(count=1, timeout=1),
        lambda: service.subscribe(print),
        *[lambda each=each: next(each) for each in before],
    ]
    for call in calls:
        _refused(call)
    for each in before:
        each.close()
    service.close()


def _threads(child: Callable[[HeadlessService, list[Any]], None], times: int) -> list[str]:
    """Fork while looks are under way and while other threads read, watch and wait."""
    service = HeadlessService("db.shop", options=_options(), poll=_busy())
    own = HeadlessService("db.shop", options=_options(), poll=_busy())
    stop = threading.Event()
    watching = [own.watch(stop=stop), service.open().watch(stop=stop)]
    told: list[int] = []
    service.subscribe(lambda change: told.append(change.current.version))

    def work() -> None:
        while not stop.is_set():
            with contextlib.suppress(DiscoveryError):
                own.wait_for(count=9, timeout=0.003)
            with contextlib.suppress(DiscoveryError):
                service.refresh()
                service.status()
                service.subscribe(lambda _: None)()
                service.wait_for(count=9, timeout=0.001)

    works = [threading.Thread(target=work) for _ in range(3)]
    works += [threading.Thread(target=lambda each=each: list(each)) for each in watching]
    for thread in works:
        thread.start()
    failures = []
    for number in range(times):
        time.sleep(0.001 * (number % 7))
        if words := _child(lambda: child(service, list(watching))):
            failures.append(words)
    looks = service.status().looks
    end = time.monotonic() + 5
    while service.status().looks < looks + 3 and time.monotonic() < end:
        time.sleep(0.01)
    if service.status().looks < looks + 3 or service.status().last_error is not None:
        failures.append(f"the parent suffered: {service.status()}")
    stop.set()
    service.close()
    for thread in works:
        thread.join(5)
        if thread.is_alive():
            failures.append(f"{thread} is left")
    return failures


def locked(times: int) -> list[str]:
    """Forked while another thread holds every lock there is: nobody releases them in the child."""
    service = HeadlessService("db.shop", options=_options(), poll=FAST).open()
    own = HeadlessService("db.shop", options=_options(), poll=FAST).watch()
    watching = [own, service.watch()]
    for each in watching:
        next(each)
    follower = service._follower
    if follower is None:
        raise RuntimeError("not open")
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with follower.looked, follower.changed, follower.poller.lock, own._iterating:  # type: ignore[attr-defined]
            holding.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    found = [_child(lambda: _opens(service, watching)) for _ in range(times)]
    release.set()
    holder.join()
    service.close()
    own.close()
    return [words for words in found if words]


def _busy() -> PollPolicy:
    return PollPolicy.fast(interval=0.003, floor=0.002, quick_interval=0.002)


def many(times: int) -> list[str]:
    """Children that look at everything and leave."""
    return _threads(_in_child, times)


def _opens(service: HeadlessService, before: list[Any]) -> None:
    _in_child(service, before)
    with service:
        if len(service.members) != 3 or len(service.wait_for(count=3, timeout=5)) != 3:
            raise RuntimeError("not known")
        next(service.watch())
    service.open()
    service.close()


def opened(times: int) -> list[str]:
    """Children that open the service object for themselves."""
    return _threads(_opens, times)


def preloaded(times: int) -> list[str]:
    """As gunicorn with ``preload_app``: opened at import, forked, opened again by each worker."""
    service = HeadlessService("db.shop", options=_options(), poll=FAST).open()

    def work() -> None:
        _refused(lambda: service.members)
        service.open()
        begun = time.monotonic()
        while service.status().looks < 3:
            if time.monotonic() - begun > 5:
                raise RuntimeError("it does not look")
            time.sleep(0.01)

    failures = [words for words in (_child(work) for _ in range(times)) if words]
    if len(service.members) != 3:
        failures.append("the parent suffered")
    return failures  # left open


def processes(times: int) -> list[str]:
    """With multiprocessing, whose children end as an interpreter ends: clean-up included."""
    service = HeadlessService("db.shop", options=_options(), poll=FAST).open()
    context = multiprocessing.get_context("fork")
    failures = []
    for _ in range(times):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process = context.Process(target=_in_process, args=(service,))
            process.start()
        process.join(CHILD)
        if process.exitcode != 0:
            failures.append(f"exit code {process.exitcode}")
            process.kill()
    if len(service.members) != 3:
        failures.append("the parent suffered")
    return failures


def _in_process(service: HeadlessService) -> None:
    _refused(lambda: service.members)
    with service:
        service.wait_for(count=3, timeout=5)


def in_callbacks(times: int) -> list[str]:
    """Forked by callbacks and by a predicate: the child goes on where it was forked."""
    failures: list[str] = []
    left = [times]

    def fork(*_: object) -> bool:
        if left[0] > 0:
            left[0] -= 1
            if words := _child(lambda: _refused(lambda: service.members)):
                failures.append(words)
        return left[0] <= 0

    service = HeadlessService("db.shop", options=_options(), poll=FAST, on_lookup=fork)
    with service:
        service.subscribe(fork)
        service.wait_for(predicate=fork, timeout=CHILD)
    own = HeadlessService("db.shop", options=_options(), poll=FAST)

    def returns(_: object) -> bool:
        """The child goes on with the wait, which has to end there."""
        child = os.fork()
        if child:
            failures.extend(["wrong"] * bool(os.waitpid(child, 0)[1]))
            return True
        return False

    parent = os.getpid()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            own.wait_for(predicate=returns)
    except NotYetKnown as error:
        if os.getpid() == parent:
            raise
        os._exit(0 if WORDS in str(error) else 1)
    except BaseException:
        if os.getpid() == parent:
            raise
        os._exit(2)
    return failures


def in_asyncio(times: int) -> list[str]:
    """The loop stays the parent's; a child opens the service object in a loop of its own."""
    return asyncio.run(_in_asyncio(times))


async def _in_asyncio(times: int) -> list[str]:
    failures = []
    loops = _own_inodes()  # asyncio's own
    service = AsyncHeadlessService("db.shop", options=_options(), poll=_busy())
    async with service:
        watching = service.watch(stop=asyncio.Event())
        await anext(watching)
        own = AsyncHeadlessService("db.shop", options=_options(), poll=_busy()).watch()
        await anext(own)
        steps: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(anext(each)) for each in (watching, own)
        ]
        steps.append(asyncio.ensure_future(service.wait_for(count=9)))
        for number in range(times):
            await asyncio.sleep(0.001 * (number % 7))
            if words := _child(lambda: _in_async_child(service, loops)):
                failures.append(words)
        looks = service.status().looks
        await asyncio.sleep(0.2)
        if service.status().looks < looks + 3 or service.status().last_error is not None:
            failures.append(f"the parent suffered: {service.status()}")
        for step in steps:
            step.cancel()
        await asyncio.wait(steps)
        await own.aclose()
    return failures


def _in_async_child(service: AsyncHeadlessService, loops: set[int]) -> None:
    if left := _own_inodes() - loops:
        raise RuntimeError(f"shared sockets: {left}")
    for call in (
        lambda: service.members,
        lambda: service.observed,
        service.status,
        service.refresh,
        service.watch,
        lambda: service.subscribe(print),
    ):
        _refused(call)
    asyncio._set_running_loop(None)  # the parent's, in which we still are
    try:
        asyncio.run(service.wait_for(count=1, timeout=1))
    except NotYetKnown as error:
        if WORDS not in str(error):
            raise

    async def follow() -> None:
        await service.close()
        async with service:
            if len(service.members) != 3:
                raise RuntimeError("not known")

    asyncio.run(follow())


def in_a_handler(times: int) -> list[str]:
    """Forked by a signal's handler, in the very thread that watches: nobody wakes the child's."""
    watching.FORK_SEEN_WITHIN = SEEN_WITHIN  # type: ignore[attr-defined]
    service = HeadlessService("db.shop", options=_options(), poll=FAST).open()
    own = HeadlessService("db.shop", options=_options(), poll=_busy())
    failures = []

    def child(call: Callable[[], object]) -> None:
        reader, writer = os.pipe()
        parent = os.getpid()

        def handler(*_: object) -> None:
            os.fork()

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        words = "it ended"
        try:
            call()
        except NotYetKnown as error:
            words = str(error)
        except DiscoveryError as error:
            words = repr(error)
        if os.getpid() != parent:
            os.write(writer, words.encode())
            os._exit(0)
        os.close(writer)
        words = os.read(reader, 4000).decode()
        os.close(reader)
        os.wait()
        if WORDS not in words:
            failures.append(words or "it hangs")

    def step(watch: Any) -> None:
        next(watch)
        stop = threading.Timer(SEEN_WITHIN + 1.0, watch.close)
        stop.start()
        list(watch)
        stop.cancel()

    for _ in range(times):
        child(lambda: step(service.watch()))
        child(lambda: service.wait_for(count=9, timeout=SEEN_WITHIN + 1.0))
        child(lambda: own.wait_for(count=9, timeout=1.0))
    service.close()
    return failures


PROGRAMS = (many, opened, locked, preloaded, processes, in_callbacks, in_a_handler, in_asyncio)


if __name__ == "__main__":
    logging.getLogger("headless_discovery").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    socket.setdefaulttimeout(CHILD)
    found = next(each for each in PROGRAMS if each.__name__ == sys.argv[1])(int(sys.argv[2]))
    sys.stdout.write(json.dumps(found) + "\n")
