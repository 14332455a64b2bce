"""Send requests to the pods behind a headless Service, one after another, by HTTPS.

``python aiohttp_client.py web.shop ca.pem``
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import aiohttp

from headless_discovery import AsyncHeadlessService
from headless_discovery.integrations.aiohttp import Resolver


async def main(service: str, ca_file: str) -> None:
    """Print who answered."""
    context = ssl.create_default_context(cafile=ca_file)
    async with AsyncHeadlessService(service, port="https") as web:
        connector = aiohttp.TCPConnector(
            resolver=Resolver(web),
            ssl=context,
            use_dns_cache=False,  # the resolver knows, and asks nobody
            force_close=True,  # a connection for each request: another pod each time
        )
        timeout = aiohttp.ClientTimeout(total=10, sock_connect=1)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            # The certificate of each pod holds the Service's name beside its own.
            for _ in range(6):
                async with session.get(f"https://{web.name.fqdn}:8443/hello") as answer:
                    print((await answer.json())["pod"], answer.status)
            # Straight to one pod: the URL's host is its FQDN, and TLS verifies that.
            async with session.get(f"https://web-0.{web.name.fqdn}:8443/hello") as answer:
                print((await answer.json())["pod"], "was asked for")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
