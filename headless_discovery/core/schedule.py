"""Schedule: when to look again; plain arithmetic.

In: when looks began and ended, what came of them, and a random number for each wait. Out:
when the next one is due. Every number is a field of `PollPolicy`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .policy import PollPolicy

__all__ = ["Schedule"]

_DOUBLINGS_AT_MOST = 30


class Schedule:
    """When one follower looks.

    Args:
        policy: The numbers; its interval is set.
        random: Gives numbers from 0 up to 1, another one each time.
        now: Monotonic seconds; the first look is due at once.
    """

    __slots__ = (
        "_began",
        "_looks",
        "_policy",
        "_random",
        "_streak",
        "_wanted",
        "due",
        "quick_until",
    )

    def __init__(self, policy: PollPolicy, random: Callable[[], float], now: float) -> None:
        self._policy = policy
        self._random = random
        self._began = -inf
        self._looks = 0
        self._streak = 0
        self._wanted = inf  # when somebody asked for a look since the last one began
        #: When the next look is due, monotonic seconds.
        self.due = now
        #: Until when looks follow each other quickly.
        self.quick_until = -inf

    @property
    def interval(self) -> float:
        """Seconds between looks while nothing happens."""
        interval = self._policy.interval
        assert interval is not None  # noqa: S101 - whoever makes a schedule fills it in
        return interval

    @property
    def is_failing(self) -> bool:
        """Whether the last look failed, in whole or in part."""
        return self._streak > 0

    def began(self, now: float) -> None:
        """A look goes out."""
        self._began = now
        self._wanted = inf
        self._looks += 1

    def answered(self, now: float, *, cached: float | None, news: bool) -> None:
        """A look ended with a complete answer.

        Args:
            now: When.
            cached: Seconds a cache goes on giving this answer; None where there is none.
            news: It changed the members, or somebody was missing in it for the first time.
        """
        policy = self._policy
        self._streak = 0
        if news:
            self.quick_until = now + policy.quick_for
        if cached is not None and policy.ttl_guidance:
            # Clamp first, spread after: everybody behind a cache learns the same moment.
            wait = max(self.interval, min(policy.ttl_max, cached))
            wait *= 1 + policy.ttl_jitter * self._random()
        elif now < self.quick_until:
            wait = policy.quick_interval * (1 + policy.quick_jitter * self._random())
        elif self._looks == 1:
            # Who was started together shall not go on together.
            wait = policy.floor + self.interval * self._random()
        else:
            wait = self.interval * (1 + policy.jitter * (2 * self._random() - 1))
        self._wait(now, wait)

    def failed(self, now: float, *, in_part: bool) -> None:
        """A look failed; one that failed ``in_part`` told something, and is repeated sooner."""
        policy = self._policy
        self._streak += 1
        doublings = min(self._streak - 1, _DOUBLINGS_AT_MOST)
        wait = min(policy.backoff_max, policy.backoff * 2**doublings)
        if in_part:
            wait = min(wait, self.interval)
        self._wait(now, wait * (1 + policy.backoff_jitter * self._random()))

    def by(self, when: float) -> None:
        """Look at that moment at the latest, as early as the floor allows.

        A look that is under way has begun too early to count.
        """
        self._wanted = min(self._wanted, when)
        self.due = min(self.due, max(when, self._began + self._policy.floor))

    def not_after(self, when: float, now: float) -> None:
        """Look soon after that moment, spread as the looks that wait for a cache."""
        wait = (when - now) * (1 + self._policy.ttl_jitter * self._random())
        self.by(now + wait)

    def quicken(self, now: float) -> None:
        """Begin the quick phase; a look that failed is repeated no sooner for it."""
        self.quick_until = max(self.quick_until, now + self._policy.quick_for)
        if not self.is_failing:
            self.by(now + self._policy.quick_interval)

    def _wait(self, now: float, wait: float) -> None:
        self.due = max(min(now + wait, self._wanted), self._began + self._policy.floor)
