"""Count visits: each is written to the primary, the count is read from the replicas.

``python visits.py redis.shop ca.pem 60``
"""

from __future__ import annotations

import sys
import time
from typing import Any

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from headless_discovery import HeadlessService
from headless_discovery.integrations.redis import client


def main(service: str, ca_file: str, seconds: str) -> None:
    """Count as often as ten times a second, and print what came of it."""
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file}
    counted = lost = 0
    with HeadlessService(service, port="redis-tls") as redis:
        redis.wait_for(ordinals=[0, 1], timeout=60)
        with client(redis, **tls) as primary, client(redis, role="replica", **tls) as replica:
            end = time.monotonic() + float(seconds)
            while time.monotonic() < end:
                try:
                    primary.incr("visits")
                    counted += 1
                except (NoConnection, NoAnswer):
                    lost += 1  # redis-0 restarts: try again later, or say so to the visitor
                told = replica.get("visits")  # goes on meanwhile
                time.sleep(0.1)
            print(f"{counted} counted, {lost} lost, {int(told or 0)} told")


if __name__ == "__main__":
    main(*sys.argv[1:])
