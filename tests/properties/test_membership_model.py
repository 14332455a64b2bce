"""The membership against a plain model of its promises, by Hypothesis's stateful testing.

    HEADLESS_DISCOVERY_MODEL="2000 100" pytest tests/properties/test_membership_model.py

plays two thousand scripts of a hundred steps, others each time; by default it is 60 of 40,
always the same.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headless_discovery.core.membership import Membership, reduce
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.questions import TIMEOUT, Failure, Problem
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL, Endpoint, Snapshot
from tests.properties.membership_model import Model, Pods

AT_LENGTH = os.environ.get("HEADLESS_DISCOVERY_MODEL")
EXAMPLES, STEPS = map(int, (AT_LENGTH or "60 40").split())
SERVICE = ServiceName("db.shop")
PLAIN, CACHE = "10.96.0.10:53", "10.96.0.11:53"  # only the second one's TTLs count down
START = 1000.0

NAMES = ("db-0", "db-1", "db-2", "db-3", "db-4")
ADDRESSES = st.one_of(
    st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"])),
    st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2"]), st.sampled_from(["fd00::1", "fd00::2"])),
    st.tuples(st.sampled_from(["fd00::1", "fd00::2"])),
)
SERVERS = st.sampled_from([PLAIN, PLAIN, CACHE])
WAITS = st.sampled_from([0.3, 1.0, 1.1, 1.2, 5.0, 6.0, 12.0, 31.0, 40.0])


def endpoint(name: str, addresses: tuple[str, ...]) -> Endpoint:
    """A pod, made anew each time: nothing may depend on its being the same object."""
    return Endpoint(
        addresses=addresses,
        name=name,
        hostname=f"{name}.{SERVICE.fqdn}",
        ordinal=int(name[-1]),
        ports=(3306,),
    )


class MembershipMachine(RuleBasedStateMachine):
    """Pods that come, go and move, behind two servers of which one is a cache."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.model = Model()
        self.state = Membership(PollPolicy(interval=5.0))
        self.pods: Pods = {}
        self.before: Pods = {}
        self.changes = 0
        self.composed: frozenset[Endpoint] = frozenset()
        self.last: Snapshot | None = None

    @initialize(empty=st.booleans())
    def begin(self, empty: bool) -> None:
        """The cache was seen to count down; three pods are there, or nobody."""
        for ttl in (5, 3):
            self._look(self._snapshot({}, EMPTY, CACHE, ttl))
            self.model.answered(self.now, {}, ttl=ttl, is_cached=True)
            self.now += 2.0
        assert self.state.ttls.counting == {CACHE}
        if not empty:
            self.pods = {name: (f"10.0.0.{n + 1}",) for n, name in enumerate(NAMES[:3])}

    # --- the cluster ----------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), addresses=ADDRESSES)
    def comes_or_moves(self, name: str, addresses: tuple[str, ...]) -> None:
        """A pod is there, or at another address."""
        self.before = self.pods
        self.pods = {**self.pods, name: addresses}

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
    def go(self, names: set[str]) -> None:
        """Pods go."""
        self.before = self.pods
        self.pods = {name: each for name, each in self.pods.items() if name not in names}

    @rule(seconds=WAITS)
    def time_passes(self, seconds: float) -> None:
        """Nobody looks for a while."""
        self.now += seconds

    # --- looks ----------------------------------------------------------------------------

    @rule(
        server=SERVERS,
        ttl=st.integers(1, 30),
        old=st.integers(0, 3),
        left_out=st.sets(st.sampled_from(NAMES), max_size=3),
        seconds=WAITS,
        times=st.integers(1, 4),
    )
    def answer(
        self, server: str, ttl: int, old: int, left_out: set[str], seconds: float, times: int
    ) -> None:
        """Complete answers, some times in a row; of the present or of the past, some with gaps."""
        pods = self.before if old == 0 else self.pods
        pods = {name: each for name, each in pods.items() if name not in left_out}
        for _ in range(times):
            self._answer(server, ttl, pods)
            self.now += seconds

    @rule(server=SERVERS, ttl=st.integers(1, 30), seconds=WAITS, times=st.integers(1, 4))
    def nobody(self, server: str, ttl: int, seconds: float, times: int) -> None:
        """Answers that say "nobody"."""
        for _ in range(times):
            self._answer(server, ttl, {})
            self.now += seconds

    @rule(
        server=SERVERS,
        names=st.sets(st.sampled_from(NAMES), max_size=3),
        word=st.sampled_from(["", "one", "two"]),
        seconds=WAITS,
        times=st.integers(1, 4),
    )
    def refused(self, server: str, names: set[str], word: str, seconds: float, times: int) -> None:
        """Answers with a refused record, or with names that have no address."""
        pods = {name: each for name, each in self.pods.items() if name not in names}
        if not pods:
            return
        unresolved = frozenset(names & self.pods.keys()) if not word else frozenset()
        for _ in range(times):
            self._answer(server, 5, pods, unresolved=unresolved, dropped=word)
            self.now += seconds

    @rule(names=st.sets(st.sampled_from(NAMES), max_size=4), family=st.sampled_from([":", ".", ""]))
    def partial(self, names: set[str], family: str) -> None:
        """A look of which a part failed."""
        left = {
            name: tuple(each for each in addresses if family in each)
            for name, addresses in self.pods.items()
            if name not in names
        }
        pods = {name: each for name, each in left.items() if each}
        self._look(self._snapshot(pods, PARTIAL, PLAIN, 5))
        self.model.partial(self.now, pods, 5)

    @rule()
    def failure(self) -> None:
        """A look that failed."""
        before = self.state
        self._look(Failure(Problem(TIMEOUT, "no answer in time")))
        self.model.failed()
        assert self.state == before

    # --- what must hold -------------------------------------------------------------------

    @invariant()
    def published_is_what_the_model_says(self) -> None:
        """The members, their addresses, their version; diffs compose."""
        members = self.state.members
        if members is None:
            assert self.model.members is None
            assert self.changes == 0
            return
        assert {str(each.name): each.addresses for each in members} == self.model.members
        assert members.version == self.model.version == self.changes
        assert self.composed == frozenset(members)

    def _answer(
        self,
        server: str,
        ttl: int,
        pods: Pods,
        *,
        unresolved: frozenset[str] = frozenset(),
        dropped: str = "",
    ) -> None:
        if server == PLAIN:
            ttl = 5
        snapshot = self._snapshot(
            pods, OK if pods else ABSENT, server, ttl, unresolved=unresolved, dropped=dropped
        )
        self._look(snapshot)
        self.model.answered(
            self.now,
            pods,
            ttl=ttl,
            is_cached=server == CACHE,
            unresolved=unresolved,
            dropped=dropped,
        )
        assert self.state.observed is snapshot
        self.published_is_what_the_model_says()

    def _snapshot(
        self,
        pods: Pods,
        outcome: str,
        server: str,
        ttl: int,
        *,
        unresolved: frozenset[str] = frozenset(),
        dropped: str = "",
    ) -> Snapshot:
        return Snapshot(
            SERVICE,
            [endpoint(name, addresses) for name, addresses in pods.items()],
            outcome=outcome,
            ttl=ttl,
            seen_at=self.now,
            servers=(server,),
            dropped=(dropped,) if dropped else (),
            unresolved=tuple(sorted(f"{name}.{SERVICE.fqdn}" for name in unresolved)),
        )

    def _look(self, result: Snapshot | Failure) -> None:
        before = self.state.members
        self.state, changes = reduce(self.state, Look(SERVICE, result, (), 0.001), self.now)
        for change in changes:
            self.changes += 1
            assert change.previous is before
            assert change.current is self.state.members
            gone = {*change.removed, *(old for old, _ in change.updated)}
            come = {*change.added, *(new for _, new in change.updated)}
            assert gone <= self.composed
            self.composed = (self.composed - gone) | come


TestMembership = MembershipMachine.TestCase
TestMembership.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=not AT_LENGTH,
    suppress_health_check=list(HealthCheck),
)
