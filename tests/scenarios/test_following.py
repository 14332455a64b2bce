"""A followed service object: what each of its names does before, inside and after ``with``."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import (
    ConfigError,
    Look,
    LookupFailed,
    NotHeadless,
    PollPolicy,
    WaitTimeout,
)
from headless_discovery.testing import Drop, Rcode
from tests.scenarios.worlds import WITHIN, Silent, not_known, until

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import Followed, World

FAST = PollPolicy.fast()
SLOW = PollPolicy(interval=60)
ALL = {"mysql-0", "mysql-1", "mysql-2"}


def demand_unopened(service: Followed, *words: str) -> None:
    """What a service object that is not open does and refuses."""
    not_known(lambda: service.members, *words)
    not_known(lambda: service.observed, *words)
    not_known(service.status, *words)
    not_known(service.refresh, *words)
    not_known(lambda: service.subscribe(print), *words)
    assert {pod.name for pod in service.lookup().result(WITHIN)} == ALL
    assert service.wait_for(count=3, timeout=5).result(WITHIN).version == 0
    watch = service.watch()
    assert {pod.name for pod in watch.take().added} == ALL
    watch.close().result(WITHIN)
    assert watch.next().result(WITHIN) is None
    not_known(lambda: service.members, *words)  # what others looked up is not followed


@pytest.mark.usefixtures("mysql")
def test_before_and_after(world: World, cluster_dns: ClusterDNS) -> None:
    """Outside ``with`` nothing is known, and a watch or a wait polls for itself; so it is after."""
    service = world.service(cluster_dns, poll=FAST)
    demand_unopened(service, "db.shop", "not open", "open()")
    service.close().result(WITHIN)  # never opened: harmless
    for _ in range(3):
        with service:
            assert {pod.name for pod in service.members} == ALL
            assert service.members.version == 1
        demand_unopened(service, "db.shop", "closed")
        service.close().result(WITHIN)
        service.close().result(WITHIN)


@pytest.mark.usefixtures("mysql")
def test_inside(world: World, cluster_dns: ClusterDNS) -> None:
    """Inside, everything reads what one poller knows; a lookup asks for itself."""
    with world.service(cluster_dns, poll=SLOW) as service:
        before = len(cluster_dns.queries)
        assert {pod.name for pod in service.members} == ALL
        assert service.observed == service.members
        assert (service.observed.version, service.members.version) == (0, 1)
        assert service.watch().take().current is service.members
        assert len(service.wait_for(count=3, timeout=5).result(WITHIN)) == 3
        assert len(cluster_dns.queries) == before
        assert service.lookup().result(WITHIN).version == 0
        assert len(cluster_dns.queries) == before + 1


@pytest.mark.usefixtures("mysql")
def test_opened_twice(world: World, cluster_dns: ClusterDNS) -> None:
    """It is refused, and the one that is open goes on."""
    with world.service(cluster_dns, poll=FAST) as service:
        with pytest.raises(ConfigError, match="open already"):
            service.open().result(WITHIN)
        looks = service.status().looks
        until(lambda: service.status().looks > looks)


@pytest.mark.usefixtures("mysql")
def test_opened_by_many_at_once(world: World, cluster_dns: ClusterDNS) -> None:
    """One of them opens it; there is one poller, and it ends with `close`."""
    for _ in range(5):
        service = world.service(cluster_dns, poll=FAST)
        together = threading.Barrier(8)

        def open_it(service: Followed = service, together: threading.Barrier = together) -> object:
            if world.kind == "threads":
                together.wait(WITHIN)
            return service.inner.open()

        errors = [each.exception(WITHIN) for each in [world.begin(open_it) for _ in range(8)]]
        assert sum(error is None for error in errors) == 1
        assert {type(error) for error in errors} == {type(None), ConfigError}


def test_before_the_first_success(world: World, cluster_dns: ClusterDNS) -> None:
    """DNS fails: `open` raises nothing, and nothing is known, with the reason, until it answers."""
    looks: list[Look] = []
    service = world.service(
        cluster_dns.options.replace(timeout=0.1), poll=FAST, on_lookup=looks.append
    )
    with cluster_dns.fault(Rcode("SERVFAIL")), service:
        error = not_known(lambda: service.members, "servfail")
        assert (error.service, error.age) == ("db.shop.svc.cluster.local", None)
        assert isinstance(error.last_error, LookupFailed)
        assert isinstance(not_known(lambda: service.observed).last_error, LookupFailed)
        status = service.status()
        assert (status.synced, status.age, status.version, status.listed) == (False, None, 0, None)
        assert status.stale_for > 0 or status.looks == 1
        watch = service.watch()
        first = watch.next()
        told: list[str] = []
        service.subscribe(lambda change: told.extend(str(each.name) for each in change.added))
        with pytest.raises(WaitTimeout) as raised:
            service.wait_for(count=1, timeout=0.1).result(WITHIN)
        assert raised.value.snapshot is None
        assert isinstance(raised.value.last_error, LookupFailed)
        wait = service.wait_for(count=3)
        assert not first.done()
        assert not told
        db = cluster_dns.service("db.shop", ports=[3306])
        cluster_dns.statefulset("mysql", service=db, replicas=3)
        cluster_dns.faults.clear()
        assert len(wait.result(WITHIN)) == 3
        change = first.result(WITHIN)
        assert change is not None
        assert {pod.name for pod in change.added} == ALL
        until(lambda: set(told) == ALL)
        assert service.status().last_error is None
        watch.close().result(WITHIN)


def test_open_knows_how_the_first_look_ended(world: World) -> None:
    """Against a server that is silent `open` waits for the first look's end, no longer.

    Where it only waited as long as the look may take, every second time it came too early.
    """
    with Silent() as silent:
        service = world.service(silent.options.replace(timeout=0.05), poll=SLOW)
        errors = []
        taken = []
        for _ in range(20):
            began = time.monotonic()
            service.open().result(WITHIN)
            taken.append(time.monotonic() - began)
            errors.append(service.status().last_error)
            service.close().result(WITHIN)
    kinds = [each.kind for each in errors if isinstance(each, LookupFailed)]
    assert kinds.count("timeout") >= 17  # a busy machine may hold us up
    assert min(taken) < 0.1


def test_status(
    world: World, cluster_dns: ClusterDNS, mysql: StatefulSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each field says what it says, in good times and in bad ones."""
    monkeypatch.setenv("POD_NAME", "mysql-1")
    with world.service(cluster_dns.options.replace(timeout=0.05), poll=FAST) as service:
        status = service.status()
        assert (status.synced, status.listed, status.version) == (True, True, 1)
        assert (status.stale_for, status.last_error, status.failures) == (0.0, None, 0)
        assert status.callback_errors == 0
        assert status.age is not None
        assert 0 <= status.age < 1
        assert 0 < status.due_in <= 0.12
        cluster_dns.faults.add(Drop())
        until(lambda: service.status().failures >= 3)
        began = time.monotonic()
        bad = service.status()
        time.sleep(0.03)
        later = service.status()
        assert isinstance(bad.last_error, LookupFailed)
        assert bad.age is not None
        assert later.age is not None
        assert 0.03 <= later.age - bad.age < time.monotonic() - began + 0.01
        assert 0 < bad.stale_for < bad.age
        assert later.stale_for > bad.stale_for
        assert bad.looks > bad.failures >= 3
        assert {pod.name for pod in service.members} == ALL
        cluster_dns.faults.clear()
        mysql.scale(1)
        until(lambda: service.status().last_error is None)
        until(lambda: service.status().version == 2)
        good = service.status()
        assert (good.stale_for, good.listed) == (0.0, False)


