"""A MariaDB with replicas lives through what such a cluster lives through, under load.

Writes go to the primary by SQLAlchemy, reads rotate over the replicas; a replica is added,
and the primary is moved by hand, with the scripts of `examples/mysql_replication`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pytest
from sqlalchemy import NullPool, create_engine, text

from headless_discovery import HeadlessService, Roles
from headless_discovery.integrations.pymysql import connect, probe
from headless_discovery.integrations.sqlalchemy import listen
from tests.databases.mariadb_server import DATABASE, PASSWORD, SCRIPTS, MariaDBServer
from tests.databases.sql import INTERVAL, SERVER_ID, followed, for_pymysql, query, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet

INSERT = text("INSERT INTO orders (id, pod) VALUES (:id, @@server_id)")
SELECT = text("SELECT @@server_id, (SELECT MAX(id) FROM orders)")
COUNT = "SELECT COUNT(*) AS total, SUM(pod = 100) AS first FROM shop.orders"


class Done(NamedTuple):
    """One call that ended: when, on which pod, and why it failed."""

    ended: float
    ordinal: int | None
    error: Exception | None


class Caller:
    """Calls something again and again in a thread, some hundred times a second.

    Args:
        call: Called with the number of the call, returns the ordinal of the pod.
    """

    def __init__(self, call: Callable[[int], int]) -> None:
        self.done: list[Done] = []
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def good(self, since: float = 0.0) -> Counter[int | None]:
        """Count what was done on each pod."""
        return Counter(each.ordinal for each in self.done if not each.error and each.ended > since)

    def bad(self) -> list[Done]:
        """Return what failed."""
        return [each for each in self.done if each.error is not None]

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.005):
            number += 1
            ordinal, error = None, None
            try:
                ordinal = self._call(number)
            except Exception as raised:  # noqa: BLE001 - it is what is counted
                error = raised
            self.done.append(Done(time.monotonic(), ordinal, error))


@pytest.fixture
def service(namespace: Namespace, mysql: Kubelet) -> Iterator[HeadlessService]:
    """Return the followed Service, three servers behind it."""
    with followed(namespace, "mysql") as made:
        made.wait_for(count=len(mysql.pods), timeout=20)
        yield made


@pytest.fixture
def login(authority: Authority) -> dict[str, Any]:
    """Return what clients log in with."""
    return {**for_pymysql(authority), "autocommit": False}


def script(
    name: str, namespace: Namespace, authority: Authority, folder: Path, *arguments: str
) -> str:
    """Run a script of the example against the Service as a reader would; what it printed."""
    options = folder / "client.cnf"
    options.write_text(
        f"[client]\nuser=admin\npassword={PASSWORD}\nssl-ca={authority.ca_file}\n"
        "ssl-verify-server-cert\n"
    )
    folder.joinpath("tls").mkdir(exist_ok=True)
    folder.joinpath("tls", "ca.crt").write_bytes(authority.ca_file.read_bytes())
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["sh", str(SCRIPTS / name), f"mysql.{namespace.name}", *arguments],
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "CLIENT": str(options),
            "TLS": str(folder / "tls"),
            "MYSQL_PWD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_primary_and_its_replicas(
    service: HeadlessService,
    namespace: Namespace,
    mysql: Kubelet,
    authority: Authority,
    login: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every write is done by the primary of its time and is on all pods at the end.

    Reads rotate over the replicas, without an error; a replica that is added is read within
    seconds. When the primary is moved, writes fail only for the moment in which nobody is
    writable; then the probe, and the pool of SQLAlchemy, are with the new one.
    """
    roles = Roles(service, probe=probe(**login))
    writer = create_engine("mysql+pymysql://", connect_args=login, pool_size=2)
    listen(writer, roles)
    reader = create_engine("mysql+pymysql://", connect_args=login, poolclass=NullPool)
    listen(reader, roles, role="replica")
    with writer.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INT PRIMARY KEY, pod INT NOT NULL)"))
    until(lambda: all(query(mysql, f"mysql-{i}", COUNT) for i in (1, 2)), "the table is there")

    def write(number: int) -> int:
        with writer.begin() as connection:
            connection.execute(INSERT, {"id": number})
            return int(connection.execute(text("SELECT @@server_id")).scalar_one()) - SERVER_ID

    def read(_: int) -> int:
        with reader.connect() as connection:
            return int(connection.execute(SELECT).one()[0]) - SERVER_ID

    with Caller(write) as writes, Caller(read) as reads:
        until(lambda: writes.good()[0] > 50 and reads.good().total() > 50, "the load")
        shares = reads.good()
        assert writes.good().keys() == {0}
        assert shares.keys() == {1, 2}
        assert abs(shares[1] - shares[2]) <= 1

        namespace.scale("mysql", 4)
        mysql.wait_ready(4)
        ready = time.monotonic()
        until(lambda: reads.good()[3] > 20, "the new replica is read")
        used = min(each.ended for each in reads.done if each.ordinal == 3) - ready

        begun = time.monotonic()
        script("move_primary.sh", namespace, authority, tmp_path, "mysql-2")
        moved = time.monotonic()
        until(lambda: writes.good(moved)[2] > 50, "the new primary is written to")
        until(lambda: {0, 1, 3} == reads.good(time.monotonic() - 0.2).keys(), "reads follow")

    assert roles.primary().name == "mysql-2"
    assert [each.name for each in roles.replicas()] == ["mysql-0", "mysql-1", "mysql-3"]
    failed = writes.bad()
    assert failed, "for a moment nobody is writable"
    with capsys.disabled():
        first, last = failed[0].ended - begun, failed[-1].ended - begun
        print(  # noqa: T201 - the figures are what was asked for
            f"\n{writes.good().total()} writes {dict(writes.good())}, "
            f"{reads.good().total()} reads {dict(reads.good())}; replica used {used:.2f} s after "
            f"it was ready; moved in {moved - begun:.2f} s, {len(failed)} writes failed "
            f"between {first:.2f} and {last:.2f} s"
        )
    assert reads.bad() == []
    assert used < 1.3 * INTERVAL + 1.0 + 0.5  # as promised (P10), and the time to dial
    assert all(begun < each.ended < moved + 3.0 for each in failed), failed
    assert set(writes.good()) == {0, 2}
    by = [each.ordinal for each in writes.done if each.ordinal is not None]
    assert by == sorted(by), "the old one took a write after the new one had"
    wanted = [{"total": writes.good().total(), "first": writes.good()[0]}]
    until(
        lambda: all(query(mysql, f"mysql-{i}", COUNT) == wanted for i in range(4)),
        "all pods have every write",
    )
    writer.dispose()


