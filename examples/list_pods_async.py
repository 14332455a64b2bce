"""List the pods behind several headless Services at once, with asyncio.

``python list_pods_async.py my-database.shop web.shop``. Without a cluster: set
``HEADLESS_DISCOVERY_NAMESERVERS`` to a test DNS. Exit codes: 0 all found, 1 nobody is behind
one of them, 2 wrong usage, 3 DNS failed or a Service is not headless.
"""

from __future__ import annotations

import asyncio
import sys

from headless_discovery import DiscoveryError, InvalidName, Snapshot, adiscover


def show(service: str, found: Snapshot | BaseException) -> int:
    """Print what was found out about one Service; the exit code for it."""
    if isinstance(found, InvalidName):
        print(found, file=sys.stderr)
        return 2
    if isinstance(found, DiscoveryError):  # nothing is known about who is there
        print(found, file=sys.stderr)
        return 3
    if isinstance(found, BaseException):
        raise found
    for pod in found:
        ordinal = "-" if pod.ordinal is None else pod.ordinal
        print(f"{ordinal}  {pod.address}  {pod.hostname or '-'}")
    if not found:  # an answer all the same: DNS says that nobody is there
        print(f"{service}: {found.outcome}", file=sys.stderr)
    return 0 if found else 1


async def main(services: list[str]) -> int:
    """Ask about all Services at the same time; one that fails does not stop the others."""
    if not services:
        print("usage: list_pods_async.py SERVICE...", file=sys.stderr)
        return 2
    looks = (adiscover(service) for service in services)
    found = await asyncio.gather(*looks, return_exceptions=True)
    return max(map(show, services, found))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
