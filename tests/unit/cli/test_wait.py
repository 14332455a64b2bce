"""``headless-discovery wait``: conditions, what is missing in words, exit codes, exec."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.testing import Drop, Endpoint, Rcode
from tests.faces import REPOSITORY, command
from tests.unit.cli.playing import terminate, until

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.unit.cli.playing import Play

SERVICE = "my-database.shop"


def started(*arguments: str, **streams: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, in which SIGINT is not ignored."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", *arguments],
        cwd=REPOSITORY,
        text=True,
        # A shell's background job ignores SIGINT, and so would this child of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
        **streams,
    )
    return process


@pytest.mark.parametrize(
    "condition",
    [
        "count=2",
        "count=1",
        "quorum=3",
        "ordinals=0-1",
        "ordinals=1,0",
        "names=mysql-1",
        "names=MYSQL-0,mysql-1.my-database.shop.svc.cluster.local.",
        "listed",
    ],
)
@pytest.mark.usefixtures("mysql")
def test_what_holds_already(condition: str) -> None:
    """Exit 0 at once; one line on stderr says who is there, and stdout is left alone."""
    done = command("wait", SERVICE, "--for", condition, **{**os.environ, "POD_NAME": "mysql-1"})
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(r"headless-discovery: \S+ after 0\.\d s: mysql-0, mysql-1", line)


@pytest.mark.parametrize(
    ("condition", "missing"),
    [
        ("count=3", "count=3: 2 of 3 listed (mysql-0, mysql-1)"),
        ("quorum=5", "quorum=5: 2 of 3 listed (mysql-0, mysql-1)"),
        ("ordinals=1-3", "ordinals=1,2,3: without 2, 3 (mysql-0, mysql-1)"),
        ("names=mysql-0,other", "names=mysql-0,other: without other (mysql-0, mysql-1)"),
        ("listed", "listed: this pod (pg-0 at 10.0.0.9) is not (mysql-0, mysql-1)"),
    ],
)
@pytest.mark.usefixtures("mysql")
def test_what_does_not_hold_in_time(
    condition: str,
    missing: str,
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Exit 124; the last line tells what was missing and that DNS is not to blame."""
    monkeypatch.setenv("POD_NAME", "pg-0")
    monkeypatch.setenv("POD_IP", "10.0.0.9")
    assert play.run("wait", SERVICE, "--for", condition, "--timeout", "100ms") == 124
    out, errors = capfd.readouterr()
    assert out == ""
    assert errors.splitlines() == [
        f"headless-discovery: waiting for {missing}, 0 s; DNS ok",
        f"headless-discovery: 0.1 s have passed; was waiting for {missing}; DNS ok",
    ]


def test_pods_that_come_later(
    mysql: StatefulSet, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """The wait ends with the look that sees them."""
    asked = until(lambda: len(play.dns.queries) > 2)
    code = play.run("wait", SERVICE, "--for", "ordinals=0-2", steps=(asked, lambda: mysql.scale(3)))
    assert code == 0
    assert capfd.readouterr().err.splitlines()[-1].endswith(" s: mysql-0, mysql-1, mysql-2")


@pytest.mark.usefixtures("mysql")
def test_dns_that_fails(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure is told, with its kind, and is no "nobody is there"."""
    play.dns.set_synced(False)
    limits = ("--timeout", "1s", "--look-timeout", "300ms")
    assert play.run("wait", SERVICE, "--for", "count=1", *limits) == 124
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].endswith("s; DNS fails: servfail: the server answered SERVFAIL")
    assert lines[-1] == (
        "headless-discovery: 1 s have passed; was waiting for count=1; "
        "DNS fails: servfail: the server answered SERVFAIL"
    )
    recovers = until(lambda: len(play.dns.queries) > 8), lambda: play.dns.set_synced(True)
    play.dns.queries.clear()
    assert play.run("wait", SERVICE, "--for", "count=1", *limits[2:], steps=recovers) == 0


@pytest.mark.usefixtures("mysql")
def test_silent_dns_does_not_make_it_late(play: Play) -> None:
    """The limit holds in the middle of a look."""
    play.dns.faults.add(Drop())
    began = time.monotonic()
    assert play.run("wait", SERVICE, "--for", "count=1", "--timeout", "300ms") == 124
    assert 0.3 <= time.monotonic() - began < 0.6


def test_not_headless(cluster_dns: ClusterDNS) -> None:
    """Exit 5 at once, whatever the limit, in one line."""
    cluster_dns.service("web", namespace="shop", ports=[80], cluster_ip="10.96.1.2")
    done = command("wait", "web.shop", "--for", "count=1", **os.environ)
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert "10.96.1.2" in line


def test_a_refused_record_is_named(
    cluster_dns: ClusterDNS, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """Once: without it one would not know why the pod is not counted."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    service.set_endpoints(
        [Endpoint(("10.244.0.1",), hostname="db-0"), Endpoint(("127.0.0.5",), hostname="db-1")]
    )
    assert play.run("wait", "db.shop", "--for", "count=2", "--timeout", "200ms") == 124
    lines = capfd.readouterr().err.splitlines()
    refused = [line for line in lines if line.startswith("headless-discovery: dropped: ")]
    assert len(refused) == 1
    assert "127.0.0.5 of db-1" in refused[0]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("count=0", "nothing to wait for"),
        ("quorum=0", "nothing to wait for"),
        ("count=-1", "'-1' is no number"),
        ("count=three", "'three' is no number"),
        ("count=", "'' is no number"),
        ("count=99999999", "'99999999' is no number of pods to wait for: 1 to 100000"),
        ("quorum=100001", "100001 is no number of pods to wait for: 1 to 100000"),
        ("ordinals=0-999999999", "'999999999' is no number of a pod: 0 to 99999"),
        ("ordinals=5-100000", "'100000' is no number of a pod: 0 to 99999"),
        ("ordinals=2-0", "'2-0' runs backwards"),
        ("ordinals=", "'' is no number"),
        ("names=", "the pod name is empty"),
        ("names=a,,b", "the pod name is empty"),
        ("names=a b", "RFC 1123"),
        ("listed=yes", "it is not count=3, ordinals=0-2, names=a,b, quorum=5 or listed"),
        ("size=3", "it is not count=3, ordinals=0-2, names=a,b, quorum=5 or listed"),
        ("", "it is not count=3, ordinals=0-2, names=a,b, quorum=5 or listed"),
    ],
)
def test_conditions_that_make_no_sense(condition: str, reason: str) -> None:
    """Exit 2 with the condition and what is wrong with it, also where a variable says it."""
    done = command("wait", SERVICE, "--for", condition)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--for: {condition!r} is no condition" in done.stderr
    assert reason in done.stderr
    if condition:
        done = command("wait", SERVICE, HEADLESS_DISCOVERY_FOR=condition)
        assert done.returncode == 2
        assert f"HEADLESS_DISCOVERY_FOR: {condition!r} is no condition" in done.stderr


