"""``headless-discovery watch``: what it prints and records, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

import pytest

from headless_discovery.cli.recording import open_recording
from headless_discovery.cli.watch import JsonLines, Relay
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.snapshot import Snapshot
from headless_discovery.core.timeline import read_recording
from headless_discovery.testing import Drop, Rcode
from tests.faces import REPOSITORY, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from headless_discovery.testing import ClusterDNS, StatefulSet

HOST = "my-database.shop.svc.cluster.local"


@pytest.fixture
def mysql(cluster_dns: ClusterDNS) -> StatefulSet:
    """Return a database of three pods."""
    service = cluster_dns.service("my-database", namespace="shop", ports=[3306])
    return cluster_dns.statefulset("mysql", service=service, replicas=3)


@contextlib.contextmanager
def watching(
    dns: ClusterDNS, *flags: str, stdout: int | IO[Any] = subprocess.PIPE, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A ``watch`` in a process of its own; it is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "watch", "my-database.shop", *flags],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **dns.environment, **environment},
        # A shell's background job ignores SIGINT, and so would this child of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Its exit code, and the seconds until it ended."""
    began = time.monotonic()
    return process.wait(timeout=20), time.monotonic() - began


def until(holds: Callable[[], object]) -> None:
    """Wait for something to come true, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def endpoint(number: int, address: str) -> dict[str, object]:
    """An endpoint as the formats hold it."""
    return {
        "name": f"mysql-{number}",
        "ordinal": number,
        "hostname": f"mysql-{number}.{HOST}",
        "addresses": [address],
        "ports": [3306],
    }


def test_changes_as_lines_of_json(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """In a pipe: one object a change, there at once; the first one adds everybody."""
    with watching(cluster_dns, "--interval", "1s") as process:
        document = json.loads(line_of(process))
        assert time.time() - 30 < _seconds(document.pop("time")) < time.time() + 1
        three = [endpoint(n, f"10.244.0.{n + 2}") for n in range(3)]
        assert document == {
            "schema": 1,
            "version": 1,
            "outcome": "OK",
            "added": three,
            "removed": [],
            "updated": [],
            "endpoints": three,
        }
        mysql.restart(1, "10.244.0.99")
        document = json.loads(line_of(process))
        moved = endpoint(1, "10.244.0.99")
        assert (document["version"], document["added"], document["removed"]) == (2, [], [])
        assert document["updated"] == [{"before": three[1], "after": moved}]
        assert document["endpoints"] == [three[0], moved, three[2]]


def _seconds(text: str) -> float:
    from headless_discovery.core.times import seconds_of

    return seconds_of(text)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.usefixtures("mysql")
def test_signals_end_it(cluster_dns: ClusterDNS, tmp_path: Path, number: int, code: int) -> None:
    """Within two seconds, also in the middle of a look; the recording has its end."""
    record = tmp_path / "recording.jsonl"
    with watching(cluster_dns, "--record", str(record), "--interval", "1s") as process:
        assert json.loads(line_of(process))["version"] == 1
        with cluster_dns.fault(Drop()):
            asked = len(cluster_dns.queries)
            until(lambda: len(cluster_dns.queries) > asked)
            process.send_signal(number)
            found, seconds = ended(process)
        assert (found, seconds < 2) == (code, True)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    last = json.loads(record.read_text().splitlines()[-1])
    assert (last["record"], last["reason"]) == ("end", signal.Signals(number).name)


def test_a_reader_that_does_not_read(cluster_dns: ClusterDNS) -> None:
    """Keeps nobody from ending it."""
    service = cluster_dns.service("my-database", namespace="shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=service, replicas=300)
    with watching(cluster_dns) as process:
        assert process.stdout is not None
        until(lambda: len(cluster_dns.queries) > 0)
        os.read(process.stdout.fileno(), 1)  # it has begun to write
        process.send_signal(signal.SIGTERM)
        found, seconds = ended(process)
    assert (found, seconds < 2) == (143, True)


def test_a_reader_that_leaves(cluster_dns: ClusterDNS, mysql: StatefulSet, tmp_path: Path) -> None:
    """Ends it with 141, without a word; the recording is whole."""
    record = tmp_path / "recording.jsonl"
    with watching(cluster_dns, "--record", str(record), "--interval", "1s") as process:
        line_of(process)
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        mysql.scale(4)
        assert ended(process)[0] == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert json.loads(record.read_text().splitlines()[-1])["reason"] == "stopped"


def test_a_recording(cluster_dns: ClusterDNS, mysql: StatefulSet, tmp_path: Path) -> None:
    """Start, every look with its cost, failures with their kind, changes, end."""
    record = tmp_path / "recording.jsonl"
    cluster_dns.faults.add(Rcode("SERVFAIL"))
    with watching(
        cluster_dns, "--record", str(record), "--duration", "4s", "--interval", "1s"
    ) as process:
        until(lambda: record.exists() and "servfail" in record.read_text())
        cluster_dns.faults.clear()
        assert json.loads(line_of(process))["version"] == 1
        assert ended(process)[0] == 0
        assert line_of(process) == ""
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert {line["schema"] for line in lines} == {1}
    start, failed, *rest, end = lines
    assert (start["record"], start["service"], start["interval"]) == ("start", HOST, 1.0)
    assert (failed["record"], failed["outcome"], failed["kind"]) == ("look", "FAILED", "servfail")
    assert "SERVFAIL" in failed["error"]
    assert failed["endpoints"] is None
    assert (end["record"], end["reason"]) == ("end", "duration")
    change = next(line for line in rest if line["record"] == "change")
    look = rest[rest.index(change) - 1]
    assert (look["outcome"], look["endpoints"], look["messages"]) == ("OK", 3, 1)
    assert look["bytes"] > 100
    assert 0 < look["elapsed"] < 5
    assert look["error"] is None
    assert look["time"] == change["time"]
    assert len(change["added"]) == mysql.replicas
    with record.open("rb") as file:
        timeline = read_recording(file, "recording")
    assert [row.name for row in timeline.rows] == ["mysql-0", "mysql-1", "mysql-2"]
    assert timeline.outages[0].kinds == ("servfail",)
    assert timeline.remarks == ()


def test_text(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """Asked for in a pipe: event lines, and no control codes."""
    with watching(cluster_dns, "-o", "text", "--interval", "1s") as process:
        lines = [line_of(process) for _ in range(3)]
        assert [line.split()[2:] for line in lines] == [
            [f"mysql-{n}", f"10.244.0.{n + 2}", "there", "at", "the", "start"] for n in range(3)
        ]
        mysql.scale(2)
        line = line_of(process)
        assert line.startswith("- ")
        assert "mysql-2  10.244.0.4  removed: missing from 2 answers over 1." in line
        assert "\x1b" not in "".join(lines) + line


def test_a_terminal(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """There the text is the default, in colours, with how things stand below."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(ours, 4096):
                seen.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        with watching(cluster_dns, stdout=theirs, TERM="xterm", NO_COLOR="") as process:
            until(lambda: b"3 members  version 1  looked" in seen)
            process.send_signal(signal.SIGINT)
            assert ended(process)[0] == 130
    finally:
        os.close(theirs)
        reader.join(5)
        os.close(ours)
    assert bytes(seen).startswith(b"\r\x1b[K\x1b[1mFollowing my-database.shop.svc.cluster.local;")
    assert b"\x1b[32m+ " in seen
    assert seen.count(b"there at the start") == mysql.replicas
    assert seen.endswith(b"\r\x1b[K")


