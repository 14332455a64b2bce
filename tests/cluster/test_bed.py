"""The test bed itself: what the other cluster tests rely on, each fact once."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.bed import PROGRAMS, VARIANTS, Bed, programs_folder
from tests.cluster.lookups import Srv
from tests.cluster.network import BedError
from tests.cluster.processes import wait_until
from tests.cluster.workloads import Namespace, Port, address_of

if TYPE_CHECKING:
    from collections.abc import Callable

_REPOSITORY = Path(__file__).parents[2]

# Greets every client with the name it was given, on the address it was given.
_GREETER = """
import socket, sys
address, port, name = sys.argv[1:]
with socket.create_server((address, int(port))) as server:
    while True:
        with server.accept()[0] as client:
            client.sendall(name.encode())
"""

# A bed that stays until its process is killed; prints the process ids it consists of.
_DOOMED = """
import sys, time
from pathlib import Path
from tests.cluster.bed import Bed
with Bed(Path(sys.argv[1])) as bed:
    print(*(program.pid for program in bed.programs.values()), flush=True)
    time.sleep(600)
"""


def test_the_pods_of_a_statefulset_have_names(bed: Bed, namespace: Namespace) -> None:
    """Three pods are ready, and every variant answers their three names and addresses."""
    namespace.service("web", Port(80, "http", target=8080))
    namespace.statefulset("web", "web", 3)
    namespace.wait_ready("web")

    truth = namespace.truth("web")
    assert {pod.hostname for pod in truth} == {"web-0", "web-1", "web-2"}
    assert {pod.name for pod in truth} == {"web-0", "web-1", "web-2"}
    assert all(pod.ready and pod.ports == {("http", "TCP", 8080)} for pod in truth)
    for name in VARIANTS:
        server = bed.dns[name]
        server.wait_for(namespace, "web")
        answer = server.ask(f"_http._tcp.web.{namespace.name}", "SRV")
        zone = f"web.{namespace.name}.svc.cluster.local"
        assert answer.srv == {Srv(f"web-{ordinal}.{zone}", 8080) for ordinal in range(3)}
        for pod in truth:
            assert server.addresses(f"{pod.hostname}.web.{namespace.name}") == pod.addresses


def test_the_pods_of_a_deployment_are_named_by_address_or_by_pod(
    bed: Bed, namespace: Namespace
) -> None:
    """Without a hostname the name is the dashed address, or with endpoint_pod_names the pod's."""
    namespace.service("app", 80)
    namespace.deployment("app", "app", 3)
    namespace.wait_ready("app", "Deployment")

    truth = namespace.truth("app")
    zone = f"app.{namespace.name}.svc.cluster.local"
    dashed = {f"{min(pod.addresses).replace('.', '-')}.{zone}" for pod in truth}
    named = {f"{pod.name}.{zone}" for pod in truth}
    assert {pod.hostname for pod in truth} == {None}
    for variant, expected in (("bare", dashed), ("podnames", named)):
        bed.dns[variant].wait_for(namespace, "app")
        answer = bed.dns[variant].ask(f"app.{namespace.name}", "SRV")
        assert {record.target for record in answer.srv} == expected


def test_readiness_shows_within_two_seconds(bed: Bed, namespace: Namespace) -> None:
    """A pod that stops being ready leaves the answer, and returns with its readiness."""
    namespace.service("web", 80)
    namespace.statefulset("web", "web", 3, parallel=True)
    namespace.wait_ready("web")
    server = bed.dns["bare"]
    server.wait_for(namespace, "web")
    whole = server.addresses(f"web.{namespace.name}")
    gone = server.addresses(f"web-1.web.{namespace.name}")

    namespace.set_ready("web-1", False)
    wait_until(
        lambda: server.addresses(f"web.{namespace.name}") == whole - gone, "web-1 to leave", 2
    )
    assert server.ask(f"web-1.web.{namespace.name}", "A").rcode == "NXDOMAIN"
    assert {pod.name: pod.ready for pod in namespace.truth("web")}["web-1"] is False

    namespace.set_ready("web-1", True)
    wait_until(lambda: server.addresses(f"web.{namespace.name}") == whole, "web-1 to return", 2)


