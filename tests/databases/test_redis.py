"""redis-py and valkey-py over real Redis servers with TLS: roles, rotation, pods that go."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import ConfigError
from tests.cluster.processes import wait_until
from tests.databases.certificates import Authority
from tests.databases.keyvalue import SEEN_WITHIN, WORLDS, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.kubelet import Kubelet

ANEW = 1e-9
"""Seconds after which a connection is not used again: each command goes to the next pod."""


@pytest.fixture(params=["redis", "valkey"])
def library(request: pytest.FixtureRequest) -> str:
    """Each client library."""
    name: str = request.param
    return name


@pytest.fixture(params=WORLDS)
def world(
    request: pytest.FixtureRequest, library: str, namespace: Namespace, authority: Authority
) -> Iterator[World]:
    """Each library by threads and by asyncio."""
    with World(library, request.param, namespace, authority) as made:
        yield made


def replicated(redis: Kubelet, value: str) -> None:
    """Wait until every replica has what was written."""

    def all_have_it() -> bool:
        return all(value in server.ask("GET", "key") for server in servers(redis))

    wait_until(all_have_it, "the replicas to have it", 10)


def servers(redis: Kubelet) -> list[Any]:
    """The servers that run."""
    return [redis.servers[name] for name in sorted(redis.ready())]


def test_writes_and_reads(world: World, redis: Kubelet) -> None:
    """Writes go to the primary, reads from replica to replica, by TLS to each pod's own name."""
    service = world.service()
    primary = world.client(service)
    assert world.set(primary, "one") is True
    assert world.who(primary) == "redis-0"
    replicated(redis, "one")
    replica = world.client(service, role="replica", recycle=ANEW)
    assert {world.get(replica) for _ in range(4)} == {"one"}
    assert Counter(world.who(replica) for _ in range(10)) == {"redis-1": 5, "redis-2": 5}
    with pytest.raises(world.errors.ReadOnlyError):
        world.set(replica, "two")


def test_a_connection_stays(world: World, redis: Kubelet) -> None:
    """A pool keeps to the pod it has a connection to until that is old."""
    service = world.service()
    replica = world.client(service, role="replica", recycle=None)
    assert len({world.who(replica) for _ in range(10)}) == 1
    moving = world.client(service, role="replica", recycle=0.05)
    seen = set()
    for _ in range(4):
        seen.add(world.who(moving))
        time.sleep(0.06)
    assert seen == {"redis-1", "redis-2"}
    assert redis.ready() == {"redis-0", "redis-1", "redis-2"}


def test_without_following(world: World, redis: Kubelet) -> None:
    """A service object that is not open looks with each new connection."""
    service = world.service(followed=False)
    assert world.who(world.client(service)) == "redis-0"
    replica = world.client(service, role="replica", recycle=ANEW)
    assert Counter(world.who(replica) for _ in range(4)) == {"redis-1": 2, "redis-2": 2}
    assert len(redis.ready()) == 3


def test_a_pool_of_ones_own(world: World, redis: Kubelet) -> None:
    """The manager alone serves the pool of the client's own Sentinel module."""
    manager = world.manager(world.service(port="redis"), by="address")
    pool = world.sentinel.SentinelConnectionPool("redis", manager, is_master=False)
    found = {world.do(lambda: manager.discover_master("any"))}
    assert found == {(redis.pods["redis-0"].address, 6379)}
    replicas = world.do(lambda: manager.discover_slaves("any"))
    assert set(replicas) == {(redis.pods[name].address, 6379) for name in ("redis-1", "redis-2")}
    world.do(pool.disconnect)


def test_by_address(world: World, redis: Kubelet) -> None:
    """In the clear that does; TLS has no name to verify then, and refuses."""
    plain = world.service(port="redis")
    clear = world.client(plain, tls=False, by="address")
    assert world.who(clear) == "redis-0"
    with pytest.raises(world.errors.ConnectionError, match="certificate"):
        world.get(world.client(world.service(), by="address"))
    assert redis.pods["redis-0"].address in str(redis.pods)


def test_an_unknown_authority(world: World, redis: Kubelet, tmp_path: Path) -> None:
    """A server that somebody else vouches for is refused."""
    stranger = Authority(tmp_path / "stranger")
    client = world.client(world.service(), ssl_ca_certs=str(stranger.ca_file))
    with pytest.raises(world.errors.ConnectionError, match="certificate"):
        world.get(client)
    assert redis.ready()


