"""What the tests with real databases stand on does what it says."""

from __future__ import annotations

import os
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headless_discovery import HeadlessService
from tests.cluster.network import BedError
from tests.databases.load import Done, Load, errors, outside
from tests.databases.redis_server import TLS_PORT, RedisServer
from tests.databases.resolver import resolver

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet


def test_redis_pods_are_found_and_answer(namespace: Namespace, redis: Kubelet) -> None:
    """The Service lists all three, libc finds each by name, and each answers there."""
    with HeadlessService("redis", namespace=namespace.name, port="redis") as service:
        found = service.wait_for(count=3, timeout=20)
    assert [endpoint.name for endpoint in found] == ["redis-0", "redis-1", "redis-2"]
    for endpoint in found:
        assert endpoint.hostname is not None
        assert endpoint.name is not None
        assert socket.gethostbyname(endpoint.hostname) == endpoint.address
        with socket.create_connection((endpoint.hostname, endpoint.port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(64) == b"+PONG\r\n"
        server = redis.servers[endpoint.name]
        assert isinstance(server, RedisServer)
        wanted = "role:master" if endpoint.ordinal == 0 else "role:slave"
        assert wanted in server.ask("INFO", "replication")


def test_each_pod_has_a_certificate_of_its_own(redis: Kubelet, authority: Authority) -> None:
    """TLS to a pod holds for its own name and for no other."""
    context = authority.client_context()
    pods = redis.pods
    for name, refused in (("redis-0", "redis-1"), ("redis-1", "redis-0")):
        address = (pods[name].address, TLS_PORT)
        with (
            socket.create_connection(address, timeout=2) as raw,
            context.wrap_socket(raw, server_hostname=pods[name].fqdn) as secure,
        ):
            secure.sendall(b"PING\r\n")
            assert secure.recv(64) == b"+PONG\r\n"
        with (
            socket.create_connection(address, timeout=2) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(raw, server_hostname=pods[refused].fqdn)


def test_a_server_that_dies_is_started_again(redis: Kubelet) -> None:
    """Its pod is not ready in the meantime, and stays so as long as it is held down."""
    redis.hold("redis-1")
    redis.servers["redis-1"].kill()
    redis.wait_ready(2)
    assert redis.ready() == {"redis-0", "redis-2"}
    redis.release("redis-1")
    redis.wait_ready(3)


def test_a_replaced_pod_has_a_server_of_its_own(namespace: Namespace, redis: Kubelet) -> None:
    """The server of the old pod ends, that of the new one is another process."""
    old = redis.servers["redis-2"]
    namespace.delete_pod("redis-2")
    namespace.api.wait_until(lambda: not old.running, "the old server to end")
    redis.wait_ready(3)
    assert redis.servers["redis-2"] is not old


def test_the_machine_keeps_its_resolver() -> None:
    """Only this thread and what it starts see the file of a pod."""
    starter = os.getppid()  # outside of all that the bed makes
    ours, machine = (Path(f"/proc/{who}/ns/mnt").readlink() for who in ("thread-self", starter))
    assert ours != machine
    assert "nameserver 10.96.0.10" in Path("/etc/resolv.conf").read_text()


def test_a_call_is_outside_only_where_it_touches_the_span_nowhere() -> None:
    """A call that began before a window and failed inside it is the window's."""
    calls = [Done(0, 1, None), Done(1, 3, None), Done(4, 9, None), Done(9.5, 10, None)]
    assert outside(calls, 2, 9) == [calls[0], calls[3]]


def test_the_load_is_as_steady_as_it_says() -> None:
    """So many calls a second of both kinds, and what one raises is kept."""

    def fail() -> None:
        raise ConnectionError("no")

    with Load(lambda: None, fail, reads=120, writes=40) as load:
        time.sleep(1)
    assert 100 <= len(load.reads) <= 130
    assert 30 <= len(load.writes) <= 45
    assert errors(load.reads) == []
    assert errors(load.writes) == load.writes


def test_nothing_is_mounted_in_the_namespace_one_is_in(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel did not give a new mount namespace, the machine's files are not touched."""

    class Pretends:
        """A libc whose unshare says yes and does nothing."""

        def unshare(self, _: int) -> int:
            return 0

    monkeypatch.setattr("tests.databases.resolver._LIBC", Pretends())
    mounted = Path("/proc/thread-self/mounts").read_text()
    with pytest.raises(BedError, match="namespace of the machine"), resolver(bed, tmp_path):
        pytest.fail("it was entered")
    assert Path("/proc/thread-self/mounts").read_text() == mounted
