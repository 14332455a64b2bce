"""A real PostgreSQL server for each pod of a StatefulSet: ordinal 0 is primary, others standbys.

In come a pod and a certificate authority, out goes a running server at the pod's address
that takes nobody without TLS. The data of a new pod is a copy of a folder that is prepared
once a session; a standby streams all that came after from ordinal 0, by its FQDN.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.cluster.network import BedError, tool
from tests.cluster.workloads import Port
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

PORT = 5432
DATABASE = "shop"
PASSWORD = secrets.token_hex(8)
"""Of the superuser `admin`, of `app` and of `replication`, for one run of the tests."""

_START = f"""
CREATE ROLE app LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE replication LOGIN REPLICATION PASSWORD '{PASSWORD}';
CREATE DATABASE {DATABASE} OWNER app;
"""

_ACCESS = """
hostssl all         all         all scram-sha-256
hostssl replication replication all scram-sha-256
"""

# Small and quick: no test of ours is about what a disk keeps when the power fails.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "4MB",
    "dynamic_shared_memory_type": "mmap",  # nothing left in /dev/shm after a kill
    "wal_keep_size": "64MB",  # a standby begins with the first record
    "wal_retrieve_retry_interval": "200ms",
    "unix_socket_directories": "",
    "ssl": "on",
    "autovacuum": "off",
}


class PostgresServer(ProgramServer):
    """One postgres.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        template: A prepared data folder.
    """

    def __init__(self, pod: Pod, authority: Authority, template: Path) -> None:
        data = pod.folder / "data"
        if not data.exists():
            shutil.copytree(template, data)
            if pod.ordinal > 0:
                (data / "standby.signal").touch()
        certificate = authority.issue(pod.fqdn)
        settings = {
            **_SETTINGS,
            "listen_addresses": pod.address,
            "port": str(PORT),
            "ssl_cert_file": str(certificate.cert_file),
            "ssl_key_file": str(certificate.key_file),
        }
        if pod.ordinal > 0:
            first = f"{pod.name.rpartition('-')[0]}-0.{pod.fqdn.partition('.')[2]}"
            settings["primary_conninfo"] = (
                f"host={first} port={PORT} user=replication password={PASSWORD} "
                f"application_name={pod.name} sslmode=verify-full sslrootcert={authority.ca_file}"
            )
        arguments = [f"-c{name}={value}" for name, value in settings.items()]
        super().__init__(pod, [*_not_root(), _program("postgres"), "-D", str(data), *arguments])
        self._authority = authority

    def is_answering(self) -> bool:
        """Return whether it executes statements, and as a standby receives from its primary."""
        with contextlib.suppress(psycopg.Error):
            [(standby,)] = self.query("SELECT pg_is_in_recovery()")
            return not standby or bool(self.query("SELECT 1 FROM pg_stat_wal_receiver"))
        return False

    def stop(self) -> None:
        """End it; SIGTERM alone would wait for its clients to go."""
        self.signal(signal.SIGINT)
        super().stop()

    def query(self, statement: str) -> list[TupleRow]:
        """Execute a statement as `admin` and return its rows.

        Raises:
            psycopg.Error: It refuses it, or does not answer.
        """
        with psycopg.connect(
            host=self.pod.fqdn,
            hostaddr=self.pod.address,
            port=PORT,
            dbname=DATABASE,
            user="admin",
            password=PASSWORD,
            sslmode="verify-full",
            sslrootcert=str(self._authority.ca_file),
            connect_timeout=2,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def prepare(folder: Path) -> Path:
    """Make a data folder with users and the database, to be copied for each pod: a second.

    Args:
        folder: Does not exist yet.
    """
    folder.mkdir()
    data = folder / "data"
    password = folder / "password"
    password.write_text(PASSWORD)
    made = [_program("initdb"), "-D", str(data), "-U", "admin", f"--pwfile={password}"]
    _run([*made, "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"])
    (data / "pg_hba.conf").write_text(_ACCESS)
    alone = [_program("postgres"), "--single", "-D", str(data), "-cfsync=off", "postgres"]
    _run(alone, _START)
    return data


def postgres_statefulset(
    namespace: Namespace, authority: Authority, template: Path, folder: Path, replicas: int = 2
) -> Kubelet:
    """Create Service and StatefulSet `postgres`; return what gives the pods their servers.

    Args:
        namespace: Where.
        authority: What signs the pods' certificates.
        template: What `prepare` made.
        folder: Where the pods have their volumes.
        replicas: How many pods.
    """
    namespace.service("postgres", Port(PORT, "postgres"))
    namespace.statefulset("postgres", "postgres", replicas, annotations=NOT_READY, parallel=True)

    def make(pod: Pod) -> PostgresServer:
        return PostgresServer(pod, authority, template)

    return Kubelet(namespace, "postgres", make, folder)


def _run(command: list[str], text: str = "") -> None:
    done = subprocess.run(
        [*_not_root(), *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise BedError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def _not_root() -> list[str]:
    """Return what a command is run by, since PostgreSQL refuses root.

    In a user namespace of its own the process is somebody else and still has root's access
    to the folders of the tests, which are nobody else's.
    """
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres").pw_uid
    return [tool("unshare"), "--user", f"--map-user={user}", f"--map-group={user}"]


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL, of the newest version there is."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else tool(name)
