"""Connect to a pod by TLS: its address is dialled, its name is verified.

``python tls_client.py web.shop ca.pem``
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from headless_discovery import AsyncHeadlessService, ConnectFailed, HeadlessService

REQUEST = b"GET /hello HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"


def with_threads(service: str, context: ssl.SSLContext) -> None:
    """Ask ordinal 0, then the next one of all."""
    with HeadlessService(service, port="https") as web:
        with web.connect(to=0, tls=context) as secured:
            secured.sendall(REQUEST)
            print(secured.getpeername()[0], secured.recv(15))
        # A pod that cannot prove its name is skipped, as one that does not answer.
        with web.connect(tls=context) as secured:
            secured.sendall(REQUEST)
            print(secured.getpeername()[0], secured.recv(15))


async def with_asyncio(service: str, context: ssl.SSLContext) -> None:
    """The same, awaited; and what a pod is that cannot be trusted."""
    async with AsyncHeadlessService(service, port="https") as web:
        reader, writer = await web.connect(to=0, tls=context)
        writer.write(REQUEST)
        print(writer.get_extra_info("peername")[0], await reader.read(15))
        writer.close()
        await writer.wait_closed()
        nobody = ssl.create_default_context()  # trusts other authorities only
        try:
            await web.connect(tls=nobody)
        except ConnectFailed as failure:
            print(*{type(attempt.error).__name__ for attempt in failure.attempts})


if __name__ == "__main__":
    trusted = ssl.create_default_context(cafile=sys.argv[2])
    with_threads(sys.argv[1], trusted)
    asyncio.run(with_asyncio(sys.argv[1], trusted))
