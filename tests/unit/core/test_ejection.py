"""Ejection: who is left out, for how long, and how one comes back."""

from __future__ import annotations

import pickle

import pytest

from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.core.ejection import Ejected, Ejections
from tests.unit.core.script import bare, pod

ONE, TWO, THREE = ALL = pod(1), pod(2), pod(3)
START = 1000.0
FOR = 30.0


class Driven:
    """Ejections of three members, each dial of which ends at once."""

    def __init__(self, members: int = 3, **policy: float) -> None:
        self.ejections = Ejections(ConnectPolicy(**policy))  # type: ignore[arg-type]
        self.members = members

    def fail(self, endpoint: object = ONE, at: float = START, *, times: int = 1) -> None:
        """It is dialled and fails, so many times."""
        for _ in range(times):
            self.ejections.failed(endpoint, "refused", at, at, self.members)  # type: ignore[arg-type]

    def out(self, at: float = START) -> set[str]:
        """Who is left out."""
        return self.ejections.out(at)

    def draw(self, at: float) -> None:
        """The first one is about to be dialled."""
        self.ejections.drawn(ONE, at, self.members)


@pytest.fixture
def driven() -> Driven:
    """By the default numbers."""
    return Driven()


@pytest.fixture
def ejected(driven: Driven) -> Driven:
    """The first member is left out since the start."""
    driven.fail(times=5)
    assert driven.out() == {"db-1"}
    return driven


class TestLeftOut:
    """When, and for how long."""

    def test_after_five_failures_in_a_row(self, driven: Driven) -> None:
        """Four are not enough; the fifth leaves it out for 30 s, to the moment."""
        driven.fail(times=4)
        assert driven.out() == set()
        driven.fail()
        assert driven.out(START + FOR - 0.001) == {"db-1"}
        assert driven.out(START + FOR) == set()

    def test_a_success_ends_the_row(self, driven: Driven) -> None:
        """Nothing is held against it any more."""
        driven.fail(times=4)
        driven.ejections.worked(ONE)
        assert not driven.ejections
        driven.fail(times=4)
        assert driven.out() == set()

    def test_a_row_is_one_members(self, driven: Driven) -> None:
        """The failures of others do not count, nor do their successes."""
        driven.fail(times=4)
        driven.fail(TWO, times=4)
        driven.ejections.worked(THREE)
        assert driven.out() == set()
        driven.fail()
        assert driven.out() == {"db-1"}

    @pytest.mark.parametrize("after", [1, 2, 7])
    def test_the_number_is_the_policys(self, after: int) -> None:
        """``eject_after``."""
        driven = Driven(eject_after=after)
        driven.fail(times=after - 1)
        assert driven.out() == set()
        driven.fail()
        assert driven.out() == {"db-1"}

    def test_never(self) -> None:
        """``eject_after=0``."""
        driven = Driven(eject_after=0)
        driven.fail(times=100)
        assert driven.out() == set()

    def test_never_the_last(self) -> None:
        """Where all others are left out it stays, however often it fails."""
        driven = Driven(members=2)
        driven.fail(ONE, times=5)
        driven.fail(TWO, times=50)
        assert driven.out() == {"db-1"}
        assert driven.out(START + FOR) == set()
        driven.fail(TWO, START + FOR)
        assert driven.out(START + FOR) == {"db-2"}

    def test_alone(self) -> None:
        """A Service of one pod has nobody to be left out."""
        driven = Driven(members=1)
        driven.fail(times=50)
        assert driven.out() == set()