def test_the_primary_stays_where_a_replica_lags(
    namespace: Namespace, mysql: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """Who does not catch up does not become primary, and the old one is writable again."""
    query(mysql, "mysql-0", "CREATE TABLE shop.orders (id INT)")
    query(mysql, "mysql-1", "STOP SLAVE")
    query(mysql, "mysql-0", "INSERT INTO shop.orders VALUES (1)")
    with pytest.raises(AssertionError, match="mysql-0 stays the primary"):
        script("move_primary.sh", namespace, authority, tmp_path, "mysql-1", "1")
    assert query(mysql, "mysql-0", "SELECT @@read_only AS said") == [{"said": 0}]


def test_a_restarted_pod_is_what_it_was(
    service: HeadlessService, mysql: Kubelet, login: dict[str, Any]
) -> None:
    """A replica that died goes on where it was; a primary is the primary again."""
    roles = Roles(service, probe=probe(**login))
    for pod in ("mysql-1", "mysql-0"):
        old: Any = mysql.servers[pod]
        old.kill()
        mysql.wait_ready(2)
        mysql.wait_ready(3)
    query(mysql, "mysql-0", "CREATE TABLE shop.orders (id INT)")
    until(lambda: not query(mysql, "mysql-1", "SELECT * FROM shop.orders"), "it replicates")
    roles.forget()
    until(lambda: len(roles.replicas()) == 2, "both are replicas")
    assert roles.primary().name == "mysql-0"


def test_backup_by_name(
    namespace: Namespace, mysql: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """One line of shell dumps the database from the pod of the highest ordinal."""
    query(
        mysql, "mysql-0", "CREATE TABLE shop.orders (id INT)", "INSERT INTO shop.orders VALUES (7)"
    )
    until(lambda: query(mysql, "mysql-2", "SELECT * FROM shop.orders"), "the replica has it")
    query(mysql, "mysql-2", "SET GLOBAL general_log_file = 'asked'", "SET GLOBAL general_log = 1")
    dump = script("backup.sh", namespace, authority, tmp_path, DATABASE)
    assert "INSERT INTO `orders` VALUES\n(7);" in dump
    server = mysql.servers["mysql-2"]
    assert isinstance(server, MariaDBServer)
    assert "FROM `orders`" in (server.pod.folder / "data" / "asked").read_text()


def test_reads_rotate(service: HeadlessService, login: dict[str, Any]) -> None:
    """Without a probe the ordinal says who is primary; the others share reads exactly."""
    roles = Roles(service)
    found: Counter[int] = Counter()
    for _ in range(10):
        connection = connect(roles, role="replica", **login)
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@server_id")
            row = cursor.fetchone()
        connection.close()
        assert row is not None
        found[row[0] - SERVER_ID] += 1
    assert found == {1: 5, 2: 5}
