"""Who is dialled, held to what is promised: shares, failures, trials, rounds.

    HEADLESS_DISCOVERY_MODEL="2000 100" pytest tests/properties/test_selection.py

plays two thousand scripts of a hundred steps, others each time; by default it is 100 of 50,
always the same.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headless_discovery.core.dialling import Dialling
from headless_discovery.core.selection import Selection
from tests.properties.calls import (
    POLICY,
    QUIET,
    REFUSED,
    START,
    STEPS,
    Call,
    endpoint,
    state,
)

if TYPE_CHECKING:
    from headless_discovery.core.snapshot import Endpoint

PODS = range(5)


class Shares:
    """Whose turns they were: of any two that are there, one and the other."""

    def __init__(self) -> None:
        self._last: dict[frozenset[int], int] = {}

    def had(self, number: int, present: set[int]) -> None:
        """It had a turn."""
        for other in present - {number}:
            pair = frozenset((number, other))
            # Strictly in turn: in every stretch of time their shares differ by one at most.
            assert self._last.get(pair) != number, f"db-{number} twice, db-{other} not once"
            self._last[pair] = number

    def changed(self, number: int) -> None:
        """It came or went: its shares begin anew."""
        self._last = {pair: who for pair, who in self._last.items() if number not in pair}


@QUIET
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.one_of(
            st.sampled_from(["turn", "draw", "draw", "told"]),
            st.tuples(st.sampled_from(["come", "go", "move"]), st.integers(0, 6)),
        ),
        max_size=4 * STEPS,
    ),
)
def test_shares(seed: int, steps: list[str | tuple[str, int]]) -> None:
    """While nothing fails the shares of those that stay differ by at most one, always."""
    selection = Selection(POLICY, Random(seed).random)
    shares = Shares()
    present = {0: 0, 1: 0, 2: 0}
    members = state(1, [endpoint(*each) for each in present.items()])
    for step in steps:
        if isinstance(step, tuple):
            what, number = step
            if (what == "come") is (number in present) or (what == "go" and len(present) == 1):
                continue
            if what == "go":
                del present[number]
            else:
                present[number] = present.get(number, 0) + 1
            if what != "move":
                shares.changed(number)
            members = state(members.version + 1, [endpoint(*each) for each in present.items()])
            continue
        selection.renew(members, members)
        assert selection.is_plain
        if step == "turn":
            had = selection.turn()
        else:
            call = Dialling(POLICY, None, None, START)
            call.consider(members)
            drawn = call.next(selection, START, is_dialled=step == "draw")
            assert drawn is not None
            had = drawn
            if step == "draw":
                selection.worked(had)
        assert had.ordinal is not None
        assert had == endpoint(had.ordinal, present[had.ordinal]), "where it was"
        shares.had(had.ordinal, set(present))


class SelectionMachine(RuleBasedStateMachine):
    """Pods that come, go, move, die and recover, and calls that dial them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.present: dict[int, int] = {}
        self.generations = 0
        self.dead: set[Endpoint] = set()
        self.members = state(0, [])
        self.calls: list[Call] = []
        #: Of those left out while another one worked all the time: when they were, or
        #: were dialled since.
        self.left_out: dict[Endpoint, float] = {}

    @initialize(
        seed=st.integers(0, 2**32),
        pods=st.sets(st.sampled_from(PODS), min_size=1),
        failures=st.sampled_from([1, 2, 5]),
    )
    def begin(self, seed: int, pods: set[int], failures: int) -> None:
        """Some pods, all of them alive."""
        self.selection = Selection(POLICY.replace(eject_after=failures), Random(seed).random)
        self._publish(dict.fromkeys(pods, 0))

    # --- the cluster ----------------------------------------------------------------------

    @rule(number=st.sampled_from(PODS))
    def comes_or_moves(self, number: int) -> None:
        """It is there, at an address nobody had."""
        self.generations += 1
        self._publish({**self.present, number: self.generations})

    @precondition(lambda self: len(self.present) > 1)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        """One is no longer listed."""
        number = data.draw(st.sampled_from(sorted(self.present)))
        self._publish({key: value for key, value in self.present.items() if key != number})

    @rule(data=st.data())
    def dies(self, data: st.DataObject) -> None:
        """One refuses from now on."""
        self.dead.add(data.draw(st.sampled_from(self.members.endpoints)))

    @rule()
    def all_die(self) -> None:
        """Nobody accepts."""
        self.dead.update(self.members.endpoints)

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def recovers(self, data: st.DataObject) -> None:
        """One accepts again."""
        one = data.draw(st.sampled_from(sorted(self.dead, key=str)))
        self.dead.discard(one)
        self.left_out.pop(one, None)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0, 14.0, 30.0, 61.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        """Nothing happens."""
        self.now += seconds

    # --- the calls ------------------------------------------------------------------------

    @rule()
    def begins(self) -> None:
        """A call dials somebody, and waits."""
        self._dial(Call(self.members, self.now))

    @rule(times=st.integers(2, 8))
    def many_begin(self, times: int) -> None:
        """So do several at once."""
        for _ in range(times):
            self.begins()

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        """A dial ends; where it failed the call goes on to the next one."""
        self._end(self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1))))

    @precondition(lambda self: self.calls)
    @rule(is_last_first=st.booleans())
    def all_end(self, is_last_first: bool) -> None:
        """All calls go on to their end."""
        while self.calls:
            self._end(self.calls.pop(-1 if is_last_first else 0))

    @rule(times=st.integers(2, 30))
    def many(self, times: int) -> None:
        """Calls one after the other, each to its end."""
        for _ in range(times):
            self.begins()
            call = self.calls.pop()
            while self._end(call):
                self.calls.remove(call)

    @rule()
    def told(self) -> None:
        """Somebody asks who is next, and nobody hears what came of it."""
        call = Call(self.members, self.now)
        self.selection.renew(self.members, self.members)
        assert call.call.next(self.selection, self.now, is_dialled=False) in self.members.endpoints

    def teardown(self) -> None:
        """All recover: within the longest time anybody is left out everybody is back."""
        if not self.members:
            return
        self.all_end(is_last_first=True)
        self.dead.clear()
        self.left_out.clear()
        self.now += POLICY.eject_at_most
        dialled = Counter(self._once() for _ in range(3 * len(self.members)))
        assert set(dialled) == set(self.members.endpoints), "somebody has not come back"
        assert self.selection.is_plain
        assert self.selection.ejected(self.now) == ()

    # --- what is promised -----------------------------------------------------------------

    @invariant()
    def who_is_left_out_is_listed(self) -> None:
        """Nobody who went, and nobody where it was."""
        if self.members:
            self.selection.renew(self.members, self.members)
            out = {each.endpoint for each in self.selection.ejected(self.now)}
            assert out <= set(self.members.endpoints)
            assert len({each.name for each in out}) == len(out)

    @invariant()
    def another_one_works(self) -> None:
        """A dead member's trials are counted while another one works, with nothing against it."""
        clean = self._clean()
        self.left_out = {each: at for each, at in self.left_out.items() if clean - {each}}

    def _clean(self) -> set[Endpoint]:
        held = {record.endpoint for record in self.selection._ejections._records.values()}
        return set(self.members.endpoints) - held - self.dead

    def _publish(self, present: dict[int, int]) -> None:
        self.present = present
        version = self.members.version + 1
        self.members = state(version, [endpoint(*each) for each in sorted(present.items())])
        there = set(self.members.endpoints)
        self.left_out = {each: at for each, at in self.left_out.items() if each in there}

    def _out(self) -> set[Endpoint]:
        return {each.endpoint for each in self.selection.ejected(self.now)}

    def _not_the_last(self, before: set[Endpoint]) -> None:
        """Whatever was done: who is left out now and was not is not the last one."""
        out = self._out()
        if out - before:
            assert out != set(self.selection._members or ()), "the last one was left out"

    def _dial(self, call: Call) -> bool:
        """The call's next dial begins; whether there is one."""
        self.selection.renew(call.members, call.members)
        before = self._out()
        chosen = call.call.next(self.selection, self.now)
        if chosen is None:
            assert Counter(call.drawn) == Counter(call.members.endpoints), "each exactly once"
            return False
        self._not_the_last(before)
        assert chosen in call.members.endpoints
        untried = set(call.members.endpoints) - set(call.drawn)
        if chosen in self.left_out and (self._clean() & untried):
            since = self.now - self.left_out[chosen]
            assert since >= POLICY.eject_for, f"{chosen} again after {since} s"
            self.left_out[chosen] = self.now
        call.drawn.append(chosen)
        call.began = self.now
        self.calls.append(call)
        return True

    def _end(self, call: Call) -> bool:
        """The call's dial ends; whether it goes on with another one."""
        chosen = call.drawn[-1]
        if chosen not in self.dead:  # also where it went or moved: it may take its time to end
            self.selection.worked(chosen)
            self.left_out.pop(chosen, None)
            return False
        before = self._out()
        call.call.failed(self.selection, chosen, REFUSED, call.began, self.now)
        self._not_the_last(before)
        if chosen in self._out() - before and chosen in self.dead:
            self.left_out[chosen] = self.now
            self.another_one_works()
        return self._dial(call)

    def _once(self) -> Endpoint:
        """A call while all accept: whom it got."""
        self.begins()
        call = self.calls.pop()
        assert not self._end(call)
        return call.drawn[-1]


def test_members_that_fail() -> None:
    """Trials, the last one, rounds and recovery, with many calls under way at once."""
    run_state_machine_as_test(SelectionMachine, settings=settings(QUIET, stateful_step_count=STEPS))