def test_a_deleted_pod_returns_under_its_name(bed: Bed, namespace: Namespace) -> None:
    """The replacement is another pod with the same hostname, whatever its address is."""
    namespace.service("web", 80)
    namespace.statefulset("web", "web", 2)
    namespace.wait_ready("web")
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in namespace.pods("web")}

    namespace.delete_pod("web-0")

    def replaced() -> bool:
        now = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in namespace.pods("web")}
        return now.keys() == before.keys() and now["web-0"] != before["web-0"]

    wait_until(replaced, "web-0 to be replaced")
    namespace.wait_ready("web")
    bed.dns["bare"].wait_for(namespace, "web")
    (pod,) = [pod for pod in namespace.truth("web") if pod.name == "web-0"]
    assert bed.dns["bare"].addresses(f"web-0.web.{namespace.name}") == pod.addresses


def test_a_terminating_pod_stays_with_a_service_that_publishes_it(
    bed: Bed, namespace: Namespace
) -> None:
    """A pod on its way out leaves the plain Service at once, the publishing one at its end."""
    namespace.service("plain", 80)
    namespace.service("peers", 80, selector={"app": "plain"}, publish_not_ready=True)
    namespace.statefulset("web", "plain", 1)
    namespace.wait_ready("web")
    server = bed.dns["bare"]
    server.wait_for(namespace, "plain")
    server.wait_for(namespace, "peers")
    (pod,) = namespace.truth("plain")

    namespace.delete_pod("web-0", delay="60s")
    wait_until(lambda: not server.addresses(f"plain.{namespace.name}"), "web-0 to leave")
    assert server.addresses(f"peers.{namespace.name}") == pod.addresses
    namespace.annotate("web-0", {"test/delete-delay": "1ms"})


def test_a_workload_is_scaled(bed: Bed, namespace: Namespace) -> None:
    """Pods are added at the end and taken from the end; with none left the name is gone."""
    namespace.service("web", 80)
    namespace.statefulset("web", "web", 1, start=5)
    namespace.wait_ready("web")

    for wanted in ({"web-5", "web-6", "web-7", "web-8"}, {"web-5", "web-6"}, set[str]()):
        namespace.scale("web", len(wanted))
        namespace.wait_ready("web")
        assert {pod.hostname for pod in namespace.truth("web")} == wanted
        bed.dns["bare"].wait_for(namespace, "web")
    assert bed.dns["bare"].ask(f"web.{namespace.name}", "A").rcode == "NXDOMAIN"


def test_a_dual_stack_service_has_addresses_of_both_families(
    bed: Bed, namespace: Namespace
) -> None:
    """One pod in two slices is one true pod with two addresses, and DNS gives both."""
    namespace.service("web", 80, families=("IPv4", "IPv6"))
    namespace.statefulset("web", "web", 2)
    namespace.wait_ready("web")
    bed.dns["bare"].wait_for(namespace, "web")

    for pod in namespace.truth("web"):
        assert sorted(":" in address for address in pod.addresses) == [False, True]
        assert bed.dns["bare"].addresses(f"{pod.name}.web.{namespace.name}") == pod.addresses


@pytest.mark.parametrize("endpoints", [1000, 5000])
def test_a_big_service_is_written_by_hand(bed: Bed, namespace: Namespace, endpoints: int) -> None:
    """Thousands of endpoints are there within seconds; the answer is cut short past 64 KiB."""
    namespace.service("big", 3306, selector={})

    started = time.monotonic()
    namespace.write_slices("big", endpoints)
    bed.dns["bare"].wait_for(namespace, "big")
    assert time.monotonic() - started < 20  # idle: 0.5 and 2 s

    assert len(namespace.truth("big")) == endpoints
    answer = bed.dns["bare"].ask(f"big.{namespace.name}", "A")
    assert answer.truncated == (endpoints > 4093)
    last = endpoints - 1
    assert bed.dns["bare"].addresses(f"mysql-{last}.big.{namespace.name}") == {address_of(last)}


def test_a_server_on_a_pods_own_address_is_reached_by_its_name(
    bed: Bed, namespace: Namespace
) -> None:
    """Pods' addresses are local: a program binds one, and the SRV answer leads to it."""
    bed.network.require_private()
    namespace.service("web", 7000)
    namespace.statefulset("web", "web", 2)
    namespace.wait_ready("web")
    server = bed.dns["service"]
    server.wait_for(namespace, "web")
    greeters = [
        bed.program(
            f"greeter-{pod.name}",
            [sys.executable, "-c", _GREETER, min(pod.addresses), "7000", str(pod.name)],
        )
        for pod in namespace.truth("web")
    ]
    for greeter in greeters:
        greeter.start()

    def greeting(record: Srv) -> str:
        (address,) = server.addresses(f"{record.target}.")
        with socket.create_connection((address, record.port), timeout=1) as client:
            return client.recv(100).decode()

    records = server.ask(f"web.{namespace.name}", "SRV").srv
    assert len(records) == 2
    for record in records:
        pod = record.target.split(".")[0]
        answered = partial(_equal, partial(greeting, record), pod)
        wait_until(answered, f"{pod} to greet", programs=greeters)
    for greeter in greeters:
        greeter.kill()
        del bed.programs[greeter.name]


