"""``headless-discovery exec``: which pod, what is filled in, exit codes, signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.cli import main
from headless_discovery.cli.signals import Signals
from headless_discovery.testing import Drop, Endpoint, Port, Rcode
from tests.faces import REPOSITORY, command
from tests.unit.cli.playing import terminate, until
from tests.unit.cli.pods import FQDN, NAME

if TYPE_CHECKING:
    from pathlib import Path

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.unit.cli.playing import Play
    from tests.unit.cli.pods import Pods

SERVICE = "my-database.shop"
ECHO = ("--", "echo", "{name}")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that were begun: this process stays what it is."""
    programs: list[list[str]] = []

    def become(program: list[str]) -> int:
        programs.append(program)
        return 0

    monkeypatch.setattr("headless_discovery.cli.exec.become", become)
    # The signals that only another program would have with their default actions.
    monkeypatch.setattr(Signals, "back_to_default", lambda _: None)
    return programs


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``exec`` in a process of its own, with the environment of the test."""
    return command("exec", *arguments, **os.environ)


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("0", "mysql-0"),
        ("1", "mysql-1"),
        ("mysql-1", "mysql-1"),
        ("MySQL-1.my-database.shop.svc.cluster.local.", "mysql-1"),
    ],
)
def test_straight_to_a_pod(to: str, name: str) -> None:
    """By ordinal, name or hostname; each argument is filled in, and nothing is said."""
    arguments = ("{hostname}", "-P{port}", "{address} {ordinal}", "{{name}}")
    done = run(SERVICE, "--to", to, "--", "printf", "%s|", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    number = name[-1]
    address = f"10.244.0.{2 + int(number)}"
    assert done.stdout == (
        f"{name}.my-database.shop.svc.cluster.local|-P3306|{address} {number}|{{name}}|"
    )


@pytest.mark.usefixtures("mysql")
def test_it_becomes_the_command() -> None:
    """The same process, its streams and its exit code; no shell reads the arguments."""
    code = 'echo "$$" "$@"; cat; exit 7'
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "headless_discovery", "exec", SERVICE, "--to", "0"),
            *("--", "sh", "-c", code, "sh", "{name}", "--", "--to", "$(id)", "a b"),
        ],
        cwd=REPOSITORY,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        out, _ = process.communicate("typed in")
    assert out == f"{process.pid} mysql-0 -- --to $(id) a b\ntyped in"
    assert process.returncode == 7


@pytest.mark.usefixtures("mysql")
def test_any_pod(begun: list[list[str]]) -> None:
    """Without --to it is one of them, and not always the same; nobody is dialled."""
    for _ in range(40):
        assert main(["exec", SERVICE, *ECHO]) == 0
    assert {program[1] for program in begun} == {"mysql-0", "mysql-1"}


@pytest.mark.usefixtures("mysql")
def test_any_but_this_one() -> None:
    """With --exclude-self the pod that runs it is never chosen; alone it finds nobody."""
    own = {**os.environ, "POD_NAME": "mysql-1"}
    for _ in range(4):
        assert command("exec", SERVICE, "--exclude-self", *ECHO, **own).stdout == "mysql-0\n"
    own["HEADLESS_DISCOVERY_EXCLUDE_SELF"] = "1"
    assert command("exec", SERVICE, *ECHO, **own).stdout == "mysql-0\n"


def test_only_this_one_is_listed(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """Exit 1, and the reason."""
    mysql.scale(1)
    del cluster_dns
    done = command("exec", SERVICE, "--exclude-self", *ECHO, **os.environ, POD_NAME="mysql-0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "only this pod itself is listed" in done.stderr


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((SERVICE, "--to", "7"), 1, r"has ordinal 7; listed: mysql-0, mysql-1$"),
        ((SERVICE, "--to", "mysql-7"), 1, r"has name 'mysql-7'; listed: mysql-0, mysql-1$"),
        (("my-databse.shop",), 1, r"my-databse\.shop\S+: ABSENT: no such Service, or none of "),
        (("my-databse.shop", "--to", "0"), 1, r": ABSENT: no such Service, or none of its pods"),
        ((SERVICE, "--port", "msql"), 1, r"ABSENT: .* or it has no tcp port named 'msql'"),
        ((SERVICE, "--nameserver", "127.0.0.1:1", "--look-timeout", "200ms"), 3, r"DNS failed: "),
        (("vip.shop",), 5, r"vip\.shop\.svc\.cluster\.local is not headless"),
        (("my_database.shop",), 2, r"'my_database\.shop': label"),
        ((SERVICE, "--attempt-timeout", "48h"), 2, r"--attempt-timeout: "),
        ((SERVICE, "--wait", "--to", "10.9.0.1"), 2, r"--wait: .* and 10\.9\.0\.1 is an address"),
        ((SERVICE, "--wait", "--to", "fd00::1"), 2, r"--wait: .* and fd00::1 is an address"),
    ],
)
def test_no_pod(cluster_dns: ClusterDNS, arguments: tuple[str, ...], code: int, told: str) -> None:
    """Each reason has its exit code and its words; the command is not run."""
    cluster_dns.service("vip", namespace="shop", ports=[1], cluster_ip=True)
    done = run(*arguments, *ECHO)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.search(told, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_two_pods_of_one_ordinal(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """Neither is taken: both are named."""
    service = cluster_dns.service("both", namespace="shop", ports=[1])
    service.set_endpoints([Endpoint((f"10.9.0.{n}",), hostname=f"{n}-0") for n in ("1", "2")])
    del mysql
    done = run("both.shop", "--to", "0", *ECHO)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ordinal 0 is ambiguous: 1-0.both.shop" in done.stderr


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("{host}", "{host} is no placeholder: there are {hostname}, {address}, {port}, "),
        ("{", "a single brace: there are "),
    ],
)
def test_what_is_no_placeholder(cluster_dns: ClusterDNS, argument: str, told: str) -> None:
    """Exit 2 with the usage, and nobody is asked."""
    done = run(SERVICE, "--", "echo", argument)
    assert done.returncode == 2
    assert f"error: {argument!r}: {told}" in done.stderr
    assert done.stderr.startswith("usage: headless-discovery exec SERVICE")
    assert cluster_dns.queries == []


def test_what_a_pod_cannot_fill(cluster_dns: ClusterDNS) -> None:
    """A port that DNS does not tell, or two of them: exit 2 with what there is."""
    two = cluster_dns.service("two.shop", ports=[Port(80, "web"), Port(443, "tls")])
    cluster_dns.statefulset("two", service=two, replicas=1)
    done = run("two.shop", "--", "echo", "{port}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "two-0 has the ports 80, 443: say which with --port" in done.stderr
    for flags in (("--port", "tls"), ("--port", "443")):
        assert run("two.shop", *flags, "--", "echo", "{port}").stdout == "443\n"
    none = cluster_dns.service("none.shop")
    cluster_dns.statefulset("none", service=none, replicas=1)
    done = run("none.shop", "--", "echo", "{hostname}")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"10\.244\.0\.\d has no hostname; it has \{address\}$", done.stderr)


def test_commands_that_are_not_there(cluster_dns: ClusterDNS, tmp_path: Path) -> None:
    """127 and 126 as ``wait`` has them, before anybody is asked."""
    (tmp_path / "text").write_text("")
    assert main(["exec", SERVICE, "--", "no-such-command", "{name}"]) == 127
    assert main(["exec", SERVICE, "--", str(tmp_path / "text")]) == 126
    assert cluster_dns.queries == []


# --- --wait -------------------------------------------------------------------------------


def test_waiting_for_a_pod(mysql: StatefulSet, play: Play, begun: list[list[str]]) -> None:
    """The command starts once the pod is listed, and not before."""
    asked = until(lambda: len(play.dns.queries) > 2)

    def come() -> None:
        assert begun == []
        mysql.scale(3)

    code = play.run("exec", SERVICE, "--to", "2", "--wait", *ECHO, steps=(asked, come))
    assert (code, begun) == (0, [["echo", "mysql-2"]])


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize(
    ("to", "missing"),
    [
        (("--to", "2"), "ordinals=2: without 2 (mysql-0, mysql-1)"),
        (("--to", "other"), "names=other: without other (mysql-0, mysql-1)"),
    ],
)
def test_waiting_in_vain(
    play: Play, capfd: pytest.CaptureFixture[str], to: tuple[str, ...], missing: str
) -> None:
    """Exit 124 with what was missing; nothing is run."""
    assert play.run("exec", SERVICE, *to, "--wait", "--timeout", "500ms", *ECHO) == 124
    out, errors = capfd.readouterr()
    assert out == ""
    assert errors.splitlines()[-1] == (
        f"headless-discovery: 0.5 s have passed; was waiting for {missing}; DNS ok"
    )


def test_waiting_for_any_pod(
    cluster_dns: ClusterDNS,
    play: Play,
    begun: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without --to it is for one to be listed at all."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    pods = cluster_dns.statefulset("db", service=service, replicas=0)
    asked = until(lambda: len(play.dns.queries) > 2)
    monkeypatch.setenv("HEADLESS_DISCOVERY_WAIT", "1")
    code = play.run("exec", "db.shop", *ECHO, steps=(asked, lambda: pods.scale(1)))
    assert (code, begun) == (0, [["echo", "db-0"]])


# --- --check ------------------------------------------------------------------------------


def test_checked_before(pods: Pods) -> None:
    """With --check a pod that refuses is told and passed over; without it may be chosen."""
    pods.accept(2)
    for _ in range(3):
        done = run(NAME, "--check", *ECHO)
        assert (done.returncode, done.stdout) == (0, "local-2\n")
        for line in done.stderr.splitlines():
            assert re.fullmatch(
                r"headless-discovery: local-[01] at 127\.0\.2\.[12]:\d+: connection refused "
                r"\(0\.\d{3} s\)",
                line,
            )


def test_checked_in_vain(pods: Pods) -> None:
    """Exit 6 where nobody accepts, 124 where the time is over; nothing is run."""
    pods.swallow(1)
    done = run(NAME, "--check", "--to", "0", *ECHO)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.splitlines()[-1] == f"headless-discovery: {FQDN}: no connection"
    done = run(NAME, "--check", "--to", "1", "--attempt-timeout", "50ms", *ECHO)
    assert done.returncode == 6
    assert "local-1 at 127.0.2.2" in done.stderr
    done = run(NAME, "--check", "--to", "1", "--timeout", "400ms", *ECHO)
    assert (done.returncode, done.stdout) == (124, "")


# --- signals ------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("flags", [(), ("--wait",)], ids=["a look", "a wait"])
@pytest.mark.usefixtures("mysql")
def test_signals_end_it(
    cluster_dns: ClusterDNS, number: signal.Signals, code: int, flags: tuple[str, ...]
) -> None:
    """Within two seconds, with the code of the signal, and one line that says so."""
    cluster_dns.faults.add(Drop())
    asked = until(lambda: len(cluster_dns.queries) >= 1)
    with started(SERVICE, *flags, "--to", "0", *ECHO) as process:
        try:
            asked()
            began = time.monotonic()
            process.send_signal(number)
            out, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out) == (code, "")
    assert time.monotonic() - began < 2
    assert errors.splitlines()[-1].startswith(f"headless-discovery: {number.name}; was ")
    assert "Traceback" not in errors


def test_a_signal_here(play: Play) -> None:
    """Who calls the command as a function gets the code, and the handlers back."""
    play.dns.faults.add(Drop())
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    asked = until(lambda: len(play.dns.queries) >= 1)
    assert play.run("exec", SERVICE, *ECHO, steps=(asked, terminate)) == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.usefixtures("mysql")
def test_the_command_starts_with_default_signals() -> None:
    """Nothing is ignored that was not before: SIGPIPE ends a pipeline as ever."""
    with started(SERVICE, "--", "cat", "/proc/self/status") as process:
        out, _ = process.communicate()
    ignored = int(re.findall(r"^SigIgn:\s*(\w+)$", out, re.MULTILINE)[0], 16)
    for name in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        assert not ignored & (1 << name - 1)


def started(*arguments: str) -> subprocess.Popen[str]:
    """``exec`` in a process of its own, in which SIGINT is not ignored."""
    keywords: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "exec", *arguments],
        cwd=REPOSITORY,
        text=True,
        # A shell's background job ignores SIGINT, and so would this child of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
        **keywords,
    )
    return process


def test_stdout_is_the_commands_own(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """It runs where stdout is closed, too, as the command itself would."""
    del cluster_dns, mysql
    line = f"exec {SERVICE} --to 0 -- sh -c 'echo $0 >&2' {{name}}"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m headless_discovery {line} >&-', sys.executable],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "mysql-0\n")


def test_a_part_of_the_look_failed(cluster_dns: ClusterDNS) -> None:
    """Who is known will do; that somebody else is not there nobody can tell: exit 3."""
    service = cluster_dns.service("none.shop")  # without ports DNS tells addresses, in two parts
    service.set_endpoints([Endpoint(("10.9.0.1",))])
    cluster_dns.faults.add(Rcode("SERVFAIL", types=("AAAA",)))
    done = run("none.shop", "--look-timeout", "1s", "--", "echo", "{address}")
    assert (done.returncode, done.stdout) == (0, "10.9.0.1\n")
    done = run("none.shop", "--look-timeout", "1s", "--to", "fd00::1", "--", "echo", "{address}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "DNS failed in part: " in done.stderr
