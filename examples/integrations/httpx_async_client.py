"""Send requests to the pods behind a headless Service at once, by HTTPS, with asyncio.

``python httpx_async_client.py web.shop ca.pem``
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import httpx

from headless_discovery import AsyncHeadlessService
from headless_discovery.integrations.httpx import AsyncTransport


async def main(service: str, ca_file: str) -> None:
    """Print who answered."""
    context = ssl.create_default_context(cafile=ca_file)
    async with AsyncHeadlessService(service, port="https") as web:
        url = f"https://{web.name.fqdn}"
        transport = AsyncTransport(web, tls=context)
        async with httpx.AsyncClient(mounts={url: transport}) as client:
            answers = await asyncio.gather(*(client.get(f"{url}/hello") for _ in range(6)))
    print(*sorted(answer.json()["pod"] for answer in answers), sep="\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
