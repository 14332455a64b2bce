"""psycopg: connections to the pods of a PostgreSQL behind a Service.

In: a service object or its roles, a conninfo and keywords of ``psycopg.connect``. Out: a
connection. libpq dials what ``hostaddr`` says and verifies what ``host`` says, so the pod's
address is dialled and ``sslmode=verify-full`` holds its FQDN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._whom import split, target

try:
    from psycopg import AsyncConnection, Connection
except ImportError as error:
    raise ImportError("psycopg is missing: pip install 'headless-discovery[psycopg]'") from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..core.snapshot import Endpoint
    from ._whom import Source

__all__ = ["aconnect", "aprobe", "connect", "probe", "target"]

_ASK = "SELECT pg_is_in_recovery()"


def connect(source: Source, info: str = "", **keywords: Any) -> Connection[Any]:
    """Connect to one of the pods.

    Args:
        source: A service object, or its roles.
        info: A conninfo without hosts.
        **keywords: Those of ``service.connect`` that say whom (``to``, ``order``, ...; of
            roles also ``role``), and those of ``psycopg.connect``.

    Raises:
        ConnectFailed: Nobody let us in; the attempts hold the errors of psycopg.
    """
    whom, options = split(keywords)

    def dial(endpoint: Endpoint, seconds: float) -> Connection[Any]:
        return Connection.connect(info, **{**target((endpoint,), seconds), **options})

    return source.connect(dial, pass_timeout=True, **whom)  # type: ignore[no-any-return]


async def aconnect(source: Source, info: str = "", **keywords: Any) -> AsyncConnection[Any]:
    """Connect to one of the pods, as `connect`."""
    whom, options = split(keywords)

    async def dial(endpoint: Endpoint, seconds: float) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(info, **{**target((endpoint,), seconds), **options})

    return await source.connect(  # type: ignore[no-any-return]
        dial, pass_timeout=True, **whom
    )


def probe(info: str = "", **options: Any) -> Callable[[Endpoint, float], str]:
    """What `Roles` ask a pod by: ``pg_is_in_recovery()``.

    Args:
        info: A conninfo without hosts.
        **options: Keywords of ``psycopg.connect``: user, password, sslmode and so on.
    """

    def ask(endpoint: Endpoint, timeout: float) -> str:
        where = target((endpoint,), timeout)
        with Connection.connect(info, **{**where, "autocommit": True, **options}) as connection:
            return _role(connection.execute(_ASK).fetchone())

    return ask


def aprobe(info: str = "", **options: Any) -> Callable[[Endpoint, float], Awaitable[str]]:
    """The same for `AsyncRoles`."""

    async def ask(endpoint: Endpoint, timeout: float) -> str:
        where = {**target((endpoint,), timeout), "autocommit": True}
        async with await AsyncConnection.connect(info, **{**where, **options}) as connection:
            return _role(await (await connection.execute(_ASK)).fetchone())

    return ask


def _role(row: tuple[Any, ...] | None) -> str:
    return "replica" if row is None or row[0] else "primary"
