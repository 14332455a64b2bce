"""`HeadlessService` and `discover`: the public face for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LookupFailed
from ..target import ServiceObject
from .lookup import look

if TYPE_CHECKING:
    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.snapshot import Snapshot

__all__ = ["HeadlessService", "discover"]


class HeadlessService(ServiceObject):
    """One headless Service. The constructor does no I/O.

    Args:
        service: ``"my-database"``, ``"my-database.shop"``, the full name, or a `ServiceName`.
        namespace: Where the name has none. Default: the environment
            (``HEADLESS_DISCOVERY_NAMESPACE``), the pod's own namespace.
        port: The *name* of a port asks for that one (``_name._protocol``); a number
            replaces the port DNS gave and is never asked. Default: all ports.
        protocol: Of a named port: ``"tcp"`` (default), ``"udp"`` or ``"sctp"``.
        statefulset: Only pods of this StatefulSet get ordinals; default: every pod whose
            name ends like one of a StatefulSet.
        options: How to ask; default `LookupOptions`.
        on_lookup: Called with the `Look` of every look, failed or not: for metrics.

    Raises:
        InvalidName: A name that no Kubernetes object can have.
        ConfigError: Arguments that contradict each other.
    """

    def lookup(self, *, allow_partial: bool = False, retries: int = 0) -> Snapshot:
        """Ask DNS, now, and tell every pod behind the Service.

        Args:
            allow_partial: Return a PARTIAL snapshot instead of raising for it.
            retries: How often to look again after a failure, with growing pauses; each
                look has the whole ``options.timeout``. Default 0.

        Returns:
            A snapshot with outcome OK, EMPTY or ABSENT.

        Raises:
            LookupFailed: DNS gave no complete answer.
            NotHeadless: The Service has a virtual address.
            ConfigError: No name server or no namespace is known.
        """
        try:
            return self._look(allow_partial)
        except LookupFailed as failure:
            if retries < 1:
                raise
            first = failure
        from ..retrying import again  # noqa: PLC0415 - tenacity is loaded after a failure only

        return again(first, lambda: self._look(allow_partial), retries)

    def _look(self, allow_partial: bool) -> Snapshot:
        done = look(self._target)
        if self._on_lookup is not None:
            self._on_lookup(done)
        return done.result(allow_partial=allow_partial)


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
