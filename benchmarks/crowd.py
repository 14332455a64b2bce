"""Crowd: many followers in one event loop, and when each of them told who came.

In: name servers and policies. Out: seconds from the writing of an EndpointSlice to the
callback that tells of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery import AsyncHeadlessService, LookupOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from headless_discovery import Change, Look, PollPolicy

__all__ = ["Crowd", "opened"]

STARTED_OVER = 5.0  # seconds


class Told(NamedTuple):
    """A follower told that an address came, and when."""

    address: str
    at: float


class Crowd:
    """Followers of one Service with one policy, at one name server.

    Args:
        service: Its full name.
        nameserver: ``address:port``.
        policy: When they look.
        count: How many.
    """

    def __init__(self, service: str, nameserver: str, policy: PollPolicy, count: int) -> None:
        self.count = count
        #: What looks failed with.
        self.failures: list[str] = []
        self._told: list[Told] = []
        options = LookupOptions(nameservers=[nameserver])
        self._services = [
            AsyncHeadlessService(service, options=options, poll=policy, on_lookup=self._looked)
            for _ in range(count)
        ]

    async def open(self) -> None:
        """Begin to follow, one after the other."""
        for service in self._services:
            await service.open()
            service.subscribe(self._changed)
            await asyncio.sleep(STARTED_OVER / self.count)

    async def close(self) -> None:
        """End it."""
        for service in self._services:
            await service.close()

    def latencies(self, written: dict[str, float]) -> list[float]:
        """How late the addresses were told, by each follower.

        Args:
            written: When each was written.
        """
        return [told.at - written[told.address] for told in self._told if told.address in written]

    def _looked(self, look: Look) -> None:
        if look.error is not None:
            self.failures.append(str(look.error))

    def _changed(self, change: Change) -> None:
        now = time.monotonic()
        self._told += [Told(each.address, now) for each in change.added]


@contextlib.asynccontextmanager
async def opened(crowds: Sequence[Crowd]) -> AsyncIterator[None]:
    """All of them, open."""
    async with contextlib.AsyncExitStack() as stack:
        for crowd in crowds:
            stack.push_async_callback(crowd.close)
        await asyncio.gather(*(crowd.open() for crowd in crowds))
        yield
