"""Reporting: what a followed Service writes to the log.

One line a change at INFO, the first failure of a streak and a record that is refused for
good at WARNING, the end of a streak at INFO, every look at DEBUG. Names and addresses in
them are validated, so no line can be forged.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

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
        self._dropped: frozenset[str] = frozenset()
        #: How many times a callback raised.
        self.callback_errors = 0

    def looked(self, look: Look, change: Change | None) -> None:
        """A look ended."""
        service = look.service.fqdn
        if look.error is not None:
            if not self._failing:
                _LOG.warning("%s: looks fail, the members stay: %s", service, look.error)
            self._failing = True
        elif self._failing:
            self._failing = False
            _LOG.info("%s: looks succeed again", service)
        snapshot = look.snapshot
        if snapshot is not None:
            _LOG.debug("%s: %s, %d endpoints", service, snapshot.outcome, len(snapshot))
            dropped = frozenset(snapshot.dropped)
            for words in dropped - self._dropped:
                _LOG.warning("%s: refused: %s", service, words)
            self._dropped = dropped
        if change is not None:
            _LOG.info("%s: version %d%s", service, change.current.version, _what(change))

    def callback_raised(self, callback: object) -> None:
        """A callback raised the exception that is being handled."""
        self.callback_errors += 1
        _LOG.exception("the callback %r raised", callback)

    def defect(self) -> None:
        """The exception that is being handled should not have happened."""
        _LOG.exception("a look ended with a defect of this library; the members stay")


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
