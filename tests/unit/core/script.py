"""Plays scripts of answers and times against the membership, and holds P5 and P6 to it.

Whatever a test is about: after each look the version has grown by one with a change and not
without one, equal content was no change, and what changed leads from the state before to the
state after.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from headless_discovery.core.changes import change_between
from headless_discovery.core.membership import Membership, reduce
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.questions import TIMEOUT, Failure, Problem
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL, Endpoint, Snapshot

if TYPE_CHECKING:
    from headless_discovery.core.changes import Change

SERVICE = ServiceName("db.shop")
ONE = "10.96.0.10:53"
TWO = "10.96.0.11:53"
DEFAULT = PollPolicy(interval=5.0)
# Nothing damped: each answer is the truth.
UNDAMPED = DEFAULT.replace(
    removal_answers=0,
    shrink_answers=0,
    nothing_answers=0,
    nothing_hold=0,
    answer_gap=0,
    drop_answers=0,
    drop_hold=0,
    return_hold=False,
    quick_for=0,
    ttl_trusted=0,
)


def pod(number: int, *addresses: str, ports: tuple[int, ...] = (3306,)) -> Endpoint:
    """Pod ``db-<number>``, at ``10.0.0.<number>`` where no address is given."""
    label = f"db-{number}"
    return Endpoint(
        name=label,
        hostname=SERVICE.pod(label),
        ordinal=number,
        addresses=addresses or (f"10.0.0.{number}",),
        ports=ports,
    )


def bare(address: str, *ports: int) -> Endpoint:
    """An endpoint that only has an address."""
    return Endpoint(addresses=(address,), ports=ports)


def snapshot(
    *endpoints: Endpoint,
    outcome: str = OK,
    ttl: int | None = 5,
    servers: tuple[str, ...] = (ONE,),
    dropped: tuple[str, ...] = (),
    unresolved: tuple[str, ...] = (),
) -> Snapshot:
    """What a look found."""
    return Snapshot(
        SERVICE,
        endpoints,
        outcome=outcome,
        ttl=ttl,
        servers=servers,
        dropped=dropped,
        unresolved=unresolved,
        problem="timeout: no answer" if outcome == PARTIAL else None,
    )


def found(snapshot: Snapshot) -> Look:
    """A look that found something."""
    return Look(SERVICE, snapshot, (), 0.01)


def failed(kind: str = TIMEOUT) -> Look:
    """A look that failed."""
    return Look(SERVICE, Failure(Problem(kind, "no answer in time")), (), 5.0)


def composes(change: Change) -> bool:
    """Whether the parts of a change lead from the state before to the state after."""
    state = Counter(() if change.previous is None else change.previous.endpoints)
    taken = Counter([*change.removed, *(before for before, _ in change.updated)])
    if taken - state:
        return False
    given = Counter([*change.added, *(after for _, after in change.updated)])
    return state - taken + given == Counter(change.current.endpoints)


class Script:
    """A followed Service whose answers are told by hand.

    Args:
        policy: The numbers.
        ttl: Of each answer that tells no other.
    """

    def __init__(self, policy: PollPolicy = DEFAULT, ttl: int | None = 5) -> None:
        self.state = Membership(policy)
        self.ttl = ttl
        self.changes: list[Change] = []

    def ok(
        self,
        at: float,
        *endpoints: Endpoint,
        ttl: int | None = None,
        servers: tuple[str, ...] = (ONE,),
        dropped: tuple[str, ...] = (),
        unresolved: tuple[str, ...] = (),
    ) -> Change | None:
        """A complete answer with endpoints."""
        answer = snapshot(
            *endpoints,
            ttl=self.ttl if ttl is None else ttl,
            servers=servers,
            dropped=dropped,
            unresolved=unresolved,
        )
        return self.look(at, found(answer))

    def partial(self, at: float, *endpoints: Endpoint) -> Change | None:
        """An answer of which a part failed."""
        return self.look(at, found(snapshot(*endpoints, outcome=PARTIAL, ttl=self.ttl)))

    def nobody(self, at: float, outcome: str = EMPTY, *, ttl: int | None = None) -> Change | None:
        """A complete answer without anybody."""
        assert outcome in {EMPTY, ABSENT}
        ttl = self.ttl if ttl is None else ttl
        return self.look(at, found(snapshot(outcome=outcome, ttl=ttl)))

    def failed(self, at: float) -> Change | None:
        """A failed look."""
        return self.look(at, failed())

    def look(self, at: float, look: Look) -> Change | None:
        """Any look; checks what holds of every one."""
        before = self.state
        self.state, changes = reduce(before, look, at)
        members = self.state.members
        if not changes:
            assert members is before.members
            return None
        (change,) = changes
        assert change.previous is before.members
        assert change.current is members
        assert members is not None
        assert change == change_between(before.members, members)
        assert composes(change)
        if before.members is None:
            assert (members.version, change.added) == (1, members.endpoints)
        else:
            assert members.version == before.members.version + 1
            assert members != before.members
        assert members.endpoints == Snapshot(SERVICE, set(members.endpoints)).endpoints
        assert all(each.addresses for each in members)
        self.changes.append(change)
        return change

    @property
    def who(self) -> list[str] | None:
        """Names, or addresses where there is none, of the members."""
        members = self.state.members
        return None if members is None else [each.name or each.address for each in members]

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The addresses of the members."""
        assert self.state.members is not None
        return {each.name or each.address: each.addresses for each in self.state.members}

    def at(self, name: str) -> tuple[str, ...] | None:
        """The addresses of one member."""
        return self.places.get(name)
