"""List the pods behind a headless Service: ``python list_pods.py my-database.shop``.

Without a cluster: set ``HEADLESS_DISCOVERY_NAMESERVERS`` to a test DNS. Exit codes: 0 found,
1 nobody is there, 2 wrong usage, 3 DNS failed or the Service is not headless.
"""

from __future__ import annotations

import sys

from headless_discovery import DiscoveryError, InvalidName, discover


def main(arguments: list[str]) -> int:
    """Print ordinal, address and hostname of each pod."""
    if len(arguments) != 1:
        print("usage: list_pods.py SERVICE", file=sys.stderr)
        return 2
    try:
        snapshot = discover(arguments[0], retries=1)
    except InvalidName as error:
        print(error, file=sys.stderr)
        return 2
    except DiscoveryError as error:  # nothing is known about who is there
        print(error, file=sys.stderr)
        return 3
    for pod in snapshot:
        ordinal = "-" if pod.ordinal is None else pod.ordinal
        print(f"{ordinal}  {pod.address}  {pod.hostname or '-'}")
    if not snapshot:  # an answer all the same: DNS says that nobody is there
        print(f"{snapshot.service}: {snapshot.outcome}", file=sys.stderr)
    return 0 if snapshot else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
