"""The programs and manifests of the pages about SQL clients do what these say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.api import ApiError
from tests.databases import mariadb_server, postgres_server
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.mariadb_server import SCRIPTS, MariaDBServer
from tests.databases.sql import data_removed, query, until
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod


def run(name: str, service: str, authority: Authority, password: str) -> list[str]:
    """Run one of the programs as a reader would; the lines it printed."""
    program = REPOSITORY / "examples" / "integrations" / name
    done = subprocess.run(
        [sys.executable, str(program), service, str(authority.ca_file)],
        env={**os.environ, "PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_mysql_programs(namespace: Namespace, mysql: Kubelet, authority: Authority) -> None:
    """Each writes to the primary and reads from both replicas."""
    service = f"mysql.{namespace.name}"
    names = [pod.fqdn for _, pod in sorted(mysql.pods.items())]
    wrote, *read = run("pymysql_client.py", service, authority, mariadb_server.PASSWORD)
    assert wrote == f"wrote to {names[0]}"
    assert sorted(read) == [f"read from {names[pod]}" for pod in (1, 1, 2, 2)]
    wrote, *read = run("sqlalchemy_client.py", service, authority, mariadb_server.PASSWORD)
    assert wrote == "wrote to 100"
    assert sorted(read) == ["read from 101", "read from 102"]


def test_postgres_programs(namespace: Namespace, postgres: Kubelet, authority: Authority) -> None:
    """Each writes to the primary and reads from the standby."""
    service = f"postgres.{namespace.name}"
    pods = [pod for _, pod in sorted(postgres.pods.items())]
    for name in ("psycopg_client.py", "psycopg_pool_client.py", "asyncpg_client.py"):
        told = run(name, service, authority, postgres_server.PASSWORD)
        seen = [pod.address if "asyncpg" in name else pod.fqdn for pod in pods]
        assert told == [f"wrote to {seen[0]}", f"read from {seen[1]}"]


@pytest.mark.usefixtures("postgres")
def test_psql_goes_straight_to_a_pod(namespace: Namespace, authority: Authority) -> None:
    """The command of the page: the client verifies the name of the pod that was asked for."""
    question = "SELECT pg_is_in_recovery()"
    info = "host={hostname} port={port} sslmode=verify-full dbname=shop user=app"
    for ordinal, standby in ((0, "f"), (1, "t")):
        choice = ["exec", f"postgres.{namespace.name}", "--to", str(ordinal), "--"]
        psql = ["psql", f"{info} sslrootcert={authority.ca_file}"]
        done = subprocess.run(
            [sys.executable, "-m", "headless_discovery", *choice, *psql, "-Atc", question],
            env={**os.environ, "PGPASSWORD": postgres_server.PASSWORD},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, f"{standby}\n"), done.stderr


@pytest.fixture
def manifests(namespace: Namespace) -> list[dict[str, Any]]:
    """Return the example's manifests, in the test's namespace, and what they take beside them."""
    found: list[dict[str, Any]] = list(yaml.safe_load_all((SCRIPTS / "mysql.yaml").read_text()))
    scripts = {name: (SCRIPTS / name).read_text() for name in ("configure.sh", "follow.sh")}
    made = [
        {"kind": "ConfigMap", "metadata": {"name": "mysql-scripts"}, "data": scripts},
        {"kind": "Secret", "metadata": {"name": "mysql"}, "stringData": {"password": "x"}},
    ]
    for each in (*found, *made):
        each["metadata"]["namespace"] = namespace.name
    return [*made, *found]


def test_mysql_manifests(
    namespace: Namespace,
    manifests: list[dict[str, Any]],
    authority: Authority,
    mariadb_data: Path,
    tmp_path: Path,
) -> None:
    """The API server takes them; their pods replicate from the one that the ConfigMap names."""
    for each in manifests:
        namespace.api.apply(each)
    # Here no volumes are provisioned, and it is not kwok that says who is ready.
    namespace.api.delete("StatefulSet", "mysql", namespace.name)
    until(lambda: not namespace.pods("mysql"), "the pods to be gone")
    statefulset = manifests[-1]
    del statefulset["spec"]["volumeClaimTemplates"]
    pods = statefulset["spec"]["template"]
    pods["metadata"]["annotations"] = NOT_READY
    pods["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
    namespace.api.apply(statefulset)

    def make(pod: Pod) -> MariaDBServer:
        told = namespace.api.get("ConfigMap", "mysql", namespace.name)["data"]["primary"]
        return MariaDBServer(pod, authority, mariadb_data, told)

    namespace.api.patch("ConfigMap", "mysql", {"data": {"primary": "mysql-1"}}, namespace.name)
    with data_removed(tmp_path), Kubelet(namespace, "mysql", make, tmp_path) as kubelet:
        kubelet.wait_ready(3)
        query(kubelet, "mysql-1", "CREATE TABLE shop.orders (id INT)")
        query(kubelet, "mysql-1", "INSERT INTO shop.orders VALUES (1)")

        def arrived() -> bool:
            return all(query(kubelet, f"mysql-{i}", "SELECT * FROM shop.orders") for i in (0, 2))

        until(arrived, "the others have what mysql-1 has")
        told = [query(kubelet, f"mysql-{i}", "SELECT @@read_only AS said") for i in range(3)]
        assert [said for [row] in told for said in row.values()] == [1, 0, 1]


def test_the_scripts_have_what_they_take(manifests: list[dict[str, Any]]) -> None:
    """Every variable that a script reads is in the environment of its container."""
    pod = manifests[-1]["spec"]["template"]["spec"]
    for script, container in (
        ("configure.sh", pod["initContainers"][0]),
        ("follow.sh", pod["containers"][0]),
    ):
        read = set(re.findall(r"\$\{?([A-Z_]+)(?!\w|:-)", (SCRIPTS / script).read_text()))
        assert {"POD_NAME", "PRIMARY", "TLS"} <= read
        assert read <= {each["name"] for each in container["env"]}


def test_a_manifest_with_a_mistake_is_refused(
    namespace: Namespace, manifests: list[dict[str, Any]]
) -> None:
    """The API server would have said so: it looks at every field."""
    manifests[-1]["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 0
    with pytest.raises(ApiError, match="containerPort"):
        namespace.api.apply(manifests[-1])
