"""Recordings: every look and every change as lines of JSON, which ``timeline`` draws.

The first line is the start, the last one the end; each line is written at once, so that
what happened until a crash is there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..core.peerlist import SCHEMA, change_document
from ..core.times import timestamp
from ..errors import ConfigError, NotHeadless

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.changes import Change
    from ..core.outcome import Look

__all__ = ["Recorder", "open_recording"]


class Recorder:
    """Writes a recording.

    Args:
        write: Takes each line, ended.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def start(self, time: float, service: str, interval: float | None) -> None:
        """The first line.

        Args:
            time: Seconds since 1970, as everywhere here.
            service: The Service's FQDN.
            interval: Seconds between looks; None where the environment or the default says.
        """
        self._line("start", time=timestamp(time), service=service, interval=interval)

    def looked(self, time: float, look: Look) -> None:
        """A look has ended: what it found, what it cost, why it failed."""
        found, error = look.snapshot, look.error
        if found is not None:
            outcome = found.outcome
        else:
            outcome = "NOT_HEADLESS" if isinstance(error, NotHeadless) else "FAILED"
        self._line(
            "look",
            time=timestamp(time),
            outcome=outcome,
            elapsed=round(look.elapsed, 6),
            messages=len(look.attempts),
            bytes=sum(attempt.size for attempt in look.attempts),
            endpoints=None if found is None else len(found),
            error=None if error is None else str(error),
            kind=None if error is None else getattr(error, "kind", "not headless"),
        )

    def changed(self, time: float, change: Change) -> None:
        """A change was published."""
        self._line("change", **change_document(change, time))

    def end(self, time: float, reason: str) -> None:
        """The last line; ``reason`` is ``"duration"``, ``"stopped"`` or a signal's name."""
        self._line("end", time=timestamp(time), reason=reason)

    def _line(self, record: str, **fields: Any) -> None:
        document = {"schema": SCHEMA, "record": record, **fields}
        self._write(json.dumps(document) + "\n")


def open_recording(path: str) -> TextIO:
    """Open the file of a recording, which is written anew, a line at a time.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        return Path(path).open("w", encoding="ascii", buffering=1)
    except OSError as error:
        raise ConfigError("--record", f"{path}: {error.strerror}") from None
