"""Refusals: which of the records that an answer was refused for are worth a line of talk.

Whoever can write into DNS chooses how many records are refused, and has others refused with
each look. A log must not grow with that: a line names a few of them, and comes seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GAP", "Refusals"]

GAP = 30.0
"""Seconds between two lines, at least."""
_NAMED_AT_MOST = 10


class Refusals:
    """What was told of them; holds no more than the last look refused."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()
        self._told_at: float | None = None

    def news(self, dropped: Iterable[str], now: float) -> str | None:
        """A look refused these, in words.

        Args:
            dropped: All that it refused.
            now: Monotonic seconds.

        Returns:
            What is to be told of them; None where nothing is new, or the last line was
            told a moment ago. What is still refused when that is over is told then.
        """
        refused = frozenset(dropped)
        new = sorted(refused - self._told)
        self._told &= refused
        if not new or (self._told_at is not None and now - self._told_at < GAP):
            return None
        self._told, self._told_at = refused, now
        more = len(new) - _NAMED_AT_MOST
        return "; ".join(new[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
