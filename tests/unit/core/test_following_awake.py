"""Following, as connections use it: may the members be used as they are, or is a look needed?"""

from __future__ import annotations

from math import inf

import pytest

from headless_discovery.core.following import HINT, LOOK, Following
from headless_discovery.core.snapshot import PARTIAL, Snapshot
from tests.unit.core.script import DEFAULT, failed, found, pod, snapshot

ALL = snapshot(pod(0), pod(1))
PART = snapshot(pod(0), pod(1), outcome=PARTIAL)
AT_MOST = 5.0  # seconds a look may take


def following(**policy: float) -> Following:
    """With the least random number each time; the first look is due at 0."""
    return Following(DEFAULT.replace(**policy), lambda: 0.0, 0.0)


def end(followed: Following, at: float, result: Snapshot | None = ALL) -> None:
    """The look under way ends (failed: None)."""
    followed.looked(failed() if result is None else found(result), at)


def answered(at: float = 0.0, **policy: float) -> Following:
    """Behind one look that began and ended then."""
    followed = following(**policy)
    assert followed.step(at) == LOOK
    end(followed, at)
    return followed


class TestBegunAndEnded:
    """Whether a look that ended had begun after a certain moment."""

    def test_before_any(self) -> None:
        """None has."""
        assert (following().begun, following().ended) == (0, 0)

    @pytest.mark.parametrize("result", [ALL, PART, None])
    def test_each_look_counts(self, result: Snapshot | None) -> None:
        """With its begin and with its end, however it ended."""
        followed = following()
        for number in range(1, 4):
            followed.look_by(number * 10.0)
            assert followed.step(number * 10.0) == LOOK
            assert (followed.begun, followed.ended) == (number, number - 1)
            end(followed, number * 10.0, result)
            assert (followed.begun, followed.ended) == (number, number)

    def test_what_is_no_look_does_not(self) -> None:
        """Nothing due, or a question for the zone's serial."""
        followed = answered(hint=1.0)
        assert followed.step(followed.due) == LOOK
        end(followed, followed.due)
        assert followed.step(0.0) is None
        assert followed.due < followed.look_due
        assert followed.step(followed.due) == HINT
        assert (followed.begun, followed.ended) == (2, 2)


class TestSettled:
    """Until when turns may be taken with nothing to be weighed."""

    def test_not_before_the_first_look(self) -> None:
        """There is nobody to be dialled."""
        assert following().settled_until == -inf

    @pytest.mark.parametrize("result", [ALL, PART, None])
    def test_until_the_next_look_is_late(self, result: Snapshot | None) -> None:
        """A second after it is due; also while looks fail: the last known members are used."""
        followed = answered()
        followed.look_by(10.0)
        followed.step(10.0)
        end(followed, 10.0, result)
        assert followed.settled_until == followed.look_due + 1.0

    def test_never_where_members_grow_too_old(self) -> None:
        """With ``max_stale`` their age is weighed each time."""
        assert answered(max_stale=60.0).settled_until == -inf

    def test_not_after_the_end(self) -> None:
        """Nobody looks any more."""
        followed = answered()
        followed.end()
        assert followed.settled_until == -inf


class TestOverdue:
    """Whether this process slept."""

    def test_a_look_is_due_for_long(self) -> None:
        """A second late, and it is assumed that the machine slept."""
        followed = answered()
        due = followed.look_due
        assert followed.awaited(due + 1.0, AT_MOST) is None
        assert followed.awaited(due + 1.01, AT_MOST) == 2

    def test_a_late_look_is_under_way(self) -> None:
        """It is the one to wait for: it was late because the machine slept."""
        followed = answered()
        late = followed.look_due + 1.01
        followed.step(late)
        assert followed.awaited(late, AT_MOST) == 2
        end(followed, late + 0.1)
        assert followed.ended == 2
        assert followed.awaited(late + 0.1, AT_MOST) is None

    def test_not_while_looks_fail_and_one_is_under_way(self) -> None:
        """Late or not, it is expected to fail as well."""
        followed = answered()
        at = followed.look_due
        followed.step(at)
        end(followed, at, None)
        followed.step(followed.look_due + 100)
        assert followed.awaited(followed.look_due + 100, AT_MOST) is None

    def test_a_look_is_under_way(self) -> None:
        """It may take its time; one that takes more slept."""
        followed = answered()
        at = followed.look_due
        followed.step(at)
        assert followed.awaited(at + AT_MOST + 1.0, AT_MOST) is None
        assert followed.awaited(at + AT_MOST + 1.01, AT_MOST) == 3
        end(followed, at + 100)
        assert followed.awaited(at + 100, AT_MOST) is None

    def test_the_first_look(self) -> None:
        """It is under way from the begin."""
        followed = following()
        followed.step(0.0)
        assert followed.awaited(6.0, AT_MOST) is None
        assert followed.awaited(6.1, AT_MOST) == 2

    @pytest.mark.parametrize("result", [PART, None])
    def test_not_while_looks_fail(self, result: Snapshot | None) -> None:
        """Nobody waits for a look that would fail like the one before it."""
        followed = answered()
        at = followed.look_due
        followed.step(at)
        end(followed, at, result)
        assert followed.is_failing
        assert followed.awaited(followed.look_due + 100, AT_MOST) is None


def test_failing() -> None:
    """From a look that failed in whole or in part until one that did not."""
    followed = answered()
    assert not followed.is_failing
    for at, result, is_failing in [(10.0, None, True), (20.0, ALL, False), (30.0, PART, True)]:
        followed.look_by(at)
        followed.step(at)
        end(followed, at, result)
        assert followed.is_failing is is_failing