class TestTrial:
    """What comes after."""

    def test_a_failure_leaves_it_out_again(self, ejected: Driven) -> None:
        """One is enough, and each time it is 30 s more, up to 300 s."""
        at = START + FOR
        lasts = []
        for _ in range(12):
            ejected.draw(at)
            ejected.fail(at=at)
            (told,) = ejected.ejections.ejected(at)
            lasts.append(told.seconds)
            at += told.seconds
            assert ejected.out(at - 0.001) == {"db-1"}
            assert ejected.out(at) == set()
        assert lasts == pytest.approx([*range(60, 300, 30), 300, 300, 300, 300])

    def test_a_success_ends_it(self, ejected: Driven) -> None:
        """Then it takes five failures again, and 30 s."""
        at = START + FOR
        ejected.draw(at)
        ejected.ejections.worked(ONE)
        assert ejected.out(at) == set()
        ejected.fail(at=at, times=4)
        assert ejected.out(at) == set()
        ejected.fail(at=at)
        (told,) = ejected.ejections.ejected(at)
        assert told.seconds == FOR

    def test_one_connection_tries_it(self, ejected: Driven) -> None:
        """Until that has ended, nobody else does."""
        at = START + FOR
        ejected.draw(at)
        assert ejected.out(at) == {"db-1"}
        assert ejected.out(at + FOR - 0.001) == {"db-1"}

    def test_whoever_tried_it_said_nothing(self, ejected: Driven) -> None:
        """It was cancelled, or takes longer than it was allowed: 30 s later another one tries."""
        at = START + FOR
        ejected.draw(at)
        assert ejected.out(at + FOR) == set()
        ejected.draw(at + FOR)
        assert ejected.out(at + FOR) == {"db-1"}
        ejected.fail(at=at + FOR)
        (told,) = ejected.ejections.ejected(at + FOR)
        assert told.seconds == 2 * FOR, "no failure, no time more"

    def test_it_takes_the_pause_that_is_allowed(self) -> None:
        """``eject_at_most`` holds for it as well."""
        driven = Driven(eject_for=30.0, eject_at_most=4.0)
        driven.fail(times=5)
        assert driven.out(START + 3.9) == {"db-1"}
        driven.draw(START + 4)
        assert driven.out(START + 7.9) == {"db-1"}
        assert driven.out(START + 8) == set()

    def test_who_is_left_out_is_not_on_trial(self, ejected: Driven) -> None:
        """It is dialled where all others failed: that takes no time off and adds none."""
        ejected.draw(START + FOR - 1)
        assert ejected.out(START + FOR) == set()

    def test_who_was_never_left_out_is_not_on_trial(self, driven: Driven) -> None:
        """However often it failed: everybody may go on dialling it."""
        driven.fail(times=4)
        driven.draw(START + 1)
        driven.ejections.drawn(TWO, START + 1, 3)
        assert driven.out(START + 1) == set()

    def test_the_last_one_is_everybodys(self) -> None:
        """Where all others are left out nobody waits for one connection's trial of it."""
        driven = Driven(members=2)
        driven.fail(ONE, times=5)
        driven.fail(TWO, START + FOR, times=5)
        assert driven.out(START + FOR) == {"db-2"}
        driven.draw(START + FOR)
        assert driven.out(START + FOR) == {"db-2"}
        driven.fail(ONE, START + FOR)
        assert driven.out(START + FOR) == {"db-2"}

    def test_the_last_one_while_it_is_tried(self) -> None:
        """It was on trial, and meanwhile the others went out: its failure does not keep it out."""
        driven = Driven(members=2, eject_after=1)
        driven.fail(ONE)
        at = START + FOR
        driven.draw(at)
        driven.fail(TWO, at)
        assert driven.out(at) == {"db-1"}, "while it is out the other one is the last"
        driven.members = 3
        driven.fail(TWO, at)
        assert driven.out(at) == {"db-1", "db-2"}
        driven.members = 2
        driven.fail(ONE, at + 1)
        assert driven.out(at + 1) == {"db-2"}


