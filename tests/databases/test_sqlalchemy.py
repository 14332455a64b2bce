"""SQLAlchemy over real MariaDB and PostgreSQL servers with TLS: its pool follows the roles."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, exc, text
from sqlalchemy.ext.asyncio import create_async_engine

from headless_discovery import AmbiguousEndpoint, AsyncRoles, ConfigError, HeadlessService, Roles
from headless_discovery.integrations import asyncpg, psycopg, pymysql
from headless_discovery.integrations.sqlalchemy import creator, follow, listen
from tests.databases.sql import (
    SERVER_ID,
    afollowed,
    followed,
    for_asyncpg,
    for_psycopg,
    for_pymysql,
    query,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet


@pytest.fixture
def login(authority: Authority) -> dict[str, Any]:
    """Return what clients log in with."""
    return {**for_pymysql(authority), "autocommit": False}


@pytest.fixture
def service(namespace: Namespace, mysql: Kubelet) -> Iterator[HeadlessService]:
    """Return the followed Service, three servers behind it."""
    with followed(namespace, "mysql") as made:
        made.wait_for(count=len(mysql.pods), timeout=20)
        yield made


@pytest.fixture
def roles(service: HeadlessService, login: dict[str, Any]) -> Roles:
    """Return its roles, told by a probe and believed for ten minutes."""
    return Roles(service, probe=pymysql.probe(**login), keep=600)


@pytest.fixture
def engine(login: dict[str, Any]) -> Iterator[Engine]:
    """Return an engine with a pool of one connection; what host its URL names does not matter."""
    url = "mysql+pymysql://nowhere.invalid:1/"
    made = create_engine(url, connect_args=login, pool_size=1, max_overflow=9)
    yield made
    made.dispose()


def ordinal(connection: Connection) -> int:
    """Which pod it is connected to."""
    found: int = connection.execute(text("SELECT @@server_id")).scalar_one()
    return found - SERVER_ID


def ordinals(engine: Engine, count: int) -> Counter[int]:
    """Which pods so many connections, open at once, are connected to."""
    opened = [engine.connect() for _ in range(count)]
    try:
        return Counter(map(ordinal, opened))
    finally:
        for each in opened:
            each.close()


def make_primary(mysql: Kubelet, new: int, old: int = 0) -> None:
    """Move the primary by hand."""
    query(mysql, f"mysql-{old}", "SET GLOBAL read_only = 1")
    query(mysql, f"mysql-{new}", "STOP SLAVE", "SET GLOBAL read_only = 0")


def test_a_service(service: HeadlessService, engine: Engine) -> None:
    """New connections take turns, by the driver and the arguments of the engine."""
    listen(engine, service)
    assert ordinals(engine, 6) == {0: 2, 1: 2, 2: 2}
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
    assert driver.host in {each.hostname for each in service.members}


def test_one_pod(service: HeadlessService, engine: Engine) -> None:
    """``to=`` and the like are those of ``connect``."""
    listen(engine, service, to="mysql-2")
    assert ordinals(engine, 3) == {2: 3}


def test_replicas(roles: Roles, engine: Engine, mysql: Kubelet) -> None:
    """Replicas share the connections; one that is no replica any more is not used again."""
    listen(engine, roles, role="replica")
    assert ordinals(engine, 4) == {1: 2, 2: 2}
    with engine.connect() as connection:
        pooled = ordinal(connection)
    other = 3 - pooled
    make_primary(mysql, pooled)
    roles.forget()
    assert set(ordinals(engine, 2)) == {0, other}


def test_the_primary_moves(roles: Roles, engine: Engine, mysql: Kubelet) -> None:
    """A pooled connection to the old primary is replaced before anybody gets it."""
    listen(engine, roles)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE moves (number INT)"))
        assert ordinal(connection) == 0
        driver = connection.connection.driver_connection
    with engine.connect() as connection:
        assert connection.connection.driver_connection is driver  # it was pooled
    make_primary(mysql, 2)
    roles.forget()
    with engine.connect() as connection:
        assert ordinal(connection) == 2
    assert driver is not None
    assert not driver.open


def test_a_read_only_error_asks_again(roles: Roles, engine: Engine, mysql: Kubelet) -> None:
    """What still goes to the old primary fails loudly, and the next goes to the new one."""
    listen(engine, roles)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE again (number INT)"))
    make_primary(mysql, 1)
    with pytest.raises(exc.OperationalError, match="read-only"), engine.begin() as connection:
        connection.execute(text("INSERT INTO again VALUES (1)"))
    with engine.begin() as connection:
        assert ordinal(connection) == 1


def test_a_transaction_under_way_is_left_alone(
    roles: Roles, engine: Engine, mysql: Kubelet
) -> None:
    """It goes on where it began, and commits there or fails; the pool has moved meanwhile."""
    listen(engine, roles)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (number INT)"))
    with engine.connect() as begun:
        begun.execute(text("INSERT INTO kept VALUES (1)"))
        make_primary(mysql, 2)
        roles.forget()
        with engine.connect() as other:
            assert ordinal(other) == 2
        assert ordinal(begun) == 0
        with pytest.raises(exc.OperationalError, match="read-only"):
            begun.commit()
    assert query(mysql, "mysql-0", "SELECT COUNT(*) AS n FROM shop.kept") == [{"n": 0}]


def test_two_primaries(roles: Roles, engine: Engine, mysql: Kubelet) -> None:
    """Nobody gets a connection while two pods say that they are it; both are named."""
    listen(engine, roles)
    assert ordinals(engine, 1) == {0: 1}
    query(mysql, "mysql-1", "STOP SLAVE", "SET GLOBAL read_only = 0")
    roles.forget()
    with pytest.raises(AmbiguousEndpoint) as raised:
        engine.connect()
    assert [each.name for each in raised.value.listed] == ["mysql-0", "mysql-1"]


def test_a_pod_dies(service: HeadlessService, mysql: Kubelet, login: dict[str, Any]) -> None:
    """A dead connection is replaced by one to another replica: the engine's own pre-ping."""
    made = create_engine(
        "mysql+pymysql://", connect_args=login, pool_size=1, max_overflow=9, pool_pre_ping=True
    )
    try:
        listen(made, Roles(service), role="replica")
        with made.connect() as connection:
            dead = ordinal(connection)
        mysql.hold(f"mysql-{dead}")
        mysql.servers[f"mysql-{dead}"].kill()
        for _ in range(5):
            with made.connect() as connection:
                assert ordinal(connection) == 3 - dead
    finally:
        made.dispose()


