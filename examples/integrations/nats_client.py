"""Stay connected to the NATS servers behind a headless Service: a recipe for nats-py.

``python nats_client.py nats.shop``
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import nats

from headless_discovery import AsyncHeadlessService

if TYPE_CHECKING:
    from nats.aio.client import Client

    from headless_discovery import Change


async def connect(service: AsyncHeadlessService) -> Client:
    """A connection that reconnects to whoever is there by then."""
    pods = await service.wait_for(count=1, timeout=60)
    client = await nats.connect(
        list(pods.urls("nats")),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        connect_timeout=1,
    )

    def renew(change: Change) -> None:
        if change.current and not client.is_closed:
            client.set_server_pool(list(change.current.urls("nats")))

    service.subscribe(renew)  # also says at once who is there now
    return client


async def main(name: str) -> None:
    """Say hello to oneself."""
    async with AsyncHeadlessService(name) as service:
        client = await connect(service)
        greetings = await client.subscribe("greetings")
        await client.publish("greetings", b"hello")
        print((await greetings.next_msg()).data.decode())
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