class TestLate:
    """Dials that began before it was left out."""

    def test_their_failures_are_no_news(self, driven: Driven) -> None:
        """A hundred were under way: they do not count as a hundred trials."""
        driven.fail(times=5)
        for number in range(100):
            driven.ejections.failed(ONE, "timed out", START - 0.5, START + number / 100, 3)
        (told,) = driven.ejections.ejected(START)
        assert told.seconds == FOR
        assert told.error == "timed out"

    @pytest.mark.parametrize("after", [29.5, 30.0, 45.0, 400.0])
    def test_however_late(self, ejected: Driven, after: float) -> None:
        """A function that dials may take minutes: it says nothing of the time since."""
        ejected.ejections.failed(ONE, "timed out", START - 1, START + after, 3)
        assert ejected.out(START + FOR) == set()
        assert ejected.out(START + after) == ({"db-1"} if after < FOR else set())

    def test_a_short_time(self) -> None:
        """Also where it is left out for less time than an attempt may take."""
        driven = Driven(eject_for=0.5, attempt_timeout=1.0)
        driven.fail(times=5)
        driven.ejections.failed(ONE, "timed out", START - 0.1, START + 0.1, 3)
        assert driven.out(START + 0.5) == set()

    def test_dials_while_it_is_left_out(self, ejected: Driven) -> None:
        """All others had failed, so it was dialled again: that is no trial."""
        ejected.fail(at=START + FOR - 1, times=10)
        assert ejected.out(START + FOR) == set()

    def test_a_dial_from_before_beside_a_trial(self, ejected: Driven) -> None:
        """The trial goes on."""
        at = START + FOR
        ejected.draw(at)
        ejected.ejections.failed(ONE, "timed out", at - 0.1, at + 0.1, 3)
        assert ejected.out(at + FOR) == set()
        ejected.fail(at=at + 0.5)
        (told,) = ejected.ejections.ejected(at + 0.5)
        assert told.seconds == 2 * FOR


class TestMembers:
    """Who comes, goes, moves."""

    def test_who_went_is_forgotten(self, ejected: Driven) -> None:
        """It may come back as another process."""
        ejected.ejections.renew((TWO, THREE))
        assert not ejected.ejections
        ejected.ejections.renew(ALL)
        assert ejected.out() == set()

    def test_who_stays_is_not(self, ejected: Driven) -> None:
        """Also where others come and go, and where it is another object."""
        ejected.ejections.renew((pod(1), pod(9)))
        assert ejected.out() == {"db-1"}

    def test_a_pod_at_a_new_address(self, ejected: Driven) -> None:
        """It is another process: nothing is held against it."""
        ejected.ejections.renew((pod(1, "10.0.9.9"), TWO, THREE))
        assert not ejected.ejections
        assert ejected.out() == set()

    def test_the_old_address_says_nothing_of_the_new(self, driven: Driven) -> None:
        """A dial of the old address that works late pardons nobody, and tries nobody."""
        moved = pod(1, "10.0.9.9")
        driven.fail(moved, times=5)
        driven.ejections.worked(ONE)
        assert driven.out() == {"db-1"}
        driven.ejections.drawn(ONE, START + FOR, 3)
        assert driven.out(START + FOR) == set()

    def test_an_address_without_a_name(self) -> None:
        """It is as good as a name."""
        driven = Driven()
        driven.fail(bare("10.0.0.9"), times=5)
        assert driven.out() == {"10.0.0.9"}

    def test_renewed_with_nothing_held(self, driven: Driven) -> None:
        """Nothing comes of it."""
        driven.ejections.renew(ALL)
        assert not driven.ejections


def test_what_is_told(ejected: Driven) -> None:
    """Who, how long still, and why; a value that travels; nobody where the time is over."""
    ejected.ejections.failed(TWO, "refused", START, START, 3)
    (told,) = ejected.ejections.ejected(START + 10)
    assert told == Ejected(endpoint=ONE, seconds=20.0, error="refused")
    assert pickle.loads(pickle.dumps(told)) == told  # noqa: S301
    assert ejected.ejections.ejected(START + FOR) == ()
