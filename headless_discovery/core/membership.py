"""Membership: who is behind a Service over time; "cannot see" is never "not there".

In: a `Look` after the other. Out: the state, and a `Change` where the members became
others. The rules first, the code below:

* Nobody goes without evidence. A failed look changes nothing; a look of which a part
  failed may add, and neither counts for nor against anybody.
* Who was not there before is added at once.
* A member goes when it is missing from 2 complete answers in a row, from 3 where one of
  them lacks more than half of the members. Being seen ends the row.
* Nobody at all is believed after 3 such answers that span 30 s; also at the very begin.
* A further answer counts only 1 s after the last one that counted, and where TTLs count
  down only after that one's TTL has run out: two answers out of one cache are one witness.
* A known name with a new address is updated at once. The address it replaced (within the
  address family) is not taken back for the largest TTL seen: an older cache still tells it.
  Where TTLs count down the same holds for a removed member at its old address.
* An address that is missing while its member is listed goes like a member: on evidence.
* An answer with a refused record keeps everybody, until the identical refusal has stood
  for 3 answers and 30 s.
* Identity is the name; without one the address. An address known under a name keeps that
  name while it is listed; that it gains a name is an update.

Every number is a field of `PollPolicy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .changes import change_between, key_of
from .evidence import Counting
from .merging import Added, Merged
from .snapshot import PARTIAL, Snapshot
from .ttls import NO_TTLS, Ttls, observe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .changes import Change
    from .evidence import Missing
    from .outcome import Look
    from .policy import PollPolicy
    from .snapshot import Endpoint

__all__ = ["Membership", "reduce"]


class Membership(NamedTuple):
    """The state; start with ``Membership(policy)``.

    Attributes:
        policy: The rules' numbers.
        members: The published state; None while nothing is known.
        observed: The last complete answer.
        ttls: What is known of TTLs.
        settled: Endpoints of the last answer that said nothing new and left nothing open.
        missing: Members missing from answers, by their key.
        without: Addresses missing while their member is listed, by (key, address).
        held: Until when an address is not taken back, by (key, address).
        nothing: The row of answers that say "nobody".
        drops: The rows in which a record was refused, by its words.
    """

    policy: PollPolicy
    members: Snapshot | None = None
    observed: Snapshot | None = None
    ttls: Ttls = NO_TTLS
    settled: tuple[Endpoint, ...] | None = None
    missing: Mapping[str, Missing] = {}
    without: Mapping[tuple[str, str], Missing] = {}
    held: Mapping[tuple[str, str], float] = {}
    nothing: Missing | None = None
    drops: Mapping[str, Missing] = {}


def reduce(state: Membership, look: Look, now: float) -> tuple[Membership, tuple[Change, ...]]:
    """What one look makes of the membership.

    Args:
        state: The state before; it is not changed.
        look: What was found, or why nothing was.
        now: When the look ended, monotonic seconds.

    Returns:
        The state after it, and no or one `Change`.
    """
    snapshot = look.snapshot
    if snapshot is None:
        return state, ()
    policy = state.policy
    ttls = observe(state.ttls, snapshot, now, policy.ttl_trusted)
    if snapshot.outcome == PARTIAL:
        if not snapshot.endpoints:
            return state, ()
        return _added_to(state._replace(settled=None, ttls=ttls), snapshot, now)
    state = state._replace(observed=snapshot, ttls=ttls)
    if not snapshot.endpoints:
        return _nobody(state, snapshot, now)
    if snapshot.endpoints is state.settled and not snapshot.dropped:
        return state, ()  # what nearly every look comes to
    return _published(state._replace(nothing=None), snapshot, Merged, now)


def _nobody(
    state: Membership, snapshot: Snapshot, now: float
) -> tuple[Membership, tuple[Change, ...]]:
    """A complete answer without anybody."""
    policy, members = state.policy, state.members
    if members is not None and not members.endpoints:
        return state._replace(settled=None, drops={}), ()
    counted = Counting(state, snapshot, now)
    nothing = counted.once_more(state.nothing, policy.nothing_answers)
    if nothing.answers < nothing.needed or now - nothing.since < policy.nothing_hold:
        # It is also an answer from which each of them is missing.
        missing = {
            key_of(each): counted.once_more(state.missing.get(key_of(each)), policy.shrink_answers)
            for each in (members.endpoints if members is not None else ())
        }
        return state._replace(settled=None, nothing=nothing, missing=missing, drops={}), ()
    held = dict(state.held)
    if members is not None:
        counted.hold_removed(held, members.endpoints)
    empty = _state_of(snapshot, (), 1 if members is None else members.version + 1)
    state = Membership(policy, empty, snapshot, state.ttls, held=held)
    return state, (change_between(members, empty),)


def _added_to(
    state: Membership, snapshot: Snapshot, now: float
) -> tuple[Membership, tuple[Change, ...]]:
    """What an answer shows of which a part failed."""
    state, changes = _published(state, snapshot, Added, now)
    if changes and changes[0].added:
        # Nothing that was said before they came says anything of those who came.
        state = state._replace(nothing=None)
    return state, changes


def _published(
    state: Membership, snapshot: Snapshot, merge: type[Added], now: float
) -> tuple[Membership, tuple[Change, ...]]:
    """Endpoints of an answer merged into the members, and what became different."""
    members = state.members
    known = () if members is None else members.endpoints
    merged = merge(state, snapshot, now)
    merged.run()
    endpoints = merged.endpoints()
    at_rest = not (merged.missing or merged.without or merged.held or merged.drops)
    state = state._replace(
        settled=snapshot.endpoints if at_rest and endpoints == snapshot.endpoints else None,
        missing=merged.missing,
        without=merged.without,
        held=merged.held,
        drops=merged.drops,
    )
    if members is not None and endpoints == known:
        return state, ()
    current = _state_of(snapshot, endpoints, 1 if members is None else members.version + 1)
    return state._replace(members=current), (change_between(members, current),)


def _state_of(snapshot: Snapshot, endpoints: tuple[Endpoint, ...], version: int) -> Snapshot:
    return Snapshot(
        snapshot.service,
        endpoints,
        outcome=snapshot.outcome,
        ttl=snapshot.ttl,
        seen_at=snapshot.seen_at,
        servers=snapshot.servers,
        dropped=snapshot.dropped,
        unresolved=snapshot.unresolved,
        version=version,
        problem=snapshot.problem,
    )
