"""PyMySQL: connections to the pods of a MySQL or MariaDB behind a Service.

In: a service object or its roles, and the keywords of ``pymysql.connect``. Out: a connection.
The pod's address is dialled and TLS verifies the pod's FQDN, which PyMySQL is told as its
``host``; so a ``ping(reconnect=True)`` comes back to the same pod.
"""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress
from ssl import SSLContext
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..core.connectpolicy import STAGGER
from ..core.dialling import port_of
from ..errors import ConfigError
from ..sync.dialling import dial_socket
from ..tls import check_context
from ._whom import name_of, split

try:
    import pymysql
except ImportError as error:
    raise ImportError("PyMySQL is missing: pip install 'headless-discovery[pymysql]'") from error

from pymysql.cursors import DictCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..core.snapshot import Endpoint
    from ._whom import Source

__all__ = ["connect", "dial", "probe"]

# MariaDB from 10.5, MySQL from 8.0.22, older ones.
_STATUS = ("SHOW ALL REPLICAS STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")


def connect(source: Source, **keywords: Any) -> pymysql.Connection[Any]:
    """Connect to one of the pods.

    Args:
        source: A `HeadlessService`, or a `Roles`.
        **keywords: Those of ``service.connect`` that say whom (``to``, ``order``, ...; of a
            `Roles` also ``role``), and those of ``pymysql.connect`` but for ``host`` and
            ``port``, which DNS tells. TLS, by ``ssl_ca=`` or ``ssl=`` a context, verifies the
            pod's name.

    Raises:
        ConfigError: TLS that would not verify it.
        ConnectFailed: Nobody let us in; the attempts hold the errors of PyMySQL.
    """
    whom, options = split(keywords)
    return source.connect(  # type: ignore[no-any-return]  # whatever dial returns
        lambda endpoint, seconds: dial(endpoint, seconds, **options), pass_timeout=True, **whom
    )


def dial(endpoint: Endpoint, seconds: float, **options: Any) -> pymysql.Connection[Any]:
    """Connect to that pod within so many seconds, or raise what PyMySQL or the socket raises."""
    deadline = monotonic() + seconds
    where = {"host": name_of(endpoint), "port": port_of(endpoint)}
    made = pymysql.Connection(**{**_verifying(options), **where, "defer_connect": True})
    left = deadline - monotonic()  # an object of PyMySQL takes its time
    connected = dial_socket(endpoint, left, stagger=STAGGER, check=lambda: None)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with _cut_after(connected, deadline - monotonic()):
            made.connect(connected)
    except BaseException:
        if made.open:
            made.close()
        connected.close()
        raise
    return made


def _verifying(options: dict[str, Any]) -> dict[str, Any]:
    """The options, with TLS that verifies the pod's name; PyMySQL's own does so only when told.

    Raises:
        ConfigError: They say that it shall not.
    """
    if isinstance(options.get("ssl"), SSLContext):
        check_context(options["ssl"])
    told = [key for key in options if key.startswith("ssl_")]
    if not told or options.get("ssl_disabled"):
        return options
    for key in ("ssl_verify_cert", "ssl_verify_identity"):
        if options.get(key) is False:
            raise ConfigError(key, "without it a stranger's certificate passes for any pod's")
    if not options.get("ssl_ca"):
        raise ConfigError("ssl_ca", "PyMySQL checks no name without it: give it, or ssl= a context")
    return {**options, "ssl_verify_cert": True, "ssl_verify_identity": True}


@contextmanager
def _cut_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Cut a connection whose handshake has not ended in time, and raise a `TimeoutError`.

    PyMySQL's only limit for the handshake is that of all reads. What is cut is a twin of the
    socket, since TLS takes the socket itself over.
    """
    late = threading.Event()
    failure = TimeoutError(f"no handshake within {seconds:.2g} s")
    with connected.dup() as twin:

        def cut() -> None:
            late.set()
            with suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.0, seconds), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except pymysql.Error as error:
            if late.is_set():
                raise failure from error
            raise
        finally:
            timer.cancel()
            timer.join()
        if late.is_set():  # just after the last answer
            raise failure


def probe(**options: Any) -> Callable[[Endpoint, float], str]:
    """What `Roles` ask a pod by: ``@@read_only``, and whether it replicates from another.

    A replica is read-only, or follows another server. For the second question the user needs
    ``SLAVE MONITOR`` (MariaDB) or ``REPLICATION CLIENT`` (MySQL).

    Args:
        **options: Keywords of ``pymysql.connect``: user, password, ssl and so on.
    """

    def ask(endpoint: Endpoint, timeout: float) -> str:
        limits = {"read_timeout": timeout, "cursorclass": DictCursor}
        with (
            closing(dial(endpoint, timeout, **{**options, **limits})) as connection,
            connection.cursor() as cursor,
        ):
            return "replica" if _is_read_only(cursor) or _is_replicating(cursor) else "primary"

    return ask


def _is_read_only(cursor: DictCursor) -> bool:
    cursor.execute("SELECT @@read_only AS said")
    [row] = cursor.fetchall()
    return str(row["said"]).upper() not in ("0", "OFF")


def _is_replicating(cursor: DictCursor) -> bool:
    for statement in _STATUS:
        with suppress(pymysql.ProgrammingError):  # it has another word for it
            cursor.execute(statement)
            break
    return any(
        key.endswith(("_IO_Running", "_SQL_Running")) and said != "No"
        for row in cursor.fetchall()
        for key, said in row.items()
    )
