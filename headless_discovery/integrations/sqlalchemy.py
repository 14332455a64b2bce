"""SQLAlchemy: an engine whose connections go to the pods behind a Service.

In: an engine, a service object or its roles. Out: each new connection of the engine's pool
is dialled as ``service.connect`` does, by the driver of the engine's URL. With roles the
pool follows them: a connection whose pod has lost the role is closed and replaced as it is
taken out of the pool, before anybody uses it. One that is in use is left alone: what becomes
of its transaction, the server says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.dialling import port_of
from ..errors import ConfigError
from ..sync.roles import Roles
from ._whom import is_same_pod, name_of, target

try:
    from sqlalchemy import event, exc
except ImportError as error:
    raise ImportError(
        "SQLAlchemy is missing: pip install 'headless-discovery[sqlalchemy]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect, Engine, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

    from ..core.snapshot import Endpoint
    from ._whom import Source

__all__ = ["creator", "follow", "listen"]

_POD = "headless_discovery.pod"  # in the info of a pool's connection
_WHERE = ("host", "hostaddr", "port")  # a URL may say them: it is not where the pods are
_READ_ONLY = (1290, 1792, 1836, "25006")  # of MySQL and MariaDB; of PostgreSQL


def listen(engine: Engine, source: Source, *, role: str | None = None, **whom: Any) -> None:
    """Have the engine's driver connect to the pods; its URL needs no host.

    Args:
        engine: Of any driver that takes ``host`` and ``port``. PyMySQL and psycopg dial the
            pod's address, others its FQDN; TLS is verified against the FQDN.
        source: A `HeadlessService`, or a `Roles`, which is followed then.
        role: ``"primary"`` (default) or ``"replica"``, of a `Roles`.
        **whom: Further keywords of ``service.connect``.
    """
    if role is not None:
        whom["role"] = role

    def do_connect(
        dialect: Dialect, record: ConnectionPoolEntry, cargs: list[Any], cparams: dict[str, Any]
    ) -> Any:
        def dial(endpoint: Endpoint, seconds: float) -> Any:
            return _dial(dialect, cargs, cparams, endpoint, seconds)

        return creator(source, dial, **whom)(record)

    event.listen(engine, "do_connect", do_connect)
    if isinstance(source, Roles):
        follow(engine, source, role=role or "primary")


def creator(
    source: Source, dial: Callable[[Endpoint, float], Any], **whom: Any
) -> Callable[[ConnectionPoolEntry], Any]:
    """What ``create_engine(creator=...)`` calls for each new connection.

    Args:
        source: A `HeadlessService`, or a `Roles`; see `follow`.
        dial: Called with a pod and the seconds there are; returns the driver's connection.
        **whom: Keywords of ``service.connect``.
    """

    def create(connection_record: ConnectionPoolEntry) -> Any:
        def remember(endpoint: Endpoint, seconds: float) -> Any:
            made = dial(endpoint, seconds)
            connection_record.info[_POD] = endpoint
            return made

        return source.connect(remember, pass_timeout=True, **whom)

    return create


def follow(engine: Engine, roles: Roles, *, role: str = "primary") -> None:
    """Replace connections whose pod has lost its role; `listen` does that by itself.

    Also asks for the roles anew after an error that says the server is read-only.
    """
    if role not in ("primary", "replica"):
        raise ConfigError("role", f"{ascii(role)[:100]} is neither 'primary' nor 'replica'")

    def checkout(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        wanted = (roles.primary(),) if role == "primary" else roles.replicas()
        pod = record.info.get(_POD)
        if pod is None or not any(is_same_pod(pod, each) for each in wanted):
            raise exc.DisconnectionError(f"{pod} is not {role} any more")

    def handle_error(context: ExceptionContext) -> None:
        error = context.original_exception
        if any(said in _READ_ONLY for said in (getattr(error, "sqlstate", None), *error.args[:1])):
            roles.forget()

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "handle_error", handle_error)


def _dial(
    dialect: Dialect, cargs: list[Any], cparams: dict[str, Any], endpoint: Endpoint, seconds: float
) -> Any:
    rest = {key: value for key, value in cparams.items() if key not in _WHERE}
    if dialect.driver == "pymysql":
        from .pymysql import dial  # noqa: PLC0415 - only where it is the driver

        return dial(endpoint, seconds, **rest)
    if dialect.driver.startswith("psycopg"):
        return dialect.connect(*cargs, **{**target((endpoint,), seconds), **rest})
    return dialect.connect(*cargs, **rest, host=name_of(endpoint), port=port_of(endpoint))
