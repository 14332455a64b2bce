"""`adiscover` and `awatch`: one look, or one iteration, and no service object to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .service import AsyncHeadlessService

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.outcome import Look
    from ..core.policy import PollPolicy
    from ..core.snapshot import Snapshot
    from .watching import Watch

__all__ = ["adiscover", "awatch"]


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
