"""A real MariaDB server for each pod of a StatefulSet: ordinal 0 is primary, the others replicas.

In come a pod and a certificate authority, out goes a running server at the pod's address
that takes nobody without TLS. The data of a new pod is a copy of a folder that is prepared
once a session, so all of them begin with the same, empty history, and the replicas fetch
the rest.

What the start script of a real cluster does by the ordinal is done here in the same way:
`server-id` 100 + ordinal, ordinal 0 writable, the others read-only and replicating from
ordinal 0 by its FQDN.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.cursors import DictCursor

from tests.cluster.network import tool
from tests.cluster.workloads import Port
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

PORT = 3306
DATABASE = "shop"
PASSWORD = secrets.token_hex(8)
"""Of the users `app`, `admin` and `replication`, for this session."""

# What every start makes sure of. Nothing of it goes to the binary log, so that the servers'
# histories stay one. `app` may see whether a server replicates, which is what a probe asks.
_START = f"""
SET sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS {DATABASE};
CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT ALL ON {DATABASE}.* TO app@'%';
GRANT SLAVE MONITOR ON *.* TO app@'%';
CREATE USER IF NOT EXISTS admin@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT ALL ON *.* TO admin@'%';
CREATE USER IF NOT EXISTS replication@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT REPLICATION SLAVE ON *.* TO replication@'%';
"""

# Small and quick: no test of ours is about what a disk keeps when the power fails.
_SMALL = (
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-method=nosync",
    "--innodb-use-native-aio=0",
    "--skip-name-resolve",
)
_QUICK = (
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
    "--skip-performance-schema",
    "--sync-binlog=0",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=2M",
    "--max-connect-errors=1000000",  # a client that goes away in the handshake counts as one
    "--slave-net-timeout=5",
)


class MariaDBServer(ProgramServer):
    """One mariadbd.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        template: A prepared data folder.
    """

    def __init__(self, pod: Pod, authority: Authority, template: Path) -> None:
        data = pod.folder / "data"
        if not data.exists():
            shutil.copytree(template, data)
        start = pod.folder / "start.sql"
        start.write_text(_START)
        certificate = authority.issue(pod.fqdn)
        command = [
            tool("mariadbd"),
            "--no-defaults",
            *_root(),
            f"--datadir={data}",
            f"--bind-address={pod.address}",
            f"--port={PORT}",
            "--socket=mariadbd.sock",  # in the data folder; the whole path may be too long
            f"--server-id={100 + pod.ordinal}",
            f"--read-only={int(pod.ordinal > 0)}",
            "--log-bin=binlog",
            "--relay-log=relay",
            "--log-slave-updates",
            "--gtid-strict-mode",
            f"--init-file={start}",
            f"--ssl-ca={authority.ca_file}",
            f"--ssl-cert={certificate.cert_file}",
            f"--ssl-key={certificate.key_file}",
            "--require-secure-transport",
            *_SMALL,
            *_QUICK,
        ]
        super().__init__(pod, command)
        self._authority = authority

    def is_answering(self) -> bool:
        """Return whether it executes statements; a new replica is told whom to follow first."""
        try:
            if self.pod.ordinal > 0 and not self.query("SHOW SLAVE STATUS"):
                first = self.pod.name.rpartition("-")[0] + "-0"
                self.replicate_from(f"{first}.{self.pod.fqdn.partition('.')[2]}")
            return bool(self.query("SELECT 1"))
        except pymysql.MySQLError:
            return False

    def query(self, *statements: str) -> list[dict[str, Any]]:
        """Execute statements as `admin` and return the rows of the last one.

        Raises:
            pymysql.MySQLError: It refuses one, or does not answer.
        """
        context = self._authority.client_context()
        context.check_hostname = False  # the tests' own errand, at the bare address
        context.verify_mode = ssl.CERT_NONE
        with (
            contextlib.closing(
                pymysql.connect(
                    host=self.pod.address,
                    port=PORT,
                    user="admin",
                    password=PASSWORD,
                    ssl=context,
                    cursorclass=DictCursor,
                    autocommit=True,
                    connect_timeout=2,
                    read_timeout=10,
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def replicate_from(self, hostname: str) -> None:
        """Follow another server from where this one is in their common history."""
        self.query(
            "STOP SLAVE",
            f"CHANGE MASTER TO MASTER_HOST = '{hostname}', MASTER_PORT = {PORT},"
            f" MASTER_USER = 'replication', MASTER_PASSWORD = '{PASSWORD}',"
            " MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1, MASTER_SSL = 1,"
            f" MASTER_SSL_CA = '{self._authority.ca_file}', MASTER_SSL_VERIFY_SERVER_CERT = 1",
            "START SLAVE",
        )


def prepare(folder: Path) -> Path:
    """Make an empty data folder, to be copied for each pod: half a second.

    Args:
        folder: Does not exist yet.
    """
    command = [
        tool("mariadb-install-db"),
        "--no-defaults",
        *_root(),
        f"--datadir={folder}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        *_SMALL,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder


def mariadb_statefulset(
    namespace: Namespace, authority: Authority, template: Path, folder: Path, replicas: int = 3
) -> Kubelet:
    """Create Service and StatefulSet `mysql`, and return what gives the pods their servers.

    Args:
        namespace: Where.
        authority: What signs the pods' certificates.
        template: What `prepare` made.
        folder: Where the pods have their volumes.
        replicas: How many pods.
    """
    namespace.service("mysql", Port(PORT, "mysql"))
    namespace.statefulset("mysql", "mysql", replicas, annotations=NOT_READY)
    return Kubelet(namespace, "mysql", lambda pod: MariaDBServer(pod, authority, template), folder)


def _root() -> tuple[str, ...]:
    """Root has to say that it means it."""
    return ("--user=root",) if os.geteuid() == 0 else ()