def test_a_pod_dies_and_one_comes(world: World, namespace: Namespace, redis: Kubelet) -> None:
    """Reads go on without an error; who was added is used, by connections that were there."""
    service = world.service()
    primary = world.client(service)
    world.set(primary, "one")
    replicated(redis, "one")
    readers = [world.client(service, role="replica", recycle=1.0) for _ in range(6)]

    redis.hold("redis-1")
    redis.servers["redis-1"].kill()
    for _ in range(20):
        assert {world.get(each) for each in readers} == {"one"}
    assert {world.who(each) for each in readers} == {"redis-2"}

    redis.release("redis-1")
    redis.wait_ready(3)
    namespace.scale("redis", 4)
    deadline = time.monotonic() + SEEN_WITHIN
    while (seen := {world.who(each) for each in readers}) != {"redis-1", "redis-2", "redis-3"}:
        assert time.monotonic() < deadline, seen
    assert world.who(primary) == "redis-0"


def test_the_primary_moves(world: World, redis: Kubelet) -> None:
    """After a read-only error the servers are asked again, however long ago they were."""
    roles = world.roles(world.service(), keep=3600.0)
    primary = world.client(roles)
    world.set(primary, "one")
    assert world.who(primary) == "redis-0"

    first, second = redis.servers["redis-0"], redis.servers["redis-1"]
    tell(second, "REPLICAOF NO ONE")
    pods = redis.pods
    tell(first, f"REPLICAOF {pods['redis-1'].fqdn} 6379")
    with pytest.raises(world.errors.ConnectionError, match="previous master is now a slave"):
        world.set(primary, "two")
    assert world.set(primary, "three") is True
    assert world.who(primary) == "redis-1"
    assert {each.name for each in world.do(roles.replicas)} == {"redis-0", "redis-2"}


def test_two_primaries(world: World, redis: Kubelet) -> None:
    """None is chosen: the error of the client names both."""
    roles = world.roles(world.service())
    tell(redis.servers["redis-1"], "REPLICAOF NO ONE")
    with pytest.raises(world.sentinel.MasterNotFoundError) as raised:
        world.set(world.client(roles), "one")
    assert "redis-0.redis" in str(raised.value)
    assert "redis-1.redis" in str(raised.value)
    assert world.who(world.client(roles, role="replica")) == "redis-2"


def test_no_replica(world: World, namespace: Namespace, redis: Kubelet) -> None:
    """Reads fall back to the primary, unless they are told not to."""
    namespace.scale("redis", 1)
    redis.wait_ready(1)
    service = world.service(count=1)
    assert world.who(world.client(service, role="replica")) == "redis-0"
    strict = world.client(service, role="replica", fallback=False, retry=None)
    with pytest.raises(world.sentinel.SlaveNotFoundError):
        world.get(strict)
    assert world.who(world.client(service, role="primary", fallback=False)) == "redis-0"


def test_nobody_is_there(world: World, namespace: Namespace) -> None:
    """What is said of a Service that is not there is an error of the client."""
    service = world.service(followed=False)
    for role, error in (("primary", "MasterNotFoundError"), ("replica", "SlaveNotFoundError")):
        client = world.client(service, role=role, retry=None, retry_on_error=[])
        with pytest.raises(getattr(world.sentinel, error), match=f"redis.{namespace.name}"):
            world.get(client)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"role": "master"}, "'master' is neither 'primary' nor 'replica'"),
        ({"by": "ip"}, "'ip' is neither 'name' nor 'address'"),
        ({"role": "replica", "recycle": 0}, "0 is no number of seconds above 0"),
        ({"ssl_check_hostname": False}, "any pod of the cluster would do"),
        ({"ssl_cert_reqs": "none"}, "anybody would do"),
    ],
)
def test_what_cannot_be_meant(world: World, keywords: dict[str, Any], words: str) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(ConfigError, match=words):
        world.client(world.service(followed=False), **keywords)


def tell(server: Any, command: str) -> None:
    """Have a server do something."""
    assert server.ask(*command.split()) == "+OK\r\n"
