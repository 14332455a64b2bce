"""The programs in ``examples/`` run, say what they should and end as they should."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one example as a reader would."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(params=[path.name for path in EXAMPLES])
def example(request: pytest.FixtureRequest) -> str:
    """Each example."""
    name: str = request.param
    return name


def test_lists_the_pods(example: str, cluster_dns: ClusterDNS) -> None:
    """Every pod is printed with ordinal, address and hostname."""
    database = cluster_dns.service("my-database.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=database, replicas=3)
    done = run(example, "my-database.shop")
    assert done.stderr == ""
    assert done.returncode == 0
    for ordinal in range(3):
        hostname = f"mysql-{ordinal}.my-database.shop.svc.cluster.local"
        assert f"{ordinal}  10.244.0.{ordinal + 2}  {hostname}" in done.stdout


def test_says_that_nobody_is_there(example: str, cluster_dns: ClusterDNS) -> None:
    """An authoritative nobody is an answer, with an exit code of its own."""
    cluster_dns.service("my-database.shop", ports=[3306])
    done = run(example, "my-database.shop")
    assert "ABSENT" in done.stderr
    assert done.returncode == 1


def test_says_that_dns_failed(example: str, cluster_dns: ClusterDNS) -> None:
    """A DNS that fails is an error, not an empty cluster."""
    cluster_dns.set_synced(False)
    done = run(example, "my-database.shop")
    assert done.stdout == ""
    assert "servfail" in done.stderr
    assert done.returncode == 3


def test_says_how_it_is_called(example: str) -> None:
    """Without an argument: usage."""
    done = run(example)
    assert done.stderr.startswith("usage: ")
    assert done.returncode == 2


def test_several_services_at_once(cluster_dns: ClusterDNS) -> None:
    """The asyncio example asks about several Services concurrently."""
    for name in ("red", "blue"):
        service = cluster_dns.service(f"{name}.shop", ports=[80])
        cluster_dns.statefulset(name, service=service, replicas=1)
    done = run("list_pods_async.py", "red.shop", "blue.shop")
    assert done.returncode == 0
    assert "red-0.red.shop" in done.stdout
    assert "blue-0.blue.shop" in done.stdout


def test_examples_are_found() -> None:
    """Both are there."""
    assert [path.name for path in EXAMPLES] == ["list_pods.py", "list_pods_async.py"]
