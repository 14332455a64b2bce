"""Who is there over time: what adds, what removes, and how much evidence it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headless_discovery.core import membership
from headless_discovery.core.membership import Membership, reduce
from headless_discovery.core.questions import BAD_RESPONSE, NOT_HEADLESS, SERVFAIL, TIMEOUT
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL, Snapshot
from tests.unit.core.script import (
    DEFAULT,
    SERVICE,
    TWO,
    UNDAMPED,
    Script,
    bare,
    failed,
    found,
    pod,
    snapshot,
)

if TYPE_CHECKING:
    from headless_discovery.core.policy import PollPolicy

ALL = (pod(0), pod(1), pod(2))
NAMES = ["db-0", "db-1", "db-2"]


def started(policy: PollPolicy = DEFAULT) -> Script:
    """Three pods, seen at 0."""
    script = Script(policy)
    script.ok(0, *ALL)
    return script


class TestFailures:
    """P2: absence of proof is no proof of absence."""

    @pytest.mark.parametrize("kind", [TIMEOUT, SERVFAIL, BAD_RESPONSE, NOT_HEADLESS])
    def test_a_failure_changes_nothing(self, kind: str) -> None:
        """However many looks fail and for how long, the state is the very same."""
        script = started()
        for at in range(5, 7200, 25):
            before = script.state
            assert script.look(at, failed(kind)) is None
            assert script.state is before

    def test_before_the_first_success_nothing_is_known(self) -> None:
        """P3: failures first are "not known yet", never "nobody"."""
        script = Script()
        for at in range(0, 600, 5):
            script.failed(at)
        assert script.state.members is None
        assert script.state.observed is None

    def test_neither_counts_nor_resets(self) -> None:
        """A failure between two misses does not part them, and is none itself."""
        script = started()
        script.ok(5, *ALL[:2])
        script.failed(10)
        script.failed(15)
        assert script.who == NAMES
        assert script.ok(20, *ALL[:2]) is not None
        assert script.who == NAMES[:2]


class TestPartial:
    """A look of which a part failed."""

    def test_adds_and_removes_nobody(self) -> None:
        """Who is new in it is added at once; who is missing in it never goes for that."""
        script = started()
        change = script.partial(5, pod(0), pod(3))
        assert change is not None
        assert change.added == (pod(3),)
        for at in range(10, 600, 5):
            assert script.partial(at, pod(0)) is None
        assert script.who == [*NAMES, "db-3"]

    def test_neither_counts_nor_resets(self) -> None:
        """It is no second miss, and a member seen in it still has its first one."""
        script = started()
        script.ok(5, *ALL[:2])
        script.partial(10, *ALL[:2])
        assert script.who == NAMES
        script.partial(15, *ALL)
        script.ok(20, *ALL[:2])
        assert script.who == NAMES[:2]

    def test_is_never_observed(self) -> None:
        """The last complete answer stays what it was."""
        script = started()
        before = script.state.observed
        script.partial(5, pod(7))
        assert script.state.observed is before

    def test_first_of_all_with_members_makes_them_known(self) -> None:
        """A first look that failed in part tells the members it tells; the next one adds."""
        script = Script()
        change = script.partial(0, pod(0, "10.0.0.9"))
        assert change is not None
        assert (change.previous, change.added) == (None, (pod(0, "10.0.0.9"),))
        assert script.state.observed is None
        whole = pod(0, "10.0.0.9", "fd00::9")
        change = script.ok(5, whole)
        assert change is not None
        assert change.updated == ((pod(0, "10.0.0.9"), whole),)

    def test_without_members_it_tells_nothing(self) -> None:
        """Nobody in a partial answer is nothing known, first or later."""
        script = Script()
        for at in range(5):
            assert script.partial(at) is None
        assert script.state.members is None
        script = started()
        before = script.state
        for at in range(1, 200):
            script.partial(at)
        assert script.state is before

    def test_a_failed_family_keeps_its_addresses(self) -> None:
        """The addresses of the family that failed stay, those of the other are followed."""
        script = Script()
        script.ok(0, pod(0, "10.0.0.1", "fd00::1"))
        for at in range(5, 600, 5):
            script.partial(at, pod(0, "10.0.0.1"))
        assert script.places == {"db-0": ("10.0.0.1", "fd00::1")}
        script.partial(600, pod(0, "10.0.0.2"))
        assert script.places == {"db-0": ("10.0.0.2", "fd00::1")}

    def test_who_comes_with_it_is_not_gone_by_what_was_said_before(self) -> None:
        """Answers of "nobody" from before somebody came are no evidence against them."""
        script = Script()
        script.nobody(0)
        script.nobody(15)
        script.partial(29, pod(1))
        for at in (31, 45, 60):
            script.nobody(at)
            assert script.who == ["db-1"], at
        script.nobody(61.1)
        assert script.who == []

    def test_who_was_known_is_gone_by_what_was_said_before(self) -> None:
        """A partial answer that shows a known member resets nothing."""
        script = started()
        for at in (5, 20):
            script.nobody(at)
        script.partial(30, *ALL)
        script.nobody(35)
        assert script.who == []

    def test_empty_after_a_first_partial_is_held(self) -> None:
        """Members from a partial answer are kept for 3 answers and 30 s as any others."""
        script = Script()
        script.partial(0, pod(0))
        for at in (5, 15, 30, 34.9):
            script.nobody(at)
            assert script.who == ["db-0"]
        script.nobody(35)
        assert script.who == []


class TestNobody:
    """P4: nothing at all needs 3 answers and 30 s."""

    @pytest.mark.parametrize("outcome", [EMPTY, ABSENT])
    def test_many_answers_within_30_s(self, outcome: str) -> None:
        """After 29 s nothing has changed; after 32 s there is exactly one change."""
        script = started()
        for at in range(5, 35):
            script.nobody(at, outcome)
        assert script.who == NAMES
        for at in range(35, 60):
            script.nobody(at, outcome)
        assert [change.current.version for change in script.changes] == [1, 2]
        change = script.changes[-1]
        assert (change.removed, change.current.outcome) == (ALL, outcome)
        assert script.state.members is not None
        assert not script.state.members

    def test_whatever_an_answer_without_endpoints_calls_itself(self) -> None:
        """It is held as one that says "nobody"; first of all as well."""
        script = Script()
        assert script.ok(0) is None
        script = started()
        for at in range(5, 35):
            script.ok(at)
        assert script.who == NAMES
        script.ok(35)
        assert script.who == []

    def test_two_answers_over_an_hour_are_not_three(self) -> None:
        """The time alone does not do."""
        script = started()
        script.nobody(5)
        script.nobody(3605)
        assert script.who == NAMES
        script.nobody(3606)
        assert script.who == []

    def test_answers_within_a_second_count_once(self) -> None:
        """As for a single member."""
        script = started()
        script.nobody(5)
        for at in (35, 35.3, 35.9):
            script.nobody(at)
            assert script.who == NAMES
        script.nobody(36)
        assert script.who == []

    def test_one_answer_with_somebody_begins_anew(self) -> None:
        """Also if it shows one member only: nobody is what each of the row must say."""
        script = started()
        for at in (5, 15, 25, 34):
            script.nobody(at)
        script.ok(34.5, *ALL)
        for at in (35, 45, 55, 64):
            script.nobody(at)
        assert script.who == NAMES
        script.nobody(65)
        assert script.who == []

    def test_first_of_all_it_is_held_the_same_way(self) -> None:
        """P3: a first "nobody" is "not known yet" for 3 answers and 30 s; then version 1."""
        script = Script()
        for at in range(30):
            assert script.nobody(at) is None
        assert script.state.members is None
        assert script.state.observed is not None
        change = script.nobody(30)
        assert change is not None
        assert (change.previous, change.added, change.removed) == (None, (), ())
        assert (change.current.version, len(change.current)) == (1, 0)

    def test_nobody_again_is_no_change(self) -> None:
        """Once it is believed it is the state, and its answers say nothing new."""
        script = Script()
        for at in range(600):
            script.nobody(at)
        assert len(script.changes) == 1

    def test_members_after_it_come_at_once(self) -> None:
        """Version 2, everybody added; and the next "nobody" is held again."""
        script = Script()
        for at in range(31):
            script.nobody(at)
        change = script.ok(31, *ALL)
        assert change is not None
        assert (change.added, change.current.version) == (ALL, 2)
        for at in range(32, 62):
            assert script.nobody(at) is None

    def test_each_answer_is_also_one_without_each_member(self) -> None:
        """Nobody twice, then all but one: that one was missing three times."""
        script = started()
        script.nobody(5)
        script.nobody(10)
        script.ok(15, *ALL[:2])
        assert script.who == NAMES[:2]

    def test_and_one_that_lacks_more_than_half(self) -> None:
        """Nobody once, then all but one: twice is not the three it takes then."""
        script = started()
        script.nobody(5)
        script.ok(10, *ALL[:2])
        assert script.who == NAMES
        script.ok(15, *ALL[:2])
        assert script.who == NAMES[:2]


class TestPublished:
    """P5: versions, order, equal content."""

    def test_observed_is_the_last_complete_answer(self) -> None:
        """Undamped, of version 0, also where the members differ."""
        script = started()
        script.ok(5, *ALL[:1])
        assert script.state.observed == snapshot(*ALL[:1])
        assert script.state.observed is not None
        assert script.state.observed.version == 0
        script.nobody(10, ABSENT)
        assert script.state.observed.outcome == ABSENT

    def test_order_is_nothing(self) -> None:
        """Shuffled answers, and answers that are equal but not the same, are no change."""
        script = started()
        for at in range(5, 500, 5):
            assert script.ok(at, *ALL[::-1]) is None
        assert script.ok(500, *(pod(number) for number in range(3))) is None

    def test_the_same_endpoints_are_taken_in_passing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What nearly every look comes to: the tuple of the last answer makes no work."""
        script = started()
        shared = snapshot(*ALL)
        script.look(5, found(shared))
        monkeypatch.setattr(membership, "Merged", None)
        again = Snapshot(SERVICE, shared.endpoints, ttl=30, servers=(TWO,))
        script.look(10, found(again))
        assert script.state.observed is again
        assert script.state.ttls.largest == 30

    def test_but_not_past_a_refused_record(self) -> None:
        """One that begins or ends beside the very same endpoints is seen."""
        script = started()
        shared = snapshot(*ALL)
        refused = Snapshot(SERVICE, shared.endpoints, dropped=("x",))
        for at, answer in ((5, shared), (10, refused), (15, shared), (20, refused)):
            script.look(at, found(answer))
            assert script.state.observed is answer
            assert set(script.state.drops) == set(answer.dropped)

    def test_the_same_endpoints_do_not_pass_where_something_is_open(self) -> None:
        """The same tuple again is a second miss."""
        script = started()
        shared = snapshot(*ALL[:2])
        script.look(5, found(shared))
        script.look(10, found(shared))
        assert script.who == NAMES[:2]

    def test_the_state_before_is_not_changed(self) -> None:
        """`reduce` is a function: the same state and look give the same, again and again."""
        script = started()
        script.ok(5, *ALL[:2])
        state = script.state
        copy = Membership(*state)
        look = found(snapshot(*ALL[:2]))
        first = reduce(state, look, 10)
        assert state == copy
        assert reduce(state, look, 10) == first

    def test_the_members_carry_the_facts_of_their_answer(self) -> None:
        """Where they came from and what was dropped, as of the look that changed them."""
        script = Script()
        script.ok(0, pod(0), ttl=7, servers=(TWO,), dropped=("bad",), unresolved=("db-9.x",))
        members = script.state.members
        assert members is not None
        assert (members.ttl, members.servers, members.outcome) == (7, (TWO,), OK)
        assert (members.dropped, members.unresolved) == (("bad",), ("db-9.x",))
        script.partial(5, pod(1))
        members = script.state.members
        assert members is not None
        assert (members.outcome, members.problem) == (PARTIAL, "timeout: no answer")


