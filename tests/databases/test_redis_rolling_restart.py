"""A real Redis with replicas while its pods are replaced, under load, and while DNS is away."""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import pytest

from headless_discovery import HeadlessService
from headless_discovery.integrations.redis import client
from tests.cluster.network import BedError
from tests.cluster.processes import wait_until
from tests.cluster.recovering import step
from tests.databases.load import Load, errors, figures, outside
from tests.databases.redis_server import RedisServer, redis_statefulset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from headless_discovery import Look
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet, Pod

OUTAGE = float(os.environ.get("HEADLESS_DISCOVERY_OUTAGE", "60"))
"""Seconds CoreDNS is away; the long form of the test is 600."""

# P10 for the default interval of 5 s and a CoreDNS that does not cache, seconds.
_SEEN_WITHIN = 1.3 * 5.0 + 1.0
_SLACK = 0.5  # seconds: the next command, and how often the servers are asked
# A StatefulSet that goes on before everybody knows the new pod has two pods away at once.
_MIN_READY = 10


class Audited(RedisServer):
    """A redis-server whose count of commands outlives it."""

    def __init__(self, pod: Pod, authority: Authority, *, linked: bool) -> None:
        super().__init__(pod, authority, linked=linked)
        self.role = ""
        self.gets = 0
        self.sets = 0
        self.refused = 0
        self.is_audited = False

    def stop(self) -> None:
        """Ask it one last time what it did."""
        if self.running:
            with contextlib.suppress(OSError):
                self.audit()
                self.is_audited = True
        super().stop()

    def audit(self) -> None:
        """Read its role and what it did since its start; a `set` may be one of replication."""
        done = self.ask("INFO", "commandstats")
        self.gets, self.sets = (
            int(found[1]) if (found := re.search(rf"cmdstat_{name}:calls=(\d+)", done)) else 0
            for name in ("get", "set")
        )
        told = self.ask("INFO", "errorstats")
        refused = re.search(r"errorstat_READONLY:count=(\d+)", told)
        self.refused = int(refused[1]) if refused else 0
        self.role = "master" if "role:master" in self.ask("INFO", "replication") else "slave"


class Shop:
    """An application: reads on replicas, writes on the primary, and a log of its looks.

    Args:
        namespace: Where `redis` is.
        authority: What signed the pods' certificates: by name and TLS. None: by address.

    Attributes:
        looks: When each look ended, and whether it was good.
    """

    def __init__(self, namespace: Namespace, authority: Authority | None) -> None:
        self.looks: list[tuple[float, bool]] = []
        self.service = HeadlessService(
            "redis",
            namespace=namespace.name,
            port="redis-tls" if authority else "redis",
            on_lookup=self._looked,
        )
        how: dict[str, Any] = {"by": "address"}
        if authority:
            how = {"by": "name", "ssl": True, "ssl_ca_certs": str(authority.ca_file)}
        # No fallback: a read that reached the primary would be one by the wrong role.
        self.reader = client(self.service, role="replica", fallback=False, **how)
        self.writer = client(self.service, role="primary", **how)
        self._numbers = count()

    def __enter__(self) -> Self:
        """Follow the Service."""
        self.service.open()
        self.service.wait_for(count=3, timeout=20)
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self.service.close()
        self.reader.close()
        self.writer.close()

    def read(self) -> None:
        """Read what was written some time ago; nothing is an answer too."""
        self.reader.get(f"key {next(self._numbers) % 100}")

    def write(self) -> None:
        """Write something."""
        number = next(self._numbers)
        self.writer.set(f"key {number % 100}", number)

    def _looked(self, look: Look) -> None:
        self.looks.append((time.monotonic(), look.error is None))


class Usage(threading.Thread):
    """Watches when each new server gets the first command of the application.

    Args:
        kubelet: Its servers are asked every 50 ms.
    """

    def __init__(self, kubelet: Kubelet) -> None:
        super().__init__(name="usage", daemon=True)
        self.first: dict[str, float] = {}  # by the uid of the pod
        self._kubelet = kubelet
        self._end = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._end.set()
        self.join(timeout=10)

    def run(self) -> None:
        """Ask every server that has done nothing yet."""
        while not self._end.wait(0.05):
            for server in self._kubelet.servers.values():
                assert isinstance(server, Audited)
                if server.pod.uid in self.first:
                    continue
                with contextlib.suppress(OSError):
                    server.audit()
                    if server.sets if server.pod.ordinal == 0 else server.gets:
                        self.first[server.pod.uid] = time.monotonic()


