"""Write to the primary and read from the replicas, with asyncio.

``python redis_async_client.py redis.shop ca.pem``
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from headless_discovery import AsyncHeadlessService
from headless_discovery.integrations.redis import async_client


async def main(service: str, ca_file: str) -> None:
    """Count, and print who counted and who told the count."""
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file}
    async with (
        AsyncHeadlessService(service, port="redis-tls") as redis,
        async_client(redis, **tls) as primary,
        async_client(redis, role="replica", **tls) as replica,
    ):
        for _ in range(6):
            await primary.incr("visits")
            await primary.wait(2, 1000)
            writer, reader = [(await each.client_info())["laddr"] for each in (primary, replica)]
            print(writer, reader, int(await replica.get("visits") or 0))
            await asyncio.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
