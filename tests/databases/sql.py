"""SQL: what the tests of SQL clients share: whom they log in as, and whom they talk to.

In come a Kubernetes namespace and the authority of the certificates, out go service objects
and the keywords of clients. The servers are `mariadb_server.py` and `postgres_server.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from typing import TYPE_CHECKING, Any

from headless_discovery import AsyncHeadlessService, ConnectPolicy, HeadlessService, PollPolicy
from tests.databases import mariadb_server, postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet

INTERVAL = 1.0
"""Seconds between looks."""

POLL = PollPolicy(interval=INTERVAL)
DIALLING = ConnectPolicy(eject_for=1.0)  # else a test would wait for half a minute
SERVER_ID = 100
"""What MariaDB's server ids begin with."""


def followed(namespace: Namespace, name: str) -> HeadlessService:
    """Return a service object, not open yet, that looks every second and forgives soon."""
    return HeadlessService(name, namespace=namespace.name, poll=POLL, connect_policy=DIALLING)


def afollowed(namespace: Namespace, name: str) -> AsyncHeadlessService:
    """Return the same for asyncio."""
    return AsyncHeadlessService(name, namespace=namespace.name, poll=POLL, connect_policy=DIALLING)


def for_pymysql(authority: Authority) -> dict[str, Any]:
    """Return what `app` logs in to MariaDB with, verifying the pod."""
    return {
        "user": "app",
        "password": mariadb_server.PASSWORD,
        "database": mariadb_server.DATABASE,
        "ssl": authority.client_context(),
        "autocommit": True,
    }


def for_psycopg(authority: Authority) -> dict[str, Any]:
    """Return what `app` logs in to PostgreSQL with, verifying the pod."""
    return {
        "user": "app",
        "password": postgres_server.PASSWORD,
        "dbname": postgres_server.DATABASE,
        "sslmode": "verify-full",
        "sslrootcert": str(authority.ca_file),
    }


def for_asyncpg(authority: Authority) -> dict[str, Any]:
    """Return the same for asyncpg."""
    return {
        "user": "app",
        "password": postgres_server.PASSWORD,
        "database": postgres_server.DATABASE,
        "ssl": authority.client_context(),
    }


def query(kubelet: Kubelet, pod: str, *statements: str) -> list[Any]:
    """Execute statements on one pod as `admin`, past the Service; return the last one's rows."""
    server: Any = kubelet.servers[pod]
    rows: list[Any] = server.query(*statements)
    return rows


def until(condition: Callable[[], object], what: str, timeout: float = 20.0) -> None:
    """Wait until something holds; what it raises counts as not yet."""
    end = time.monotonic() + timeout
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            if condition():
                return
        except Exception as error:  # noqa: BLE001 - told below
            last = error
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout:g} s: {what} ({last!r})")


@contextlib.contextmanager
def data_removed(folder: Path) -> Iterator[None]:
    """Remove the data of all pods at the end: it is a hundred megabytes a test. Logs stay."""
    try:
        yield
    finally:
        for data in folder.glob("*/data"):
            shutil.rmtree(data)


def run(main: Callable[[], Any]) -> Any:
    """Run a coroutine function to its end in a loop of its own."""
    return asyncio.run(main())
