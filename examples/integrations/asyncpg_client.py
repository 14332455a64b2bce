"""A pool for the primary of a PostgreSQL, another for its standbys, with asyncio and by TLS.

``PASSWORD=... python asyncpg_client.py postgres.shop ca.pem``
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys

import asyncpg  # type: ignore[import-untyped]  # it has no py.typed

from headless_discovery import AsyncHeadlessService, AsyncRoles
from headless_discovery.integrations.asyncpg import connector, probe


async def main(service: str, ca_file: str) -> None:
    """Print the addresses of who was written to, and of who was read from."""
    login = {
        "user": "app",
        "password": os.environ["PASSWORD"],
        "database": "shop",
        "ssl": ssl.create_default_context(cafile=ca_file),
    }
    async with AsyncHeadlessService(service) as postgres:
        roles = AsyncRoles(postgres, probe=probe(**login))
        to_standbys = connector(roles, role="replica")
        async with (
            asyncpg.create_pool(connect=connector(roles), min_size=1, **login) as writers,
            asyncpg.create_pool(connect=to_standbys, min_size=1, **login) as readers,
        ):
            await writers.execute("CREATE TABLE IF NOT EXISTS awaited (number INT)")
            print("wrote to", await writers.fetchval("SELECT host(inet_server_addr())"))
            print("read from", await readers.fetchval("SELECT host(inet_server_addr())"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
