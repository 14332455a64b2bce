"""Recordings: every look and every change as lines of JSON, which ``timeline`` draws.

The first line is the start, the last one the end; each line is written at once, so that
what happened until a crash is there.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import TYPE_CHECKING, Any, TextIO

from ..core.peerlist import SCHEMA, change_document
from ..core.times import timestamp
from ..errors import ConfigError, NotHeadless

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.changes import Change
    from ..core.outcome import Look

__all__ = ["Recorder", "open_recording"]

_NO_FILE = "it is no regular file"


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

    A pipe is none: to open or to fill it waits for somebody who reads, and no signal ends
    that. A character device is fine, as ``/dev/null`` is one.

    Raises:
        ConfigError: It cannot be written, or is no file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        # So says a pipe that nobody reads, and a socket.
        reason = _NO_FILE if error.errno == errno.ENXIO else error.strerror
        raise ConfigError("--record", f"{path}: {reason}") from None
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        os.close(descriptor)
        raise ConfigError("--record", f"{path}: {_NO_FILE}")
    if stat.S_ISREG(mode):
        os.ftruncate(descriptor, 0)
    os.set_blocking(descriptor, True)
    return open(descriptor, "w", encoding="ascii", buffering=1)  # noqa: PTH123
