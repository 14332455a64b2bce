"""What goes wrong while a Service is followed: its configuration, this process, this library."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import (
    ConfigError,
    HeadlessService,
    Look,
    LookupFailed,
    PollPolicy,
    WaitTimeout,
)
from headless_discovery.testing import Delay, Drop
from tests.scenarios.worlds import WITHIN, demand_none_left, open_descriptors, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import World

FAST = PollPolicy.fast()
ALL = {"mysql-0", "mysql-1", "mysql-2"}


@pytest.mark.usefixtures("mysql")
def test_resolv_conf_vanishes(
    world: World, cluster_dns: ClusterDNS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the begin it is an error; later a failure that is reported, and the members stay."""
    monkeypatch.delenv("HEADLESS_DISCOVERY_NAMESPACE")
    file = tmp_path / "resolv.conf"
    options = cluster_dns.options.replace(resolv_conf=str(file))
    looks: list[Look] = []
    service = world.service(options, "db", poll=FAST, on_lookup=looks.append)
    for begin in (service.open, lambda: service.wait_for(count=1), lambda: service.watch().next()):
        with pytest.raises(ConfigError):
            begin().result(WITHIN)
    good = cluster_dns.resolv_conf("shop")
    file.write_text(good)
    with service:
        assert {pod.name for pod in service.members} == ALL
        file.unlink()
        until(lambda: isinstance(service.status().last_error, ConfigError))
        assert {pod.name for pod in service.members} == ALL
        until(lambda: isinstance(looks[-1].error, ConfigError))
        assert service.status().listed is False
        with pytest.raises(WaitTimeout):
            service.wait_for(listed=True, timeout=0.1).result(WITHIN)
        file.write_text(good)
        until(lambda: service.status().last_error is None)


