"""Reporting: what a followed Service writes to the log.

One line a change at INFO, the first failure of a streak and records that are refused at
WARNING, the end of a streak at INFO, every look at DEBUG. Names and addresses in them are
validated, so no line can be forged. A filter or a handler that raises ends nothing.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from .core.refusals import Refusals

if TYPE_CHECKING:
    from .core.changes import Change
    from .core.outcome import Look
    from .core.snapshot import Endpoint

__all__ = ["Reporter"]

_LOG = logging.getLogger("headless_discovery")
_NAMED_AT_MOST = 10


class Reporter:
    """Writes for one follower."""

    def __init__(self) -> None:
        self._failing = False
        self._refusals = Refusals()
        #: How many times a callback raised.
        self.callback_errors = 0

    def looked(self, look: Look, change: Change | None) -> None:
        """A look ended."""
        service = look.service.fqdn
        if look.error is not None:
            if not self._failing:
                _log(logging.WARNING, "%s: looks fail, the members stay: %s", service, look.error)
            self._failing = True
        elif self._failing:
            self._failing = False
            _log(logging.INFO, "%s: looks succeed again", service)
        snapshot = look.snapshot
        if snapshot is not None:
            _log(logging.DEBUG, "%s: %s, %d endpoints", service, snapshot.outcome, len(snapshot))
            refused = self._refusals.news(snapshot.dropped, time.monotonic())
            if refused is not None:
                _log(logging.WARNING, "%s: refused: %s", service, refused)
        if change is not None:
            version = change.current.version
            _log(logging.INFO, "%s: version %d%s", service, version, _what(change))

    def callback_raised(self, callback: object) -> None:
        """A callback raised the exception that is being handled."""
        self.callback_errors += 1
        _log(logging.ERROR, "the callback %r raised", callback, exc_info=True)

    def defect(self) -> None:
        """The exception that is being handled should not have happened."""
        words = "a look ended with a defect of this library; the members stay"
        _log(logging.ERROR, words, exc_info=True)


def _log(level: int, words: str, *arguments: object, exc_info: bool = False) -> None:
    # What the program hung into its log may raise; the members are worth more than a line.
    with contextlib.suppress(Exception):
        _LOG.log(level, words, *arguments, exc_info=exc_info, stacklevel=2)


def _what(change: Change) -> str:
    parts = [
        ("added", change.added),
        ("removed", change.removed),
        ("updated", tuple(after for _, after in change.updated)),
    ]
    words = [f", {word} {_who(endpoints)}" for word, endpoints in parts if endpoints]
    if not change.current.endpoints:
        words.append(", nobody")
    return "".join(words)


def _who(endpoints: tuple[Endpoint, ...]) -> str:
    first = [f"{each.name or '?'} ({each.address})" for each in endpoints[:_NAMED_AT_MOST]]
    more = len(endpoints) - len(first)
    return " ".join(first) + (f" and {more} more" if more else "")
