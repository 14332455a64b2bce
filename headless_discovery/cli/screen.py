"""Screen: events as lines, on a terminal with how things stand below them.

Elsewhere the lines alone. Colours by hand: there are four, and a library for them would
take longer to load than the first look takes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Self

from .events import ADDED, NOTE, REMOVED, UPDATED, Narrator
from .output import Stalled

if TYPE_CHECKING:
    from ..core.changes import Change
    from ..core.outcome import Look
    from .events import Event
    from .output import Output

__all__ = ["Screen"]

_TICK = 1.0
_ERASE = "\r\x1b[K"
_COLOURS = {ADDED: "32", REMOVED: "31", UPDATED: "33", NOTE: "1;35"}


class Screen:
    """Shows what a `Narrator` tells; inside ``with`` the last line is kept up to date.

    Args:
        output: Where to.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._narrator = Narrator()
        knows_codes = output.is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self._live = knows_codes
        self._coloured = knows_codes and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if self._live:
            threading.Thread(target=self._tick, name="live line", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        # Where the terminal is stopped, the other thread may hold it for ever.
        if self._live and self._lock.acquire(timeout=0.2):
            try:
                self._live = False
                with contextlib.suppress(OSError, Stalled):
                    self._output.write(_ERASE)
            finally:
                self._lock.release()

    def looked(self, time: float, look: Look) -> None:
        """A look has ended."""
        with self._lock:
            self._show(self._narrator.looked(time, look))

    def changed(self, time: float, change: Change) -> None:
        """A change was published."""
        with self._lock:
            self._show(self._narrator.changed(time, change))

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            self._put(f"\x1b[1m{text}\x1b[0m\n" if self._coloured else f"{text}\n")

    def _show(self, events: list[Event]) -> None:
        self._put("".join(f"{self._line(event)}\n" for event in events))

    def _line(self, event: Event) -> str:
        if not self._coloured:
            return str(event)
        return f"\x1b[{_COLOURS[event.sign]}m{event}\x1b[0m"

    def _put(self, lines: str) -> None:
        """Lines above the last one, which is written anew."""
        if self._live:
            text = self._narrator.summary(time.time())
            most = self._output.columns - 1  # a folded line could not be rewritten
            text = text if len(text) <= most else text[: max(most - 3, 0)] + "..."
            lines = f"{_ERASE}{lines}{_dim(text) if self._coloured else text}"
        self._output.write(lines)

    def _tick(self) -> None:
        # What cannot be written the main thread finds out too.
        with contextlib.suppress(OSError, Stalled):
            while not self._done.wait(_TICK):
                with self._lock:
                    if self._live:
                        self._put("")


def _dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m"
