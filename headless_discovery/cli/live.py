"""Live: what a command that waits tells on stderr while it waits.

On a terminal that is one line, rewritten each second; elsewhere a line for each change of
what is told, at most one a second, so that a log says what happened and no more.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from ..core.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.outcome import Look

__all__ = ["LiveLine", "names_of", "say", "what_failed"]

_GAP = 1.0
_ERASE = "\r\x1b[K"


def say(text: str) -> None:
    """One line of talk."""
    _put(f"headless-discovery: {text}\n")


def what_failed(look: Look) -> str:
    """How DNS fares, in a few words."""
    error = look.error
    if error is None:
        return "DNS ok"
    kind = getattr(error, "kind", None)
    detail = getattr(error, "detail", None)
    return f"DNS fails: {kind}: {detail}" if kind and detail else f"DNS fails: {error}"


def names_of(names: list[str], most: int = 10) -> str:
    """The first few of many names."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


class LiveLine:
    """The line; inside ``with`` it is kept up to date.

    Args:
        clock: Monotonic seconds, for the time that has passed since now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._told: tuple[str, str] | None = None
        self._shown: tuple[str, str] | None = None
        self._shown_at = 0.0
        self._refusals = Refusals()
        self._is_live = _can_rewrite()
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._ticking: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._is_live:
            self._ticking = threading.Thread(target=self._tick, daemon=True)
            self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the line away; nothing is told from now on."""
        self._done.set()
        with self._lock:
            if self._is_live and self._shown is not None:
                _put(_ERASE)
            self._is_live = False
            self._told = None

    def tell(self, what: str, state: str) -> None:
        """What is to be told from now on: ``what``, the seconds passed, ``state``."""
        if self._done.is_set():
            return
        with self._lock:
            self._told = (what, state)
            self._show()

    def begin(self, what: str, state: str) -> None:
        """As `tell`, on a terminal only: a log needs no line that the next one corrects."""
        if self._is_live:
            self.tell(what, state)

    def say(self, text: str) -> None:
        """A line that stays, above this one."""
        with self._lock:
            if self._is_live and self._shown is not None:
                _put(_ERASE)
            say(text)
            if self._is_live:
                self._show()

    def refused(self, look: Look) -> None:
        """Name records that are refused since lately: who they are about is not listed for it."""
        snapshot = look.snapshot
        dropped = getattr(look.error, "dropped", ()) if snapshot is None else snapshot.dropped
        if snapshot is None and not dropped:
            return  # it failed before any record came: what was refused may be so still
        words = self._refusals.news(dropped, self._clock())
        if words is not None:
            self.say(f"dropped: {words}")

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def _tick(self) -> None:
        while not self._done.wait(_GAP):
            with self._lock:
                self._show()

    def _show(self) -> None:
        if self._told is None:
            return
        what, state = self._told
        passed = f", {self.seconds:.0f} s; {state}"
        if self._is_live:
            self._shown = self._told
            _put(_ERASE + _cut(what, passed))
            return
        now = self._clock()
        if self._told != self._shown and (self._shown is None or now - self._shown_at >= _GAP):
            self._shown, self._shown_at = self._told, now
            say(what + passed)


def _can_rewrite() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _cut(what: str, passed: str) -> str:
    """What fits into one line; a folded line could not be rewritten."""
    columns = 80
    with contextlib.suppress(OSError, ValueError):
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or columns
    room = columns - 1 - len(passed)
    if room < 20:
        return (what + passed)[: columns - 1]
    return (what if len(what) <= room else what[: room - 3] + "...") + passed


def _put(text: str) -> None:
    # Talk that nobody can hear any more is no reason to end.
    with contextlib.suppress(OSError, ValueError):
        print(text, end="", file=sys.stderr, flush=True)
