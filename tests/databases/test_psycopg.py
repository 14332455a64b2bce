"""psycopg and its pool over real PostgreSQL servers with TLS: names, a dead pod, roles."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from headless_discovery import (
    AsyncRoles,
    ConfigError,
    ConnectFailed,
    Endpoint,
    HeadlessService,
    Roles,
)
from headless_discovery.integrations.psycopg import aconnect, aprobe, connect, probe, target
from headless_discovery.integrations.psycopg_pool import aconninfo, conninfo
from tests.databases.sql import afollowed, followed, for_psycopg, query, run, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet

WHO = "SELECT host(inet_server_addr())"


@pytest.fixture
def login(authority: Authority) -> dict[str, Any]:
    """Return what clients log in with."""
    return for_psycopg(authority)


@pytest.fixture
def service(namespace: Namespace, postgres: Kubelet) -> Iterator[HeadlessService]:
    """Return the followed Service, a primary and a standby behind it."""
    with followed(namespace, "postgres") as made:
        made.wait_for(count=len(postgres.pods), timeout=20)
        yield made


def pod_of(kubelet: Kubelet, connection: psycopg.Connection[Any]) -> str:
    """Which pod answers."""
    [address] = connection.execute(WHO).fetchone() or [None]
    return next(pod.name for pod in kubelet.pods.values() if pod.address == address)


def ask(kubelet: Kubelet, source: Any, **keywords: Any) -> str:
    """Connect, and tell which pod answers."""
    with connect(source, **keywords) as connection:
        return pod_of(kubelet, connection)


def promote(kubelet: Kubelet) -> None:
    """Let the primary die, and make the standby the primary."""
    kubelet.hold("postgres-0")
    kubelet.servers["postgres-0"].kill()
    query(kubelet, "postgres-1", "SELECT pg_promote()")


def test_connections_take_turns(
    service: HeadlessService, postgres: Kubelet, login: dict[str, Any]
) -> None:
    """Each pod has its exact share; the address is dialled and the FQDN verified."""
    shares = Counter(ask(postgres, service, **login) for _ in range(6))
    assert shares == {"postgres-0": 3, "postgres-1": 3}
    with connect(service, to=1, **login) as connection:
        pod = service.members.by_ordinal(1)
        assert (connection.info.host, connection.info.hostaddr) == (pod.hostname, pod.address)
        assert connection.pgconn.ssl_in_use


def test_the_pods_name_is_verified(service: HeadlessService, login: dict[str, Any]) -> None:
    """The certificate of another pod is refused, though its server is the one dialled."""
    first, second = service.members
    stranger = Endpoint(
        name="x", hostname=first.hostname, addresses=second.addresses, ports=(5432,)
    )
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(**target([stranger], 2), **login)


def test_a_pod_dies_and_one_comes(
    service: HeadlessService, namespace: Namespace, postgres: Kubelet, login: dict[str, Any]
) -> None:
    """A killed standby costs no connection; pods that are added have their share."""
    postgres.hold("postgres-1")
    postgres.servers["postgres-1"].kill()
    assert {ask(postgres, service, **login) for _ in range(6)} == {"postgres-0"}
    with pytest.raises(ConnectFailed, match="refused"):
        connect(service, to="postgres-1", **login)
    postgres.release("postgres-1")
    namespace.scale("postgres", 3)
    postgres.wait_ready(3)
    service.wait_for(count=3, timeout=20)
    everybody = set(postgres.pods)
    until(
        lambda: {ask(postgres, service, **login) for _ in range(3)} == everybody,
        "all three have their share",
    )


def test_a_pool(service: HeadlessService, postgres: Kubelet, login: dict[str, Any]) -> None:
    """Each new connection of the pool goes to another pod; a dead one is passed over."""
    with ConnectionPool(conninfo(service, **login), min_size=4, open=True) as pool:
        pool.wait(10)
        opened = [pool.getconn() for _ in range(4)]
        shares = Counter(pod_of(postgres, each) for each in opened)
        for each in opened:
            pool.putconn(each)
    assert shares == {"postgres-0": 2, "postgres-1": 2}
    postgres.hold("postgres-1")
    postgres.servers["postgres-1"].kill()
    with ConnectionPool(conninfo(service, **login), min_size=4, open=True) as pool:
        pool.wait(10)
        with pool.connection() as connection:
            assert pod_of(postgres, connection) == "postgres-0"


def test_what_a_pool_is_told(service: HeadlessService, login: dict[str, Any]) -> None:
    """All pods, another one first each time; ``to=`` names one; libpq finds the primary."""
    told = conninfo(service, **login)
    first, second = (conninfo_to_dict(told()) for _ in range(2))
    names = [each.hostname for each in service.members]
    assert str(first["host"]).split(",") in (names, names[::-1])
    assert str(second["host"]).split(",") == str(first["host"]).split(",")[::-1]
    assert first["port"] == "5432,5432"
    assert first["connect_timeout"] == "2"
    one = conninfo_to_dict(conninfo(service, to=1, connect_timeout=7, **login)())
    assert (one["host"], one["connect_timeout"]) == (names[1], "7")
    writable = conninfo(service, target_session_attrs="read-write", **login)
    for _ in range(2):
        with psycopg.connect(writable()) as connection:
            assert connection.info.host == names[0]
    with pytest.raises(ConfigError, match="knows no roles"):
        conninfo(service, role="replica")


def test_roles(service: HeadlessService, postgres: Kubelet, login: dict[str, Any]) -> None:
    """Who is in recovery is a replica; after a promotion pools and connections follow."""
    roles = Roles(service, probe=probe(**login))
    assert roles.primary().name == "postgres-0"
    assert [each.name for each in roles.replicas()] == ["postgres-1"]
    assert ask(postgres, roles, **login) == "postgres-0"
    assert ask(postgres, roles, role="replica", **login) == "postgres-1"
    reads = conninfo_to_dict(conninfo(roles, role="replica", **login)())
    assert reads["host"] == roles.replica().hostname
    with connect(roles, role="replica", **login) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE refused ()")
        connection.rollback()
    promote(postgres)
    roles.forget()
    assert roles.primary().name == "postgres-1"
    with (
        ConnectionPool(conninfo(roles, **login), min_size=1, open=True) as pool,
        pool.connection() as connection,
    ):
        assert pod_of(postgres, connection) == "postgres-1"
    with pytest.raises(ConfigError, match="neither"):
        conninfo(roles, role="secondary")
    with pytest.raises(ConfigError, match="to"):
        conninfo(roles, to=0)


def test_asyncio(namespace: Namespace, postgres: Kubelet, login: dict[str, Any]) -> None:
    """The same with asyncio: connections, roles, the pool, after a promotion too."""

    async def main() -> None:
        async with afollowed(namespace, "postgres") as service:
            await service.wait_for(count=2, timeout=20)
            found = []
            for _ in range(4):
                async with await aconnect(service, **login) as connection:
                    found.append(connection.info.host)
            assert sorted(Counter(found).values()) == [2, 2]
            roles = AsyncRoles(service, probe=aprobe(**login))
            assert (await roles.primary()).name == "postgres-0"
            names = [each.hostname for each in service.members]
            for role, name in (("primary", names[0]), ("replica", names[1])):
                async with (
                    AsyncConnectionPool(
                        aconninfo(roles, role=role, **login), min_size=1, open=False
                    ) as pool,
                    pool.connection() as connection,
                ):
                    assert connection.info.host == name
            told = [conninfo_to_dict(await aconninfo(service, **login)()) for _ in range(2)]
            assert {str(each["host"]).split(",")[0] for each in told} == set(names)
            promote(postgres)
            roles.forget()
            async with await aconnect(roles, **login) as connection:
                assert connection.info.host == names[1]

    run(main)