def test_resolv_conf_names_another_server(
    world: World, cluster_dns: ClusterDNS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look asks the server that it names now."""
    from headless_discovery.testing import ClusterDNS as Another

    for name in cluster_dns.environment:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "resolv.conf"
    with (
        Another(host="127.0.0.2", port=53) as first,
        Another(host="127.0.0.3", port=53) as second,
    ):
        for dns, replicas in ((first, 1), (second, 2)):
            db = dns.service("db.shop", ports=[3306])
            dns.statefulset("mysql", service=db, replicas=replicas)
        file.write_text(first.resolv_conf("shop"))
        options = cluster_dns.options.replace(nameservers=(), resolv_conf=str(file))
        with world.service(options, "db", poll=FAST) as service:
            assert len(service.members) == 1
            file.write_text(second.resolv_conf("shop"))
            until(lambda: len(service.members) == 2)
            first.queries.clear()
            looks = service.status().looks
            until(lambda: service.status().looks > looks + 2)
            assert not first.queries


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("path", ["look", "ask_serial"])
def test_a_defect_does_not_end_it(
    world: World, cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A defect of this library in a look is logged and counts as a failure: the members stay."""
    shell = "sync" if world.kind == "threads" else "aio"
    world.expected.append("defect")
    hits: list[int] = []

    def defective(*_: object) -> object:
        hits.append(1)
        return 1 / 0

    policy = PollPolicy.fast(hint=0.02)
    with world.service(cluster_dns, poll=policy) as service:
        with monkeypatch.context() as patched:
            patched.setattr(f"headless_discovery.{shell}.following.{path}", defective)
            until(lambda: len(hits) > 3)
            assert {pod.name for pod in service.members} == ALL
            if path == "look":
                error = service.status().last_error
                assert isinstance(error, LookupFailed)
                assert (error.kind, "ZeroDivisionError" in str(error)) == ("internal", True)
        looks = service.status().looks
        until(lambda: service.status().looks > looks + 2)
        assert service.status().last_error is None


@pytest.mark.usefixtures("mysql")
def test_on_lookup(world: World, cluster_dns: ClusterDNS) -> None:
    """It gets every look, failed or not; that it raises is counted and disturbs nobody."""
    world.expected.append("raised")
    looks: list[Look] = []

    def note(look: Look) -> None:
        looks.append(look)
        raise RuntimeError("the caller's own")

    options = cluster_dns.options.replace(timeout=0.05)
    with world.service(options, poll=FAST, on_lookup=note) as service:
        until(lambda: len(looks) > 2)
        cluster_dns.faults.add(Drop())
        until(lambda: looks[-1].error is not None)
        assert service.status().looks - len(looks) in (0, 1)
        assert service.status().callback_errors >= len(looks) - 1
        cluster_dns.faults.clear()
        until(lambda: looks[-1].error is None)
    count = len(looks)
    assert [look.attempts for look in looks[:3]] != [(), (), ()]
    time.sleep(0.03)
    assert len(looks) == count


@pytest.mark.usefixtures("mysql")
def test_on_lookup_that_blocks(cluster_dns: ClusterDNS) -> None:
    """Readers and callers are not held up by it, and `close` does not wait for it."""
    release, inside = threading.Event(), threading.Event()

    def block(_: Look) -> None:
        inside.set()
        release.wait(WITHIN)

    options = cluster_dns.options.replace(timeout=0.2)
    service = HeadlessService("db.shop", options=options, poll=FAST, on_lookup=block)
    try:
        service.open()
        assert inside.is_set()
        assert len(service.members) == 3
        assert len(next(service.watch()).added) == 3
        with pytest.raises(WaitTimeout):
            service.wait_for(count=4, timeout=0.05)
        began = time.monotonic()
        service.close()
        assert time.monotonic() - began < 0.2
    finally:
        release.set()
    until(lambda: not any("headless" in each.name for each in threading.enumerate()))


@contextlib.contextmanager
def no_more_descriptors() -> Any:
    """This process may open no file more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = os.open("/", os.O_RDONLY)
    os.close(least)
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("mysql")
def test_no_more_descriptors(world: World, cluster_dns: ClusterDNS) -> None:
    """Looks fail for want of a socket, members stay; who begins gets an error of ours."""
    other = world.service(cluster_dns.options.replace(timeout=0.3), poll=FAST)
    stop = world.event()
    with world.service(cluster_dns.options.replace(timeout=0.3), poll=FAST) as service:
        with no_more_descriptors():
            failures = service.status().failures
            until(lambda: service.status().failures > failures + 1)
            assert {pod.name for pod in service.members} == ALL
            error = service.status().last_error
            assert isinstance(error, LookupFailed)
            assert "too many open files" in str(error).lower()
            assert service.status().listed is False
            begun = [lambda: other.wait_for(count=3, timeout=0.1), other.open]
            with contextlib.suppress(LookupFailed):  # threads need sockets to begin with
                begun.append(other.watch(stop).next)
            for begin in begun:
                future = begin()
                time.sleep(0.05)
                stop.set()
                with contextlib.suppress(LookupFailed, WaitTimeout):
                    future.result(WITHIN)
            other.close().result(WITHIN)
        until(lambda: service.status().last_error is None)
        with other:
            assert {pod.name for pod in other.members} == ALL


def test_no_more_threads(
    cluster_dns: ClusterDNS, mysql: StatefulSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a container allows no more of them it is an error of ours, and nothing stays open."""
    del mysql
    service = HeadlessService("db.shop", options=cluster_dns.options, poll=FAST)
    before = open_descriptors()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(LookupFailed, match="can't start new thread"):
            service.open()
    demand_none_left(before)
    with service, monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(LookupFailed, match="can't start new thread"):
            service.subscribe(print)
        assert len(service.members) == 3


SLEEPER = """
import sys
from headless_discovery import HeadlessService, LookupOptions, PollPolicy
interval = float(sys.argv[2])
options = LookupOptions(nameservers=[sys.argv[1]], timeout=0.5)
policy = PollPolicy.fast(interval=interval, jitter=0.0, ttl_guidance=False, backoff=interval,
                         backoff_max=interval)
with HeadlessService("db.shop", options=options, poll=policy):
    print("open", flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def sleeper(dns: ClusterDNS, interval: float) -> Iterator[subprocess.Popen[str]]:
    """A process that follows."""
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, dns.nameserver, str(interval)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def demand_a_look_after(seconds: float, process: subprocess.Popen[str], dns: ClusterDNS) -> None:
    """Suspended for so long, it looks at once when it wakes, and once."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    dns.queries.clear()
    time.sleep(seconds)
    assert not dns.queries
    began = time.monotonic()
    process.send_signal(signal.SIGCONT)
    until(lambda: bool(dns.queries))
    assert time.monotonic() - began < 0.3
    time.sleep(0.1)
    assert len(dns.queries) == 1


@pytest.mark.usefixtures("mysql")
def test_suspended_between_looks(cluster_dns: ClusterDNS) -> None:
    """After a wake that is late by two intervals it looks at once."""
    with sleeper(cluster_dns, 0.5) as process:
        until(lambda: len(cluster_dns.queries) >= 2)
        time.sleep(0.1)  # its answer is read
        demand_a_look_after(1.0, process, cluster_dns)


@pytest.mark.usefixtures("mysql")
def test_suspended_in_a_look(cluster_dns: ClusterDNS) -> None:
    """An answer that lay there while the process slept is old: another look follows at once."""
    with cluster_dns.fault(Delay(0.2)), sleeper(cluster_dns, 60) as process:
        until(lambda: bool(cluster_dns.queries))
        demand_a_look_after(1.6, process, cluster_dns)
