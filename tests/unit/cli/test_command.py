"""The command as a whole: help, version, durations, how it ends."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import __version__
from headless_discovery.cli import exits, main
from headless_discovery.cli.arguments import duration
from headless_discovery.testing import Drop, Rcode
from tests.faces import REPOSITORY, command

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("2m", 120),
        ("1h", 3600),
        ("5", 5),
        ("0.25", 0.25),
        (" 1.5S", 1.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """With a unit, or plain seconds."""
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "0", "-1s", "nan", "inf", "5 minutes", "1e9h", "x" * 99])
def test_no_durations(text: str) -> None:
    """Anything else is refused, also what Python would take for a number."""
    with pytest.raises(argparse.ArgumentTypeError, match="no duration"):
        duration(text)


def test_help_and_version() -> None:
    """They go to stdout, exit 0, and name every command and exit code."""
    assert command("--version").stdout == f"headless-discovery {__version__}\n"
    text = command("--help")
    assert text.returncode == 0
    assert "list" in text.stdout
    assert "demo" in text.stdout
    text = command("list", "--help")
    for flag in ("--namespace", "--nameserver", "--explain", "-o", "--allow-network"):
        assert flag in text.stdout
    assert "exit codes" in text.stdout


def test_ctrl_c_ends_it(cluster_dns: ClusterDNS) -> None:
    """SIGINT ends a waiting command with 130 and no traceback; SIGTERM ends it too."""
    cluster_dns.faults.add(Drop())
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
        asked = len(cluster_dns.queries)
        with subprocess.Popen(
            [sys.executable, "-m", "headless_discovery", "list", "db.shop", "--timeout", "30"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **cluster_dns.environment},
            # A shell's background job ignores SIGINT, and so would this child of it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
        ) as process:
            deadline = time.monotonic() + 10
            while len(cluster_dns.queries) == asked and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(number)
            _, errors = process.communicate(timeout=5)
        assert process.returncode == code
        assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 74), (">&-", 74), ("2>&-", 0), (">/dev/full 2>&-", 74)]
)
def test_output_that_goes_nowhere(cluster_dns: ClusterDNS, redirection: str, code: int) -> None:
    """A full disk or a closed stream has an exit code of its own, never that of "nobody"."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    cluster_dns.statefulset("db", service=service, replicas=3)
    for form in ("table", "name"):
        done = _in_shell(f"list db.shop -o {form}", redirection, cluster_dns)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def _in_shell(
    arguments: str, redirection: str, dns: ClusterDNS
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$0" -m headless_discovery {arguments} {redirection}', sys.executable],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **dns.environment},
        check=False,
    )


def test_talk_never_goes_where_the_data_is(cluster_dns: ClusterDNS) -> None:
    """With stderr closed stdout stays empty on 3 and 5."""
    cluster_dns.service("vip", namespace="shop", ports=[1], cluster_ip=True)
    done = _in_shell("list vip.shop --explain", "2>&-", cluster_dns)
    assert (done.returncode, done.stdout) == (5, "")
    cluster_dns.faults.add(Rcode("SERVFAIL"))
    done = _in_shell("list vip.shop --explain", "2>&-", cluster_dns)
    assert (done.returncode, done.stdout) == (3, "")


def test_data_and_talk_in_one_pipe_keep_their_order(cluster_dns: ClusterDNS) -> None:
    """The pods come first, what there is to say of them after."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    cluster_dns.statefulset("db", service=service, replicas=3)
    done = _in_shell("list db.shop -o name --statefulset other", "2>&1", cluster_dns)
    assert len(done.stdout.splitlines()) == 4
    assert "'other'" in done.stdout.splitlines()[3]


def test_a_defect_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw exits 70 with its traceback; 1 is kept for what DNS said."""
    monkeypatch.setattr("headless_discovery.cli.parser.parse", lambda *_: 1 / 0)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert main(["demo"]) == exits.SOFTWARE
    assert "ZeroDivisionError" in said.getvalue()


def test_a_flag_wins_over_a_variable_that_cannot_be_used() -> None:
    """Neither help nor the demo nor the flag itself is kept from working by it."""
    spoiled = {"HEADLESS_DISCOVERY_TIMEOUT": "soon", "HEADLESS_DISCOVERY_TCP": "1"}
    assert command("--help", **spoiled).returncode == 0
    assert command("list", "--help", **spoiled).returncode == 0
    done = command("list", "db.shop", "--timeout", "1ms", "--nameserver", "127.0.0.1:9", **spoiled)
    assert done.returncode == 3
    done = command(
        "list", "db.shop", "--no-tcp", "--explain", "--timeout", "1s", "--nameserver",
        "127.0.0.1:9", HEADLESS_DISCOVERY_TCP="1",
    )  # fmt: skip
    assert " UDP: " in done.stderr
    assert " TCP: " not in done.stderr


def test_unknown_flags_show_the_usage_of_their_command() -> None:
    """Not that of the whole program."""
    done = command("list", "db.shop", "--nope")
    assert done.returncode == 2
    assert "usage: headless-discovery list" in done.stderr
    assert "--nope" in done.stderr


def test_a_reader_that_leaves(cluster_dns: ClusterDNS) -> None:
    """``| head -1`` gets its line and no complaint is printed."""
    service = cluster_dns.service("db", namespace="shop", ports=[1])
    cluster_dns.statefulset("db", service=service, replicas=3)
    with subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "list", "db.shop", "-o", "name"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **cluster_dns.environment},
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(timeout=10)
    assert process.returncode == 141
    assert errors == ""
