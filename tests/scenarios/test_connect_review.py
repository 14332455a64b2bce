"""What a review of connecting found: rounds, sleep, and how soon a dial notices its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    AsyncRoles,
    ConfigError,
    ConnectFailed,
    ConnectPolicy,
    Endpoint,
    HeadlessService,
    PollPolicy,
    WaitTimeout,
)
from headless_discovery.sync.dialling import dial_socket
from tests.faces import REPOSITORY
from tests.scenarios.pods import Pods, reach
from tests.scenarios.worlds import WITHIN, quickest, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import World

SLOW = PollPolicy(interval=60)

SLEEPER = """
import asyncio, json, sys, time
from headless_discovery import (
    AsyncHeadlessService, AsyncRoles, HeadlessService, LookupOptions, PollPolicy, Roles
)
arguments = {
    "options": LookupOptions(nameservers=[sys.argv[1]], allow_networks=["127.0.0.0/8"]),
    "poll": PollPolicy.fast(interval=0.3),
}

def sleep_through():
    last = time.monotonic()
    print("ready", flush=True)
    while (now := time.monotonic()) - last < 1:
        last = now
        time.sleep(0.001)

async def main():
    async with AsyncHeadlessService("db.shop", **arguments) as service:
        roles = AsyncRoles(service)
        sleep_through()
        return (await roles.primary()).address

if sys.argv[2] == "asyncio":
    print(json.dumps(asyncio.run(main())))
else:
    sys.setswitchinterval(10)  # whoever looks does not come before us
    with HeadlessService("db.shop", **arguments) as service:
        roles = Roles(service)
        sleep_through()
        print(json.dumps(roles.primary().address))