def test_a_command_runs_as_a_pod_would(bed: Bed, namespace: Namespace) -> None:
    """A libc resolver finds a short name inside, through the search list and ndots of a pod."""
    bed.network.require_private()
    namespace.service("web", 80)
    namespace.statefulset("web", "web", 1)
    namespace.wait_ready("web")
    bed.dns["service"].wait_for(namespace, "web")
    (pod,) = namespace.truth("web")

    done = bed.run(bed.as_pod(["getent", "ahostsv4", "web-0.web"], namespace.name))
    assert {line.split()[0] for line in done.stdout.splitlines()} == pod.addresses
    assert "10.96.0.10" not in Path("/etc/resolv.conf").read_text()


def test_coredns_can_hang_and_die_and_return(bed: Bed, namespace: Namespace) -> None:
    """A test may pause a program of the bed, kill it and start it again."""
    namespace.service("web", 80)
    namespace.statefulset("web", "web", 1)
    namespace.wait_ready("web")
    server = bed.dns["bare"]
    server.wait_for(namespace, "web")
    coredns = bed.programs["coredns"]

    coredns.pause()
    with pytest.raises(OSError, match="Timeout"):
        server.ask(f"web.{namespace.name}", "A", timeout=0.2)
    coredns.resume()
    assert server.shows(namespace, "web")

    coredns.kill()
    with pytest.raises(ConnectionRefusedError):
        server.ask(f"web.{namespace.name}", "A", timeout=0.2)
    coredns.start()
    bed.wait_for_dns()
    assert server.shows(namespace, "web")


@pytest.mark.usefixtures("bed")
def test_nothing_outlives_a_killed_session(tmp_path: Path) -> None:
    """With the test process every program of its bed is gone, and it had no chance to stop one."""
    with subprocess.Popen(
        [sys.executable, "-c", _DOOMED, str(tmp_path / "doomed")],
        stdout=subprocess.PIPE,
        cwd=_REPOSITORY,
        text=True,
    ) as session:
        assert session.stdout is not None
        pids = [int(pid) for pid in session.stdout.readline().split()]
        assert len(pids) == 6
        assert all(_alive(pid) for pid in pids)
        session.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(_alive(pid) for pid in pids), "the programs to be gone", 5)
    shutil.rmtree(tmp_path / "doomed")  # the database, which nobody cleared away


@pytest.mark.usefixtures("bed")
def test_a_bed_can_be_had_on_plain_loopback(tmp_path: Path) -> None:
    """Without a namespace everything answers on free ports; up and down leave nothing behind."""
    before = Path("/proc/thread-self/ns/net").readlink()
    with Bed(tmp_path / "second", choice="loopback") as second:
        assert Path("/proc/thread-self/ns/net").readlink() == before
        assert set(second.dns) == set(VARIANTS)
        with pytest.raises(BedError, match="namespace of the bed's own"):
            second.network.require_private()
        pids = [program.pid for program in second.programs.values()]
    assert not any(_alive(pid) for pid in pids)


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not built the programs is told what builds them."""
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    with pytest.raises(BedError, match=r"etcd, kube-apiserver.* not found.*make test-cluster"):
        programs_folder()
    monkeypatch.delenv(PROGRAMS)
    with pytest.raises(BedError, match=r"missing.*make test-cluster.*builds them"):
        programs_folder()


def test_a_failed_start_shows_the_log(tmp_path: Path) -> None:
    """A program that ends as the bed starts ends the wait at once, and its log is shown."""
    for name in ("etcd", "kube-apiserver"):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho {name} cannot work today\nexit 3\n")
        script.chmod(0o755)
    with (
        pytest.raises(BedError, match=r"(?s)ended with 3.*cannot work today"),
        Bed(tmp_path / "state", programs=tmp_path, choice="loopback"),
    ):
        pass


def _equal(now: Callable[[], object], wanted: object) -> bool:
    """Return whether `now()` is what is wanted."""
    return now() == wanted


def _alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie waiting for its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
