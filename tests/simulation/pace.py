"""The judge of the schedule: never too many looks, and none too late.

In: when looks began and ended, and what came of them. Out: violations. Where the promises
leave open whether a wait counts from the begin or the end of a look, both are allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .world import Setting

__all__ = ["Pace"]

FLOOR = 1.0
INTERVAL = 5.0
_EPSILON = 1e-6


class Pace:
    """Follows one follower.

    Args:
        setting: For whether TTLs may guide.
        blame: Is told each violation: its kind and the facts.
    """

    def __init__(self, setting: Setting, blame: Callable[[str, str], None]) -> None:
        self._blame = blame
        self._guided = setting.keeps > 0
        self._start = self._end = float("-inf")
        self._streak = 0
        self._in_part = False
        self._most = 0.0
        self._asked_early = True

    def refreshed(self) -> None:
        """The program asked for an early look."""
        self._asked_early = True

    def suspended(self) -> None:
        """The process did not run."""
        self._most = float("inf")

    def looked(self, start: float, end: float, *, failed: bool, in_part: bool, ttl: float) -> None:
        """A look ended."""
        if start - self._start < FLOOR - _EPSILON:
            self._blame("too soon", f"{start - self._start:.6f} s after the last look")
        streak = self._streak
        if streak:
            wait = min(25.0, 2.0 ** min(streak - 1, 5))
            if not self._asked_early and not self._in_part and start - self._end < wait - _EPSILON:
                self._blame("backoff", f"{start - self._end:.3f} s after failure {streak}")
            most = 1.2 * wait
        else:
            most = self._most
        if self._end > 0 and start - self._end > max(most, self._most) + FLOOR + _EPSILON:
            self._blame("too late", f"{start - self._end:.3f} s after the last look")
        self._start, self._end = start, end
        self._streak = streak + 1 if failed or in_part else 0
        self._in_part = in_part
        self._asked_early = False
        most = 1.2 * INTERVAL
        if self._guided:
            most = 1.3 * max(INTERVAL, min(30.0, ttl))
        self._most = 0.0 if self._streak else most
