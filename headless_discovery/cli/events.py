"""Events: what happened to a followed Service, in words, one line each.

In: every look and every change, with their times. Out: `Event`, and how things stand.
Knows no terminal. Why somebody was removed is counted from the looks themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..core.changes import key_of
from ..core.snapshot import OK, PARTIAL
from ..core.times import clock, lasting
from ..errors import LookupFailed, NotHeadless

if TYPE_CHECKING:
    from ..core.changes import Change
    from ..core.outcome import Look
    from ..core.snapshot import Endpoint, Snapshot

__all__ = ["ADDED", "NOTE", "REMOVED", "UPDATED", "Event", "Narrator"]

ADDED, REMOVED, UPDATED, NOTE = "+-~!"
_WIDEST = 40  # what a column of names is padded to at most


class Event(NamedTuple):
    """One line: a sign, when (seconds since 1970), what."""

    sign: str
    time: float
    text: str

    def __str__(self) -> str:
        """With the time of day in UTC."""
        return f"{self.sign} {clock(self.time)}  {self.text}"


class _Streak(NamedTuple):
    """Something that goes on: since when, in how many looks by now."""

    since: float
    looks: int


class Narrator:
    """Tells events from looks and changes, which it is given in their order."""

    def __init__(self) -> None:
        self._members: Snapshot | None = None
        self._looked_at: float | None = None
        self._failing: _Streak | None = None
        self._failure = ""
        self._nobody: _Streak | None = None
        self._missing: dict[str, _Streak] = {}
        self._dropped: frozenset[str] = frozenset()
        self._name_width = self._address_width = 0

    def looked(self, time: float, look: Look) -> list[Event]:
        """A look has ended."""
        is_first, self._looked_at = self._looked_at is None, time
        if is_first and isinstance(look.error, NotHeadless):
            return []  # it ends the watch, and is told as what has ended it
        found = look.snapshot
        if found is None or found.outcome == PARTIAL:
            texts = self._failed(time - look.elapsed, _failure(look))
        else:
            texts = self._answered_again(time) + self._counted(time, found)
        if found is not None:
            texts += self._refused(found)
        return [Event(NOTE, time, text) for text in texts]

    def changed(self, time: float, change: Change) -> list[Event]:
        """A change was published."""
        current = change.current
        first = self._members is None
        self._members = current
        self._widen(change)
        events = [
            Event(ADDED, time, self._line(each, "there at the start" if first else "added"))
            for each in change.added
        ]
        events += [
            Event(UPDATED, time, self._update(before, after)) for before, after in change.updated
        ]
        events += [
            Event(REMOVED, time, self._line(each, self._why(each, current, time)))
            for each in change.removed
        ]
        if not current:
            more = "" if first else " any more"
            events.append(Event(NOTE, time, f"nobody is listed{more} ({current.outcome})"))
            self._nobody = None
        here = {key_of(each) for each in current}
        self._missing = {key: value for key, value in self._missing.items() if key in here}
        return events

    def summary(self, now: float) -> str:
        """How things stand, in one line."""
        if self._members is None:
            parts = ["the members are not known yet"]
        else:
            parts = [_count(len(self._members), "member"), f"version {self._members.version}"]
        if self._looked_at is not None:
            parts.append(f"looked {_whole(now - self._looked_at)} ago")
        if self._missing:
            parts.append(f"{len(self._missing):,} missing from the last answer")
        if self._failing is not None:
            parts.append(f"DNS failing for {_whole(now - self._failing.since)}: {self._failure}")
        return "  ".join(parts)

    def _failed(self, since: float, failure: str) -> list[str]:
        """A look failed; what is not known is not known since it began."""
        self._failure = failure
        if self._failing is not None:
            self._failing = self._failing._replace(looks=self._failing.looks + 1)
            return []
        self._failing = _Streak(since, 1)
        return [f"DNS failing: {failure}{self._kept('; ', ' stay')}"]

    def _answered_again(self, time: float) -> list[str]:
        streak, self._failing = self._failing, None
        if streak is None:
            return []
        lasted = f"{lasting(time - streak.since)} and {_count(streak.looks, 'failed look')}"
        return [f"DNS answers again after {lasted}{self._kept('; ', ' stayed')}"]

    def _counted(self, time: float, found: Snapshot) -> list[str]:
        """Who is missing from this answer, and whether it is everybody."""
        keys = {key_of(each) for each in found}
        nameless = {a for each in found if each.name is None for a in each.addresses}
        missing = {}
        for each in self._members or ():
            key = key_of(each)
            if key not in keys and nameless.isdisjoint(each.addresses):
                before = self._missing.get(key) or _Streak(time, 0)
                missing[key] = before._replace(looks=before.looks + 1)
        self._missing = missing
        streak = self._nobody
        if found:
            self._nobody = None
            if streak is None:
                return []
            return [f"DNS lists pods again after {lasting(time - streak.since)}"]
        if streak is not None:
            self._nobody = streak._replace(looks=streak.looks + 1)
            return []
        if self._members is not None and not self._members:
            return []
        self._nobody = _Streak(time, 1)
        kept = self._kept(": ", " stay until that has lasted")
        return [f"DNS lists nobody ({found.outcome}){kept or ': not believed until it has lasted'}"]

    def _refused(self, found: Snapshot) -> list[str]:
        """What was left out of an answer, where that is new."""
        before, self._dropped = self._dropped, frozenset(found.dropped)
        new = sorted(self._dropped - before)
        more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
        return [f"left out of the answer: {new[0]}{more}"] if new else []

    def _kept(self, before: str, after: str) -> str:
        """Those who are members whatever DNS says now."""
        if not self._members:
            return ""
        return f"{before}{_count(len(self._members), 'member')}{after}"

    def _why(self, gone: Endpoint, current: Snapshot, time: float) -> str:
        if current.outcome != OK:
            answers = self._nobody or _Streak(time, 1)
            return f"removed: DNS lists nobody ({current.outcome}), {_evidence(answers, time)}"
        missing = self._missing.get(key_of(gone))
        return "removed" if missing is None else f"removed: missing from {_evidence(missing, time)}"

    def _update(self, before: Endpoint, after: Endpoint) -> str:
        addresses = ",".join(after.addresses)
        name = (after.name or "-").ljust(self._name_width)
        if before.addresses != after.addresses:
            old, new = set(before.addresses), set(after.addresses)
            what = "one address more" if old < new else "an address less" if new < old else ""
            return f"{name}  {','.join(before.addresses)} -> {addresses}  {what or 'new address'}"
        if before.name != after.name:
            return self._line(after, "has a name now")
        return self._line(after, f"ports {_ports(before)} -> {_ports(after)}")

    def _line(self, endpoint: Endpoint, what: str) -> str:
        name = (endpoint.name or "-").ljust(self._name_width)
        return f"{name}  {','.join(endpoint.addresses).ljust(self._address_width)}  {what}"

    def _widen(self, change: Change) -> None:
        """Columns grow with what stands in them, and never get narrower."""
        for each in (*change.added, *change.removed, *(after for _, after in change.updated)):
            self._name_width = max(self._name_width, min(len(each.name or "-"), _WIDEST))
            width = min(len(",".join(each.addresses)), _WIDEST)
            self._address_width = max(self._address_width, width)


def _failure(look: Look) -> str:
    error = look.error
    return f"{error.kind}: {error.detail}" if isinstance(error, LookupFailed) else str(error)


def _evidence(streak: _Streak, time: float) -> str:
    over = f" over {lasting(time - streak.since)}" if streak.looks > 1 else ""
    return _count(streak.looks, "answer") + over


def _whole(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 10 else lasting(whole)


def _ports(endpoint: Endpoint) -> str:
    return ",".join(map(str, endpoint.ports)) or "none"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
