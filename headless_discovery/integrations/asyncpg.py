"""asyncpg: connections to the pods of a PostgreSQL behind a Service, and its pool's.

In: a service object or its roles, and the keywords of ``asyncpg.connect``. Out: a connection.
asyncpg verifies the name that it dials, so the pod's FQDN is what it is given; its address
where there is no TLS.
"""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from ..core.dialling import port_of
from ..tls import check_context
from ._whom import name_of, split

try:
    import asyncpg  # type: ignore[import-untyped]  # it has no py.typed
except ImportError as error:
    raise ImportError("asyncpg is missing: pip install 'headless-discovery[asyncpg]'") from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..core.snapshot import Endpoint
    from ._whom import Source

__all__ = ["connect", "connector", "probe"]


async def connect(source: Source, **keywords: Any) -> Any:
    """Connect to one of the pods.

    Args:
        source: An `AsyncHeadlessService`, or an `AsyncRoles`.
        **keywords: Those of ``service.connect`` that say whom (``to``, ``order``, ...; of
            roles also ``role``), and those of ``asyncpg.connect`` but for ``host`` and
            ``port``, which DNS tells. ``timeout`` is that of the whole call.

    Returns:
        An ``asyncpg.Connection``.

    Raises:
        ConnectFailed: Nobody let us in; the attempts hold the errors of asyncpg.
    """
    whom, options = split(keywords)
    return await connector(source, **whom)(**options)


def connector(source: Source, **whom: Any) -> Callable[..., Awaitable[Any]]:
    """What ``asyncpg.create_pool(connect=...)`` calls for each new connection.

    Args:
        source: An `AsyncHeadlessService`, or an `AsyncRoles`.
        **whom: Keywords of ``service.connect``; of roles also ``role``.
    """

    async def connected(*dsn: Any, **options: Any) -> Any:
        async def dial(endpoint: Endpoint, seconds: float) -> Any:
            return await _dial(endpoint, seconds, *dsn, **options)

        return await source.connect(dial, pass_timeout=True, **whom)

    return connected


def probe(**options: Any) -> Callable[[Endpoint, float], Awaitable[str]]:
    """What `AsyncRoles` ask a pod by: ``pg_is_in_recovery()``.

    Args:
        **options: Keywords of ``asyncpg.connect``: user, password, ssl and so on.
    """

    async def ask(endpoint: Endpoint, timeout: float) -> str:
        connection = await _dial(endpoint, timeout, **options)
        try:
            standby = await connection.fetchval("SELECT pg_is_in_recovery()", timeout=timeout)
        finally:
            connection.terminate()
        return "replica" if standby else "primary"

    return ask


async def _dial(endpoint: Endpoint, seconds: float, *dsn: Any, **options: Any) -> Any:
    if isinstance(options.get("ssl"), SSLContext):
        check_context(options["ssl"])
    return await asyncpg.connect(
        *dsn,
        **{
            "timeout": seconds,
            **options,
            "host": endpoint.address if options.get("ssl") is False else name_of(endpoint),
            "port": port_of(endpoint),
        },
    )
