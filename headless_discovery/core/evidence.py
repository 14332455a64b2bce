"""Evidence: which answers count, and how many it takes.

In: complete answers and their times. Out: rows of them. Two answers out of one cache are
one witness, so a further answer counts only some time after the last one that did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .changes import key_of
from .ttls import lifetime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .membership import Membership
    from .snapshot import Endpoint, Snapshot

__all__ = ["Counting", "Missing", "further_counts"]


class Missing(NamedTuple):
    """A row of complete answers in which something was missing, or stood.

    Attributes:
        answers: How many of them count.
        needed: How many it takes.
        counts_from: When a further one counts, monotonic seconds.
        since: When the first of them came.
        cached_until: When a cache gives up the last of them that counts.
        servers: Those which gave it.
    """

    answers: int
    needed: int
    counts_from: float
    since: float
    cached_until: float
    servers: tuple[str, ...]


class Counting:
    """Which answers count, seen from one of them."""

    def __init__(self, state: Membership, snapshot: Snapshot, now: float) -> None:
        policy = state.policy
        self.now = now
        self.is_cached = lifetime(state.ttls, snapshot, policy.ttl_trusted) is not None
        self.hold_until = now + (state.ttls.largest if policy.return_hold else 0.0)
        self._caches = state.ttls.counting
        self._counts_from = now + policy.answer_gap
        self._cached_until = now + min(float(snapshot.ttl or 0), policy.ttl_trusted)
        self._servers = snapshot.servers

    def once_more(self, row: Missing | None, needed: int) -> Missing:
        """The row after one more answer of its kind."""
        if row is None:
            return self._row(1, needed, self.now)
        # That a cache gave the last one may have shown only with this one.
        is_cached = not self._caches.isdisjoint(row.servers)
        if self.now < (max(row.counts_from, row.cached_until) if is_cached else row.counts_from):
            return row
        return self._row(row.answers + 1, max(row.needed, needed), row.since)

    def hold(self, held: dict[tuple[str, str], float], key: str, address: str) -> None:
        """Do not take an address back for a while."""
        if self.hold_until > self.now:
            held[key, address] = self.hold_until

    def hold_removed(
        self, held: dict[tuple[str, str], float], endpoints: Iterable[Endpoint]
    ) -> None:
        """Nor removed members, where a cache may still tell them."""
        if self.is_cached:
            for endpoint in endpoints:
                for address in endpoint.addresses:
                    self.hold(held, key_of(endpoint), address)

    def _row(self, answers: int, needed: int, since: float) -> Missing:
        return Missing(answers, needed, self._counts_from, since, self._cached_until, self._servers)


def further_counts(state: Membership, now: float, interval: float) -> float | None:
    """When a further answer is wanted for evidence that an early look did not add to.

    Args:
        state: After a look.
        now: When that ended, monotonic seconds.
        interval: Seconds between looks while nothing happens.

    Returns:
        A moment after now; None where the next look as planned will do.
    """
    rows = [*state.missing.values(), *state.without.values()]
    if state.nothing is not None:
        rows.append(state.nothing)
    gap = state.policy.answer_gap
    wanted = []
    for row in rows:
        last = row.counts_from - gap
        if last < now and not state.ttls.counting.isdisjoint(row.servers):
            wanted.append(max(row.counts_from, row.cached_until, last + interval))
    return min((when for when in wanted if when > now), default=None)
