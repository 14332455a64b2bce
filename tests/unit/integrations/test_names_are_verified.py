"""TLS of the clients verifies the pod's name, or is refused before anybody is dialled."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from headless_discovery import ConfigError, Endpoint
from headless_discovery.integrations import asyncpg, pymysql

POD = Endpoint(
    name="db-0", hostname="db-0.db.shop.svc.cluster.local", addresses=("127.0.0.1",), ports=(1,)
)


def lax() -> ssl.SSLContext:
    """A context that checks no name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


@pytest.mark.parametrize(
    "options",
    [
        {"ssl": lax()},
        {"ssl_ca": "ca.pem", "ssl_verify_identity": False},
        {"ssl_ca": "ca.pem", "ssl_verify_cert": False},
        {"ssl_cert": "own.pem", "ssl_key": "own.key"},
    ],
)
def test_pymysql(options: dict[str, Any]) -> None:
    """PyMySQL checks a name only with an authority, and only when told."""
    with pytest.raises(ConfigError, match=r"tls|ssl_"):
        pymysql.dial(POD, 1.0, **options)


def test_pymysql_with_an_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ssl_ca=`` is enough: the name is checked, which PyMySQL alone would not do.

    No server is there: what PyMySQL's own class is told is seen, and that it was not dialled.
    """
    told: dict[str, Any] = {}

    def connection(**options: Any) -> None:
        told.update(options)
        raise ConnectionRefusedError

    monkeypatch.setattr("pymysql.Connection", connection)
    with pytest.raises(ConnectionRefusedError):
        pymysql.dial(POD, 1.0, ssl_ca="ca.pem")
    assert told["ssl_verify_identity"] is told["ssl_verify_cert"] is True
    told.clear()
    with pytest.raises(ConnectionRefusedError):
        pymysql.dial(POD, 1.0, ssl_disabled=True)
    assert "ssl_verify_identity" not in told


def test_asyncpg() -> None:
    """A context that checks no name is refused, as everywhere."""
    ask = asyncpg.probe(ssl=lax())
    with pytest.raises(ConfigError, match="tls"):
        asyncio.run(_awaited(ask(POD, 1.0)))


async def _awaited(work: Any) -> Any:
    return await work
