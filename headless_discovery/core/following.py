"""Following: one Service over time. What both shells drive; they only look and wait.

In: looks as they end, serials, and times. Out: when the next thing is due and which, the
members, each `Change`, and the `Status`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..errors import NotYetKnown
from .evidence import further_counts
from .hint import Hints
from .membership import Membership, reduce
from .schedule import Schedule
from .snapshot import PARTIAL
from .ttls import lifetime
from .values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import DiscoveryError
    from .changes import Change
    from .ejection import Ejected
    from .outcome import Look
    from .policy import PollPolicy
    from .snapshot import Snapshot

__all__ = ["HINT", "LOOK", "Following", "Status"]

LOOK = "look"
HINT = "hint"
_ASLEEP = 1.0  # seconds that nothing is late by, however busy the machine


class Status(Value):
    """How well a followed Service is known.

    Attributes:
        synced: Whether the members are known.
        age: Seconds since the last complete answer; None before the first.
        stale_for: Seconds the present streak of failures has lasted, 0 when there is none.
        last_error: Of the last look, where that failed in whole or in part; else None.
        listed: Whether this pod itself is in the last complete answer; None before it.
        version: Of the members; 0 while they are not known.
        looks: How many ended.
        failures: How many of them failed, in whole or in part.
        callback_errors: How many times a callback raised.
        ejected: Members that connections leave out, because dialling them failed.
        due_in: Seconds until the next look, 0 while it is overdue.
    """

    __slots__ = (
        "age",
        "callback_errors",
        "due_in",
        "ejected",
        "failures",
        "last_error",
        "listed",
        "looks",
        "stale_for",
        "synced",
        "version",
    )
    synced: bool
    age: float | None
    stale_for: float
    last_error: DiscoveryError | None
    listed: bool | None
    version: int
    looks: int
    failures: int
    callback_errors: int
    ejected: tuple[Ejected, ...]
    due_in: float

    def __init__(
        self,
        *,
        synced: bool,
        age: float | None,
        stale_for: float,
        last_error: DiscoveryError | None,
        listed: bool | None,
        version: int,
        looks: int,
        failures: int,
        callback_errors: int,
        due_in: float,
        ejected: tuple[Ejected, ...] = (),
    ) -> None:
        self._set(
            synced=synced,
            age=age,
            stale_for=stale_for,
            last_error=last_error,
            listed=listed,
            version=version,
            looks=looks,
            failures=failures,
            callback_errors=callback_errors,
            due_in=due_in,
            ejected=ejected,
        )


class Following:
    """One followed Service.

    Not safe to be driven by two threads; reading ``members`` and ``observed`` is.

    Args:
        policy: The numbers; its interval is set.
        random: Gives numbers from 0 up to 1, another one each time.
        now: Monotonic seconds; the first look is due at once.
    """

    __slots__ = (
        "_answered_at",
        "_began_at",
        "_began_late",
        "_failing_since",
        "_hints",
        "_policy",
        "_schedule",
        "begun",
        "ended",
        "failures",
        "last_error",
        "looks",
        "membership",
        "settled_until",
    )

    def __init__(self, policy: PollPolicy, random: Callable[[], float], now: float) -> None:
        self._policy = policy
        self._schedule = Schedule(policy, random, now)
        self._hints = Hints(policy.hint, self._schedule.interval)
        self._answered_at: float | None = None
        self._failing_since: float | None = None
        self._began_at = now
        self._began_late = False
        self.membership = Membership(policy)
        #: Until when the members may be used with nothing to be weighed, monotonic seconds.
        self.settled_until = -inf
        #: How many looks have begun, and how many of these had when the last one ended:
        #: tells whether a look that ended had begun after a certain moment.
        self.begun = 0
        self.ended = 0
        self.looks = 0
        self.failures = 0
        self.last_error: DiscoveryError | None = None

    @property
    def members(self) -> Snapshot | None:
        """The published state; None while nothing is known."""
        return self.membership.members

    @property
    def observed(self) -> Snapshot | None:
        """The last complete answer."""
        return self.membership.observed

    @property
    def due(self) -> float:
        """When the next thing is to be done, monotonic seconds."""
        return min(self._schedule.due, self._hints.due)

    @property
    def look_due(self) -> float:
        """When the next look is to go out, monotonic seconds."""
        return self._schedule.due

    def step(self, now: float) -> str | None:
        """What is to be done now: `LOOK`, `HINT` or nothing; a look begins with this."""
        if now >= self._schedule.due:
            self._began_late = now > self._schedule.due + _ASLEEP
            self._schedule.began(now)
            self._began_at = now
            self.begun += 1
            return LOOK
        if now < self._hints.due:
            return None
        self._hints.asked(now)
        return HINT

    def looked(self, look: Look, now: float, *, at_most: float = inf) -> Change | None:
        """A look ended.

        Args:
            look: What it came to.
            now: When, monotonic seconds.
            at_most: Seconds a look may take. One that took far longer was asleep, and what
                it tells is old: another one follows at once.

        Returns:
            The change of the members it led to, if any.
        """
        before = self.membership
        self.membership, changes = reduce(before, look, now)
        self.looks += 1
        self.last_error = look.error
        snapshot = look.snapshot
        if snapshot is None or snapshot.outcome == PARTIAL:
            self.failures += 1
            if self._failing_since is None:
                self._failing_since = now
            self._schedule.failed(now, in_part=snapshot is not None)
            self._hints.looked(now, next_look=self._schedule.due, rests=True, news=None)
        else:
            self._answered_at = now
            self._failing_since = None
            after = self.membership
            # The members' first appearance is no change of the cluster: a thousand
            # followers that start would look every second for nothing.
            news = bool(changes) and before.members is not None
            news = news or _first_miss(before, after)
            cached = lifetime(after.ttls, snapshot, self._policy.ttl_trusted)
            self._schedule.answered(now, cached=cached, news=news)
            # An early look is no witness, and must not put off the one that will be.
            wanted = further_counts(after, now, self._schedule.interval)
            if wanted is not None:
                self._schedule.not_after(wanted, now)
            self._hints.looked(
                now, next_look=self._schedule.due, rests=cached is not None, news=news
            )
        if look.elapsed > at_most + _ASLEEP:
            self._schedule.by(now)
        if self._policy.max_stale is None:
            self.settled_until = self._schedule.due + _ASLEEP
        self.ended = self.begun  # the last: now the next one has its time
        return changes[0] if changes else None

    def hinted(self, serial: int | None, now: float) -> None:
        """What the question for the zone's serial came to; None where it failed."""
        if self._hints.told(serial, now, self._schedule.due):
            self._schedule.by(now)

    def look_by(self, when: float) -> None:
        """Look at that moment at the latest, as early as the floor between two looks allows."""
        self._schedule.by(when)

    @property
    def is_failing(self) -> bool:
        """Whether the last look failed, in whole or in part."""
        return self._schedule.is_failing

    def end(self) -> None:
        """Nobody looks any more."""
        self.settled_until = -inf

    def awaited(self, now: float, at_most: float) -> int | None:
        """How many looks have to end before the members may be used; None: use them as they are.

        A process that slept knows what is old, and a look is about to tell, or under way.

        Args:
            now: Monotonic seconds.
            at_most: Seconds a look may take.
        """
        begun, ended = self.begun, self.ended  # read once: the looks may go on meanwhile
        if begun > ended:
            if now > self._began_at + at_most + _ASLEEP:
                return begun + 1  # it slept in this one
            return begun if self._began_late and not self.is_failing else None
        return begun + 1 if now > self._schedule.due + _ASLEEP and not self.is_failing else None

    def quicken(self, now: float) -> None:
        """Begin the quick phase: somebody waits."""
        self._schedule.quicken(now)

    def fresh(self, now: float) -> Snapshot | None:
        """The last complete answer where it is younger than the wait after it; else None."""
        is_fresh = not self._schedule.is_failing and now < self._schedule.due
        return self.membership.observed if is_fresh else None

    @property
    def answered_at(self) -> float | None:
        """When the last complete answer came, monotonic seconds."""
        return self._answered_at

    def known(self, service: str, now: float) -> Snapshot:
        """The members.

        Raises:
            NotYetKnown: There was no success yet, or none for ``max_stale`` seconds.
        """
        members = self.membership.members
        most = self._policy.max_stale
        if members is None:
            raise NotYetKnown(
                service,
                _unknown(self.membership.observed),
                age=self._age(now),
                last_error=self.last_error,
            )
        # Members of a first answer that failed in part have no complete one before it.
        since = self._failing_since if self._answered_at is None else self._answered_at
        if most is not None and since is not None and now - since > most:
            raise NotYetKnown(
                service,
                f"no complete answer for {now - since:.1f} s, more than max_stale={most:g}",
                age=self._age(now),
                last_error=self.last_error,
            )
        return members

    def status(
        self,
        now: float,
        *,
        listed: bool | None,
        callback_errors: int,
        ejected: tuple[Ejected, ...] = (),
    ) -> Status:
        """How well the Service is known; the shells add what only they can tell."""
        members = self.membership.members
        since = self._failing_since
        return Status(
            synced=members is not None,
            age=self._age(now),
            stale_for=0.0 if since is None else max(0.0, now - since),
            last_error=self.last_error,
            listed=listed,
            version=0 if members is None else members.version,
            looks=self.looks,
            failures=self.failures,
            callback_errors=callback_errors,
            ejected=ejected,
            due_in=max(0.0, self._schedule.due - now) if self._schedule.due < inf else 0.0,
        )

    def _age(self, now: float) -> float | None:
        return None if self._answered_at is None else max(0.0, now - self._answered_at)


def _unknown(observed: Snapshot | None) -> str:
    """Why nothing is known, while DNS may have said "nobody", which is not believed at once."""
    if observed is None:
        return "no look has told its members yet"
    return (
        f"DNS says {observed.outcome}, and has to say it again before it is believed. If it does "
        "so for ever: no such Service, none of its pods is ready, or no port of that name"
    )


def _first_miss(before: Membership, after: Membership) -> bool:
    """Whether something is missing that was not missing in the answer before."""
    return bool(
        (after.nothing and not before.nothing)
        or after.missing.keys() - before.missing.keys()
        or after.without.keys() - before.without.keys()
    )
