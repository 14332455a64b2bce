"""PyMySQL over real MariaDB servers with TLS: rotation, names, dead and silent pods, roles."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from headless_discovery import ConnectFailed, Endpoint, HeadlessService, Roles
from headless_discovery.integrations.pymysql import connect, dial, probe
from tests.databases.sql import SERVER_ID, followed, for_pymysql, query, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet


@pytest.fixture
def login(authority: Authority) -> dict[str, Any]:
    """Return what clients log in with."""
    return for_pymysql(authority)


@pytest.fixture
def service(namespace: Namespace, mysql: Kubelet) -> Iterator[HeadlessService]:
    """Return the followed Service, three servers behind it."""
    with followed(namespace, "mysql") as made:
        made.wait_for(count=len(mysql.pods), timeout=20)
        yield made


def ordinal(connection: pymysql.Connection[Any]) -> int:
    """Which pod answers; the connection is closed."""
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT @@server_id")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0]) - SERVER_ID


def test_connections_take_turns(service: HeadlessService, login: dict[str, Any]) -> None:
    """Each pod has its exact share; ``to=`` dials one pod, at its address and by its name."""
    assert Counter(ordinal(connect(service, **login)) for _ in range(9)) == {0: 3, 1: 3, 2: 3}
    pod = service.members.by_ordinal(2)
    connection = connect(service, to=2, **login)
    assert connection.host == pod.hostname
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        assert cursor.fetchone()[1]  # it was TLS
    assert ordinal(connection) == 2


def test_the_pods_name_is_verified(service: HeadlessService, login: dict[str, Any]) -> None:
    """The certificate of another pod is refused, though its server is the one dialled."""
    first, second = service.members.by_ordinal(0), service.members.by_ordinal(1)
    stranger = Endpoint(
        name=first.name, hostname=first.hostname, addresses=second.addresses, ports=first.ports
    )
    with pytest.raises(pymysql.OperationalError, match="certificate"):
        dial(stranger, 2.0, **login)
    assert ordinal(dial(first, 2.0, **login)) == 0


def test_a_pod_dies_and_one_comes(
    service: HeadlessService, namespace: Namespace, mysql: Kubelet, login: dict[str, Any]
) -> None:
    """A killed pod costs no connection; one that is added has its share."""
    mysql.hold("mysql-1")
    mysql.servers["mysql-1"].kill()
    alive = Counter(ordinal(connect(service, **login)) for _ in range(20))
    assert set(alive) == {0, 2}
    assert abs(alive[0] - alive[2]) <= 6
    mysql.release("mysql-1")
    namespace.scale("mysql", 4)
    mysql.wait_ready(4)
    service.wait_for(count=4, timeout=20)
    until(
        lambda: {ordinal(connect(service, **login)) for _ in range(4)} == {0, 1, 2, 3},
        "all four have their share",
    )


def test_a_silent_pod_is_skipped(
    service: HeadlessService, mysql: Kubelet, login: dict[str, Any]
) -> None:
    """One that accepts and says nothing costs an attempt's time, and no thread is left."""
    paused: Any = mysql.servers["mysql-0"]
    paused.pause()
    try:
        begun = time.monotonic()
        found = {ordinal(connect(service, attempt_timeout=0.2, **login)) for _ in range(3)}
        assert found <= {1, 2}
        assert time.monotonic() - begun < 2
        with pytest.raises(ConnectFailed) as failed:
            connect(service, to=0, attempt_timeout=0.2, **login)
        [attempt] = failed.value.attempts
        assert isinstance(attempt.error, TimeoutError)
        assert 0.15 < attempt.seconds < 0.7
    finally:
        paused.resume()


def test_wrong_password(service: HeadlessService, login: dict[str, Any]) -> None:
    """What the server says is in the attempts, one for each pod."""
    with pytest.raises(ConnectFailed) as failed:
        connect(service, **{**login, "password": "wrong"})
    assert [type(each.error) for each in failed.value.attempts] == [pymysql.OperationalError] * 3
    assert "Access denied" in str(failed.value)


def test_roles(service: HeadlessService, mysql: Kubelet, login: dict[str, Any]) -> None:
    """Read-only or replicating is a replica, else it is the primary; a dead pod is neither."""
    roles = Roles(service, probe=probe(**login))
    assert roles.primary().name == "mysql-0"
    assert [each.name for each in roles.replicas()] == ["mysql-1", "mysql-2"]
    assert ordinal(connect(roles, **login)) == 0
    reads = Counter(ordinal(connect(roles, role="replica", **login)) for _ in range(8))
    assert reads == {1: 4, 2: 4}

    query(mysql, "mysql-1", "SET GLOBAL read_only = 0")  # it still follows mysql-0
    roles.forget()
    assert [each.name for each in roles.replicas()] == ["mysql-1", "mysql-2"]
    query(mysql, "mysql-0", "SET GLOBAL read_only = 1")  # it follows nobody
    query(mysql, "mysql-1", "STOP SLAVE")
    roles.forget()
    assert roles.primary().name == "mysql-1"
    assert [each.name for each in roles.replicas()] == ["mysql-0", "mysql-2"]

    mysql.hold("mysql-2")
    mysql.servers["mysql-2"].kill()
    roles.forget()
    assert [each.name for each in roles.replicas()] == ["mysql-0"]
