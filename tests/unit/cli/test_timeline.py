"""``headless-discovery timeline``: a recording drawn; what is none is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from headless_discovery.cli.timeline import _lines
from headless_discovery.core.timeline import LONGEST_LINE
from tests.faces import command
from tests.unit.core.recordings import Recording, endpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a recording of 30 seconds."""
    made = (
        Recording()
        .look(0)
        .change(0, endpoint(0), endpoint(1))
        .change(10, endpoint(0, "10.0.0.9"), endpoint(1))
        .look(12, "FAILED", "timeout")
        .look(15)
        .change(20, endpoint(0, "10.0.0.9"))
        .end(30)
    )
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(made.lines))
    return path


def test_text(recording: Path) -> None:
    """As wide as the terminal is said to be."""
    done = command("timeline", str(recording), COLUMNS="46", PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[3] == "db-0  " + "█" * 13 + "◆" + "█" * 26
    assert lines[4].startswith("db-1  " + "█" * 26)
    assert "░" in lines[5]


def test_text_where_only_ascii_is_known(recording: Path) -> None:
    """Plain characters instead of an error."""
    done = command("timeline", str(recording), COLUMNS="46", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "db-0  #############*##" in done.stdout


def test_svg(recording: Path) -> None:
    """One file, well-formed, whatever stdout's encoding."""
    done = command("timeline", str(recording), "-o", "svg", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert ET.fromstring(done.stdout).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314


def test_a_recording_that_goes_on(recording: Path) -> None:
    """A last line that is being written is left out, with a remark."""
    recording.write_bytes(recording.read_bytes()[:-20])
    done = command("timeline", str(recording))
    assert done.returncode == 0
    assert "cut short" in done.stdout


def test_no_recording(recording: Path, tmp_path: Path) -> None:
    """Exit 2 with file and line, nothing on stdout, no traceback."""
    lines = recording.read_bytes().splitlines(keepends=True)
    recording.write_bytes(b"".join([*lines[:3], b"\x1b[31mgarbage\n", *lines[3:]]))
    nothing = tmp_path / "nothing"
    nothing.touch()
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(1 << 26)
    for path, words in (
        (recording, f"{recording}:4: it is no JSON"),
        (nothing, "it is empty"),
        (tmp_path / "missing", "No such file"),
        (tmp_path, "Is a directory"),
        (endless, ":1: the line is longer"),
    ):
        for form in ("text", "svg"):
            done = command("timeline", str(path), "-o", form)
            assert (done.returncode, done.stdout) == (2, ""), path
            assert words in done.stderr
            assert "Traceback" not in done.stderr


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    """A file of zeros as large as the disk costs the memory of one line."""
    with open("/dev/zero", "rb") as file:  # noqa: PTH123
        assert len(next(_lines(file))) == LONGEST_LINE + 1
