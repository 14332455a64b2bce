"""``headless-discovery connect``: which pod, where, how fast; and who it is, with TLS."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.cli import main
from headless_discovery.testing import Drop, Endpoint, Port
from tests.databases.certificates import Authority
from tests.faces import REPOSITORY, command
from tests.unit.cli.playing import terminate, until
from tests.unit.cli.pods import FQDN, NAME

if TYPE_CHECKING:
    from pathlib import Path

    from headless_discovery.testing import ClusterDNS
    from tests.unit.cli.playing import Play
    from tests.unit.cli.pods import Pods


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``connect`` in a process of its own, with the environment of the test."""
    return command("connect", *arguments, **os.environ)


def attempts(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The attempts that ``-o json`` tells."""
    done = run(*arguments, "-o", "json")
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema"], document["service"]) == (1, FQDN)
    found: list[dict[str, Any]] = document["attempts"]
    return found


# --- one pod ------------------------------------------------------------------------------


def test_straight_to_a_pod(pods: Pods) -> None:
    """Which pod, at which address, how long it took; a plain table in a pipe."""
    pods.accept(0, 1, 2)
    for to, number in (("1", 1), ("local-2", 2), (f"LOCAL-0.{FQDN}.", 0)):
        done = run(NAME, "--to", to)
        assert (done.returncode, done.stderr) == (0, "")
        head, row = done.stdout.splitlines()
        assert head.split() == ["POD", "ADDRESS", "RESULT", "MS"]
        name, place, result, taken = row.split()
        assert (name, place, result) == (f"local-{number}", pods.place(number), "connected")
        assert 0 <= float(taken) < 1000
        assert row.index("connected") == head.index("RESULT")


def test_as_json(pods: Pods) -> None:
    """One document: everything that was tried, in its order."""
    pods.accept(1)
    (attempt,) = attempts(NAME, "--to", "1")
    assert 0 < attempt.pop("seconds") < 1
    assert attempt == {
        "endpoint": {
            "name": "local-1",
            "ordinal": 1,
            "hostname": pods.hostname(1),
            "addresses": ["127.0.2.2"],
            "ports": [pods.port],
        },
        "address": "127.0.2.2",
        "port": pods.port,
        "connected": True,
        "error": None,
        "verified": None,
        "protocol": None,
        "expires": None,
    }
    (attempt,) = attempts(NAME, "--to", "0", code=6)
    assert (attempt["connected"], attempt["error"]) == (False, "connection refused")
    assert attempts(NAME, "--to", "9", code=1) == []


def test_any_pod_that_accepts(pods: Pods, capfd: pytest.CaptureFixture[str]) -> None:
    """Those that fail before it are told on stderr, with pod, address, error and seconds."""
    pods.accept(2)
    pods.swallow(1)
    failing = {
        f"headless-discovery: local-0 at {pods.place(0)}: connection refused",
        f"headless-discovery: local-1 at {pods.place(1)}: no connection",
    }
    seen: set[str] = set()
    for _ in range(40):  # who begins is chance
        assert main(["connect", NAME, "--attempt-timeout", "50ms"]) == 0
        data, talk = capfd.readouterr()
        assert [line.split("  ")[0] for line in data.splitlines()[1:]] == ["local-2"]
        for line in talk.splitlines():
            assert re.search(r" \(0\.\d{3} s\)$", line)
            seen.add(re.sub(r" within .*| \(.*", "", line))
        if seen == failing:
            break
    assert seen == failing


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (("--to", "0"), 6, "no connection"),
        (("--to", "1", "--attempt-timeout", "100ms"), 6, "no connection"),
        (("--to", "1", "--timeout", "400ms"), 124, "no connection within 0.4 s"),
        (("--timeout", "400ms"), 124, "no connection within 0.4 s"),
    ],
)
def test_no_connection(pods: Pods, flags: tuple[str, ...], code: int, told: str) -> None:
    """Exit 6, and 124 where the time is over; every attempt on stderr, no data."""
    pods.swallow(1, 2)
    done = run(NAME, *flags)
    assert (done.returncode, done.stdout) == (code, "")
    *tried, last = done.stderr.splitlines()
    assert last == f"headless-discovery: {FQDN}: {told}"
    assert tried
    for line in tried:
        assert re.search(r": local-\d at 127\.0\.2\.\d:\d+: .+ \(0\.\d{3} s\)$", line)


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((NAME, "--to", "7"), 1, r"has ordinal 7; listed: local-0, local-1, local-2$"),
        (("locl.shop",), 1, r"locl\.shop\S+: ABSENT: no such Service, or none of its pods is "),
        (("locl.shop", "--all"), 1, r"locl\.shop\S+: ABSENT: no such Service, or none of its "),
        ((NAME, "--port", "bd"), 1, r"ABSENT: .* or it has no tcp port named 'bd'"),
        ((NAME, "--nameserver", "127.0.0.1:1", "--look-timeout", "200ms"), 3, r"DNS failed: "),
        (("vip.shop",), 5, r"vip\.shop\.svc\.cluster\.local is not headless"),
        (("vip.shop", "--all"), 5, r"vip\.shop\.svc\.cluster\.local is not headless"),
        (("two.shop",), 2, r"--port: two-0 has the ports 80, 443: say which$"),
        (("two.shop", "--all"), 2, r"--port: two-0 has the ports 80, 443: say which$"),
        (("none.shop",), 2, r"--port: DNS tells no port of 10\.244\.\S+: say its number$"),
        ((NAME, "--tls", "--ca-file", "/no/file"), 2, r"--ca-file: '/no/file' cannot be used: No"),
        ((NAME, "--tls", "--ca-file", __file__), 2, r"--ca-file: \S+ cannot be used: \S+"),
    ],
)
def test_not_even_tried(
    cluster_dns: ClusterDNS, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """Each reason has its exit code and its words."""
    cluster_dns.service("vip", namespace="shop", ports=[1], cluster_ip=True)
    two = cluster_dns.service("two.shop", ports=[Port(80, "web"), Port(443, "tls")])
    cluster_dns.statefulset("two", service=two, replicas=1)
    cluster_dns.statefulset("none", service=cluster_dns.service("none.shop"), replicas=1)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.search(told, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_a_deadline_holds_for_the_look_too(cluster_dns: ClusterDNS) -> None:
    """A DNS that is silent costs no more than --timeout, and is what has failed."""
    cluster_dns.faults.add(Drop())
    for flags in ((), ("--all",)):
        began = time.monotonic()
        assert main(["connect", NAME, "--timeout", "100ms", *flags]) == 3
        assert time.monotonic() - began < 2


def test_a_port_of_ones_own(cluster_dns: ClusterDNS, pods: Pods) -> None:
    """A number replaces what DNS says, also where it says nothing; nameless pods have a row."""
    pods.accept(0)
    nameless = cluster_dns.service("none.shop")
    nameless.set_endpoints([Endpoint((pods.address(0),))])
    done = run("none.shop", "--port", str(pods.port))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:3] == ["-", pods.place(0), "connected"]
    assert run(NAME, "--to", "0", "--port", "db").returncode == 0
    assert run(NAME, "--to", "0", "--port", "1").returncode == 6


def test_both_families(cluster_dns: ClusterDNS, pods: Pods) -> None:
    """The address is the one that accepted, IPv6 in brackets."""
    service = cluster_dns.service("both.shop", ports=[pods.port])
    service.set_endpoints(
        [Endpoint(("127.0.2.9",), hostname="both-0"), Endpoint(("::1",), hostname="both-0")]
    )
    networks = ("--allow-network", "127.0.0.0/8", "--allow-network", "::1/128")
    with socket.create_server(("::1", pods.port), family=socket.AF_INET6):
        done = run("both.shop", "--to", "0", *networks)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:2] == ["both-0", f"[::1]:{pods.port}"]


# --- all pods -----------------------------------------------------------------------------


def test_to_every_pod(pods: Pods) -> None:
    """A row each, sorted by ordinal; exit 0 where all accept."""
    pods.accept(0, 1, 2)
    done = run(NAME, "--all")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split()[:3] for line in done.stdout.splitlines()[1:]]
    assert rows == [[f"local-{n}", pods.place(n), "connected"] for n in range(3)]


def test_to_every_pod_and_one_fails(pods: Pods) -> None:
    """Exit 6; who failed is in the table, and on stderr; the others are tried all the same."""
    pods.accept(0, 2)
    done = run(NAME, "--all")
    assert done.returncode == 6
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        "local-0",
        "local-1",
        "local-2",
    ]
    assert "connection refused" in done.stdout.splitlines()[2]
    assert "connected" in done.stdout.splitlines()[3]
    one, summary = done.stderr.splitlines()
    assert one.startswith(f"headless-discovery: local-1 at {pods.place(1)}: connection refused (")
    assert summary == f"headless-discovery: {FQDN}: no connection to 1 of 3 pods"
    found = attempts(NAME, "--all", code=6)
    assert [each["connected"] for each in found] == [True, False, True]


def test_every_pod_at_once(pods: Pods, capfd: pytest.CaptureFixture[str]) -> None:
    """Black holes are waited for together; the limit of the whole ends it with 124."""
    pods.swallow(0, 1, 2)
    began = time.monotonic()
    assert main(["connect", NAME, "--all", "--attempt-timeout", "500ms"]) == 6
    assert time.monotonic() - began < 1.3  # one by one it would be 1.5
    assert main(["connect", NAME, "--all", "--timeout", "300ms"]) == 124
    assert time.monotonic() - began < 2.6
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"headless-discovery: {FQDN}: no connection to 3 of 3 pods within 0.3 s"


def test_more_pods_than_there_is_time_for(
    pods: Pods, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 124, and how many were not tried."""
    monkeypatch.setattr("headless_discovery.cli.connect._AT_ONCE", 1)
    pods.swallow(0, 1, 2)
    limits = ("--attempt-timeout", "250ms", "--timeout", "300ms")
    assert main(["connect", NAME, "--all", *limits]) == 124
    errors = capfd.readouterr().err
    assert re.search(
        rf"{FQDN}: 0\.3 s have passed; [12] of 3 pods not tried$", errors, re.MULTILINE
    )


def test_every_pod_but_this_one(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --exclude-self the pod that runs it is not tried; alone there is nobody."""
    pods.accept(0, 2)
    monkeypatch.setenv("POD_NAME", "local-1")
    found = attempts(NAME, "--all", "--exclude-self")
    assert [each["endpoint"]["name"] for each in found] == ["local-0", "local-2"]
    pods.list(1)
    done = run(NAME, "--all", "--exclude-self")
    assert (done.returncode, done.stdout) == (1, "")
    assert "only this pod itself is listed" in done.stderr


def test_a_flag_beats_the_variable_of_another(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """--all and --to contradict each other; which one was typed counts."""
    pods.accept(0, 1, 2)
    monkeypatch.setenv("HEADLESS_DISCOVERY_TO", "1")
    assert len(attempts(NAME, "--all")) == 3
    assert [each["endpoint"]["name"] for each in attempts(NAME)] == ["local-1"]
    monkeypatch.setenv("HEADLESS_DISCOVERY_ALL", "1")
    assert [each["endpoint"]["name"] for each in attempts(NAME, "--to", "2")] == ["local-2"]


# --- waiting ------------------------------------------------------------------------------


def test_waiting_for_a_pod(pods: Pods, play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    """It is connected to once it is listed; not listed in time, that is what is told."""
    pods.accept(2)
    pods.list(0, 1)
    asked = until(lambda: len(play.dns.queries) > 2)
    code = play.run("connect", NAME, "--to", "2", "--wait", steps=(asked, lambda: pods.list(2)))
    assert code == 0
    assert capfd.readouterr().out.splitlines()[1].startswith("local-2  ")
    assert play.run("connect", NAME, "--to", "1", "--wait", "--timeout", "500ms") == 124
    last = capfd.readouterr().err.splitlines()[-1]
    assert "0.5 s have passed; was waiting for ordinals=1: without 1 (local-2); DNS ok" in last


# --- TLS ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority of this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


def shown(authority: Authority, *names: str, expired: bool = False) -> ssl.SSLContext:
    """A server's context whose certificate holds these names."""
    now = dt.datetime.now(dt.UTC)
    until = now - dt.timedelta(days=1) if expired else None
    certificate = authority.issue(*names, not_after=until)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context


def test_the_name_is_verified(pods: Pods, authority: Authority) -> None:
    """The address is dialled, the pod's hostname verified; which, and until when, is told."""
    pods.accept(0, context=shown(authority, pods.hostname(0)))
    pods.accept(1, context=shown(authority, f"*.{FQDN}"))
    tls = ("--tls", "--ca-file", str(authority.ca_file))
    done = run(NAME, "--to", "0", *tls)
    assert (done.returncode, done.stderr) == (0, "")
    head, row = done.stdout.splitlines()
    assert head.split()[-2:] == ["VERIFIED", "EXPIRES"]
    assert re.search(rf"connected .* {re.escape(pods.hostname(0))}  [\d-]+$", row)
    (attempt,) = attempts(NAME, "--to", "1", *tls)
    assert (attempt["verified"], attempt["protocol"]) == (pods.hostname(1), "TLSv1.3")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", attempt["expires"])


@pytest.mark.parametrize(
    ("names", "expired", "told"),
    [
        (("local-1." + FQDN,), False, "Hostname mismatch"),
        (("local-0", "local-0.local"), False, "Hostname mismatch"),
        (("127.0.2.1",), False, "Hostname mismatch"),
        ((FQDN,), False, "Hostname mismatch"),
        (("local-0." + FQDN,), True, "certificate has expired"),
    ],
)
def test_a_name_that_is_not_verified(
    pods: Pods, authority: Authority, names: tuple[str, ...], expired: bool, told: str
) -> None:
    """Exit 6 and the reason: another pod, a short name, an address, an old certificate."""
    pods.accept(0, context=shown(authority, *names, expired=expired))
    done = run(NAME, "--to", "0", "--tls", "--ca-file", str(authority.ca_file))
    assert (done.returncode, done.stdout) == (6, "")
    first, last = done.stderr.splitlines()
    assert told in first
    assert last == f"headless-discovery: {FQDN}: no connection"


def test_an_authority_that_nobody_knows(pods: Pods, authority: Authority) -> None:
    """Without --ca-file the system's are trusted, and no other."""
    pods.accept(0, context=shown(authority, pods.hostname(0)))
    done = run(NAME, "--to", "0", "--tls")
    assert (done.returncode, done.stdout) == (6, "")
    assert "unable to get local issuer certificate" in done.stderr


def test_the_name_of_the_service(pods: Pods, authority: Authority) -> None:
    """With --tls-name service that one is verified, and the pod's does not pass."""
    pods.accept(0, context=shown(authority, FQDN))
    pods.accept(1, context=shown(authority, pods.hostname(1)))
    tls = ("--tls", "--ca-file", str(authority.ca_file), "--tls-name", "service")
    (attempt,) = attempts(NAME, "--to", "0", *tls)
    assert attempt["verified"] == FQDN
    (attempt,) = attempts(NAME, "--to", "1", *tls, code=6)
    assert (attempt["connected"], attempt["verified"]) == (False, None)
    found = attempts(NAME, "--all", *tls, code=6)
    assert [each["verified"] for each in found] == [FQDN, None, None]


def test_who_does_not_shake_hands(pods: Pods, authority: Authority) -> None:
    """A pod that accepts and is silent has --attempt-timeout, and no more."""
    pods.accept(0)
    tls = ("--tls", "--ca-file", str(authority.ca_file), "--attempt-timeout", "200ms")
    began = time.monotonic()
    assert main(["connect", NAME, "--to", "0", *tls]) == 6
    assert time.monotonic() - began < 2


# --- signals, terminals -------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("what", ["a look", "a dial", "all pods"])
def test_signals_end_it(
    cluster_dns: ClusterDNS, pods: Pods, number: signal.Signals, code: int, what: str
) -> None:
    """Within two seconds, with the code of the signal, and one line that says so."""
    if what == "a look":
        cluster_dns.faults.add(Drop())
    pods.swallow(0, 1, 2)
    flags = ("--all",) if what == "all pods" else ("--to", "0")
    asked = until(lambda: len(cluster_dns.queries) >= 1)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "headless_discovery", "connect", NAME),
            *("--attempt-timeout", "9s", *flags),
        ],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background job ignores SIGINT, and so would this child of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
    ) as process:
        try:
            asked()
            time.sleep(0.05)  # that it has begun to dial nobody else can see
            began = time.monotonic()
            process.send_signal(number)
            out, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out) == (code, "")
    assert time.monotonic() - began < 2
    assert errors.splitlines()[-1].startswith(f"headless-discovery: {number.name}; was looking")
    assert "Traceback" not in errors


