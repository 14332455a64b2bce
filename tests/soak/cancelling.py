"""Cancels a lookup at its first await, then at its second, until it runs to its end.

    python -X dev -W error -m tests.soak.cancelling udp

Run in a process of its own, where every warning is an error and a task or socket left
behind would be told. Prints how many awaits there were, and 1 for the run to the end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import types
from typing import TYPE_CHECKING, Any

from headless_discovery import AsyncHeadlessService, LookupFailed
from headless_discovery.testing import ClusterDNS, Drop, Endpoint, Raw, Rcode

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from headless_discovery import LookupOptions


@types.coroutine
def watched(work: Coroutine[Any, Any, Any], at: int, seen: list[int]) -> Generator[Any, Any, Any]:
    """Run ``work``, cancelling the task it runs in when it awaits for the n-th time."""
    inner = work.__await__()
    error: BaseException | None = None
    while True:
        try:
            waited_for = inner.send(None) if error is None else inner.throw(error)
        except StopIteration as stop:
            return stop.value
        if seen[0] == at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        seen[0] += 1
        error = None
        try:
            yield waited_for
        except BaseException as raised:  # noqa: BLE001 - handed on to the work
            error = raised


async def _cancelled_at(options: LookupOptions, service: str, at: int, seen: list[int]) -> bool:
    """One lookup cancelled at its n-th await; whether it came to its end before that."""

    async def run() -> None:
        await watched(AsyncHeadlessService(service, options=options).lookup(), at, seen)

    task = asyncio.ensure_future(run())
    try:
        await task
    except asyncio.CancelledError:
        return False
    except LookupFailed:
        return True
    return True


def _txt(_: bytes, good: bytes, __: str) -> list[bytes]:
    """The good answer with a TXT record behind it, which dnspython has to read."""
    counts = int.from_bytes(good[10:12], "big") + 1
    record = b"\0\0\x10\0\1\0\0\0\5\0\2\1x"
    return [good[:10] + counts.to_bytes(2, "big") + good[12:] + record]


def _prepare(dns: ClusterDNS, case: str) -> LookupOptions:
    service = dns.service("db.shop", ports=[3306])
    options = dns.options.replace(timeout=1.0, attempt_timeout=0.05, max_sends=3)
    dns.statefulset("mysql", service=service, replicas=30 if case == "tcp" else 3)
    if case == "by name":
        service.set_endpoints([Endpoint((f"10.244.0.{n}",), hostname=f"pg-{n}") for n in range(5)])
        dns.faults.add(Raw(lambda _, good, __: [_without_glue(good)], types="SRV"))
    elif case == "silent":
        dns.faults.add(Drop())
    elif case == "refused":
        dns.faults.add(Rcode("REFUSED"))
    elif case == "unusual":
        dns.faults.add(Raw(_txt))
    return options


def _without_glue(good: bytes) -> bytes:
    """The answer cut behind its SRV records."""
    import dns.message

    message = dns.message.from_wire(good)
    message.additional.clear()
    return message.to_wire()


def main(case: str) -> None:
    """Cancel at every await there is."""
    with ClusterDNS() as dns, asyncio.Runner() as runner:
        options = _prepare(dns, case)
        runner.run(_cancelled_at(options, "db.shop", -1, [0]))  # warm: imports, worker threads
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        completed = False
        at = 0
        while not completed:
            completed = runner.run(_cancelled_at(options, "db.shop", at, [0]))
            at += 1
            gc.collect()
            left = asyncio.all_tasks(runner.get_loop())
            if left:
                raise RuntimeError(f"cancelled at await {at - 1}: tasks are left: {left}")
            # TCP of the server's side may take a moment to close.
            for _ in range(200):
                if len(os.listdir("/proc/self/fd")) <= before:  # noqa: PTH208
                    break
                runner.run(asyncio.sleep(0.005))
            else:
                raise RuntimeError(f"cancelled at await {at - 1}: descriptors are left")
        print(at - 1, 1)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
