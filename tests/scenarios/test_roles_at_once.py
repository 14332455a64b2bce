"""One run of a probe at a time: who joins it, who does not, and who is not there any more."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    AsyncRoles,
    EndpointNotFound,
    HeadlessService,
    PollPolicy,
    Roles,
)
from headless_discovery.core.roles import Kept, Run
from tests.scenarios.forks import _child
from tests.scenarios.probing import Asked, Told
from tests.scenarios.worlds import WITHIN, until

if TYPE_CHECKING:
    from headless_discovery import Endpoint
    from headless_discovery.testing import ClusterDNS
    from tests.scenarios.worlds import World

FAST = PollPolicy.fast()


@pytest.fixture
def come(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When somebody came to ask, be it to join others."""
    times: list[float] = []
    under_way = Kept.under_way

    def noted(self: Kept, now: float) -> Run | None:
        times.append(now)
        return under_way(self, now)

    monkeypatch.setattr(Kept, "under_way", noted)
    return times


@pytest.mark.usefixtures("mysql")
def test_one_run_for_all(world: World, cluster_dns: ClusterDNS, come: list[float]) -> None:
    """Who asks while others are being asked for waits for the same answers."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        told.silent["mysql-1"] = threading.Event()
        roles = Asked(world, service, probe=told.probe, keep=0.0, timeout=10.0)
        begun = [world.begin(roles.inner.primary) for _ in range(20)]
        until(lambda: told.at_once == 1 and told.asked["mysql-1"] == 1)
        until(lambda: len(come) == 20)
        told.silent["mysql-1"].set()
        assert {each.result(WITHIN).name for each in begun} == {"mysql-0"}
        assert told.asked == {"mysql-0": 1, "mysql-1": 1, "mysql-2": 1}


@pytest.mark.usefixtures("mysql")
def test_forgotten_meanwhile(world: World, cluster_dns: ClusterDNS, come: list[float]) -> None:
    """Who asks after `forget` does not take answers to a question from before."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        told.silent["mysql-2"] = threading.Event()
        roles = Asked(world, service, probe=told.probe, keep=60.0, timeout=10.0)
        before = world.begin(roles.inner.primary)
        until(lambda: told.at_once == 1 and told.asked["mysql-2"] == 1)
        told.says = {"mysql-0": "replica", "mysql-1": "primary"}
        roles.forget()
        after = world.begin(roles.inner.primary)
        until(lambda: len(come) == 2)
        told.silent.pop("mysql-2").set()
        assert before.result(WITHIN).name == "mysql-0"
        assert after.result(WITHIN).name == "mysql-1"
        assert told.asked["mysql-0"] == 2


@pytest.mark.usefixtures("mysql")
def test_a_probe_that_hangs(world: World, cluster_dns: ClusterDNS) -> None:
    """It holds up nobody beyond its time, and is not started again while it hangs."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        told.silent["mysql-1"] = threading.Event()
        told.says["stubborn"] = True
        roles = Asked(world, service, probe=told.probe, keep=0.0, timeout=0.1)
        for _ in range(3):
            began = time.monotonic()
            assert roles.primary() == "mysql-0"
            assert time.monotonic() - began < 0.1 + 0.3
            assert roles.replicas() == ["mysql-2"]
        assert told.asked["mysql-1"] == 1
        told.silent.pop("mysql-1").set()
        until(lambda: told.at_once == 0)
        until(lambda: roles.replicas() == ["mysql-1", "mysql-2"])


@pytest.mark.usefixtures("mysql")
def test_what_hangs_is_named(world: World, cluster_dns: ClusterDNS) -> None:
    """Where it would be the primary, the error says that it did not answer, and then why not."""
    with world.service(cluster_dns, poll=FAST) as service:
        told = Told(world)
        told.silent["mysql-0"] = threading.Event()
        told.says["stubborn"] = True
        roles = Asked(world, service, probe=told.probe, keep=0.0, timeout=0.05)
        for words in ("mysql-0: did not answer in time", "its last probe has not ended"):
            with pytest.raises(EndpointNotFound, match=words):
                roles.primary()
        told.silent.pop("mysql-0").set()
        until(lambda: told.at_once == 0)


@pytest.mark.usefixtures("mysql")
def test_what_is_late_has_ended(cluster_dns: ClusterDNS) -> None:
    """No task of a probe that was too slow is left behind an answer."""

    async def probe(endpoint: Endpoint, _timeout: float) -> str:
        await asyncio.sleep(WITHIN if endpoint.ordinal else 0)
        return "primary"

    async def ask() -> None:
        service = AsyncHeadlessService("db.shop", options=cluster_dns.options)
        assert (await AsyncRoles(service, probe=probe, timeout=0.02).primary()).ordinal == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(ask())


@pytest.mark.usefixtures("mysql")
def test_cancelled(cluster_dns: ClusterDNS) -> None:
    """A task that is cancelled while it asks leaves the question to the next one."""

    async def ask() -> None:
        asked: list[str] = []
        all_asked = asyncio.Event()

        async def probe(endpoint: Endpoint, _timeout: float) -> str:
            asked.append(str(endpoint.name))
            if len(asked) == 3:
                all_asked.set()
            await asyncio.sleep(0.05)
            return "primary" if endpoint.ordinal == 0 else "replica"

        roles = AsyncRoles(
            AsyncHeadlessService("db.shop", options=cluster_dns.options), probe=probe
        )
        first = asyncio.create_task(roles.primary())
        await all_asked.wait()
        second = asyncio.create_task(roles.primary())
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second).name == "mysql-0"
        assert len(asked) == 6
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(ask())


@pytest.mark.usefixtures("mysql")
def test_no_more_threads(cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this process may start none, that is why no role is known; with few, they do it all."""
    roles = Roles(
        HeadlessService("db.shop", options=cluster_dns.options),
        probe=lambda endpoint, _: "replica" if endpoint.ordinal else "primary",
        keep=0.0,
    )
    start = threading.Thread.start
    left = 0

    def limited(self: threading.Thread) -> None:
        nonlocal left
        if not left:
            raise RuntimeError("can't start new thread")
        left -= 1
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(EndpointNotFound, match="mysql-2: RuntimeError: can't start new thread"):
        roles.primary()
    left = 1
    assert roles.primary().name == "mysql-0"


@pytest.mark.usefixtures("mysql")
def test_after_a_fork(cluster_dns: ClusterDNS) -> None:
    """A child waits for no run of its parent, and asks for itself; it is not held up by locks."""
    silent = threading.Event()
    hang = [True]

    def probe(endpoint: Endpoint, _timeout: float) -> str:
        if hang[0]:
            silent.wait(WITHIN)
        return "replica" if endpoint.ordinal else "primary"

    service = HeadlessService("db.shop", options=cluster_dns.options)
    roles = Roles(service, probe=probe, timeout=2.0)
    asking = threading.Thread(target=roles.replicas, daemon=True)
    asking.start()
    until(lambda: len(roles._busy) == 3)

    def child() -> None:
        hang[0] = False
        began = time.monotonic()
        assert roles.primary().name == "mysql-0"
        assert time.monotonic() - began < 1.0

    words = _child(child)
    silent.set()
    asking.join(WITHIN)
    assert not words
