"""The programs in ``examples/`` run, say what they should and end as they should."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Self

import pytest

from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS

LISTING = ("list_pods.py", "list_pods_async.py")
FOLLOWING = ("follow_pods.py", "follow_pods_async.py")
PATIENCE = 15.0  # seconds for a line that has to come


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one example as a reader would."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(params=LISTING)
def example(request: pytest.FixtureRequest) -> str:
    """Each example that looks once."""
    name: str = request.param
    return name


@pytest.fixture(params=FOLLOWING)
def follower(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each example that follows; it looks every second."""
    monkeypatch.setenv("HEADLESS_DISCOVERY_INTERVAL", "1")
    name: str = request.param
    return name


class Running:
    """An example that goes on until it is told to end.

    Args:
        name: Of the example.
        *arguments: For it.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "examples" / name), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.said = self._lines(self.process.stdout)
        self.told = self._lines(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def ends(self, number: signal.Signals) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=5)

    @staticmethod
    def _lines(stream: IO[str]) -> queue.Queue[str]:
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            with stream:
                for line in stream:
                    lines.put(line.rstrip("\n"))

        threading.Thread(target=read, daemon=True).start()
        return lines


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


def test_follows(follower: str, cluster_dns: ClusterDNS) -> None:
    """Everybody first, then what comes, changes and goes; SIGTERM ends it in good order."""
    database = cluster_dns.service("my-database.shop", ports=[3306])
    mysql = cluster_dns.statefulset("mysql", service=database, replicas=1)
    with Running(follower, "my-database.shop") as running:
        assert running.said.get(timeout=PATIENCE) == "+ mysql-0 10.244.0.2"
        mysql.scale(2)
        assert running.said.get(timeout=PATIENCE) == "+ mysql-1 10.244.0.3"
        mysql.restart(0)
        assert running.said.get(timeout=PATIENCE) == "~ mysql-0 10.244.0.2 -> 10.244.0.4"
        mysql.scale(1)
        assert running.said.get(timeout=PATIENCE) == "- mysql-1 10.244.0.3"
        assert running.ends(signal.SIGTERM) == 0


def test_interrupted(follower: str, cluster_dns: ClusterDNS) -> None:
    """Ctrl-C ends it in good order too, without a traceback."""
    service = cluster_dns.service("my-database.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=service, replicas=1)
    with Running(follower, "my-database.shop") as running:
        assert running.said.get(timeout=PATIENCE) == "+ mysql-0 10.244.0.2"
        assert "version 1, added mysql-0" in running.told.get(timeout=PATIENCE)
        assert running.ends(signal.SIGINT) == 0
        assert running.told.empty()


def test_a_failure_removes_nobody(follower: str, cluster_dns: ClusterDNS) -> None:
    """That DNS fails, and is back, is in the log; stdout has nothing to say."""
    database = cluster_dns.service("my-database.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=database, replicas=1)
    with Running(follower, "my-database.shop") as running:
        assert running.said.get(timeout=PATIENCE) == "+ mysql-0 10.244.0.2"
        assert "version 1, added mysql-0" in running.told.get(timeout=PATIENCE)
        cluster_dns.set_synced(False)
        assert "servfail" in running.told.get(timeout=PATIENCE)
        cluster_dns.set_synced(True)
        assert "looks succeed again" in running.told.get(timeout=PATIENCE)
        assert running.ends(signal.SIGTERM) == 0
        assert running.said.empty()


def test_what_cannot_be_followed(follower: str, cluster_dns: ClusterDNS) -> None:
    """A Service with a virtual address, a name that is none, no name: an exit code each."""
    cluster_dns.service("web.shop", ports=[80], cluster_ip=True)
    done = run(follower, "web.shop")
    assert done.returncode == 3
    assert "not headless" in done.stderr
    assert run(follower, "a_b.shop").returncode == 2
    assert run(follower).stderr.startswith("usage: ")


def test_follows_several_services(cluster_dns: ClusterDNS) -> None:
    """The asyncio example follows several Services concurrently."""
    for name in ("red", "blue"):
        service = cluster_dns.service(f"{name}.shop", ports=[80])
        cluster_dns.statefulset(name, service=service, replicas=1)
    with Running("follow_pods_async.py", "red.shop", "blue.shop") as running:
        first = {running.said.get(timeout=PATIENCE).split()[1] for _ in range(2)}
        assert first == {"red-0", "blue-0"}


def test_examples_are_found() -> None:
    """Each one that is there is run."""
    found = {path.name for path in (REPOSITORY / "examples").glob("*.py")}
    assert found == {*LISTING, *FOLLOWING}
