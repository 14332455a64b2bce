"""Sending: an httpx request that waits, connected, until somebody wants its response.

``connect`` cancels a dial that takes too long. A dial that is cancelled must have sent
nothing, else the next pod would get a request that this one has had. So a request goes out
in a task and stops at httpcore's word that it is about to send.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

__all__ = ["NO_CONNECTION", "Sending"]

NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout)
"""Errors after which no server can have seen the request."""

# The ends of what httpcore calls two events of its public extension ``trace``.
_DIALLED = "connect_tcp.complete"
_CONNECTED = "send_request_headers.started"


class Sending:
    """One request in a task of its own.

    Args:
        transport: What sends it.
        request: Where to; its trace is ours from here on, and calls the one it had.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        loop = asyncio.get_running_loop()
        self._is_connected = loop.create_future()
        self._may_send = loop.create_future()
        self._stream: Any = None
        self._traced = request.extensions.get("trace")
        request.extensions["trace"] = self._trace
        self._task = loop.create_task(transport.handle_async_request(request))

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        if self._traced is not None:
            await self._traced(event, info)
        if event.endswith(_DIALLED):
            self._stream = info["return_value"]
        if event.endswith(_CONNECTED):
            if not self._is_connected.done():
                self._is_connected.set_result(None)
            await self._may_send

    async def connected(self) -> Exception | None:
        """Wait until it has a connection; why it has none, or None."""
        either = {self._task, self._is_connected}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # its time is over
            await self.end()
            raise
        if not self._task.done() or self._task.cancelled():
            return None
        failure = self._task.exception()
        return failure if isinstance(failure, NO_CONNECTION) else None

    async def response(self) -> httpx.Response:
        """Send it."""
        self._may_send.set_result(None)
        return await self._task

    async def end(self) -> None:
        """Nobody wants the response any more, if it did not come."""
        self._is_connected.cancel()
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
            if self._stream is not None:  # httpcore forgets it where TLS is cancelled
                await self._stream.aclose()
        if not self._task.cancelled():
            self._task.exception()  # told