def test_creator(roles: Roles, mysql: Kubelet, login: dict[str, Any]) -> None:
    """A function of one's own makes the connections; the pool follows if it is told to."""
    made = create_engine(
        "mysql+pymysql://",
        creator=creator(roles, lambda pod, seconds: pymysql.dial(pod, seconds, **login)),
        pool_size=1,
    )
    try:
        follow(made, roles)
        assert ordinals(made, 1) == {0: 1}
        make_primary(mysql, 1)
        roles.forget()
        assert ordinals(made, 1) == {1: 1}
    finally:
        made.dispose()


def test_postgres(namespace: Namespace, postgres: Kubelet, authority: Authority) -> None:
    """The same listener serves psycopg: it dials the address and verifies the name."""
    login = for_psycopg(authority)
    engine = create_engine("postgresql+psycopg://nowhere.invalid:1/", connect_args=login)
    with followed(namespace, "postgres") as service:
        service.wait_for(count=2, timeout=20)
        roles = Roles(service, probe=psycopg.probe(**login), keep=600)
        listen(engine, roles)
        try:
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE moves (number INT)"))
                driver: Any = connection.connection.driver_connection
            primary = roles.primary()
            assert (driver.info.host, driver.info.hostaddr) == (primary.hostname, primary.address)
            postgres.hold("postgres-0")
            postgres.servers["postgres-0"].kill()
            query(postgres, "postgres-1", "SELECT pg_promote()")
            roles.forget()
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO moves VALUES (1)"))
            assert roles.primary().name == "postgres-1"
        finally:
            engine.dispose()


def test_asyncio(namespace: Namespace, postgres: Kubelet, authority: Authority) -> None:
    """An asyncio engine is told by asyncpg's `connect`; disposed of, it begins anew."""
    login = for_asyncpg(authority)

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=2, timeout=20)
            roles = AsyncRoles(service, probe=asyncpg.probe(**login))
            engine = create_async_engine(
                "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(roles, **login)
            )

            async def who() -> str:
                async with engine.connect() as connection:
                    found = await connection.execute(text("SELECT host(inet_server_addr())"))
                    return str(found.scalar_one())

            assert await who() == postgres.pods["postgres-0"].address
            postgres.hold("postgres-0")
            postgres.servers["postgres-0"].kill()
            query(postgres, "postgres-1", "SELECT pg_promote()")
            roles.forget()
            await engine.dispose()
            assert await who() == postgres.pods["postgres-1"].address
            await engine.dispose()

    run(main)


def test_a_role_that_is_none(roles: Roles, engine: Engine) -> None:
    """Something else than primary and replica is refused at once."""
    with pytest.raises(ConfigError, match="neither"):
        follow(engine, roles, role="secondary")