@pytest.mark.timeout(180, func_only=True)
def test_rolling_restart_under_load(
    namespace: Namespace, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reads never fail, writes only while the primary is away, and no pod does the other's work.

    The new `redis-0` is empty, for nothing was kept on disk, and its replicas become so. That
    is fine here: writes go to ordinal 0 again, which is what is shown.
    """
    cluster = _Cluster(namespace, authority, tmp_path, linked=True)
    _stir_addresses(namespace)
    with cluster as kubelet, Shop(namespace, authority) as shop, Usage(kubelet) as usage:
        with Load(shop.read, shop.write) as load:
            old = {pod.uid for pod in kubelet.pods.values()}
            wait_until(lambda: old <= usage.first.keys(), "every pod to be used", 10)
            _restart(namespace)
            wait_until(
                lambda: (
                    len(kubelet.ready()) == len({p.uid for p in kubelet.pods.values()} - old) == 3
                ),
                "three new pods",
                90,
            )
            new = {pod.uid for pod in kubelet.pods.values()}
            _wait_used(usage, new, _SEEN_WITHIN + _SLACK)
            time.sleep(2)
        late = {
            each.pod.name: usage.first.get(each.pod.uid, math.inf) - each.when
            for each in kubelet.events("ready")
            if each.pod.uid in new
        }
        begin = next(e.when for e in kubelet.events("stopping") if e.pod.name == "redis-0")
        ready = next(e.when for e in kubelet.events("ready")[::-1] if e.pod.name == "redis-0")
        end = ready + _SEEN_WITHIN
    failed = errors(load.writes)
    text = [
        figures("reads", load.reads, load.seconds),
        figures("writes", load.writes, load.seconds),
        f"redis-0 was away for {ready - begin:.2f} s; {_SEEN_WITHIN:.1f} s more are P10's",
        f"in use after {', '.join(f'{name} {seconds:.2f} s' for name, seconds in late.items())}",
        cluster.report(),
    ]
    if failed:
        text.append(
            f"writes failed from {min(each.ended for each in failed) - begin:.2f} to "
            f"{max(each.ended for each in failed) - begin:.2f} s after it was stopped: "
            f"{failed[0].error!r}"
        )
    _show(capsys, "rolling restart", text)
    assert errors(load.reads) == []
    assert outside(failed, begin, end) == []
    assert len(load.reads) > 0.95 * 150 * load.seconds
    assert set(late) == {"redis-0", "redis-1", "redis-2"}
    assert max(late.values()) <= _SEEN_WITHIN + _SLACK
    assert len(cluster.servers) == 6
    assert cluster.by_the_wrong_role() == 0


@pytest.mark.timeout(OUTAGE + 150, func_only=True)
def test_coredns_down_under_load(
    bed: Bed,
    namespace: Namespace,
    authority: Authority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No command fails while DNS is away, also with a replica replaced: the others are read.

    The new replica is used within P10 of the first look that succeeds, which is one step of
    the backoff after CoreDNS is back at most. By address: libc finds no name meanwhile.
    """
    cluster = _Cluster(namespace, authority, tmp_path, linked=False)
    _stir_addresses(namespace)
    with contextlib.ExitStack() as undo:
        kubelet = undo.enter_context(cluster)
        shop = undo.enter_context(Shop(namespace, None))
        usage = undo.enter_context(Usage(kubelet))
        with Load(shop.read, shop.write) as load:
            old = {pod.uid for pod in kubelet.pods.values()}
            wait_until(lambda: old <= usage.first.keys(), "every pod to be used", 10)
            with _no_dns(bed):
                time.sleep(OUTAGE)
                before = (len(load.reads), len(load.writes))
                assert errors(load.reads + load.writes) == []
                new = _replace(namespace, kubelet, "redis-2").uid
                time.sleep(5)
                assert new not in usage.first
            back = time.monotonic()
            failures = sum(not good for _, good in shop.looks)
            within = step(failures)
            _wait_used(usage, {new}, within + _SEEN_WITHIN + _SLACK)
            first_good = next(when for when, good in shop.looks if good and when > back - _SLACK)
    used = usage.first.get(new, math.inf)
    text = [
        f"{before} reads and writes in {OUTAGE:.0f} s without CoreDNS; then redis-2 was replaced",
        figures("reads", load.reads, load.seconds),
        figures("writes", load.writes, load.seconds),
        f"CoreDNS was back: a good look after {first_good - back:.2f} s",
        f"the new redis-2 in use {used - first_good:.2f} s after that look",
        cluster.report(),
    ]
    _show(capsys, "CoreDNS away", text)
    assert errors(load.reads) == []
    assert errors(load.writes) == []
    assert first_good - back <= within + _SLACK
    assert used - first_good <= _SEEN_WITHIN + _SLACK
    assert cluster.by_the_wrong_role() == 0


class _Cluster:
    """StatefulSet `redis` with audited servers, for the length of a `with` block."""

    def __init__(
        self, namespace: Namespace, authority: Authority, folder: Path, *, linked: bool
    ) -> None:
        self.servers: list[Audited] = []

        def make(pod: Pod) -> Audited:
            server = Audited(pod, authority, linked=linked)
            self.servers.append(server)
            return server

        self._kubelet = redis_statefulset(namespace, authority, folder, make=make)

    def __enter__(self) -> Kubelet:
        """Start all three."""
        with contextlib.ExitStack() as undo:
            kubelet = undo.enter_context(self._kubelet)
            kubelet.wait_ready(3)
            self._undo = undo.pop_all()
        return kubelet

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._undo.close()

    def by_the_wrong_role(self) -> int:
        """Return how many reads the primary took, and writes anybody else as if it were."""
        assert all(each.is_audited for each in self.servers)
        return sum(
            each.gets if each.pod.ordinal == 0 else each.sets if each.role == "master" else 0
            for each in self.servers
        )

    def report(self) -> str:
        """Say what each server did, those that are gone first."""
        return "\n".join(
            f"{each.pod.name} {each.pod.address} {each.role}: {each.gets} get, {each.sets} set, "
            f"{each.refused} refused as read-only"
            for each in self.servers
        )


def _restart(namespace: Namespace) -> None:
    """Have the control plane replace the pods one by one, as `kubectl rollout restart` does."""
    template = {"metadata": {"annotations": {"restarted": "now"}}}
    spec = {"minReadySeconds": _MIN_READY, "template": template}
    namespace.api.patch("StatefulSet", "redis", {"spec": spec}, namespace.name)


def _replace(namespace: Namespace, kubelet: Kubelet, name: str) -> Pod:
    """Have a pod replaced by one at another address, and return that when it is ready."""
    old = kubelet.pods[name]
    gone = {old.uid}

    def is_there() -> bool:
        return name in kubelet.ready() and kubelet.pods[name].uid not in gone

    while (now := kubelet.pods[name]).address == old.address:
        gone.add(now.uid)
        namespace.delete_pod(name)
        wait_until(is_there, f"a new {name}")
    return now


def _stir_addresses(namespace: Namespace) -> None:
    """Leave addresses behind that no pod has: a new pod then rarely gets that of the old one.

    It may get that of another one, which is what TLS by name is for.
    """
    namespace.deployment("before", "before", 16)
    namespace.wait_ready("before", "Deployment")
    namespace.scale("before", 0, "Deployment")
    wait_until(lambda: not namespace.pods("before"), "no pod", 20)


def _show(capsys: pytest.CaptureFixture[str], title: str, lines: list[str]) -> None:
    with capsys.disabled():
        print("\n".join(["", f"{title}:", *lines]))  # noqa: T201 - the figures are for CI's log


@contextlib.contextmanager
def _no_dns(bed: Bed) -> Iterator[None]:
    """CoreDNS is killed, and up again at the end of the block."""
    coredns = bed.programs["coredns"]
    coredns.kill()
    try:
        yield
    finally:
        coredns.start()
        bed.wait_for_dns()


def _wait_used(usage: Usage, uids: set[str], seconds: float) -> None:
    """Wait until pods got a command; that they got none in time is for the test to say."""
    with contextlib.suppress(BedError):
        wait_until(lambda: uids <= usage.first.keys(), "the new pods to be used", seconds)
