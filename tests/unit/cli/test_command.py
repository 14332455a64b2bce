"""The command as a whole: help, version, demo, durations, how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import __version__
from headless_discovery.cli.parser import duration
from headless_discovery.testing import Drop
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


def test_the_demo_shows_the_main_job() -> None:
    """Pods by ordinal with addresses and hostnames in full, each step explained, exit 0."""
    done = command("demo", "--pause", "1ms")
    assert (done.returncode, done.stderr) == (0, "")
    for ordinal in range(5):
        assert f"  mysql-{ordinal}.my-database.shop.svc.cluster.local\n" in done.stdout
    assert "LookupFailed" in done.stdout
    assert "ABSENT" in done.stdout
    assert "\x1b" not in done.stdout


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
        ) as process:
            deadline = time.monotonic() + 10
            while len(cluster_dns.queries) == asked and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(number)
            _, errors = process.communicate(timeout=5)
        assert process.returncode == code
        assert "Traceback" not in errors


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