def test_what_is_needed() -> None:
    """Without a condition, or without a command behind --, there is nothing to do."""
    done = command("wait", SERVICE)
    assert done.returncode == 2
    assert "required: --for" in done.stderr
    done = command("wait", SERVICE, "--for", "count=1", "--")
    assert done.returncode == 2
    assert "behind -- a command is expected" in done.stderr


def test_stable(mysql: StatefulSet, play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    """The pods must stay as they are; one that is replaced begins it anew."""
    asked = until(lambda: len(play.dns.queries) > 2)
    began = time.monotonic()
    replaced = []

    def replace() -> None:
        mysql.restart(0)
        replaced.append(time.monotonic())

    wait = ("wait", SERVICE, "--for", "count=2", "--stable", "400ms")
    assert play.run(*wait, steps=(asked, replace)) == 0
    assert time.monotonic() - replaced[0] >= 0.4 > replaced[0] - began
    lines = capfd.readouterr().err.splitlines()
    assert "count=2: holds (mysql-0, mysql-1), to stay so for 0.4 s" in lines[0]


# --- --tcp-port ---------------------------------------------------------------------------


@pytest.fixture
def reachable(cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a Service of two pods whose addresses are this machine's."""
    service = cluster_dns.service("local", namespace="shop", ports=[1])
    service.set_endpoints(
        [Endpoint((f"127.0.0.{n + 1}",), hostname=f"local-{n}") for n in range(2)]
    )
    monkeypatch.setenv("HEADLESS_DISCOVERY_ALLOW_NETWORKS", "127.0.0.0/8")
    return "local.shop"


def test_only_pods_that_accept_count(
    reachable: str, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """One by one they begin to listen; only then the condition holds."""
    with ExitStack() as listening, socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        asked = until(lambda: len(play.dns.queries) > 4)

        def listen() -> None:
            listening.enter_context(socket.create_server(("127.0.0.2", port)))

        wait = ("wait", reachable, "--for", "ordinals=0,1", "--tcp-port", str(port))
        assert play.run(*wait, steps=(asked, listen)) == 0
    lines = capfd.readouterr().err.splitlines()
    assert f"ordinals=0,1: listed; 1 of 2 accept at port {port} (local-0), 0 s; DNS ok" in lines[0]
    assert lines[-1].endswith(" s: local-0, local-1")


def test_pods_that_do_not_even_answer(
    reachable: str, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """A port that swallows packets costs no more than what is left of the limit."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        for _ in range(3):  # its queue is full: it does not even refuse
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(address)
        began = time.monotonic()
        wait = ("wait", reachable, "--for", "count=1", "--tcp-port", str(address[1]))
        assert play.run(*wait, "--timeout", "300ms") == 124
        assert time.monotonic() - began < 0.6
    last = capfd.readouterr().err.splitlines()[-1]
    assert f"count=1: listed; 0 of 2 accept at port {address[1]}; DNS ok" in last


# --- -- CMD -------------------------------------------------------------------------------


@pytest.mark.usefixtures("mysql")
def test_it_becomes_the_command() -> None:
    """The same process, with the arguments as they are; its exit code is the result."""
    code = 'echo "$$" "$@"; cat; exit 7'
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    program = ("sh", "-c", code, "sh", "--for", "-x", "--", "a b")
    with started("wait", SERVICE, "--for", "count=2", "--", *program, **streams) as process:
        out, _ = process.communicate("typed in")
    assert out == f"{process.pid} --for -x -- a b\ntyped in"
    assert process.returncode == 7


@pytest.mark.usefixtures("mysql")
def test_the_command_starts_with_default_signals() -> None:
    """Nothing is ignored or blocked that was not before: SIGPIPE ends a pipeline as ever."""
    arguments = ("wait", SERVICE, "--for", "count=2", "--", "cat", "/proc/self/status")
    with started(*arguments, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate()
    own = _masks(Path("/proc/self/status").read_text(encoding="ascii"))
    for name in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, in this process too
        own["SigIgn"] &= ~(1 << name - 1)
    assert _masks(out) == own


def _masks(status: str) -> dict[str, int]:
    """What a process ignores and blocks; who runs the tests may ignore something, too."""
    masks = re.findall(r"^(Sig(?:Ign|Blk)):\s*(\w+)$", status, re.MULTILINE)
    return {name: int(mask, 16) for name, mask in masks}


@pytest.mark.usefixtures("mysql")
def test_commands_that_do_not_start(tmp_path: Path) -> None:
    """127 where there is none, 126 where it cannot be executed, as other such tools say."""
    wait = ("wait", SERVICE, "--for", "count=2", "--")
    done = command(*wait, "no-such-command", **os.environ)
    assert done.returncode == 127
    assert "'no-such-command': the command is not found" in done.stderr
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    done = command(*wait, str(script), **os.environ)
    assert done.returncode == 126
    assert "cannot be executed: Permission denied" in done.stderr


@pytest.mark.usefixtures("mysql")
def test_the_command_is_not_run_in_vain(tmp_path: Path) -> None:
    """Where the condition does not hold in time nothing is run."""
    mark = tmp_path / "mark"
    wait = ("wait", SERVICE, "--for", "count=9", "--timeout", "200ms", "--", "touch", str(mark))
    assert command(*wait, **os.environ).returncode == 124
    assert not mark.exists()


# --- signals, terminals -------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("is_silent", [True, False], ids=["in a look", "between looks"])
@pytest.mark.usefixtures("mysql")
def test_signals_end_it(
    cluster_dns: ClusterDNS, number: signal.Signals, code: int, is_silent: bool
) -> None:
    """Within two seconds, with the code of the signal and one line that says so."""
    if is_silent:
        cluster_dns.faults.add(Drop())
    asked = until(lambda: len(cluster_dns.queries) >= 1)
    with started("wait", SERVICE, "--for", "count=9", stderr=subprocess.PIPE) as process:
        try:
            asked()
            began = time.monotonic()
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == code
    assert time.monotonic() - began < 2
    assert errors.splitlines()[-1].startswith(
        f"headless-discovery: {number.name}; was waiting for count=9"
    )
    assert "Traceback" not in errors


@pytest.mark.usefixtures("mysql")
def test_a_signal_here(play: Play) -> None:
    """Who calls the command as a function gets the code, and the handlers back."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    asked = until(lambda: len(play.dns.queries) > 2)
    assert play.run("wait", SERVICE, "--for", "count=9", steps=(asked, terminate)) == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.usefixtures("mysql")
def test_on_a_terminal_one_line_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never folds, and what stays is the last line."""
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = pty.openpty()
    with started("wait", SERVICE, "--for", "count=3", "--timeout", "1.3s", stderr=terminal):
        os.close(terminal)
        shown = b""
        while True:
            try:
                shown += os.read(controller, 1000)
            except OSError:  # EIO: whoever wrote has ended
                break
    os.close(controller)
    *lines, last = shown.decode().replace("\r\n", "").split("\r\x1b[K")
    assert last == (
        "headless-discovery: 1.3 s have passed; was waiting for count=3: 2 of 3 listed "
        "(mysql-0, mysql-1); DNS ok"
    )
    assert lines[1] == "waiting for count=3, 0 s; no answer yet"
    assert "waiting for count=3: 2 of 3 listed (mysql-0, mysql-1), 1 s; DNS ok" in lines
    assert "\n" not in "".join(lines)


def test_dns_without_an_answer_for_a_while(
    mysql: StatefulSet, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is missing is told again when DNS answers, and the end of the failures with it."""
    del mysql
    play.dns.faults.add(Rcode("REFUSED", times=6))
    assert play.run("wait", SERVICE, "--for", "count=3", "--timeout", "2500ms") == 124
    lines = capfd.readouterr().err.splitlines()
    assert "DNS fails: refused" in lines[0]
    assert lines[1].endswith("; DNS ok")
    assert len(lines) == 3
