"""psycopg_pool: what a pool of connections to the pods of a PostgreSQL takes as its conninfo.

In: a service object or its roles. Out: a function that the pool calls for each new
connection. It lists all pods that fit, another one first each time; psycopg tries them in
this order, dials addresses and verifies FQDNs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ._whom import Fitting, in_turn, split
from .psycopg import target

try:
    import psycopg_pool as _installed  # noqa: F401 - the pool itself is the caller's to make
    from psycopg.conninfo import make_conninfo
except ImportError as error:
    raise ImportError(
        "psycopg_pool is missing: pip install 'headless-discovery[psycopg]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..aio.roles import AsyncRoles
    from ..aio.service import AsyncHeadlessService
    from ..sync.roles import Roles
    from ..sync.service import HeadlessService

__all__ = ["aconninfo", "conninfo"]

_OF_ENDPOINT = {"to", "order", "exclude_self"}


def conninfo(
    source: HeadlessService | Roles, info: str = "", *, role: str | None = None, **keywords: Any
) -> Callable[[], str]:
    """The conninfo of a ``ConnectionPool``.

    Args:
        source: An open service object, or its roles.
        info: A conninfo without hosts.
        role: Of roles: ``"primary"`` (default) or ``"replica"``.
        **keywords: Of a service object ``to``, ``order`` and ``exclude_self`` as of
            ``service.endpoint``; and parameters of a conninfo. ``connect_timeout`` is that
            for one address, default 2, which is the least libpq knows.
    """
    whom, options = split(keywords)
    asked = _asked(source, role, whom)

    def made() -> str:
        behind: Any = source
        if asked == "primary":
            pods = [behind.primary()]
        elif asked == "replica":
            pods = in_turn(behind.replica(), behind.replicas())
        else:
            fitting = Fitting()
            pods = in_turn(behind.endpoint(**{"to": fitting, **whom}), fitting.pods)
        return make_conninfo(info, **{**target(pods, 0), **options})

    return made


def aconninfo(
    source: AsyncHeadlessService | AsyncRoles,
    info: str = "",
    *,
    role: str | None = None,
    **keywords: Any,
) -> Callable[[], Awaitable[str]]:
    """The conninfo of an ``AsyncConnectionPool``; see `conninfo`."""
    whom, options = split(keywords)
    asked = _asked(source, role, whom)

    async def made() -> str:
        behind: Any = source
        if asked == "primary":
            pods = [await behind.primary()]
        elif asked == "replica":
            pods = in_turn(await behind.replica(), await behind.replicas())
        else:
            fitting = Fitting()
            pods = in_turn(await behind.endpoint(**{"to": fitting, **whom}), fitting.pods)
        return make_conninfo(info, **{**target(pods, 0), **options})

    return made


def _asked(source: object, role: str | None, whom: dict[str, Any]) -> str | None:
    """Which role is asked for; None of a service object."""
    if not hasattr(source, "replicas"):
        if role is not None:
            raise ConfigError("role", "a service object knows no roles: give a Roles")
        if others := whom.keys() - _OF_ENDPOINT:
            raise ConfigError(min(others), "the pool connects, and has its own limits")
        return None
    if role not in (None, "primary", "replica"):
        raise ConfigError("role", f"{ascii(role)[:100]} is neither 'primary' nor 'replica'")
    if whom:
        raise ConfigError(min(whom), "roles say whom to connect to")
    return role or "primary"
