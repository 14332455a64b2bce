"""What the integrations of redis-py and of valkey-py share: both have the same Sentinel pools.

In: roles. Out: what such a pool asks a Sentinel for, ``discover_master`` and
``discover_slaves``, and the making of pools and probes. Imports neither client: their classes
are given.
"""

from __future__ import annotations

from random import Random
from ssl import CERT_REQUIRED
from typing import TYPE_CHECKING, Any, Literal

from ..aio.roles import AsyncRoles
from ..aio.service import AsyncHeadlessService
from ..core.roles import REPLICA, check_role
from ..core.values import is_number
from ..errors import ConfigError, DiscoveryError, NotYetKnown
from ..sync.roles import Roles
from ..sync.service import HeadlessService
from ._pools import (
    AsyncConnectionMixin,
    AsyncPoolMixin,
    ConnectionMixin,
    PoolMixin,
    Turns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..core.snapshot import Endpoint

    By = Literal["name", "address"]
    Place = tuple[str, int]

__all__ = [
    "PORT",
    "AsyncKit",
    "AsyncManagerBase",
    "Kit",
    "ManagerBase",
    "check_by",
    "place",
    "role_of",
    "verified",
]

PORT = 6379
OURS = ("by", "port", "fallback", "recycle")
READ_AGAIN = 4
"""How often a read is done again after a failure, with pauses of some 1.5 s together."""
CONNECT_WITHIN = 1.0
"""Seconds a pod has to accept: inside a cluster that takes milliseconds."""
_ROLES = {"master": "primary", "slave": "replica"}


def check_by(by: object) -> None:
    """Demand that it says how a pod is dialled.

    Raises:
        ConfigError: It does not.
    """
    if by not in ("name", "address"):
        raise ConfigError("by", f"{ascii(by)[:100]} is neither 'name' nor 'address'")


def place(endpoint: Endpoint, by: By, port: int) -> Place:
    """Where a client connects to: the FQDN or the address, and the port."""
    host = endpoint.hostname if by == "name" else None
    return host or endpoint.address, endpoint.port or port


def role_of(answer: Any) -> str:
    """The role in the answer to ``ROLE``; a Sentinel has none of ours."""
    word = answer[0]
    text = word.decode() if isinstance(word, bytes) else str(word)
    return _ROLES.get(text, text)


class Kit:
    """What a client library brings for threads, and what we make of it.

    Args:
        client: Its client class.
        manager: Our manager, with its errors.
        sentinel: Its module of Sentinel pools.
        exceptions: Its module of exceptions.
        retry: Its way to do something again.
        backoff: Its module of pauses.
    """

    _connection_mixin: type = ConnectionMixin
    _pool_mixin: type = PoolMixin

    def __init__(
        self, client: Any, manager: Any, sentinel: Any, exceptions: Any, retry: Any, backoff: Any
    ) -> None:
        self._client = client
        self._manager = manager
        self._errors = (exceptions.ConnectionError, exceptions.TimeoutError)
        self._again = retry(backoff.ExponentialBackoff(cap=0.5, base=0.05), READ_AGAIN)
        self._never = retry(backoff.NoBackoff(), 0)
        noticing = {"read_only": exceptions.ReadOnlyError}
        self._connection, self._tls_connection = (
            type(f"Following{base.__name__}", (self._connection_mixin, base), noticing)
            for base in (sentinel.SentinelManagedConnection, sentinel.SentinelManagedSSLConnection)
        )
        base = sentinel.SentinelConnectionPool
        moving = {"unreachable": self._errors}
        self._pool = type("FollowingConnectionPool", (self._pool_mixin, base), moving)

    def make(self, service: Any, role: str, keywords: dict[str, Any]) -> Any:
        """A client of the primary or of the replicas.

        Args:
            service: A service object, or roles.
            role: Reads on replicas may be done again, writes on the primary may not.
            keywords: Those of the manager, and of connections.
        """
        check_role(role)
        ours = {name: keywords.pop(name) for name in OURS if name in keywords}
        usual: dict[str, Any] = {"socket_connect_timeout": CONNECT_WITHIN}
        if role == REPLICA:
            usual.update(retry=self._again, retry_on_error=list(self._errors))
        else:
            ours |= {"fallback": True, "recycle": None}
        is_tls = keywords.pop("ssl", False)
        if is_tls:
            verified(keywords)
        usual["connection_class"] = self._tls_connection if is_tls else self._connection
        manager = self._manager(service, **ours)
        settings = {**usual, **keywords, "is_master": role != REPLICA}
        return self._client.from_pool(self._pool(manager.name, manager, **settings))

    def probe(self, *, by: By = "name", port: int = PORT, **given: Any) -> Callable[..., Any]:
        """A probe that asks a pod by ``ROLE``; further keywords are those of the client."""
        check_by(by)

        def probe(endpoint: Endpoint, timeout: float) -> str:
            with self._one(place(endpoint, by, port), timeout, given) as asked:
                return role_of(asked.role())

        return probe

    def _one(self, where: Place, timeout: float, given: Mapping[str, Any]) -> Any:
        """A client that asks one pod one thing, in so many seconds."""
        usual = {"socket_connect_timeout": timeout, "socket_timeout": timeout}
        keywords = {**usual, "retry": self._never, **given, "host": where[0], "port": where[1]}
        return self._client(**(verified(keywords) if keywords.get("ssl") else keywords))


class AsyncKit(Kit):
    """The twin of `Kit` for asyncio."""

    _connection_mixin = AsyncConnectionMixin
    _pool_mixin = AsyncPoolMixin

    def probe(self, *, by: By = "name", port: int = PORT, **given: Any) -> Callable[..., Any]:
        """The twin of `Kit.probe`."""
        check_by(by)

        async def probe(endpoint: Endpoint, timeout: float) -> str:
            async with self._one(place(endpoint, by, port), timeout, given) as asked:
                return role_of(await asked.role())

        return probe


def verified(keywords: dict[str, Any]) -> dict[str, Any]:
    """Have the pod's name verified; valkey-py and older redis-py do not by themselves.

    Raises:
        ConfigError: It was asked not to be.
    """
    if keywords.setdefault("ssl_check_hostname", True) is not True:
        raise ConfigError("ssl_check_hostname", "without it any pod of the cluster would do")
    if keywords.get("ssl_cert_reqs", "required") not in ("required", CERT_REQUIRED):
        raise ConfigError("ssl_cert_reqs", "without a certificate that holds, anybody would do")
    return keywords


class _Base:
    """What both kinds of manager know. Arguments as `ManagerBase`."""

    #: What the client raises where there is no primary, and no replica.
    no_primary: type[Exception]
    no_replica: type[Exception]

    def __init__(
        self,
        service: Any,
        *,
        by: By = "name",
        port: int = PORT,
        fallback: bool = True,
        recycle: float | None = 5.0,
    ) -> None:
        check_by(by)
        if recycle is not None and not (is_number(recycle) and recycle > 0):
            raise ConfigError("recycle", f"{ascii(recycle)[:100]} is no number of seconds above 0")
        self.roles = self._roles(service)
        #: Whose turn it is among the replicas.
        self.turns = Turns(recycle, Random().random)  # noqa: S311 - no secret
        self._by: By = by
        self._port = port
        self._fallback = fallback

    @property
    def name(self) -> str:
        """What messages of the client call the Service."""
        return repr(self.roles.service)

    def forget(self) -> None:
        """A read-only error was met: ask again who is what."""
        self.roles.forget()

    def version(self) -> int | None:
        """Which version of the members is known; None where none is followed."""
        try:
            version: int = self.roles.service.members.version
        except NotYetKnown:
            return None
        return version

    @staticmethod
    def _roles(service: Any) -> Any:
        raise NotImplementedError

    def _primary(self, endpoint: Endpoint) -> Place:
        return place(endpoint, self._by, self._port)

    def _replicas(self, endpoints: tuple[Endpoint, ...]) -> list[Place]:
        return self.turns.renew([place(each, self._by, self._port) for each in endpoints])

    def _error(self, error: DiscoveryError, kind: type[Exception]) -> Exception:
        """An error of ours as the one the client knows; the caller's own mistakes stay."""
        return error if isinstance(error, ConfigError) else kind(str(error))

    def _check_fallback(self) -> None:
        if not self._fallback:
            raise self.no_primary("no replica can be reached, and the primary is not read from")


class ManagerBase(_Base):
    """A manager for ``SentinelConnectionPool``; it is no Sentinel, and asks none.

    Args:
        service: A `HeadlessService`, whose ordinal 0 is the primary then, or `Roles`.
        by: ``"name"`` (default) gives out the pod's FQDN, which TLS verifies; ``"address"``
            its address: libc is not asked then, but TLS has no name to verify.
        port: Of a pod that DNS gives no port for, or several; default 6379.
        fallback: Whether a pool of replicas reads from the primary where no replica can be
            reached, as it does with a real Sentinel; default True. A pool of the primary
            needs it.
        recycle: Seconds after which a replica that was not read from has its turn: a
            connection moves to it as it is taken from a pool of `client`. Default 5; a new
            replica has its first turn within a second. None: connections stay where they
            are until the members change.
    """

    @staticmethod
    def _roles(service: Any) -> Any:
        return Roles(service) if isinstance(service, HeadlessService) else service

    def discover_master(self, service_name: str) -> Place:  # noqa: ARG002 - roles know whose
        """Where the primary is."""
        self._check_fallback()
        try:
            return self._primary(self.roles.primary())
        except DiscoveryError as error:
            raise self._error(error, self.no_primary) from error

    def discover_slaves(self, service_name: str) -> list[Place]:  # noqa: ARG002
        """Where the replicas are; empty where there are none."""
        try:
            return self._replicas(self.roles.replicas())
        except DiscoveryError as error:
            raise self._error(error, self.no_replica) from error


class AsyncManagerBase(_Base):
    """The twin of `ManagerBase`, over an `AsyncHeadlessService` or `AsyncRoles`."""

    @staticmethod
    def _roles(service: Any) -> Any:
        return AsyncRoles(service) if isinstance(service, AsyncHeadlessService) else service

    async def discover_master(self, service_name: str) -> Place:  # noqa: ARG002 - roles know whose
        """Where the primary is."""
        self._check_fallback()
        try:
            return self._primary(await self.roles.primary())
        except DiscoveryError as error:
            raise self._error(error, self.no_primary) from error

    async def discover_slaves(self, service_name: str) -> list[Place]:  # noqa: ARG002
        """Where the replicas are; empty where there are none."""
        try:
            return self._replicas(await self.roles.replicas())
        except DiscoveryError as error:
            raise self._error(error, self.no_replica) from error
