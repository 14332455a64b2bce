"""`AsyncHeadlessService` and `adiscover`: the public face for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LookupFailed
from ..target import ServiceObject
from .lookup import look

if TYPE_CHECKING:
    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.snapshot import Snapshot

__all__ = ["AsyncHeadlessService", "adiscover"]


class AsyncHeadlessService(ServiceObject):
    """One headless Service, awaited: the twin of `HeadlessService`, with the same arguments."""

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

    async def _look(self, allow_partial: bool) -> Snapshot:
        done = await look(self._target)
        if self._on_lookup is not None:
            self._on_lookup(done)
        return done.result(allow_partial=allow_partial)


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
