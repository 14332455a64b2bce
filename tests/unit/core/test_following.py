"""One followed Service: looks, hints, changes and status, driven by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.following import HINT, LOOK, Following, Status
from headless_discovery.core.outcome import Look
from headless_discovery.core.questions import NOT_HEADLESS, TIMEOUT, Failure, Problem
from headless_discovery.core.snapshot import ABSENT, EMPTY, PARTIAL, Snapshot
from headless_discovery.errors import LookupFailed, NotHeadless, NotYetKnown
from tests.unit.core.script import DEFAULT, SERVICE, failed, found, pod, snapshot

if TYPE_CHECKING:
    from headless_discovery.core.policy import PollPolicy

ALL = (pod(0), pod(1), pod(2))


def following(policy: PollPolicy = DEFAULT, *, now: float = 0.0) -> Following:
    """With the least random number each time: waits are the least ones."""
    return Following(policy, lambda: 0.0, now)


def look(followed: Following, at: float, result: Snapshot | None = None) -> float:
    """A look that goes out and ends at that moment (failed: None); the wait after it."""
    if followed.step(at) is None:
        followed.look_by(at)
        assert followed.step(at) == LOOK
    followed.looked(failed() if result is None else found(result), at)
    return followed.look_due - at


def settled(policy: PollPolicy = DEFAULT) -> Following:
    """Behind two looks that found three pods, at 0 and 10."""
    followed = following(policy)
    for at in (0.0, 10.0):
        look(followed, at, snapshot(*ALL))
    return followed


class TestSteps:
    """What is due, and when."""

    def test_the_first_look_is_due_at_once(self) -> None:
        """Before it there is nothing to be seen."""
        followed = following(now=7.0)
        assert (followed.due, followed.look_due) == (7.0, 7.0)
        assert followed.step(6.9) is None
        assert (followed.members, followed.observed) == (None, None)
        assert followed.step(7.0) == LOOK

    def test_a_look_that_took_its_time(self) -> None:
        """The wait begins with its end."""
        followed = settled()
        assert followed.step(14.0) == LOOK
        followed.looked(found(snapshot(*ALL)), 16.0)
        assert followed.look_due == 20.0

    def test_a_change_is_given_back(self) -> None:
        """To whoever drives; None where there was none."""
        followed = following()
        followed.step(0.0)
        change = followed.looked(found(snapshot(*ALL)), 0.0)
        assert change is not None
        assert change.added == ALL
        assert followed.members is change.current
        followed.step(5.0)
        assert followed.looked(found(snapshot(*ALL)), 5.0) is None
        assert followed.looked(failed(), 6.0) is None

    def test_refresh(self) -> None:
        """As soon as the floor allows."""
        followed = settled()
        followed.look_by(10.2)
        assert followed.due == 11.0

    def test_look_by(self) -> None:
        """At that moment at the latest."""
        followed = settled()
        followed.look_by(12.0)
        assert followed.due == 12.0
        followed.look_by(13.0)
        assert followed.due == 12.0

    def test_quicken(self) -> None:
        """Somebody waits: a second from now, and quickly from then on."""
        followed = settled()
        followed.quicken(11.0)
        assert followed.due == 12.0
        assert look(followed, 12.0, snapshot(*ALL)) == 1.0

    def test_late_after_suspend(self) -> None:
        """Whatever was due in the meantime is one look at once."""
        followed = settled(DEFAULT.replace(hint=1.0))
        assert followed.step(90_000.0) == LOOK


class TestQuickPhase:
    """After a change or a first miss."""

    def test_the_first_appearance_is_no_change_of_the_cluster(self) -> None:
        """A thousand followers that start would look every second for nothing."""
        assert look(following(), 0.0, snapshot(*ALL)) == 1.0
        assert look(settled(), 20.0, snapshot(*ALL)) == 4.0

    @pytest.mark.parametrize(
        "answer",
        [
            snapshot(*ALL, pod(3)),
            snapshot(pod(0, "10.0.0.9"), *ALL[1:]),
            snapshot(*ALL[:2]),
            snapshot(outcome=EMPTY),
            snapshot(outcome=ABSENT),
        ],
    )
    def test_after_a_change_or_a_first_miss(self, answer: Snapshot) -> None:
        """Somebody came, moved, is missing; nobody is there."""
        assert look(settled(), 20.0, answer) == 1.0

    def test_after_a_first_missing_address(self) -> None:
        """A family that is no longer there."""
        followed = following()
        for at in (0.0, 10.0):
            look(followed, at, snapshot(pod(0, "10.0.0.1", "fd00::1"), pod(1)))
        assert look(followed, 20.0, snapshot(pod(0, "10.0.0.1"), pod(1))) == 1.0

    def test_after_a_first_nobody(self) -> None:
        """Before anything is known as well."""
        followed = Following(DEFAULT, lambda: 0.5, 0.0)
        assert look(followed, 0.0, snapshot(outcome=EMPTY)) == pytest.approx(1.1)

    def test_a_second_miss_makes_it_no_longer(self) -> None:
        """Only the first of a row is news: what stays missing is looked for 30 s."""
        followed = settled(DEFAULT.replace(removal_answers=1000))
        look(followed, 20.0, snapshot(*ALL[:2]))
        for at in range(21, 50):
            assert look(followed, at, snapshot(*ALL[:2])) == 1.0
        assert look(followed, 50.0, snapshot(*ALL[:2])) == 4.0

    def test_a_cache_beats_it(self) -> None:
        """Also where the change itself showed the cache."""
        followed = settled()
        look(followed, 20.0, snapshot(*ALL, ttl=30))
        assert look(followed, 25.0, snapshot(*ALL, pod(3), ttl=25)) == 25.0


class TestFailures:
    """Looks that fail, in whole or in part."""

    def test_members_stay_and_looks_back_off(self) -> None:
        """P3: last known good, without limit; how long it has been is told."""
        followed = settled()
        before = followed.members
        waits = [look(followed, 20.0 + 30 * number) for number in range(6)]
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 25.0]
        assert followed.members is before
        status = followed.status(200.0, listed=True, callback_errors=0)
        assert (status.looks, status.failures) == (8, 6)
        assert (status.age, status.stale_for) == (190.0, 180.0)
        assert isinstance(status.last_error, LookupFailed)
        assert look(followed, 210.0, snapshot(*ALL)) == 4.0
        status = followed.status(210.0, listed=True, callback_errors=0)
        assert (status.age, status.stale_for, status.last_error) == (0.0, 0.0, None)
        assert (status.looks, status.failures) == (9, 6)

    def test_in_part(self) -> None:
        """A failure as well, but one that may add; repeated no later than the interval."""
        followed = settled()
        partial = snapshot(pod(7), outcome=PARTIAL)
        waits = [look(followed, 20.0 + 30 * number, partial) for number in range(5)]
        assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
        assert followed.members is not None
        assert len(followed.members) == 4
        status = followed.status(140.0, listed=None, callback_errors=0)
        assert (status.failures, status.stale_for, status.age) == (5, 120.0, 130.0)
        assert isinstance(status.last_error, LookupFailed)
        assert status.last_error.kind == "partial"

    def test_not_headless_later_is_a_failure(self) -> None:
        """The members stay."""
        followed = settled()
        followed.step(20.0)
        followed.looked(failed(NOT_HEADLESS), 20.0)
        assert isinstance(followed.last_error, NotHeadless)
        assert followed.members is not None
        assert len(followed.members) == 3


class TestKnown:
    """The members, or why they are not known."""

    def test_the_members(self) -> None:
        """However old."""
        followed = settled()
        assert followed.known(SERVICE.fqdn, 1e6) is followed.members

    def test_not_yet(self) -> None:
        """Before the first success, with the last failure; never "nobody"."""
        followed = following()
        look(followed, 0.0)
        with pytest.raises(NotYetKnown, match="no look has told") as caught:
            followed.known(SERVICE.fqdn, 1.0)
        error = caught.value
        assert (error.service, error.age) == (SERVICE.fqdn, None)
        assert error.last_error is followed.last_error
        assert error.last_error is not None

    def test_while_nobody_is_held(self) -> None:
        """A first "nobody" is "not known yet", of known age."""
        followed = following()
        look(followed, 0.0, snapshot(outcome=EMPTY))
        with pytest.raises(NotYetKnown, match="DNS says EMPTY, and has to say it again") as caught:
            followed.known(SERVICE.fqdn, 2.0)
        assert (caught.value.age, caught.value.last_error) == (2.0, None)

    def test_max_stale(self) -> None:
        """Past it not known, with the age; nothing is removed, one success ends it."""
        followed = settled(DEFAULT.replace(max_stale=60))
        assert followed.known(SERVICE.fqdn, 70.0) is followed.members
        look(followed, 69.0, snapshot(*ALL, outcome=PARTIAL))
        look(followed, 70.0)
        with pytest.raises(NotYetKnown, match=r"for 60\.1 s, more than max_stale=60") as caught:
            followed.known(SERVICE.fqdn, 70.1)
        assert caught.value.age == pytest.approx(60.1)
        assert caught.value.last_error is followed.last_error
        assert followed.members is not None
        look(followed, 80.0, snapshot(*ALL))
        assert followed.known(SERVICE.fqdn, 81.0) is followed.members

    def test_max_stale_after_members_of_a_partial_answer(self) -> None:
        """Without any complete answer they are as old as that one; the age is not known."""
        followed = following(DEFAULT.replace(max_stale=60))
        look(followed, 5.0, snapshot(*ALL, outcome=PARTIAL))
        for at in (30.0, 60.0):
            look(followed, at)
        assert followed.known(SERVICE.fqdn, 65.0) is followed.members
        with pytest.raises(NotYetKnown, match=r"for 65\.0 s, more than max_stale=60") as caught:
            followed.known(SERVICE.fqdn, 70.0)
        assert caught.value.age is None


class TestFresh:
    """The answer a wait may begin with."""

    def test_younger_than_the_wait_after_it(self) -> None:
        """Until the next look is due, and not from then on."""
        followed = settled()
        assert followed.fresh(10.0) is followed.observed
        assert followed.fresh(13.9) is followed.observed
        assert followed.fresh(14.0) is None
        assert followed.answered_at == 10.0

    def test_none_before_the_first(self) -> None:
        """Nor while there was none."""
        followed = following(now=5.0)
        assert followed.fresh(4.0) is None
        assert followed.answered_at is None

    def test_none_while_looks_fail(self) -> None:
        """In whole or in part."""
        for result in (None, snapshot(*ALL, outcome=PARTIAL)):
            followed = settled()
            look(followed, 11.0, result)
            assert followed.fresh(11.0) is None
            look(followed, 20.0, snapshot(*ALL))
            assert followed.fresh(20.0) is followed.observed


class TestHints:
    """The serial between looks."""

    HINTED = DEFAULT.replace(hint=1.0)

    def test_asked_between_looks(self) -> None:
        """Each second, but for right before a look."""
        followed = settled(self.HINTED)
        asked = []
        for at in (11.0, 12.0, 13.0):
            assert followed.step(at - 0.01) is None
            assert followed.due == at
            assert followed.step(at) == HINT
            followed.hinted(100, at)
            asked.append(at)
        assert followed.due == 14.0
        assert followed.step(14.0) == LOOK

    def test_never_without_it(self) -> None:
        """Off by default."""
        followed = settled()
        assert followed.due == followed.look_due == 14.0

    def test_a_move_looks_at_once(self) -> None:
        """As early as the floor allows."""
        followed = settled(self.HINTED)
        followed.hinted(100, 11.0)
        followed.hinted(101, 12.0)
        assert followed.step(12.0) == LOOK
        followed.looked(found(snapshot(*ALL)), 12.0)
        followed.hinted(102, 12.5)
        assert followed.step(12.5) is None
        assert followed.look_due == 13.0

    def test_none_and_the_same_do_not(self) -> None:
        """The look stays where it was."""
        followed = settled(self.HINTED)
        for at, serial in ((11.0, 100), (12.0, None), (13.0, 100)):
            followed.hinted(serial, at)
            assert followed.look_due == 14.0

    def test_rests_while_looks_fail_and_while_ttls_count_down(self) -> None:
        """There it would learn nothing."""
        followed = settled(self.HINTED)
        for at in (14.0, 15.0, 17.0):
            look(followed, at)
            assert followed.due == followed.look_due
        assert followed.due == 21.0
        look(followed, 20.0, snapshot(*ALL, ttl=30))
        assert followed.due == 21.0
        look(followed, 24.0, snapshot(*ALL, ttl=26))
        assert followed.due == followed.look_due == 50.0

    def test_three_moves_for_nothing_back_off(self) -> None:
        """And a change here ends that."""
        followed = settled(self.HINTED)
        followed.hinted(100, 11.0)
        for number in range(3):
            at = 12.0 + 2 * number
            followed.hinted(200 + number, at)
            look(followed, at, snapshot(*ALL))
        followed.hinted(300, 17.0)
        assert followed.look_due == 20.0
        look(followed, 20.0, snapshot(*ALL, pod(3)))
        followed.hinted(301, 20.2)
        assert followed.look_due == 21.0


class TestStatus:
    """How well the Service is known."""

    def test_before_anything(self) -> None:
        """Not synced, of no age, version 0."""
        status = following(now=5.0).status(4.5, listed=None, callback_errors=0)
        assert status == Status(
            synced=False,
            age=None,
            stale_for=0.0,
            last_error=None,
            listed=None,
            version=0,
            looks=0,
            failures=0,
            callback_errors=0,
            due_in=0.5,
        )

    def test_later(self) -> None:
        """With what only the shells can tell."""
        followed = settled()
        look(followed, 20.0, snapshot(*ALL, pod(3)))
        status = followed.status(20.4, listed=True, callback_errors=3)
        assert (status.synced, status.version, status.looks) == (True, 2, 3)
        assert (status.listed, status.callback_errors) == (True, 3)
        assert status.age == pytest.approx(0.4)
        assert status.due_in == pytest.approx(0.6)
        overdue = followed.status(30.0, listed=True, callback_errors=3)
        assert overdue.due_in == 0.0

    def test_a_clock_read_before_is_no_negative_age(self) -> None:
        """Another thread may ask with a moment from just before."""
        followed = settled()
        look(followed, 20.0)
        status = followed.status(9.9, listed=None, callback_errors=0)
        assert (status.age, status.stale_for) == (0.0, 0.0)


@pytest.mark.parametrize("result", [snapshot(*ALL), None])
@pytest.mark.parametrize(("elapsed", "is_old"), [(5.9, False), (6.1, True)])
def test_a_look_that_slept(*, result: Snapshot | None, elapsed: float, is_old: bool) -> None:
    """What it tells is old where it took far longer than a look may: another one at once."""
    followed = settled()
    assert followed.step(14.0) == LOOK
    slept = Look(SERVICE, result or Failure(Problem(TIMEOUT, "no answer")), (), elapsed)
    followed.looked(slept, 20.0, at_most=5.0)
    assert (followed.look_due == 20.0) is is_old
    assert followed.look_due >= 20.0
