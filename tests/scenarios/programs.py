"""Programs that end in unusual ways while a Service is followed.

    python -X dev -W error -m tests.scenarios.programs left_open 127.0.0.1:5353

Each is run in a process of its own in which every warning is an error. What it leaves to say
goes to stderr, which has to stay empty; the last line of stdout is the time (monotonic) at
which its own work was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import time

from headless_discovery import (
    AsyncHeadlessService,
    Change,
    HeadlessService,
    Look,
    LookupOptions,
    PollPolicy,
)

FAST = PollPolicy.fast()
HOUR = 3600.0
_left: list[object] = []  # alive until the interpreter ends


def _options() -> LookupOptions:
    return LookupOptions(nameservers=[sys.argv[2]])


def _service() -> HeadlessService:
    return HeadlessService("db.shop", options=_options(), poll=FAST)


def _async_service() -> AsyncHeadlessService:
    return AsyncHeadlessService("db.shop", options=_options(), poll=FAST)


def left_open() -> None:
    """The main thread ends while it is followed, watched and subscribed to."""
    service = _service().open()
    _left.append(service)
    service.subscribe(lambda _: None)
    threading.Thread(target=lambda: list(service.watch()), daemon=True).start()
    threading.Thread(target=lambda: list(_service().watch()), daemon=True).start()
    time.sleep(0.1)


def left_blocked() -> None:
    """A callback blocks for an hour, and so does the one for each look."""
    inside = threading.Event()

    def block(_: Change | Look) -> None:
        inside.set()
        time.sleep(HOUR)

    service = _service().open()
    _left.append(service)
    service.subscribe(block)
    inside.wait()
    another = HeadlessService("db.shop", options=_options().replace(timeout=0.05), on_lookup=block)
    _left.append(another.open())


def forgotten() -> None:
    """Service objects and iterators that nobody has any more."""
    for _ in range(20):
        service = _service().open()
        service.subscribe(lambda _: None)
        next(service.watch())
        next(_service().watch())
        del service
    gc.collect()
    _demand_nothing_left()


def _demand_nothing_left() -> None:
    """No thread of ours, no socket."""
    for _ in range(200):
        gc.collect()
        ours = [each.name for each in threading.enumerate() if each.name.startswith("headless")]
        found = [each for each in _descriptors() if "socket" in each]
        if not ours and not found:
            return
        time.sleep(0.01)
    raise RuntimeError(f"left: {ours} {found}")


def _descriptors() -> list[str]:
    found = []
    for each in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{each}"))  # noqa: PTH115
    return found


async def _everything(service: AsyncHeadlessService) -> None:
    """Follow, watch in three ways, wait in two; all of it is under way afterwards."""
    await service.open()

    async def sleepy(_: Change) -> None:
        await asyncio.sleep(HOUR)

    async def watch(iterator: object) -> None:
        async for _ in iterator:  # type: ignore[attr-defined]
            pass

    service.subscribe(sleepy)
    service.subscribe(lambda _: None)
    own = _async_service()
    works = [
        watch(service.watch()),
        watch(service.watch(stop=asyncio.Event())),
        watch(own.watch()),
        watch(own.watch(stop=asyncio.Event())),
        service.wait_for(count=9),
        service.wait_for(count=9, timeout=HOUR),
        own.wait_for(count=9),
        own.wait_for(count=9, timeout=HOUR),
    ]
    for work in works:
        task = asyncio.get_running_loop().create_task(work)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the program's own
        _left.append(task)
    await asyncio.sleep(0.15)


def run_cancels() -> None:
    """`asyncio.run` ends: it cancels what is left."""
    service = _async_service()
    _left.append(service)
    asyncio.run(_everything(service))
    _left.clear()
    del service
    _demand_nothing_left()


def loop_closed() -> None:
    """The loop is closed under all of it, without cancelling anything."""
    service = _async_service()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_everything(service))
    loop.close()
    try:
        service.members  # noqa: B018
    except Exception as error:
        if "closed" not in str(error):
            raise
    else:
        raise RuntimeError("members of a closed loop")
    _left.clear()
    del service, loop
    _demand_nothing_left()


def loop_closed_at_exit() -> None:
    """The same, and the interpreter ends with everything still there."""
    service = _async_service()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_everything(service))
    loop.close()
    _left.append(service)


def loop_stopped() -> None:
    """The loop is stopped and never closed by anybody but the interpreter's end."""
    service = _async_service()
    loop = asyncio.new_event_loop()
    loop.call_later(0.3, loop.stop)
    task = loop.create_task(_everything(service))
    loop.run_forever()
    task.result()
    loop.close()
    _left.extend((service, loop))


def reopened_in_another_loop() -> None:
    """A service object of a loop that is closed is opened in the next one."""
    service = _async_service()

    async def follow() -> None:
        async with service:
            if len(service.members) != 3:
                raise RuntimeError("not known")

    async def leave_open() -> None:
        await service.open()

    asyncio.run(follow())
    asyncio.run(leave_open())
    asyncio.run(follow())


def forgotten_in_asyncio() -> None:
    """Service objects and iterators that nobody has any more; steps that were given up."""

    async def main() -> None:
        for _ in range(20):
            service = _async_service()
            await service.open()
            service.subscribe(lambda _: None)
            await anext(service.watch())
            watch = _async_service().watch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.0002)
            del service, watch
        for _ in range(100):
            gc.collect()
            if len(asyncio.all_tasks()) == 1:
                return
            await asyncio.sleep(0.01)
        raise RuntimeError(f"left: {asyncio.all_tasks()}")

    asyncio.run(main())
    _demand_nothing_left()


def cancelled_tasks() -> None:
    """Tasks that follow are cancelled one by one, over and over."""

    async def follow() -> None:
        async with _async_service() as service:
            async for _ in service.watch(stop=asyncio.Event()):
                await _async_service().wait_for(count=9)

    async def main() -> None:
        for number in range(60):
            task = asyncio.ensure_future(follow())
            await asyncio.sleep(number * 0.0002)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:
                raise RuntimeError(f"left: {left}")

    asyncio.run(main())
    _demand_nothing_left()


PROGRAMS = (
    left_open,
    left_blocked,
    forgotten,
    run_cancels,
    loop_closed,
    loop_closed_at_exit,
    loop_stopped,
    reopened_in_another_loop,
    forgotten_in_asyncio,
    cancelled_tasks,
)


if __name__ == "__main__":
    # Not what a busy machine makes of it: slow steps of a loop, looks that come too late.
    for _name in ("asyncio", "headless_discovery"):
        logging.getLogger(_name).setLevel(logging.ERROR)
    next(each for each in PROGRAMS if each.__name__ == sys.argv[1])()
    sys.stdout.write(f"{time.monotonic()}\n")
