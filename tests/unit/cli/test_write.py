"""``headless-discovery write``: what the file holds, when it is left alone, exit codes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery.cli.parser import OUTPUTS
from headless_discovery.peerfile import PeerFile
from headless_discovery.testing import Drop, Endpoint, Rcode
from tests.faces import REPOSITORY, command
from tests.unit.cli.playing import terminate, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.unit.cli.playing import Play

SERVICE = "my-database.shop"
NAMES = [f"mysql-{n}.my-database.shop.svc.cluster.local\n" for n in range(9)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where the file is to be."""
    return tmp_path / "peers"


def talk(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What was said, without the program's name; nothing went to stdout."""
    out, errors = capfd.readouterr()
    assert out == ""
    return [line.removeprefix("headless-discovery: ") for line in errors.splitlines()]


def holds(target: Path, *pods: int) -> Callable[[], None]:
    """A step that waits until the file holds the names of exactly these pods."""
    wanted = "".join(NAMES[number] for number in pods)
    return until(lambda: target.exists() and target.read_text() == wanted)


def looks(play: Play, count: int) -> Callable[[], None]:
    """A step that waits for so many questions from the time it begins."""

    def step() -> None:
        enough = len(play.dns.queries) + count
        until(lambda: len(play.dns.queries) >= enough)()

    return step


@pytest.mark.parametrize("form", OUTPUTS["write"])
@pytest.mark.usefixtures("mysql")
def test_formats_are_those_of_list(form: str, target: Path) -> None:
    """The file holds what ``list`` prints; nothing goes to stdout."""
    done = command("write", SERVICE, "--to", str(target), "-o", form, "--once", **os.environ)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"headless-discovery: wrote {target}: 2 pods, version 1\n"
    assert target.read_text() == command("list", SERVICE, "-o", form, **os.environ).stdout


@pytest.mark.usefixtures("mysql")
def test_names_are_the_default(play: Play, target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One a line; a second run finds nothing to do and leaves the file alone."""
    once = ("write", SERVICE, "--to", str(target), "--once")
    assert play.run(*once) == 0
    assert target.read_text() == "".join(NAMES[:2])
    before = target.stat()
    assert play.run(*once) == 0
    assert target.stat() == before
    assert talk(capfd) == [
        f"wrote {target}: 2 pods, version 1",
        f"{target} is up to date: 2 pods, version 1",
    ]


def test_it_follows(
    mysql: StatefulSet, play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pods that come are in the file at once, those that go leave it on evidence."""
    code = play.run(
        *("write", SERVICE, "--to", str(target)),
        steps=(
            holds(target, 0, 1),
            lambda: mysql.scale(4),
            holds(target, 0, 1, 2, 3),
            lambda: mysql.scale(3),
            holds(target, 0, 1, 2),
            terminate,
        ),
    )
    assert code == 143
    assert talk(capfd) == [
        f"wrote {target}: 2 pods, version 1",
        f"wrote {target}: 4 pods, version 2",
        f"wrote {target}: 3 pods, version 3",
    ]


@pytest.mark.parametrize("silent", [False, True], ids=["servfail", "silent"])
@pytest.mark.usefixtures("mysql")
def test_dns_that_fails_leaves_it_alone(
    silent: bool, play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first failure of a streak is told and its end, and nobody is removed."""
    fault = Drop() if silent else Rcode("SERVFAIL")
    code = play.run(
        *("write", SERVICE, "--to", str(target), "--look-timeout", "300ms"),
        steps=(
            holds(target, 0, 1),
            lambda: play.dns.faults.add(fault),
            looks(play, 4),
            play.dns.faults.clear,
            looks(play, 4),
            holds(target, 0, 1),
            terminate,
        ),
    )
    assert code == 143
    first, failing, again = talk(capfd)
    assert first == f"wrote {target}: 2 pods, version 1"
    assert failing.startswith(f"DNS fails: {'timeout' if silent else 'servfail'}: ")
    assert failing.endswith(f"; {target} stays as it is")
    assert again.startswith("DNS ok again after ")


def test_nobody_any_more_leaves_it_alone(
    mysql: StatefulSet, play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Even where DNS says so with authority and for long; who comes after that is written."""
    said: list[str] = []

    def emptied() -> bool:
        said.extend(talk(capfd))
        return any("nobody is listed any more" in line for line in said)

    code = play.run(
        *("write", SERVICE, "--to", str(target)),
        steps=(
            holds(target, 0, 1),
            lambda: mysql.scale(0),
            until(emptied),
            holds(target, 0, 1),
            lambda: mysql.scale(1),
            holds(target, 0),
            terminate,
        ),
    )
    assert code == 143
    assert said[-1] == f"nobody is listed any more (ABSENT): {target} keeps 2 pods"


@pytest.mark.parametrize("once", [False, True], ids=["follow", "once"])
def test_the_first_write_waits_for_those_expected(
    once: bool, mysql: StatefulSet, play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Until then what is missing is told; later there may be fewer."""
    target.write_text("old\n")

    def scale_to_three() -> None:
        assert target.read_text() == "old\n"
        mysql.scale(3)

    later = () if once else (lambda: mysql.scale(1), holds(target, 0), terminate)
    code = play.run(
        *("write", SERVICE, "--to", str(target), "--expected", "3", *["--once"] * once),
        steps=(looks(play, 3), scale_to_three, holds(target, 0, 1, 2), *later),
    )
    assert code == (0 if once else 143)
    lines = talk(capfd)
    assert lines[0] == ("waiting for 3 pods to be listed: 2 listed (mysql-0, mysql-1), 0 s; DNS ok")
    assert lines[1] == f"wrote {target}: 3 pods, version 2"


def test_the_limit_is_one_of_the_first_write(mysql: StatefulSet, play: Play, target: Path) -> None:
    """Once that is done the file is followed without an end."""
    began = time.monotonic()
    code = play.run(
        *("write", SERVICE, "--to", str(target), "--expected", "2", "--timeout", "200ms"),
        steps=(
            until(lambda: time.monotonic() - began > 0.3),
            lambda: mysql.scale(3),
            holds(target, 0, 1, 2),
            terminate,
        ),
    )
    assert code == 143


@pytest.mark.parametrize("flags", [[], ["--once"]])
@pytest.mark.usefixtures("mysql")
def test_those_expected_do_not_come(
    flags: list[str], play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 124, and the file is what it was."""
    target.write_text("old\n")
    limits = ("--expected", "3", "--timeout", "200ms")
    assert play.run("write", SERVICE, "--to", str(target), *limits, *flags) == 124
    assert target.read_text() == "old\n"
    assert talk(capfd)[-1] == (
        f"0.2 s have passed: fewer than 3 pods are listed; {target} is untouched"
    )


@pytest.mark.parametrize(
    ("cause", "code", "reason"),
    [
        ("none", 1, "nobody is listed (ABSENT)"),
        ("servfail", 3, "DNS failed: my-database.shop.svc.cluster.local: servfail"),
        ("silent", 3, "DNS failed: no answer"),
    ],
)
def test_once_and_nothing_to_write(
    cause: str,
    code: int,
    reason: str,
    mysql: StatefulSet,
    play: Play,
    target: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Exit 1 where DNS says that nobody is there, 3 where it says nothing, when time is up."""
    target.write_text("old\n")
    if cause == "none":
        mysql.scale(0)
    elif cause == "servfail":
        play.dns.set_synced(False)
    else:
        play.dns.faults.add(Drop())
    limits = ("--timeout", "600ms", "--look-timeout", "1s" if cause == "silent" else "200ms")
    assert play.run("write", SERVICE, "--to", str(target), "--once", *limits) == code
    assert target.read_text() == "old\n"
    last = talk(capfd)[-1]
    assert last.startswith(f"0.6 s have passed: {reason}")
    assert last.endswith(f"; {target} is untouched")


def test_not_headless(cluster_dns: ClusterDNS, target: Path) -> None:
    """Exit 5 in one line; there is no file."""
    cluster_dns.service("web", namespace="shop", ports=[80], cluster_ip="10.96.1.2")
    done = command("write", "web.shop", "--to", str(target), **os.environ)
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert "10.96.1.2" in line
    assert not target.exists()


def test_a_part_of_an_answer_does_not_begin_a_file(
    play: Play, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What half a look knows is less than what the file may hold; a whole one is written."""
    plain = play.dns.service("plain", namespace="shop")
    plain.set_endpoints([Endpoint(("10.244.0.1",)), Endpoint(("fd00:244::1",))])
    target.write_text("10.244.0.1\nfd00:244::1\nold\n")
    play.dns.faults.add(Rcode("SERVFAIL", types=("AAAA",)))

    def heal() -> None:
        assert target.read_text().endswith("old\n")
        play.dns.faults.clear()

    whole = until(lambda: target.read_text() == "10.244.0.1\nfd00:244::1\n")
    code = play.run(
        *("write", "plain.shop", "--to", str(target), "--look-timeout", "300ms"),
        steps=(looks(play, 20), heal, whole, terminate),
    )
    assert code == 143
    assert "DNS fails: partial" in talk(capfd)[0]


# --- the file -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", "no-such-folder/peers", "link"])
def test_places_that_cannot_work(place: str, tmp_path: Path) -> None:
    """Exit 2 before anything is asked, with the flag and the path, or the variable."""
    (tmp_path / "link").symlink_to("elsewhere")
    path = str(tmp_path / place) if place != "." else str(tmp_path)
    done = command("write", SERVICE, "--to", path, HEADLESS_DISCOVERY_NAMESERVERS="127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--to: {path!r}" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_where_to_is_needed() -> None:
    """There is no default for it."""
    done = command("write", SERVICE)
    assert done.returncode == 2
    assert "required: --to" in done.stderr


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let the disk be full while the list is not empty."""
    state = [True]
    real = PeerFile.write

    def write(self: PeerFile, text: str) -> bool:
        if state:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, text)

    monkeypatch.setattr(PeerFile, "write", write)
    return state


@pytest.mark.usefixtures("mysql")
def test_a_full_disk_once(
    play: Play, target: Path, full: list[bool], capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 74 at once; the old file stays."""
    assert full
    target.write_text("old\n")
    assert play.run("write", SERVICE, "--to", str(target), "--once") == 74
    assert talk(capfd) == [
        f"{target} cannot be written: No space left on device; it stays as it is"
    ]
    assert target.read_text() == "old\n"


@pytest.mark.usefixtures("mysql")
def test_a_disk_that_stays_full(play: Play, target: Path, full: list[bool]) -> None:
    """With --expected the limit holds for the first write, whatever keeps it from being done."""
    assert full
    limits = ("--expected", "2", "--timeout", "200ms")
    assert play.run("write", SERVICE, "--to", str(target), *limits) == 74


def test_a_disk_that_is_full_for_a_while(
    mysql: StatefulSet,
    play: Play,
    target: Path,
    full: list[bool],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is told once and tried again after each look, with the newest members."""
    code = play.run(
        *("write", SERVICE, "--to", str(target)),
        steps=(
            looks(play, 3),
            lambda: mysql.scale(3),
            looks(play, 3),
            full.clear,
            holds(target, 0, 1, 2),
            terminate,
        ),
    )
    assert code == 143
    reason = "No space left on device; it stays as it is; trying again after each look"
    assert talk(capfd) == [
        f"{target} cannot be written: {reason}",
        f"wrote {target}: 3 pods, version 2",
    ]


@pytest.mark.usefixtures("mysql")
def test_the_last_state_is_written_at_the_end(
    play: Play, target: Path, full: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written so far is tried once more when a signal ends it."""
    del monkeypatch

    def last_chance() -> None:
        # Between the signal and the end there is no look that would try again.
        play.dns.faults.add(Drop())
        looks(play, 1)()
        full.clear()
        terminate()

    assert (
        play.run("write", SERVICE, "--to", str(target), steps=(looks(play, 3), last_chance)) == 143
    )
    assert target.read_text() == "".join(NAMES[:2])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("is_silent", [True, False], ids=["in a look", "between looks"])
@pytest.mark.usefixtures("mysql")
def test_signals_end_it(
    cluster_dns: ClusterDNS, target: Path, number: signal.Signals, code: int, is_silent: bool
) -> None:
    """Within two seconds; nothing is beside the file."""
    stale = target.with_name(".peers.hd-0123abcd.tmp")
    stale.write_text("of a killed writer")
    if is_silent:
        cluster_dns.faults.add(Drop())
    ready = until(lambda: cluster_dns.queries if is_silent else target.exists())
    with subprocess.Popen(
        [sys.executable, "-m", "headless_discovery", "write", SERVICE, "--to", str(target)],
        cwd=REPOSITORY,
        text=True,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,  # noqa: PLW1509
    ) as process:
        try:
            ready()
            process.send_signal(number)
            _, errors = process.communicate(timeout=2)
        finally:
            process.kill()
    assert process.returncode == code
    assert "Traceback" not in errors
    assert os.listdir(target.parent) == ([] if is_silent else ["peers"])  # noqa: PTH208
