"""`discover` and `watch`: one look, or one iteration, and no service object to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .service import HeadlessService

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.outcome import Look
    from ..core.policy import PollPolicy
    from ..core.snapshot import Snapshot
    from .transport import Stop
    from .watching import Watch

__all__ = ["discover", "watch"]


def discover(
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
    """Look once at a headless Service; the arguments are those of `HeadlessService`.

    Returns:
        A snapshot with outcome OK, EMPTY or ABSENT.

    Raises:
        InvalidName, ConfigError, LookupFailed, NotHeadless: as `HeadlessService.lookup`.
    """
    found = HeadlessService(
        service,
        namespace=namespace,
        port=port,
        protocol=protocol,
        statefulset=statefulset,
        options=options,
    )
    return found.lookup(allow_partial=allow_partial, retries=retries)


def watch(
    service: str | ServiceName,
    *,
    stop: Stop | None = None,
    namespace: str | None = None,
    port: str | int | None = None,
    protocol: str | None = None,
    statefulset: str | None = None,
    options: LookupOptions | None = None,
    poll: PollPolicy | None = None,
    on_lookup: Callable[[Look], object] | None = None,
) -> Watch:
    """Iterate over the changes of a Service, polling in the thread that iterates.

    The arguments are those of `HeadlessService` and of its `watch`.

    Returns:
        An iterator of `Change`; the first one adds everybody.
    """
    followed = HeadlessService(
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
