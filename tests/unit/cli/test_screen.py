"""The screen of ``watch``: lines above a line that is rewritten; and how stdout is written."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from headless_discovery.cli.output import Output, Stalled
from headless_discovery.cli.screen import Screen
from headless_discovery.core.changes import change_between
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.snapshot import Endpoint, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = ServiceName("db.shop.svc.cluster.local")
NOON = 1785326400.0
POD = Endpoint(addresses=("10.0.0.1",), name="db-0", hostname="db-0.db", ordinal=0)
STATE = Snapshot(SERVICE, [POD], version=1)
LINE = "+ 12:00:00.000  db-0  10.0.0.1  there at the start"


class Terminal:
    """Stands for `Output`; keeps what was written."""

    def __init__(self, *, is_terminal: bool = True, columns: int = 80) -> None:
        self.is_terminal = is_terminal
        self.columns = columns
        self.written: list[str] = []

    def write(self, text: str) -> None:
        """Keep it."""
        self.written.append(text)


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("time.time", lambda: NOON + 3)


def shown(terminal: Terminal) -> str:
    """What a screen writes of one look and one change."""
    with Screen(terminal) as screen:  # type: ignore[arg-type]
        screen.looked(NOON, Look(SERVICE, STATE, (), 0.1))
        screen.changed(NOON, change_between(None, STATE))
        screen.say("a word")
    return "".join(terminal.written)


def test_elsewhere_only_lines() -> None:
    """No control code at all, and nothing that is not an event or said."""
    assert shown(Terminal(is_terminal=False)) == f"{LINE}\na word\n"


def test_a_terminal_that_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb: as elsewhere."""
    monkeypatch.setenv("TERM", "dumb")
    assert shown(Terminal()) == f"{LINE}\na word\n"


def test_a_terminal() -> None:
    """Each line in its colour above the last one, which is rewritten, and taken away."""
    text = shown(Terminal())
    assert (
        f"\r\x1b[K\x1b[32m{LINE}\x1b[0m\n\x1b[2m1 member  version 1  looked 3 s ago\x1b[0m" in text
    )
    assert "\r\x1b[K\x1b[1ma word\x1b[0m\n\x1b[2m1 member" in text
    assert text.endswith("\r\x1b[K")


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: the line is rewritten all the same."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = shown(Terminal())
    assert f"\r\x1b[K{LINE}\n1 member  version 1  looked 3 s ago" in text
    assert "m" not in {part[:2].strip("0123456789") for part in text.split("\x1b[")}
    assert "\x1b[2m" not in text


def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be folded could not be rewritten."""
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal(columns=20)
    shown(terminal)
    assert max(len(part.rsplit("\n", 1)[-1]) for part in terminal.written) <= 19 + len("\r\x1b[K")
    assert any(part.endswith("1 member  versio...") for part in terminal.written)


def test_the_last_line_is_kept_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells how long ago, without an event; no more once it is over."""
    monkeypatch.setattr("headless_discovery.cli.screen._TICK", 0.01)
    ticked = threading.Event()
    terminal = Terminal()
    keep = terminal.write

    def write(text: str) -> None:
        keep(text)
        if "looked 7 s ago" in text:
            ticked.set()

    terminal.write = write  # type: ignore[method-assign]
    with Screen(terminal) as screen:  # type: ignore[arg-type]
        screen.looked(NOON, Look(SERVICE, STATE, (), 0.1))
        monkeypatch.setattr("time.time", lambda: NOON + 7)
        assert ticked.wait(5)
    assert terminal.written[-1] == "\r\x1b[K"


# --- stdout -------------------------------------------------------------------------------


@contextlib.contextmanager
def pipe() -> Iterator[int]:
    """Let stdout be a pipe; gives its other end."""
    reader, writer = os.pipe()
    before = sys.stdout
    sys.stdout = io.TextIOWrapper(os.fdopen(writer, "wb", 0), write_through=True)
    try:
        yield reader
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.stdout = before
        with contextlib.suppress(OSError):
            os.close(reader)


def test_it_is_there_at_once() -> None:
    """Each text, without a flush; what is no ASCII is written out."""
    with pipe() as reader:
        output = Output(lambda: False)
        output.write("line\n")
        assert os.read(reader, 100) == b"line\n"
        output.write("\u202e\n")
        assert os.read(reader, 100) == b"\\u202e\n"
        output.close()


def test_more_than_a_pipe_holds() -> None:
    """Is written whole, as fast as it is read."""
    text = "".join(f"{number}\n" for number in range(100_000))
    with pipe() as reader:
        found: list[bytes] = []

        def read() -> None:
            while sum(map(len, found)) < len(text):
                found.append(os.read(reader, 1 << 16))

        thread = threading.Thread(target=read)
        thread.start()
        Output(lambda: False).write(text)
        thread.join(10)
    assert b"".join(found).decode() == text


def test_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it waits, until the command is to end; the rest is given up soon after."""
    monkeypatch.setattr("headless_discovery.cli.output._GRACE", 0.03)
    monkeypatch.setattr("headless_discovery.cli.output._GLANCE", 10)
    waits = 0

    def is_ending() -> bool:
        nonlocal waits
        waits += 1
        return waits > 3

    with pipe() as reader:
        output = Output(is_ending)
        with pytest.raises(Stalled):
            output.write("x" * (1 << 20))
        assert len(os.read(reader, 1 << 20)) >= 4096
    assert waits > 3


def test_the_reader_has_left() -> None:
    """An error of its own, as of any pipe."""
    with pipe() as reader:
        output = Output(lambda: False)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            output.write("line\n")