"""


def test_a_round_begins_with_a_look(world: World) -> None:
    """Also where nobody was there to be dialled, so that no dial has asked for it."""
    with Pods(1) as pods, world.service(pods.options, poll=SLOW) as service:
        begun = reach(service, to=1, retries=3)
        time.sleep(0.05)
        pods.scale(2)
        assert begun.result(WITHIN) == pods.address(1)


@pytest.mark.parametrize("is_open", [True, False], ids=["followed", "one look"])
def test_waiting_for_an_address(world: World, is_open: bool) -> None:
    """``to`` may be one, as an endpoint without a name is known by; then waiting knows it, too."""
    with Pods(1) as pods:
        service = world.service(pods.options, poll=PollPolicy.fast())
        if is_open:
            service.open().result(WITHIN)
        assert reach(service, to=pods.address(0), wait=True).result(WITHIN) == pods.address(0)
        late = reach(service, to="127.3.9.9", wait=True, timeout=0.2)
        with pytest.raises(WaitTimeout):
            late.result(WITHIN)


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_roles_after_a_sleep(kind: str) -> None:
    """Who has which role is told of the members after the look that is overdue."""
    with (
        Pods(1) as pods,
        subprocess.Popen(
            [sys.executable, "-c", SLEEPER, pods.dns.nameserver, kind],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            os.kill(process.pid, signal.SIGSTOP)
            old = pods.address(0)
            new = pods.move(0)
            time.sleep(1.6)
            os.kill(process.pid, signal.SIGCONT)
            assert json.loads(process.stdout.readline()) == new != old
        finally:
            process.kill()


@pytest.mark.usefixtures("mysql")
def test_roles_of_several_loops(cluster_dns: ClusterDNS) -> None:
    """Whoever asks while another loop does is told so, and does not wait for ever."""
    is_asked, may_end = threading.Event(), threading.Event()

    async def probe(endpoint: Endpoint, timeout: float) -> str:  # noqa: ARG001
        is_asked.set()
        await asyncio.to_thread(may_end.wait, WITHIN)
        return "primary" if endpoint.ordinal == 0 else "replica"

    roles = AsyncRoles(
        AsyncHeadlessService("db.shop", options=cluster_dns.options), probe=probe, timeout=WITHIN
    )
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(asyncio.run, _primary(roles))
        try:
            assert is_asked.wait(WITHIN)
            with pytest.raises(ConfigError, match="asked in another one"):
                asyncio.run(_primary(roles))
        finally:
            may_end.set()
        assert begun.result(WITHIN) == "mysql-0"
    assert asyncio.run(_primary(roles)) == "mysql-0"


async def _primary(roles: AsyncRoles) -> str | None:
    return (await roles.primary()).name


def test_connecting_where_it_looks() -> None:
    """Who connects in ``on_lookup`` does not wait for the look that would come after it."""
    seconds: list[float] = []

    def on_lookup(_: object) -> None:
        if service.status().looks == 2:
            began = time.monotonic()
            with pytest.raises(ConnectFailed):
                service.connect(timeout=3.0)
            seconds.append(time.monotonic() - began)

    with Pods(1) as pods:
        pods.refuse(0)
        service = HeadlessService(
            "db.shop", options=pods.options, poll=PollPolicy.fast(), on_lookup=on_lookup
        )
        with service:
            until(lambda: bool(seconds))
        assert seconds[0] < 1.0


def test_the_end_of_a_call_is_near() -> None:
    """A dial that has a hundredth of a second left takes no more."""
    with Pods(1) as pods:
        pods.blackhole(0)
        endpoint = Endpoint(addresses=(pods.address(0),), ports=(pods.port,))

        def measure() -> float:
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                dial_socket(endpoint, 0.01, stagger=0.25, check=lambda: None)
            return time.monotonic() - began

        quickest(measure, 0.03)


@pytest.mark.parametrize("tls", [False, True], ids=["connecting", "shaking hands"])
def test_a_dial_looks_up_often(tls: bool) -> None:
    """Whether its service object was closed, it asks each 50 ms, from its first wait on."""
    context = ssl.create_default_context() if tls else None
    with Pods(1) as pods:
        if tls:
            pods.accept(0, silent=True)
        else:
            pods.blackhole(0)
        endpoint = Endpoint(addresses=(pods.address(0),), ports=(pods.port,))

        def measure() -> float:
            times = [time.monotonic()]
            with pytest.raises(OSError, match=r"no connection|did not shake hands"):
                dial_socket(
                    endpoint,
                    0.2,
                    stagger=0.25,
                    check=_noting(times),
                    tls=context,
                    name="mysql-0.db.shop.svc.cluster.local",
                )
            assert len(times) > 3
            return max(after - before for before, after in pairwise(times))

        quickest(measure, 0.08)


def _noting(times: list[float]) -> Callable[[], None]:
    return lambda: times.append(time.monotonic())


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("by_policy", [False, True])
def test_a_pool_leaves_this_pod_out(
    cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch, by_policy: bool
) -> None:
    """It is not among the pods that libpq tries after the first one either."""
    psycopg_pool = pytest.importorskip("headless_discovery.integrations.psycopg_pool")
    monkeypatch.setenv("POD_NAME", "mysql-1")
    policy = ConnectPolicy(exclude_self=by_policy)
    whom = {} if by_policy else {"exclude_self": True}
    with HeadlessService("db.shop", options=cluster_dns.options, connect_policy=policy) as service:
        made = psycopg_pool.conninfo(service, **whom)
        found = {made() for _ in range(4)}
        assert len(found) == 2
        for each in found:
            assert "mysql-0.db.shop" in each
            assert "mysql-1.db.shop" not in each
            assert "mysql-2.db.shop" in each
        assert "mysql-1.db.shop" in psycopg_pool.conninfo(service, to=1)()
        with pytest.raises(ConfigError, match="timeout: the pool connects"):
            psycopg_pool.conninfo(service, timeout=3.0)


def test_a_resolver_leaves_this_pod_out(
    cluster_dns: ClusterDNS, mysql: StatefulSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not among the addresses that aiohttp tries after the first one either."""
    aiohttp = pytest.importorskip("headless_discovery.integrations.aiohttp")
    monkeypatch.setenv("POD_NAME", "mysql-1")
    others = {mysql.address(0), mysql.address(2)}

    async def resolved(host: str) -> list[str]:
        async with AsyncHeadlessService("db.shop", options=cluster_dns.options) as service:
            resolver = aiohttp.Resolver(service, exclude_self=True)
            return [each["host"] for each in await resolver.resolve(host, 80)]

    assert {*asyncio.run(resolved("db.shop"))} == others
    assert asyncio.run(resolved("mysql-1.db.shop")) == [mysql.address(1)]
