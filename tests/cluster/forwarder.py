"""A forwarder in front of several name servers: each flow goes to one of them at random.

What kube-proxy does in front of CoreDNS's replicas: a UDP source port or a TCP connection
is a flow and stays with its replica, the next one may meet another. Knows no DNS.

    python -m tests.cluster.forwarder --seed 7 127.0.0.1:5300=127.0.0.1:5301,127.0.0.1:5302

It says `ready` once it listens, and runs until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from functools import partial
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = tuple[str, int]

_FORGET = 5.0  # seconds after which a UDP flow is forgotten; each question is one of its own


class _Flow(asyncio.DatagramProtocol):
    """The replica's side of one UDP flow: what it answers goes back to the asker."""

    def __init__(self, back: asyncio.DatagramTransport, asker: Address) -> None:
        self._back = back
        self._asker = asker

    def datagram_received(self, data: bytes, _: Any) -> None:
        """Pass an answer on."""
        if not self._back.is_closing():
            self._back.sendto(data, self._asker)

    def error_received(self, _: Exception) -> None:
        """Nobody listens there: the asker hears nothing, as behind kube-proxy."""


class _Datagrams(asyncio.DatagramProtocol):
    """The askers' side of all UDP flows of one address."""

    def __init__(self, backends: Sequence[Address], chance: random.Random) -> None:
        self._backends = backends
        self._chance = chance
        self._flows: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, asker: Address) -> None:
        """Pass a question on, in its flow."""
        loop = asyncio.get_running_loop()
        flow = self._flows.get(asker)
        if flow is None:
            flow = self._flows[asker] = loop.create_task(self._open(asker))
            loop.call_later(_FORGET, self._forget, asker)
        flow.add_done_callback(lambda done: done.result().sendto(data))

    async def _open(self, asker: Address) -> asyncio.DatagramTransport:
        assert self._transport is not None
        back = self._transport
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Flow(back, asker), remote_addr=self._chance.choice(self._backends)
        )
        return transport

    def _forget(self, asker: Address) -> None:
        self._flows.pop(asker).result().close()


async def _stream(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    backends: Sequence[Address],
    chance: random.Random,
) -> None:
    """One TCP connection, to its end on either side."""
    with contextlib.suppress(OSError):
        there, back = await asyncio.open_connection(*chance.choice(backends))
        ways = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        back.close()
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def forward(routes: dict[Address, list[Address]], seed: int) -> None:
    """Forward until cancelled.

    Args:
        routes: The replicas by the address askers use, UDP and TCP.
        seed: Of the choice of replicas.
    """
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for address, backends in routes.items():
            transport, _ = await loop.create_datagram_endpoint(
                partial(_Datagrams, backends, chance), local_addr=address
            )
            stack.callback(transport.close)
            server = await asyncio.start_server(
                partial(_stream, backends=backends, chance=chance), *address
            )
            await stack.enter_async_context(server)
        print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
        await asyncio.Event().wait()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _route(text: str) -> tuple[Address, list[Address]]:
    listen, _, backends = text.partition("=")
    return _address(listen), [_address(backend) for backend in backends.split(",")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Forwards each flow to one of several servers.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("routes", nargs="+", type=_route, metavar="LISTEN=SERVER,SERVER")
    parsed = parser.parse_args()
    asyncio.run(forward(dict(parsed.routes), parsed.seed))
