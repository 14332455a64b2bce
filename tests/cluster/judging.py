"""What a follower published, held against what was true: the judge of the cluster tests.

In come two histories, the outages, and how old an answer may be. Out come the faults, in
words, and how long each change took to be seen. Pure: no clock, no sockets, and nothing of
the library under test; the formulas are those of promise P10.

* A removal is false if the member was there for as long as a cached answer can be old.
* An addition or an address is false if it was not true at any time in that window.
* A state of a member that lasts longer than P10's bound, outages not counted, must be what
  the follower tells from then on until the state ends.
* Versions count by one, and the changes lead from one published set to the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Members = Mapping[str, frozenset[str]]
"""Addresses by the name of the member."""

SLACK = 0.5
"""Seconds that a look takes, and that two servers may be apart."""

AHEAD = 0.1
"""Seconds by which a follower may be ahead of the record of the truth, taken every 20 ms."""

NOTHING_HOLD = 30.0
"""Seconds for which "nobody" is not believed."""

ADDITION, MOVE, REMOVAL = "addition", "move", "removal"


class Span(NamedTuple):
    """How long a member was in one state: at these addresses, or (None) not there."""

    addresses: frozenset[str] | None
    begin: float
    end: float


class History:
    """A set of members over time.

    Args:
        moments: (time, members from then on), in order of time.
        end: Until when it is known.
        blind: (begin, end) of times in which somebody may have come and gone unseen.
    """

    def __init__(
        self,
        moments: Iterable[tuple[float, Members]],
        end: float,
        blind: Iterable[tuple[float, float]] = (),
    ) -> None:
        self.moments = list(moments)
        self.end = end
        self.blind = list(blind)
        self._times = [time for time, _ in self.moments]

    @property
    def begin(self) -> float:
        """From when on it is known."""
        return self._times[0]

    @property
    def names(self) -> set[str]:
        """Everybody who was ever there."""
        return {name for _, members in self.moments for name in members}

    def at(self, time: float) -> Members:
        """The members at a time; before the begin those of the begin."""
        return self.moments[max(0, bisect_right(self._times, time) - 1)][1]

    def between(self, begin: float, end: float) -> Iterator[Members]:
        """Every set there was from `begin` to `end`."""
        first = max(0, bisect_right(self._times, begin) - 1)
        for time, members in self.moments[first:]:
            if time > end:
                break
            yield members

    def is_sure(self, begin: float, end: float) -> bool:
        """Whether all of the time from `begin` to `end` was watched."""
        return not any(since < end and until > begin for since, until in self.blind)

    def spans(self, name: str) -> Iterator[Span]:
        """The states of a member, one after the other."""
        state, begin = self.moments[0][1].get(name), self.begin
        for time, members in self.moments[1:]:
            if members.get(name) != state:
                yield Span(state, begin, time)
                state, begin = members.get(name), time
        yield Span(state, begin, self.end)


class Clock:
    """Time that stands still during outages.

    Args:
        outages: (begin, end) each; they may overlap.
    """

    def __init__(self, outages: Iterable[tuple[float, float]] = ()) -> None:
        self.outages: list[tuple[float, float]] = []
        for begin, end in sorted(outages):
            if self.outages and begin <= self.outages[-1][1]:
                last = self.outages.pop()
                begin, end = last[0], max(last[1], end)  # noqa: PLW2901
            self.outages.append((begin, end))

    def after(self, begin: float, seconds: float) -> float:
        """When `seconds` outside outages have passed since `begin`."""
        due = begin + seconds
        for since, until in self.outages:
            if until <= begin:
                continue
            if since >= due:
                break
            due += until - max(since, begin)
        return due

    def undisturbed(self, begin: float, end: float) -> bool:
        """Whether no outage touches the time from `begin` to `end`."""
        return not any(since < end and until > begin for since, until in self.outages)


class Bounds(NamedTuple):
    """How late a follower with the default policy may be (P10).

    Attributes:
        lifetime: Seconds a cached answer lives, c.
        ttl: The largest TTL of the answers.
        interval: Of the policy, T.
    """

    lifetime: float
    ttl: float = 5.0
    interval: float = 5.0

    @property
    def seen(self) -> float:
        """V: an addition, a new address."""
        c, t = self.lifetime, self.interval
        return max(1.3 * c, c + 1.3 * t) + 1.0

    @property
    def counting(self) -> float:
        """L: one more look that counts."""
        if self.lifetime == 0:
            return 1.2
        return 1.3 * max(self.lifetime, self.interval) + 1.0

    @property
    def nobody(self) -> float:
        """The last member."""
        return self.seen + max(NOTHING_HOLD + self.counting, 2 * self.counting)

    @property
    def one_look(self) -> float:
        """The longest wait between two looks, and the look."""
        return 1.3 * max(self.lifetime, self.interval) + 1.0


class Published(NamedTuple):
    """One change as the follower told it."""

    time: float
    version: int
    members: Members
    added: Members
    removed: Members
    updated: Mapping[str, tuple[frozenset[str], frozenset[str]]]


class Verdict(NamedTuple):
    """What the judge found.

    Attributes:
        false_removals: Members reported gone that had been there all the time.
        false_additions: Members or addresses reported that were not true.
        missed: States that lasted and were not told in time, or not until their end.
        broken: Version gaps, and changes that do not lead to the set they come with.
        unproven: What would be false additions, had the truth been watched without a gap.
        judged: How many states lasted long enough to be judged.
        latencies: Seconds from each such state's begin until it was told, by kind; only
            those no outage disturbed, and none that P4 holds back.
    """

    false_removals: list[str]
    false_additions: list[str]
    missed: list[str]
    broken: list[str]
    unproven: list[str]
    judged: int
    latencies: dict[str, list[float]]

    @property
    def faults(self) -> list[str]:
        """All of them that are proven."""
        return [*self.false_removals, *self.false_additions, *self.missed, *self.broken]


def judge(
    truth: History, told: Iterable[Published], bounds: Bounds, clock: Clock, end: float
) -> Verdict:
    """Judge one follower.

    Args:
        truth: What was true.
        told: What it published, in order.
        bounds: How late it may be.
        clock: When it could not see.
        end: Until when it was followed.
    """
    told = list(told)
    if not told:
        return Verdict([], [], ["nothing was ever told"], [], [], 0, {})
    verdict = Verdict([], [], [], list(_broken(told)), [], 0, {})
    before: Members = {}
    for change in told:
        _false(truth, before, change, bounds.lifetime + SLACK, verdict)
        before = change.members
    history = History([(change.time, change.members) for change in told], end)
    judged = 0
    for name in sorted(truth.names | history.names):
        for span in truth.spans(name):
            judged += _lasting(truth, history, name, span, bounds, clock, verdict)
    return verdict._replace(judged=judged)


def _false(
    truth: History, before: Members, change: Published, age: float, verdict: Verdict
) -> None:
    """What a change says that no answer of the last `age` seconds can have said."""
    since = change.time - age
    for name in before.keys() - change.members.keys():
        if all(name in members for members in truth.between(since, change.time)):
            verdict.false_removals.append(f"{change.time:.2f}: {name} is gone, but it was there")
    for name, addresses in change.members.items():
        if before.get(name) == addresses:
            continue
        # The truth is asked every now and then: a follower may see it first.
        answers = truth.between(since, change.time + AHEAD)
        if not any(members.get(name) == addresses for members in answers):
            is_proven = truth.is_sure(since, change.time + AHEAD)
            (verdict.false_additions if is_proven else verdict.unproven).append(
                f"{change.time:.2f}: {name} at {_words(addresses)}, but it was "
                f"{_words(truth.at(change.time).get(name))}"
            )


def _lasting(
    truth: History,
    told: History,
    name: str,
    span: Span,
    bounds: Bounds,
    clock: Clock,
    verdict: Verdict,
) -> bool:
    """Judge one state of a member; returns whether it lasted long enough for that."""
    began = max(span.begin, told.begin)
    latest = min(span.end - AHEAD, told.end)
    held_until = _held_until(told, name, span.addresses, latest, bounds)
    due = clock.after(began, _allowed(truth, told, span, began, bounds))
    if held_until is not None:
        due = max(due, clock.after(held_until, bounds.one_look))
    due += SLACK
    if due >= latest:
        return False
    other = next(
        (each for each in told.between(due, latest) if each.get(name) != span.addresses), None
    )
    if other is not None:
        verdict.missed.append(
            f"{name} was {_words(span.addresses)} from {span.begin:.2f} to {span.end:.2f}; "
            f"after {due:.2f} it was still told {_words(other.get(name))}"
        )
        return True
    if span.begin < told.begin or held_until is not None:
        return True
    if told.at(span.begin).get(name) != span.addresses:
        seen = next(
            time
            for time, members in told.moments
            if time >= span.begin and members.get(name) == span.addresses
        )
        if clock.undisturbed(span.begin, seen):
            known = told.at(span.begin).get(name)
            kind = REMOVAL if span.addresses is None else ADDITION if known is None else MOVE
            verdict.latencies.setdefault(kind, []).append(seen - span.begin)
    return True


def _allowed(truth: History, told: History, span: Span, began: float, bounds: Bounds) -> float:
    """Seconds until a state must be told: V, and more where something must go."""
    v, counting = bounds.seen, bounds.counting
    if span.addresses is not None:
        return v
    allowed = v + counting
    answers = list(truth.between(began - bounds.lifetime, began + allowed))
    published = list(told.between(began, began + allowed))
    for members in published:
        if any(len(members.keys() & answer.keys()) * 2 < len(members) for answer in answers):
            allowed = v + 2 * counting
    if any(not answer for answer in answers):
        return bounds.nobody
    return allowed


def _held_until(
    told: History, name: str, addresses: frozenset[str] | None, latest: float, bounds: Bounds
) -> float | None:
    """Until when P4 may hold an address back: it was replaced, or its member removed."""
    if addresses is None:
        return None
    until = None
    for earlier, later in pairwise(told.spans(name)):
        was_removed = later.addresses is None
        if earlier.addresses != addresses or later.begin > latest:
            continue
        if bounds.lifetime == 0 and was_removed:
            continue  # held only where TTLs count down
        until = later.begin + bounds.ttl
    return until


def _broken(told: list[Published]) -> Iterator[str]:
    """Version gaps, and diffs that do not compose."""
    version = 0
    composed: dict[str, frozenset[str]] = {}
    for change in told:
        if change.version != version + 1:
            yield f"{change.time:.2f}: version {change.version} after {version}"
        version = change.version
        for name, addresses in change.removed.items():
            if composed.pop(name, None) != addresses:
                yield f"{change.time:.2f}: {name} is removed as what it was not"
        for name, (old, new) in change.updated.items():
            if composed.get(name) != old:
                yield f"{change.time:.2f}: {name} is updated from what it was not"
            composed[name] = new
        for name, addresses in change.added.items():
            if name in composed:
                yield f"{change.time:.2f}: {name} is added twice"
            composed[name] = addresses
        if composed != change.members:
            yield f"{change.time:.2f}: the changes do not lead to version {version}"
            composed = dict(change.members)


def _words(addresses: frozenset[str] | None) -> str:
    return "not there" if addresses is None else "/".join(sorted(addresses))
