"""Whether what somebody waits for has come, and has stood for long enough."""

from __future__ import annotations

from typing import Any

import pytest

from headless_discovery.core.changes import change_between
from headless_discovery.core.conditions import Condition, OwnPod, condition
from headless_discovery.core.following import Following
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.snapshot import ABSENT, PARTIAL
from headless_discovery.core.waiting import Backlog, Seen, Waiting
from tests.unit.core.script import failed, found, pod, snapshot

THREE = snapshot(pod(0), pod(1), pod(2))
NOBODY = snapshot(outcome=ABSENT)


def awaited(**given: Any) -> Condition:
    """A condition that does not ask who this pod is."""
    return condition(own=lambda: OwnPod("db-0", None), **given)


class TestWaiting:
    """One wait, fed with what happens."""

    def test_over_with_the_first_answer_that_satisfies(self) -> None:
        """Without ``stable``."""
        waiting = Waiting(awaited(count=3), 0.0)
        assert waiting.missing == "count=3: no complete answer since the wait began"
        assert not waiting.saw(snapshot(pod(0)), 1.0)
        assert waiting.missing == "count=3: 1 of 3 listed (db-0)"
        assert not waiting.saw(None, 2.0)
        assert waiting.missing == "count=3: 1 of 3 listed (db-0)"
        assert waiting.look_at is None
        assert waiting.saw(THREE, 3.0)

    def test_an_answer_that_is_there_already(self) -> None:
        """It counts while it is younger than the wait after it, and no look has failed since."""
        following = Following(PollPolicy(interval=5), lambda: 0.5, 0.0)
        wanted = awaited(count=3)
        assert Waiting(wanted, 0.0).begin(following, 0.5) is None
        following.looked(found(THREE), 1.0)
        assert Waiting(wanted, 0.0).begin(following, 1.5) is THREE
        assert Waiting(awaited(count=4), 0.0).begin(following, 1.5) is None
        assert Waiting(wanted, 0.0).begin(following, 60.0) is None
        following.looked(failed(), 2.0)
        assert Waiting(wanted, 0.0).begin(following, 2.0) is None

    def test_too_late(self) -> None:
        """The error tells what is missing, what was seen last and why looks fail."""
        following = Following(PollPolicy(interval=5), lambda: 0.5, 0.0)
        following.looked(found(THREE), 1.0)
        following.looked(failed(), 2.0)
        waiting = Waiting(awaited(count=4), 0.0)
        waiting.saw(THREE, 1.0)
        error = waiting.too_late("db.shop", following, 3.0)
        assert (error.service, error.snapshot, error.timeout) == ("db.shop", THREE, 3.0)
        assert error.missing == waiting.missing
        assert error.last_error is following.last_error is not None

    def test_stable_needs_a_second_answer_so_much_later(self) -> None:
        """Two satisfying answers at least S apart; a look is wanted at S."""
        waiting = Waiting(awaited(count=3), 5.0)
        assert not waiting.saw(THREE, 10.0)
        assert waiting.look_at == 15.0
        assert waiting.missing == "count=3: unchanged for 5 s"
        assert not waiting.saw(snapshot(*THREE), 14.9)
        assert waiting.look_at == 15.0
        assert waiting.saw(THREE, 15.0)

    @pytest.mark.parametrize("between", [None, NOBODY, snapshot(*THREE, pod(3))])
    def test_what_breaks_it(self, between: Any) -> None:
        """A failure, an answer that does not satisfy, one that does and differs."""
        waiting = Waiting(awaited(count=3), 5.0)
        waiting.saw(THREE, 10.0)
        assert not waiting.saw(between, 12.0)
        assert waiting.look_at == (17.0 if between is not None and len(between) == 4 else None)
        assert not waiting.saw(THREE, 15.0)
        assert waiting.look_at == 20.0
        assert waiting.saw(THREE, 20.0)

    def test_a_differing_answer_begins_anew_by_itself(self) -> None:
        """It is the first of its own row."""
        waiting = Waiting(awaited(count=3), 5.0)
        waiting.saw(THREE, 10.0)
        four = snapshot(*THREE, pod(3))
        assert not waiting.saw(four, 12.0)
        assert waiting.saw(four, 17.0)

    def test_other_addresses_differ(self) -> None:
        """A pod that moved meanwhile is a change."""
        waiting = Waiting(awaited(count=1), 5.0)
        waiting.saw(snapshot(pod(0)), 10.0)
        assert not waiting.saw(snapshot(pod(0, "10.0.0.99")), 15.0)

    @pytest.mark.parametrize("since", [0.1, 0.7, 1e6 + 0.1, 1e9 + 0.3])
    @pytest.mark.parametrize("stable", [0.1, 0.2, 0.3, 5.1])
    def test_a_look_at_the_very_moment_is_late_enough(self, since: float, stable: float) -> None:
        """To the last bit: or there would be one more look for nothing."""
        waiting = Waiting(awaited(count=3), stable)
        waiting.saw(THREE, since)
        assert waiting.look_at is not None
        assert waiting.saw(THREE, waiting.look_at)


def test_what_a_look_tells_a_wait() -> None:
    """The complete answer; nothing where it failed in whole or in part."""
    assert Seen.of(found(THREE), 1.0, None) == (THREE, 1.0, False)
    assert Seen.of(found(NOBODY), 1.0, change_between(THREE, NOBODY)) == (NOBODY, 1.0, True)
    assert Seen.of(failed(), 1.0, None).answer is None
    assert Seen.of(found(snapshot(pod(0), outcome=PARTIAL)), 1.0, None).answer is None


class TestBacklog:
    """What happened while a predicate took its time."""

    def test_only_the_newest_is_judged(self) -> None:
        """What was true before does not matter, and nothing piles up."""
        backlog = Backlog()
        assert not backlog
        assert Waiting(awaited(count=1), 0.0).judged(*backlog.take()) is None
        newest = Seen(NOBODY, 2.0, True)
        backlog.put(Seen(THREE, 1.0, True))
        backlog.put(newest)
        assert backlog
        assert Waiting(awaited(count=1), 0.0).judged(*backlog.take()) is None
        assert not backlog

    @pytest.mark.parametrize("between", [None, NOBODY, snapshot(pod(0), pod(1), pod(3))])
    def test_what_came_between_breaks_stable(self, between: Any) -> None:
        """A failure or another answer that nobody had the time to judge."""
        waiting, backlog = Waiting(awaited(count=3), 5.0), Backlog()
        assert waiting.judged(Seen(THREE, 10.0, False), False) is None
        for answer, at in ((THREE, 11.0), (between, 12.0), (THREE, 15.0)):
            backlog.put(Seen(answer, at, False))
        assert waiting.judged(*backlog.take()) is None
        backlog.put(Seen(THREE, 20.0, False))
        assert waiting.judged(*backlog.take()) is THREE

    def test_the_same_answer_over_and_over_is_stable(self) -> None:
        """Whether each was judged or not."""
        waiting, backlog = Waiting(awaited(count=3), 5.0), Backlog()
        assert waiting.judged(Seen(THREE, 10.0, False), False) is None
        for at in (11.0, 12.0, 15.0):
            backlog.put(Seen(snapshot(*THREE), at, False))
        assert waiting.judged(*backlog.take()) == THREE
