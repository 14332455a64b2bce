"""Waiting: whether what somebody waits for has come, and has stood for long enough.

In: looks as they end. Out: the answer with which a wait is over, when a look is wanted, or
the error of one that took too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import WaitTimeout

if TYPE_CHECKING:
    from .changes import Change
    from .conditions import Condition
    from .following import Following
    from .outcome import Look
    from .snapshot import Endpoint, Snapshot

__all__ = ["Backlog", "Seen", "Waiting"]


class Seen(NamedTuple):
    """A look that ended, as waits judge it.

    Attributes:
        answer: The complete answer; None where the look failed in whole or in part.
        at: When, monotonic seconds.
        is_news: Whether it changed the members.
    """

    answer: Snapshot | None
    at: float
    is_news: bool

    @classmethod
    def of(cls, look: Look, at: float, change: Change | None) -> Seen:
        """What waits see of a look."""
        return cls(look.snapshot if look.error is None else None, at, change is not None)


class Backlog:
    """Looks that a wait has not judged yet: the newest, and whether the row was broken.

    A predicate may take longer than looks do; what it judges next is what is true now.
    """

    __slots__ = ("_is_broken", "_newest")

    def __init__(self) -> None:
        self._newest: Seen | None = None
        self._is_broken = False

    def __bool__(self) -> bool:
        """Whether there is anything to judge."""
        return self._newest is not None

    def put(self, seen: Seen) -> None:
        """A look ended."""
        older = self._newest
        if older is not None and older.answer != seen.answer:
            self._is_broken = True  # nothing was stable meanwhile
        self._newest = seen

    def take(self) -> tuple[Seen | None, bool]:
        """The newest look, and whether those before it said otherwise."""
        taken = (self._newest, self._is_broken)
        self._newest, self._is_broken = None, False
        return taken


class Waiting:
    """One wait: fed with what happens until it is over.

    Args:
        awaited: What for.
        stable: Seconds for which the same satisfying answer must stand.
    """

    __slots__ = ("_first", "_since", "_stable", "awaited", "look_at", "missing")

    def __init__(self, awaited: Condition, stable: float) -> None:
        self.awaited = awaited
        self._stable = stable
        self._first: tuple[Endpoint, ...] | None = None
        self._since = 0.0
        #: What is missing, in words.
        self.missing = f"{awaited.text}: no complete answer since the wait began"
        #: When a look is wanted for ``stable``; None where the schedule's will do.
        self.look_at: float | None = None

    def begin(self, following: Following, now: float) -> Snapshot | None:
        """The answer that is there and ends the wait at once, where it is not too old."""
        answer, at = following.fresh(now), following.answered_at
        if answer is None or at is None:
            return None
        return answer if self.saw(answer, at) else None

    def saw(self, answer: Snapshot | None, at: float) -> bool:
        """A look ended; whether the wait is over.

        Args:
            answer: The complete answer; None where the look failed in whole or in part.
            at: When, monotonic seconds.
        """
        if answer is None:
            self._first = self.look_at = None
            return False
        lacking = self.awaited.missing(answer)
        if lacking is not None:
            self.missing = lacking
            self._first = self.look_at = None
            return False
        if self._first is None or self._first != answer.endpoints:
            self._first, self._since = answer.endpoints, at
        if at >= self._since + self._stable:  # as `look_at` is reckoned, to the last bit
            return True
        self.look_at = self._since + self._stable
        self.missing = f"{self.awaited.text}: unchanged for {self._stable:g} s"
        return False

    def judged(self, seen: Seen | None, is_broken: bool) -> Snapshot | None:
        """Take what a `Backlog` held; the answer with which the wait is over, if it is."""
        if seen is None:
            return None
        if is_broken:
            self.saw(None, seen.at)
        return seen.answer if self.saw(seen.answer, seen.at) else None

    def too_late(self, service: str, following: Following, timeout: float) -> WaitTimeout:
        """The error of a wait that took too long."""
        return WaitTimeout(
            service,
            self.missing,
            snapshot=following.observed,
            last_error=following.last_error,
            timeout=timeout,
        )
