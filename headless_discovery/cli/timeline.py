"""``headless-discovery timeline``: draw what ``watch --record`` recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import IO, TYPE_CHECKING

from ..core.chart import chart
from ..core.timeline import LONGEST_LINE, Timeline, read_recording
from ..errors import ConfigError
from . import exits

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["print_chart", "run"]


def run(parsed: argparse.Namespace) -> int:
    """Read the recording, draw it."""
    timeline = _read(parsed.file)
    if parsed.output == "svg":
        from ..core.picture import picture  # noqa: PLC0415 - text needs none of it

        sys.stdout.write(picture(timeline))
    else:
        print_chart(timeline)
    return exits.FOUND


def print_chart(timeline: Timeline) -> None:
    """Print the timeline as wide as the terminal, in ASCII where it must be."""
    columns = get_terminal_size().columns
    lines = chart(timeline, columns)
    try:
        "".join(lines).encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        lines = chart(timeline, columns, plain=True)
    for line in lines:
        print(line)


def _read(path: str) -> Timeline:
    try:
        with Path(path).open("rb") as file:
            return read_recording(_lines(file), path)
    except OSError as error:
        raise ConfigError(path, error.strerror or str(error)) from None


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines; of one that has no end only as much as shows that."""
    while line := file.readline(LONGEST_LINE + 1):
        yield line
