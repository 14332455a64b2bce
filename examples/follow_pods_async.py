"""Follow the pods behind several headless Services at once, with asyncio.

``python follow_pods_async.py my-database.shop web.shop`` prints each change until SIGINT or
SIGTERM. While DNS fails nobody is removed; that it fails, and that it is back, is in the log,
which goes to stderr. Without a cluster: set ``HEADLESS_DISCOVERY_NAMESERVERS`` to a test DNS.
Exit codes: 0 ended by a signal, 2 wrong usage, 3 a Service is not headless, or no name server
is known.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from headless_discovery import (
    AsyncHeadlessService,
    Change,
    DiscoveryError,
    Endpoint,
    InvalidName,
)


def key(pod: Endpoint) -> str:
    """Who a pod is: its name; its address where DNS tells no name."""
    return pod.name or pod.address


def show(change: Change) -> None:
    """Print one line for each pod that came, changed or went."""
    for pod in change.added:
        print(f"+ {key(pod)} {pod.address}", flush=True)
    for before, after in change.updated:
        print(f"~ {key(after)} {before.address} -> {after.address}", flush=True)
    for pod in change.removed:
        print(f"- {key(pod)} {pod.address}", flush=True)


async def follow(service: str, stop: asyncio.Event) -> None:
    """Print the changes of one Service until the stop event is set."""
    async with AsyncHeadlessService(service) as followed:
        async for change in followed.watch(stop=stop):
            show(change)


async def main(services: list[str]) -> int:
    """Follow all Services at once; one that cannot be followed ends the program."""
    if not services:
        print("usage: follow_pods_async.py SERVICE...", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    code = 0
    try:
        async with asyncio.TaskGroup() as tasks:
            for service in services:
                tasks.create_task(follow(service, stop))
    except* InvalidName as errors:
        print(*errors.exceptions, sep="\n", file=sys.stderr)
        code = 2
    except* DiscoveryError as errors:
        print(*errors.exceptions, sep="\n", file=sys.stderr)
        code = 3
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
