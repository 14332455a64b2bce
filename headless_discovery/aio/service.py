"""`AsyncHeadlessService` and `adiscover`: the public face for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from weakref import finalize

from .. import forking
from ..errors import ConfigError, LookupFailed, NotYetKnown
from ..service import NOT_OPEN, ServiceObject, demand_seconds
from .lookup import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from ..core.changes import Change
    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.outcome import Look
    from ..core.policy import PollPolicy
    from ..core.snapshot import Snapshot
    from .following import Follower
    from .watching import Watch

__all__ = ["AsyncHeadlessService", "adiscover", "awatch"]


class AsyncHeadlessService(ServiceObject):
    """One headless Service, awaited: the twin of `HeadlessService`, with the same arguments."""

    _follower: Follower | None
    _closing: finalize[..., AsyncHeadlessService] | None = None  # before the first open()

    async def lookup(self, *, allow_partial: bool = False, retries: int = 0) -> Snapshot:
        """Ask DNS, now: the twin of `HeadlessService.lookup`."""
        try:
            return await self._look(allow_partial)
        except LookupFailed as failure:
            if retries < 1:
                raise
            first = failure
        from ..retrying import again_async  # noqa: PLC0415 - tenacity is loaded after a failure only

        return await again_async(first, lambda: self._look(allow_partial), retries)

    async def open(self) -> Self:
        """Begin to follow, and wait for the first look: the twin of `HeadlessService.open`."""
        from . import watching  # noqa: F401, PLC0415 - later there may be no descriptor to read it
        from .following import Follower  # noqa: PLC0415 - one look needs no follower

        policy = self.policy
        with forking.lock:  # of those who open it at once, one does
            self._demand_closed()
            follower = Follower(self._target, policy, self._on_lookup)
            self._closing = finalize(self, follower.abandon)  # for who forgets to close it
            self._follower = follower
        try:
            await follower.open(self._target.options.timeout)
        except (Exception, asyncio.CancelledError):  # `with` closes nothing it did not enter
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """End the following, from any task, also from a callback; twice is harmless.

        Callbacks under way are cancelled, except the one that calls this.
        """
        if self._closing is not None:
            self._closing.detach()
        if self._follower is not None:
            await self._follower.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def refresh(self) -> None:
        """Ask for an early look: the twin of `HeadlessService.refresh`; from any thread."""
        self._opened().want()

    def watch(self, *, stop: asyncio.Event | None = None) -> Watch:
        """Iterate over the changes with ``async for``: the twin of `HeadlessService.watch`.

        Args:
            stop: Ends the iteration when set.
        """
        from .following import Poller  # noqa: PLC0415 - one look needs no follower
        from .watching import OwnWatch, SharedWatch  # noqa: PLC0415

        if stop is not None and not isinstance(stop, asyncio.Event):
            raise ConfigError("stop", f"{ascii(stop)[:100]} is no asyncio.Event")
        if self._is_open():
            return SharedWatch(self._opened(), stop, self)
        policy = self.policy
        return OwnWatch(Poller(self._target, policy, self._on_lookup), stop)

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call back with each change, in an own task: the twin of `HeadlessService.subscribe`.

        The callback may be a coroutine function. A plain function that blocks, blocks the
        event loop, as any does.
        """
        from .watching import subscribe  # noqa: PLC0415

        if not callable(callback):
            raise ConfigError("callback", f"{ascii(callback)[:100]} cannot be called")

        return subscribe(self._opened(), callback)

    async def wait_for(
        self,
        *,
        count: int | None = None,
        ordinals: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
        quorum: int | None = None,
        listed: bool = False,
        predicate: Callable[[Snapshot], object] | None = None,
        stable: float = 0.0,
        timeout: float | None = None,
    ) -> Snapshot:
        """Wait for a condition: the twin of `HeadlessService.wait_for`."""
        from .following import Poller  # noqa: PLC0415 - one look needs no follower
        from .watching import wait_alone, wait_with  # noqa: PLC0415

        awaited = self._condition(count, ordinals, names, quorum, listed, predicate)
        demand_seconds("stable", stable)
        if timeout is not None:
            demand_seconds("timeout", timeout)
        if self._is_open():
            return await wait_with(self._opened(), awaited, stable, timeout)
        poller = Poller(self._target, self.policy, self._on_lookup)
        return await wait_alone(poller, awaited, stable, timeout)

    async def _look(self, allow_partial: bool) -> Snapshot:
        done = await look(self._target)
        if self._on_lookup is not None:
            self._on_lookup(done)
        return done.result(allow_partial=allow_partial)

    def _is_open(self) -> bool:
        """Whether there is a follower; also one that this process must not use."""
        return self._follower is not None and not self._follower.is_closed

    def _opened(self) -> Follower:
        if self._follower is None:
            raise NotYetKnown(self._target.title, NOT_OPEN)
        self._follower.check()
        return self._follower


async def adiscover(
    service: str | ServiceName,
    *,
    namespace: str | None = None,
    port: str | int | None = None,
    protocol: str | None = None,
    statefulset: str | None = None,
    options: LookupOptions | None = None,
    allow_partial: bool = False,
    retries: int = 0,
) -> Snapshot:
    """Look once at a headless Service: the twin of `discover`."""
    found = AsyncHeadlessService(
        service,
        namespace=namespace,
        port=port,
        protocol=protocol,
        statefulset=statefulset,
        options=options,
    )
    return await found.lookup(allow_partial=allow_partial, retries=retries)


def awatch(
    service: str | ServiceName,
    *,
    stop: asyncio.Event | None = None,
    namespace: str | None = None,
    port: str | int | None = None,
    protocol: str | None = None,
    statefulset: str | None = None,
    options: LookupOptions | None = None,
    poll: PollPolicy | None = None,
    on_lookup: Callable[[Look], object] | None = None,
) -> Watch:
    """Iterate over the changes of a Service with ``async for``: the twin of `watch`."""
    followed = AsyncHeadlessService(
        service,
        namespace=namespace,
        port=port,
        protocol=protocol,
        statefulset=statefulset,
        options=options,
        poll=poll,
        on_lookup=on_lookup,
    )
    return followed.watch(stop=stop)
