"""redis-py: a client of the primary, or of the replicas, behind a headless Service.

In: a service object, or roles. Out: an ordinary ``redis.Redis`` whose pool asks us, instead
of a Sentinel, at each new connection. Uses ``redis.sentinel`` and no private attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import _sentinel as shared

try:
    from redis import Redis, asyncio, backoff, exceptions, sentinel
    from redis.asyncio import sentinel as async_sentinel
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("redis-py is missing: pip install 'headless-discovery[redis]'") from error

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
    """For a pool of ``redis.asyncio.sentinel``; arguments as `async_client`."""

    no_primary = async_sentinel.MasterNotFoundError
    no_replica = async_sentinel.SlaveNotFoundError


_KIT = shared.Kit(Redis, Manager, sentinel, exceptions, Retry, backoff)
_ASYNC = shared.AsyncKit(
    asyncio.Redis, AsyncManager, async_sentinel, exceptions, AsyncRetry, backoff
)


def client(
    service: HeadlessService | Roles,
    *,
    role: Literal["primary", "replica"] = "primary",
    **keywords: Any,
) -> Redis:
    """A client whose connections go to the primary, or from replica to replica.

    Args:
        service: A service object, whose ordinal 0 is the primary then, or `Roles`.
        role: ``"primary"`` (default) or ``"replica"``.
        **keywords: Ours:

            ``by``: ``"name"`` (default) connects to the pod's FQDN, which TLS verifies;
            ``"address"`` asks libc for no name, and leaves TLS none to verify.
            ``port``: Of a pod that DNS gives no port for, or several; default 6379.
            ``fallback``: Whether reads go to the primary where no replica can be reached,
            as with a Sentinel; default True.
            ``recycle``: Seconds after which a replica that was not read from has its turn;
            default 5. A new one has its first within a second. None: connections stay where
            they are until the members change.

            All others are those of a connection of the client: ``ssl=True``,
            ``ssl_ca_certs``, ``password``. By default a pod has 1 s to accept, and a read on
            a replica is done again after a failure, up to four times.

    Returns:
        A client that owns its pool: close it.
    """
    made: Redis = _KIT.make(service, role, keywords)
    return made


def async_client(
    service: AsyncHeadlessService | AsyncRoles,
    *,
    role: Literal["primary", "replica"] = "primary",
    **keywords: Any,
) -> asyncio.Redis:
    """The twin of `client` for asyncio; close it with ``await client.aclose()``."""
    made: asyncio.Redis = _ASYNC.make(service, role, keywords)
    return made


def role_probe(**keywords: Any) -> Callable[[Endpoint, float], str]:
    """A probe for `Roles` that asks each pod by ``ROLE``.

    Args:
        **keywords: ``by`` and ``port`` as `client`; all others are those of ``redis.Redis``.
    """
    return _KIT.probe(**keywords)


def async_role_probe(**keywords: Any) -> Callable[[Endpoint, float], Awaitable[str]]:
    """The twin of `role_probe`, for `AsyncRoles`."""
    return _ASYNC.probe(**keywords)