@pytest.mark.usefixtures("mysql")
def test_max_stale(world: World, cluster_dns: ClusterDNS) -> None:
    """Past it the members are not told, nobody is removed, and they come back with an answer."""
    changes: list[int] = []
    with world.service(
        cluster_dns.options.replace(timeout=0.05), poll=FAST.replace(max_stale=0.2)
    ) as service:
        service.subscribe(lambda change: changes.append(change.current.version))
        members = service.members
        cluster_dns.faults.add(Drop())
        until(lambda: (service.status().age or 0) > 0.2)
        error = not_known(lambda: service.members, "max_stale=0.2")
        assert error.age is not None
        assert error.age > 0.2
        assert isinstance(error.last_error, LookupFailed)
        assert service.observed == members
        assert service.status().synced
        cluster_dns.faults.clear()
        until(lambda: (service.status().age or 0) < 0.2)
        assert service.members is members
    assert changes == [1]


@pytest.mark.usefixtures("mysql")
def test_refresh(world: World, cluster_dns: ClusterDNS) -> None:
    """However often it is asked for, an early look comes once a floor; it waits for nothing."""
    with world.service(cluster_dns, poll=PollPolicy.fast(interval=60, floor=0.1)) as service:
        until(lambda: service.status().looks == 1)
        cluster_dns.queries.clear()
        began = time.monotonic()
        calls = 0
        while time.monotonic() - began < 0.45:
            service.refresh()
            calls += 1
            time.sleep(0.0005)
        seen = len(cluster_dns.queries)
        most = (time.monotonic() - began) / 0.1 + 1
        assert calls > 100
        assert 2 <= seen <= most


def test_not_headless(world: World, cluster_dns: ClusterDNS) -> None:
    """The very first look says so: everything that looks raises it, and nothing stays open."""
    cluster_dns.service("db.shop", ports=[3306], cluster_ip=True)
    service = world.service(cluster_dns, poll=FAST)
    for begin in (service.open, lambda: service.wait_for(count=1), lambda: service.watch().next()):
        with pytest.raises(NotHeadless):
            begin().result(WITHIN)
    not_known(lambda: service.members)


def test_not_headless_later(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """It is a failure like any other: the members stay."""
    with world.service(cluster_dns, poll=FAST) as service:
        members = service.members
        with cluster_dns.at_once():
            (db,) = mysql._services
            db.delete()
            cluster_dns.service("db.shop", ports=[3306], cluster_ip=True)
        until(lambda: isinstance(service.status().last_error, NotHeadless))
        assert service.members is members
        failures = service.status().failures
        until(lambda: service.status().failures > failures + 2)
        assert service.members is members