class TestUndamped:
    """Everything can be set to 0: then each answer is the truth."""

    def test_a_miss_removes(self) -> None:
        """At once, also within the second, also most of them."""
        script = started(UNDAMPED)
        script.ok(0, *ALL[:2])
        assert script.who == NAMES[:2]
        script.ok(0, pod(9))
        assert script.who == ["db-9"]

    def test_nobody_is_believed(self) -> None:
        """At once, first and later."""
        script = Script(UNDAMPED)
        assert script.nobody(0) is not None
        script.ok(0, *ALL)
        assert script.nobody(0) is not None
        assert script.who == []

    def test_a_drop_keeps_nobody(self) -> None:
        """No answers, no seconds."""
        script = started(UNDAMPED)
        script.ok(0, *ALL[:2], dropped=("x",))
        assert script.who == NAMES[:2]

    def test_nothing_is_held_back(self) -> None:
        """An address that was replaced comes back with the next answer."""
        script = Script(UNDAMPED)
        for at, place in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.1")):
            script.ok(at, pod(0, place), ttl=300)
            assert script.places == {"db-0": (place,)}

    def test_an_address_goes_at_once(self) -> None:
        """And so does an address of a member that is still listed."""
        script = Script(UNDAMPED)
        script.ok(0, pod(0, "10.0.0.1", "fd00::1"), bare("10.0.0.5"))
        script.ok(0, pod(0, "fd00::1"), bare("10.0.0.5"))
        assert script.places == {"db-0": ("fd00::1",), "10.0.0.5": ("10.0.0.5",)}
