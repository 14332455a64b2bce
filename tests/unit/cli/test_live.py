"""The live line: what is told while something is waited for, and how often."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from headless_discovery import ServiceName, Snapshot
from headless_discovery.cli.live import LiveLine, names_of, say
from headless_discovery.core.outcome import Look
from headless_discovery.core.questions import Failure, Problem
from tests.unit.cli.playing import until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The present second."""
        return self.now


def test_a_log_gets_changes_only_and_not_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    """A line where something else is to be told than before, at most one a second."""
    clock = Clock()
    with LiveLine(clock) as line:
        line.begin("waiting for three", "no answer yet")  # the next line will say more
        for seconds, what, state in (
            (0.0, "one", "DNS ok"),
            (0.5, "two", "DNS ok"),  # too soon
            (1.0, "two", "DNS ok"),
            (9.0, "two", "DNS ok"),  # nothing new
            (10.0, "two", "DNS fails"),
            (10.9, "three", "DNS fails"),  # too soon, and then it is over
        ):
            clock.now = 1000.0 + seconds
            line.tell(what, state)
    line.tell("four", "DNS ok")
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.splitlines() == [
        "headless-discovery: one, 0 s; DNS ok",
        "headless-discovery: two, 1 s; DNS ok",
        "headless-discovery: two, 10 s; DNS fails",
    ]


@contextlib.contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, kind: str = "xterm") -> Iterator[int]:
    """Let stderr be a terminal of 40 columns; gives what it shows."""
    monkeypatch.setenv("TERM", kind)
    controller, end = pty.openpty()
    os.set_blocking(controller, False)
    termios.tcsetwinsize(end, (24, 40))
    with open(end, "w", encoding="utf-8") as stream, monkeypatch.context() as patched:  # noqa: PTH123
        patched.setattr(sys, "stderr", stream)
        yield controller
    os.close(controller)


def read(shown: int) -> str:
    """What is there by now."""
    try:
        return os.read(shown, 4096).decode()
    except BlockingIOError:
        return ""


def test_a_terminal_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut in its middle, where the pods are, and never folds; other lines stay above."""
    with terminal(monkeypatch) as shown:
        with LiveLine(Clock()) as line:
            line.begin("waiting", "no answer yet")
            line.tell("waiting for count=3: 2 of 3 listed (a-0, a-1)", "DNS ok")
            line.say("something else")
            line.tell("waiting", "DNS fails: a very long reason that leaves no room for the rest")
        parts = ""
        ended = "the rest of it\r\n"
        say(ended.strip())

        def is_all() -> bool:
            nonlocal parts
            parts += read(shown)
            return parts.endswith(ended)

        until(is_all)()
    assert parts.split("\r\x1b[K") == [
        "",
        "waiting, 0 s; no answer yet",
        "waiting for count=3: 2 ..., 0 s; DNS ok",
        "headless-discovery: something else\r\n",
        "waiting for count=3: 2 ..., 0 s; DNS ok",
        "waiting, 0 s; DNS fails: a very long re",
        f"headless-discovery: {ended}",
    ]


def test_a_terminal_that_cannot_rewrite(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets lines, as a log does."""
    with terminal(monkeypatch, "dumb") as shown:
        with LiveLine(Clock()) as line:
            line.tell("waiting", "DNS ok")
        until(lambda: read(shown) == "headless-discovery: waiting, 0 s; DNS ok\r\n")()


def test_time_passes_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is rewritten each second, though nothing else happens; then the thread is gone."""
    monkeypatch.setattr("headless_discovery.cli.live._GAP", 0.01)
    clock = Clock()
    seen = ""

    def has_passed() -> bool:
        nonlocal seen
        seen += read(shown)
        return "waiting, 7 s; DNS ok" in seen

    with terminal(monkeypatch) as shown, LiveLine(clock) as line:
        line.tell("waiting", "DNS ok")
        clock.now += 7
        until(has_passed)()
    assert seen.startswith("\r\x1b[Kwaiting, 0 s; DNS ok\r\x1b[Kwaiting, ")
    thread = line._ticking
    assert thread is not None
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_refused_records(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of an answer or of a failure are named, and not again after a look without words."""
    name = ServiceName("db.shop.svc.cluster.local")
    found = Look(name, Snapshot(name, dropped=("a", "b")), (), 0.0)
    silence = Look(name, Failure(Problem("timeout", "no answer in time")), (), 0.0)
    unusable = Failure(Problem("malformed", "nothing left"), dropped=("b", "c"))
    clock = Clock()
    line = LiveLine(clock)
    for look in (found, silence, found, Look(name, unusable, (), 0.0)):
        line.refused(look)
        clock.now += 30
    assert capsys.readouterr().err.splitlines() == [
        "headless-discovery: dropped: a; b",
        "headless-discovery: dropped: c",
    ]


def test_ever_new_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    """However many records DNS has us refuse, a day of it is no more than a line per 30 s."""
    name = ServiceName("db.shop.svc.cluster.local")
    clock = Clock()
    line = LiveLine(clock)
    for number in range(60):  # each second
        dropped = tuple(f"{number}-{each}" for each in range(12))
        line.refused(Look(name, Snapshot(name, dropped=dropped), (), 0.0))
        clock.now += 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(each.endswith(" and 2 more") for each in lines)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is closed or broken is no reason to end."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as broken:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", broken)
        say("anything")
        with pytest.raises(BrokenPipeError):
            broken.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    say("anything")


def test_names() -> None:
    """The first ten, and how many more."""
    assert names_of([]) == ""
    assert names_of(["a", "b"]) == "a, b"
    assert names_of([str(n) for n in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_it_is_quiet_where_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither at its begin nor at its end anything is printed."""
    with LiveLine():
        pass
    assert capsys.readouterr() == ("", "")
