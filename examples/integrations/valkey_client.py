"""Write to the primary and read from the replicas behind a headless Service, by TLS.

``python valkey_client.py redis.shop ca.pem``
"""

from __future__ import annotations

import sys
import time
from typing import Any

from headless_discovery import HeadlessService
from headless_discovery.integrations.valkey import client


def main(service: str, ca_file: str) -> None:
    """Count, and print who counted and who told the count."""
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file}
    with (
        HeadlessService(service, port="redis-tls") as redis,
        client(redis, **tls) as primary,
        client(redis, role="replica", **tls) as replica,
    ):
        for _ in range(6):
            primary.incr("visits")
            primary.wait(2, 1000)  # until two replicas have it
            writer, reader = (each.client_info()["laddr"] for each in (primary, replica))
            print(writer, reader, int(replica.get("visits") or 0))
            time.sleep(0.3)


if __name__ == "__main__":
    main(*sys.argv[1:])