def test_it_is_not_headless(cluster_dns: ClusterDNS, tmp_path: Path) -> None:
    """The first look says so: exit 5, nothing on stdout; it is in the recording."""
    cluster_dns.service("web", namespace="shop", ports=[80], cluster_ip="10.96.1.2")
    record = tmp_path / "recording.jsonl"
    done = command("watch", "web.shop", "--record", str(record), **cluster_dns.environment)
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert "10.96.1.2" in line
    text = command("watch", "web.shop", "-o", "text", **cluster_dns.environment)
    assert (text.returncode, text.stdout, text.stderr) == (5, "", done.stderr)
    looks = [json.loads(line) for line in record.read_text().splitlines()]
    assert [look.get("outcome") for look in looks] == [None, "NOT_HEADLESS", None]
    assert looks[1]["kind"] == "not headless"


def test_a_recording_that_cannot_be_written(cluster_dns: ClusterDNS, tmp_path: Path) -> None:
    """A path that is none exits 2, a disk that is full 74."""
    nowhere = str(tmp_path / "no" / "folder")
    done = command("watch", "db.shop", "--record", nowhere, **cluster_dns.environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--record: {nowhere}: No such file" in done.stderr
    done = command("watch", "db.shop", "--record", "/dev/full", **cluster_dns.environment)
    assert done.returncode == 74
    assert "No space left" in done.stderr


def test_a_recording_that_is_no_file(cluster_dns: ClusterDNS, tmp_path: Path) -> None:
    """A pipe is refused and named, whether somebody reads it or nobody does; so is a socket."""
    pipe, bound = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    reader = None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(bound))
        try:
            for path in (pipe, bound, pipe):
                with watching(cluster_dns, "--record", str(path)) as process:
                    assert ended(process)[0] == 2
                    assert process.stderr is not None
                    assert f"--record: {path}: it is no regular file" in process.stderr.read()
                reader = reader or os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        finally:
            if reader is not None:
                os.close(reader)


def test_files_that_a_recording_is_opened_in(tmp_path: Path) -> None:
    """A device is one, a file that is there is written anew; a write waits where it has to."""
    there = tmp_path / "there"
    there.write_text("of last week, and longer\n")
    for path in ("/dev/null", str(there), str(tmp_path / "new")):
        with open_recording(path) as recording:
            assert os.get_blocking(recording.fileno())
            assert not os.get_inheritable(recording.fileno())
            recording.write("line\n")
            if path != "/dev/null":
                assert (tmp_path / path).read_text() == "line\n"


def test_what_fails_in_a_look_ends_the_watch() -> None:
    """The library would only log what a callback raises: it is kept, and raised again."""
    full = OSError("no space left")

    class Full(JsonLines):
        def looked(self, time: float, look: Look) -> None:  # noqa: ARG002 - as it is called
            raise full

    relay = Relay(lambda: False)
    relay.listeners.append(Full(lambda _line: None))
    assert not relay.is_set()
    relay.check()
    name = ServiceName("db.shop.svc.cluster.local")
    relay.looked(Look(name, Snapshot(name), (), 0.1))
    assert relay.is_set()
    with pytest.raises(OSError, match="no space left"):
        relay.check()
