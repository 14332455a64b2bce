"""Follow the pods behind a headless Service: ``python follow_pods.py my-database.shop``.

Prints each change until SIGINT or SIGTERM. While DNS fails nobody is removed; that it fails,
and that it is back, is in the log, which goes to stderr. Without a cluster: set
``HEADLESS_DISCOVERY_NAMESERVERS`` to a test DNS. Exit codes: 0 ended by a signal, 2 wrong
usage, 3 the Service is not headless, or no name server is known.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading

from headless_discovery import (
    Change,
    DiscoveryError,
    Endpoint,
    HeadlessService,
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


def main(arguments: list[str]) -> int:
    """Follow one Service."""
    if len(arguments) != 1:
        print("usage: follow_pods.py SERVICE", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with HeadlessService(arguments[0]) as service:
            for change in service.watch(stop=stop):
                show(change)
    except InvalidName as error:
        print(error, file=sys.stderr)
        return 2
    except DiscoveryError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