def test_a_signal_here(pods: Pods, play: Play) -> None:
    """Who calls the command as a function gets the code, and the handlers back."""
    pods.swallow(0)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    asked = until(lambda: len(play.dns.queries) >= 1)
    flags = ("--to", "0", "--attempt-timeout", "9s")
    assert play.run("connect", NAME, *flags, steps=(asked, terminate)) == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_colours_on_a_terminal(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is connected is green, what is not is red; the words are those of a pipe."""
    pytest.importorskip("rich")
    pods.accept(0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "connect", NAME, "--all"],
        cwd=REPOSITORY,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    ):
        os.close(terminal)
        seen = b""
        while True:
            try:
                seen += os.read(controller, 1000)
            except OSError:  # EIO: whoever wrote has ended
                break
    os.close(controller)
    assert b"\x1b[32mconnected" in seen
    assert b"\x1b[31mconnection refused" in seen
    assert b"local-2" in seen


def test_a_closed_stdout(pods: Pods) -> None:
    """Exit 74 as of the other commands whose output is data."""
    pods.accept(0)
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m headless_discovery connect {NAME} --to 0 >&-', sys.executable],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 74


def test_without_tls_nothing_of_it_is_loaded(pods: Pods) -> None:
    """``ssl`` takes longer to load than a pod to accept; asyncio and dnspython even more."""
    pods.accept(0)
    code = (
        "import sys; from headless_discovery.cli import main; "
        f"code = main(['connect', '{NAME}', '--to', '0']); "
        "heavy = {'ssl', 'asyncio', 'dns', 'tenacity', 'dataclasses', 'logging'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else code)"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_is_no_authority(pods: Pods, tmp_path: Path) -> None:
    """--ca-file takes a file: exit 2 before anybody is asked."""
    del pods
    done = run(NAME, "--tls", "--ca-file", str(tmp_path))
    assert done.returncode == 2
    assert "--ca-file: " in done.stderr
