"""The tests against real databases: what they share, and their time.

They run in the bed of `tests/cluster`, inside its network namespace and, beyond that, with
the resolver of a pod, so that clients under test find pods by CoreDNS as they do in a pod.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster import fixtures
from tests.databases import mariadb_server, postgres_server, sql
from tests.databases.certificates import Authority
from tests.databases.redis_server import redis_statefulset
from tests.databases.resolver import resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace
    from tests.databases.kubelet import Kubelet
    from tests.databases.resolver import Resolver

_TIMEOUT = 120.0


def pytest_configure(config: pytest.Config) -> None:
    """Have the fixtures of the bed."""
    fixtures.register(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests in this folder more time than unit tests have."""
    fixtures.give_time(items, Path(__file__).parent, _TIMEOUT)


@pytest.fixture(scope="session", autouse=True)
def pod_resolver(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolver]:
    """Have libc resolve names as in a pod, from here to the end of the session."""
    with resolver(bed, tmp_path_factory.mktemp("resolver")) as made:
        yield made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificate authority of the session."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def redis(namespace: Namespace, authority: Authority, tmp_path: Path) -> Iterator[Kubelet]:
    """Return the kubelet of StatefulSet `redis`, all three pods ready."""
    with redis_statefulset(namespace, authority, tmp_path) as kubelet:
        kubelet.wait_ready(3)
        yield kubelet


@pytest.fixture(scope="session")
def mariadb_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder each new pod of `mysql` begins with."""
    return mariadb_server.prepare(tmp_path_factory.mktemp("mariadb") / "data")


@pytest.fixture
def mysql(
    namespace: Namespace, authority: Authority, mariadb_data: Path, tmp_path: Path
) -> Iterator[Kubelet]:
    """Return the kubelet of StatefulSet `mysql`, all three pods ready."""
    made = mariadb_server.mariadb_statefulset(namespace, authority, mariadb_data, tmp_path)
    with sql.data_removed(tmp_path), made as kubelet:
        kubelet.wait_ready(3)
        yield kubelet


@pytest.fixture(scope="session")
def postgres_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder each new pod of `postgres` begins with."""
    return postgres_server.prepare(tmp_path_factory.mktemp("postgres") / "prepared")


@pytest.fixture
def postgres(
    namespace: Namespace, authority: Authority, postgres_data: Path, tmp_path: Path
) -> Iterator[Kubelet]:
    """Return the kubelet of StatefulSet `postgres`, both pods ready."""
    made = postgres_server.postgres_statefulset(namespace, authority, postgres_data, tmp_path)
    with sql.data_removed(tmp_path), made as kubelet:
        kubelet.wait_ready(2)
        yield kubelet
