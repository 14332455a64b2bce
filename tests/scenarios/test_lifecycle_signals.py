"""Signals in the main thread end what it waits in, at once, and nothing stays open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import HeadlessService, NotYetKnown, PollPolicy
from tests.scenarios.worlds import AT_ONCE, Silent, not_known, quickest, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headless_discovery import LookupOptions

FAST = PollPolicy.fast()

BLOCKING: dict[str, Callable[[HeadlessService], object]] = {
    "open": lambda service: service.open(),
    "wait_for outside": lambda service: service.wait_for(count=9),
    "watch outside": lambda service: next(service.watch()),
    "wait_for": lambda service: service.open().wait_for(count=9),
    "watch": lambda service: next(service.open().watch()),
}


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Ctrl-C does what it does in any program; a worker of xdist ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def interrupting(seconds: float, number: int) -> Iterator[None]:
    """This process gets a signal then."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize("where", list(BLOCKING))
def test_keyboard_interrupt(where: str) -> None:
    """Ctrl-C ends whatever the main thread waits in, at once, and nothing stays open."""

    def measure() -> float:
        with Silent() as silent:
            timeout = 30.0 if where == "open" or "outside" in where else 0.02
            options = silent.options.replace(timeout=timeout)
            service = HeadlessService("db.shop", options=options, poll=FAST)
            began = time.monotonic()
            with interrupting(0.15, signal.SIGINT), pytest.raises(KeyboardInterrupt):
                BLOCKING[where](service)
            taken = time.monotonic() - began - 0.15
            if where == "open":
                not_known(lambda: service.members, "closed")
            service.close()
            return taken

    quickest(measure, AT_ONCE)
    gc.collect()
    until(lambda: not [x for x in threading.enumerate() if x.name.startswith("headless")])


@pytest.mark.parametrize("where", ["open", "wait_for", "watch"])
def test_closed_by_a_signal_handler(where: str) -> None:
    """A handler runs inside the call that it ends; `close` and `refresh` wait for no lock there."""

    def measure() -> float:
        with Silent() as silent:
            timeout = 30.0 if where == "open" else 0.02
            options = silent.options.replace(timeout=timeout)
            service = HeadlessService("db.shop", options=options, poll=FAST)

            def handle(*_: object) -> None:
                service.refresh()
                service.close()

            before = signal.signal(signal.SIGUSR1, handle)
            try:
                with interrupting(0.15, signal.SIGUSR1), contextlib.suppress(NotYetKnown):
                    began = time.monotonic()
                    with contextlib.suppress(StopIteration):
                        BLOCKING[where](service)
                return time.monotonic() - began - 0.15
            finally:
                signal.signal(signal.SIGUSR1, before)

    quickest(measure, AT_ONCE)


@pytest.mark.parametrize("where", list(BLOCKING))
def test_keyboard_interrupt_in_asyncio(where: str) -> None:
    """Ctrl-C cancels what the main task awaits, and nothing stays open."""
    from headless_discovery import AsyncHeadlessService

    async def main(options: LookupOptions) -> None:
        service = AsyncHeadlessService("db.shop", options=options, poll=FAST)
        if "outside" not in where:
            await service.open()
        if "watch" in where:
            await anext(service.watch())
        else:
            await service.wait_for(count=9)

    def measure() -> float:
        with Silent() as silent:
            timeout = 30.0 if where == "open" or "outside" in where else 0.02
            options = silent.options.replace(timeout=timeout)
            began = time.monotonic()
            with interrupting(0.2, signal.SIGINT), pytest.raises(KeyboardInterrupt):
                asyncio.run(main(options), debug=True)
            return time.monotonic() - began - 0.2

    quickest(measure, AT_ONCE)
