"""A real MariaDB server for each pod of a StatefulSet: one is primary, the others replicas.

In come a pod and a certificate authority, out goes a running server at the pod's address
that takes nobody without TLS. What differs from pod to pod, and whom it follows, is said by
the scripts of `examples/mysql_replication`, run as in its manifests.

The data of a new pod is a copy of a folder that is prepared once a session, so all of them
begin with the same, empty history, and the replicas fetch the rest.
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

from tests.cluster.network import BedError, tool
from tests.cluster.workloads import Port
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

PORT = 3306
DATABASE = "shop"
PASSWORD = secrets.token_hex(8)
"""Of the users `app`, `admin` and `replication`, for one run of the tests."""

SCRIPTS = REPOSITORY / "examples" / "mysql_replication"
_FIRST = "mysql-0"

# What every start makes sure of. Nothing of it goes to the binary log, so that the servers'
# histories stay one. `app` may see whether a server replicates, which is what a probe asks.
_START = f"""
SET sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS {DATABASE};
CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT ALL ON {DATABASE}.* TO app@'%';
GRANT SLAVE MONITOR ON *.* TO app@'%';
CREATE USER IF NOT EXISTS admin@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;
GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;
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
    "--innodb-flush-log-at-trx-commit=2",  # what is committed outlives SIGKILL
    "--skip-innodb-doublewrite",
    "--skip-performance-schema",
    "--sync-binlog=0",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=2M",
    "--max-connect-errors=1000000",  # a client that goes away in the handshake counts as one
)


class MariaDBServer(ProgramServer):
    """One mariadbd.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        template: A prepared data folder.
        primary: Name of the pod that is primary.
    """

    def __init__(
        self, pod: Pod, authority: Authority, template: Path, primary: str = _FIRST
    ) -> None:
        data = pod.folder / "data"
        if not data.exists():
            shutil.copytree(template, data)
        start = pod.folder / "start.sql"
        start.write_text(_START)
        self.pod = pod
        self.tls = pod.folder / "tls"
        self._authority = authority
        self._secret()
        self._has_followed = False
        self._environment = {
            **os.environ,
            "POD_NAME": pod.name,
            "PRIMARY": primary,
            "DOMAIN": pod.fqdn.partition(".")[2],
            "TLS": str(self.tls),
            "CONFIGURATION": str(pod.folder),
            "MYSQL_PWD": PASSWORD,
            "MARIADB": f"{tool('mariadb')} --no-defaults --ssl --user=admin --host={pod.address}",
        }
        self._script("configure.sh")
        command = [
            tool("mariadbd"),
            f"--defaults-file={pod.folder / 'pod.cnf'}",
            *_root(),
            f"--datadir={data}",
            f"--bind-address={pod.address}",
            f"--port={PORT}",
            "--socket=mariadbd.sock",  # in the data folder; the whole path may be too long
            f"--init-file={start}",
            *_SMALL,
            *_QUICK,
        ]
        super().__init__(pod, command)

    def start(self) -> None:
        """Start it, and return before it answers."""
        self._has_followed = False
        super().start()

    def is_answering(self) -> bool:
        """Return whether it executes statements; it is told first whom to follow."""
        try:
            answered = bool(self.query("SELECT 1"))
        except pymysql.MySQLError:
            return False
        if not self._has_followed:
            self._script("follow.sh")
            self._has_followed = True
        return answered

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

    def _secret(self) -> None:
        """Make what the volume of the Secret holds."""
        self.tls.mkdir(exist_ok=True)
        certificate = self._authority.issue(self.pod.fqdn)
        for file, name in (
            (certificate.cert_file, "tls.crt"),
            (certificate.key_file, "tls.key"),
            (self._authority.ca_file, "ca.crt"),
        ):
            shutil.copy(file, self.tls / name)

    def _script(self, name: str) -> None:
        command = ["sh", str(SCRIPTS / name)]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=20
        )
        if done.returncode != 0:
            raise BedError(f"{name} of {self.pod.name} failed: {done.stdout}{done.stderr}")


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
    namespace.statefulset("mysql", "mysql", replicas, annotations=NOT_READY, parallel=True)
    return Kubelet(namespace, "mysql", lambda pod: MariaDBServer(pod, authority, template), folder)


def _root() -> tuple[str, ...]:
    """Root has to say that it means it."""
    return ("--user=root",) if os.geteuid() == 0 else ()
