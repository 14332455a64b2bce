"""valkey-py: a client of the primary, or of the replicas, behind a headless Service.

In: a service object, or roles. Out: an ordinary ``valkey.Valkey`` whose pool asks us, instead
of a Sentinel, at each new connection. Uses ``valkey.sentinel`` and no private attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import _sentinel as shared

try:
    from valkey import Valkey, asyncio, backoff, exceptions, sentinel
    from valkey.asyncio import sentinel as async_sentinel
    from valkey.asyncio.retry import Retry as AsyncRetry
    from valkey.retry import Retry
except ImportError as error:
    raise ImportError("valkey-py is missing: pip install 'headless-discovery[valkey]'") from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..aio.roles import AsyncRoles
    from ..aio.service import AsyncHeadlessService
    from ..core.snapshot import Endpoint
    from ..sync.roles import Roles
    from ..sync.service import HeadlessService

__all__ = ["AsyncManager", "Manager", "async_client", "async_role_probe", "client", "role_probe"]


class Manager(shared.ManagerBase):
    """For a ``SentinelConnectionPool`` of your own; arguments as `client`, but for ``role``."""

    no_primary = sentinel.MasterNotFoundError
    no_replica = sentinel.SlaveNotFoundError


class AsyncManager(shared.AsyncManagerBase):
    """For a pool of ``valkey.asyncio.sentinel``; arguments as `async_client`."""

    no_primary = async_sentinel.MasterNotFoundError
    no_replica = async_sentinel.SlaveNotFoundError


_KIT = shared.Kit(Valkey, Manager, sentinel, exceptions, Retry, backoff)
_ASYNC = shared.AsyncKit(
    asyncio.Valkey, AsyncManager, async_sentinel, exceptions, AsyncRetry, backoff
)


def client(
    service: HeadlessService | Roles,
    *,
    role: Literal["primary", "replica"] = "primary",
    **keywords: Any,
) -> Valkey:
    """A client whose connections go to the primary, or from replica to replica.

    Args:
        service: A service object, whose ordinal 0 is the primary then, or `Roles`.
        role: ``"primary"`` (default) or ``"replica"``.
        **keywords: Ours are ``by``, ``port``, ``fallback`` and ``recycle``, as for redis-py
            (`headless_discovery.integrations.redis.client`); all others are those of a
            connection of the client: ``ssl=True``, ``ssl_ca_certs``, ``password``.

    Returns:
        A client that owns its pool: close it.
    """
    made: Valkey = _KIT.make(service, role, keywords)
    return made


def async_client(
    service: AsyncHeadlessService | AsyncRoles,
    *,
    role: Literal["primary", "replica"] = "primary",
    **keywords: Any,
) -> asyncio.Valkey:
    """The twin of `client` for asyncio; close it with ``await client.aclose()``."""
    made: asyncio.Valkey = _ASYNC.make(service, role, keywords)
    return made


def role_probe(**keywords: Any) -> Callable[[Endpoint, float], str]:
    """A probe for `Roles` that asks each pod by ``ROLE``.

    Args:
        **keywords: ``by`` and ``port`` as `client`; all others are those of ``valkey.Valkey``.
    """
    return _KIT.probe(**keywords)


def async_role_probe(**keywords: Any) -> Callable[[Endpoint, float], Awaitable[str]]:
    """The twin of `role_probe`, for `AsyncRoles`."""
    return _ASYNC.probe(**keywords)
