"""Output: stdout in whole lines, each there at once, and never a reason not to end.

A reader that does not read stops a plain ``print`` for ever, and no signal ends it. Here
the wait is broken off once the command is to end.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Output", "Stalled"]

_AT_ONCE = 4096  # bytes a pipe that is ready takes without waiting (PIPE_BUF)
_GRACE = 1.0  # seconds to get rid of the rest once the command is to end
_GLANCE = 100  # ms between glances at whether it is to end


class Stalled(Exception):  # noqa: N818 - reads as what it states
    """The command is to end, and nobody reads what it has left to say."""


class Output:
    """Writes to stdout.

    Args:
        is_ending: Whether the command is to end.
    """

    def __init__(self, is_ending: Callable[[], bool]) -> None:
        assert sys.stdout is not None  # noqa: S101 - `main` has seen to that
        sys.stdout.flush()
        self._is_ending = is_ending
        self._give_up: float | None = None
        self._descriptor = sys.stdout.fileno()
        self._own: int | None = None
        self.is_terminal = sys.stdout.isatty()
        if self.is_terminal:
            # A terminal may take less than it is ready for. Opened anew it can be told not
            # to wait; told so where it is, the shell would have to live with that.
            with contextlib.suppress(OSError):
                name = os.ttyname(self._descriptor)
                self._own = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
                self._descriptor = self._own
        self._ready = select.poll()
        self._ready.register(self._descriptor, select.POLLOUT)

    def close(self) -> None:
        """Write no more."""
        if self._own is not None:
            os.close(self._own)
            self._own = None

    @property
    def columns(self) -> int:
        """How wide the terminal is."""
        with contextlib.suppress(OSError):
            return os.get_terminal_size(self._descriptor).columns or 80
        return 80

    def write(self, text: str) -> None:
        """Write it all, now.

        Raises:
            OSError: It cannot be written; BrokenPipeError where the reader has left.
            Stalled: The command is to end, and it was not read for a second.
        """
        data = text.encode("ascii", "backslashreplace")
        while data:
            if self._ready.poll(_GLANCE):
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._descriptor, data[:_AT_ONCE]) :]
            elif self._is_ending():
                now = time.monotonic()
                if self._give_up is None:
                    self._give_up = now + _GRACE
                if now >= self._give_up:
                    raise Stalled
