"""How much evidence it takes to remove a member, and which answers count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.core.script import (
    DEFAULT,
    TWO,
    Script,
    pod,
)

if TYPE_CHECKING:
    from headless_discovery.core.policy import PollPolicy
    from headless_discovery.core.snapshot import Endpoint

ALL = (pod(0), pod(1), pod(2))
NAMES = ["db-0", "db-1", "db-2"]


def started(policy: PollPolicy = DEFAULT) -> Script:
    """Three pods, seen at 0."""
    script = Script(policy)
    script.ok(0, *ALL)
    return script


def cached() -> Script:
    """Three pods behind a cache that is known for one: its answer ended at 30."""
    script = Script(ttl=30)
    script.ok(0, *ALL, ttl=30)
    script.ok(5, *ALL, ttl=25)
    return script


class TestRemoval:
    """P4: a member goes on evidence."""

    def test_two_answers(self) -> None:
        """The first answer without it changes nothing, the second removes it."""
        script = started()
        assert script.ok(5, *ALL[:2]) is None
        change = script.ok(10, *ALL[:2])
        assert change is not None
        assert (change.removed, change.added, change.updated) == ((pod(2),), (), ())

    def test_seen_resets(self) -> None:
        """Being in one answer ends the row of misses, however often that happens."""
        script = started()
        for at in range(5, 5000, 10):
            script.ok(at, *ALL[:2])
            script.ok(at + 5, *ALL)
        assert len(script.changes) == 1

    def test_each_member_has_its_own_row(self) -> None:
        """One that misses later goes later."""
        script = Script()
        script.ok(0, *ALL, pod(3), pod(4))
        script.ok(5, *ALL, pod(3))
        script.ok(10, *ALL)
        assert script.who == [*NAMES, "db-3"]
        script.ok(15, *ALL)
        assert script.who == NAMES

    @pytest.mark.parametrize(("lacking", "answers"), [(1, 2), (2, 2), (3, 3), (4, 3)])
    def test_three_where_more_than_half_is_missing(self, lacking: int, answers: int) -> None:
        """Of four, two are exactly half, and that is not more; three or all are."""
        script = Script()
        there = [pod(number) for number in range(4)]
        script.ok(0, *there)
        left = [*there[lacking:], pod(9)]
        for number in range(1, answers):
            script.ok(5 * number, *left)
            assert len(script.who or ()) == 5, number
        script.ok(5 * answers, *left)
        assert len(script.who or ()) == 5 - lacking

    def test_one_large_miss_in_the_row_is_enough_for_three(self) -> None:
        """Whether the first or the last of the row lacked more than half does not matter."""
        for large in (0, 1):
            script = started()
            lists: list[tuple[Endpoint, ...]] = [ALL[1:]] * 3
            lists[large] = ALL[2:]
            script.ok(5, *lists[0])
            script.ok(10, *lists[1])
            assert script.who == NAMES, large
            script.ok(15, *lists[2])
            assert "db-0" not in (script.who or ()), large

    def test_one_of_one(self) -> None:
        """The only member, replaced by another one, is more than half: three answers."""
        script = Script()
        script.ok(0, pod(0))
        for at in (5, 10):
            script.ok(at, pod(1))
            assert script.who == ["db-0", "db-1"]
        script.ok(15, pod(1))
        assert script.who == ["db-1"]

    def test_half_is_of_what_is_published(self) -> None:
        """Two of three are missing from the first answer; after that they are two of five."""
        script = started()
        new = [pod(5), pod(6)]
        for at in (5, 10):
            script.ok(at, pod(0), *new)
            assert len(script.who or ()) == 5
        script.ok(15, pod(0), *new)
        assert script.who == ["db-0", "db-5", "db-6"]

    @pytest.mark.parametrize(("gap", "goes"), [(0.0, False), (0.99, False), (1.0, True)])
    def test_a_second_answer_within_a_second_does_not_count(
        self, *, gap: float, goes: bool
    ) -> None:
        """It must come one second after the last that counted."""
        script = started()
        script.ok(5, *ALL[:2])
        script.ok(5 + gap, *ALL[:2])
        assert (script.who == NAMES[:2]) is goes

    def test_the_gap_is_from_the_last_that_counted(self) -> None:
        """Answers that do not count do not move it on."""
        script = started()
        for at in (5, 5.4, 5.8):
            script.ok(at, *ALL[:2])
        script.ok(6, *ALL[:2])
        assert script.who == NAMES[:2]

    def test_an_answer_that_does_not_count_resets_all_the_same(self) -> None:
        """Seen is seen, also within the second."""
        script = started()
        script.ok(5, *ALL[:2])
        script.ok(5.1, *ALL)
        script.ok(6.2, *ALL[:2])
        assert script.who == NAMES

    def test_members_come_at_once(self) -> None:
        """Who was not there before is added by the first answer that shows them."""
        script = started()
        change = script.ok(0.01, *ALL, pod(10))
        assert change is not None
        assert change.added == (pod(10),)

    def test_a_removed_member_comes_back_at_once(self) -> None:
        """Where no TTL counts down nothing holds it back."""
        script = started()
        for at in (5, 10):
            script.ok(at, *ALL[:2])
        assert script.ok(10.1, *ALL) is not None
        assert script.who == NAMES


class TestCached:
    """P4: two answers out of one cache are one witness."""

    def test_a_miss_counts_again_when_its_ttl_has_run_out(self) -> None:
        """Where TTLs count down the answer of the cache counts once, until it ends."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=30)
        for at in (35, 45, 59.9):
            script.ok(at, *ALL[:2], ttl=int(60 - at))
            assert script.who == NAMES
        script.ok(60, *ALL[:2], ttl=30)
        assert script.who == NAMES[:2]

    def test_also_where_the_second_miss_shows_the_cache(self) -> None:
        """Alone behind a cache, the quick phase is the first to see its TTL count down."""
        script = started()
        script.ok(5, *ALL[:2], ttl=5)
        script.ok(6.1, *ALL[:2], ttl=4)
        assert script.who == NAMES
        script.ok(10, *ALL[:2], ttl=5)
        assert script.who == NAMES[:2]

    def test_the_gap_holds_where_the_ttl_is_zero(self) -> None:
        """An answer at the end of its life still needs its second."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=0)
        script.ok(30.5, *ALL[:2], ttl=0)
        assert script.who == NAMES
        script.ok(31, *ALL[:2], ttl=30)
        assert script.who == NAMES[:2]

    def test_a_ttl_is_believed_for_300_s_at_most(self) -> None:
        """A single answer keeps nobody for a day."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=2**31 - 1)
        script.ok(329.9, *ALL[:2], ttl=30)
        assert script.who == NAMES
        script.ok(330, *ALL[:2], ttl=30)
        assert script.who == NAMES[:2]

    def test_a_server_without_a_cache_needs_no_more(self) -> None:
        """Remembered per server: the answers of another one count after a second."""
        script = cached()
        script.ok(30, *ALL[:2], servers=(TWO,))
        script.ok(31, *ALL[:2], servers=(TWO,))
        assert script.who == NAMES[:2]

    def test_what_counts_is_the_ttl_of_the_answer_that_counted(self) -> None:
        """Of the cache that gave it, whoever gives the next one."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=30)
        script.ok(35, *ALL[:2], servers=(TWO,))
        assert script.who == NAMES
        script.ok(60, *ALL[:2], servers=(TWO,))
        assert script.who == NAMES[:2]
        script = cached()
        script.ok(30, *ALL[:2], servers=(TWO,), ttl=30)
        script.ok(35, *ALL[:2], ttl=25)
        assert script.who == NAMES[:2]

    def test_constant_ttls_need_no_more(self) -> None:
        """The cluster's DNS itself gives the same TTL each time: a second is enough."""
        script = started()
        script.ok(5, *ALL[:2], ttl=30)
        script.ok(6, *ALL[:2], ttl=30)
        assert script.who == NAMES[:2]

    def test_an_answer_without_a_ttl_needs_no_more(self) -> None:
        """Where none is told there is none to wait for."""
        script = Script(ttl=None)
        script.ok(0, *ALL)
        script.ok(5, *ALL[:2])
        script.ok(6, *ALL[:2])
        assert script.who == NAMES[:2]

    def test_nobody_counts_the_same_way(self) -> None:
        """Three answers of "nobody" out of one cache are one."""
        script = cached()
        for at in (30, 40, 59.9):
            script.nobody(at, ttl=int(60 - at))
        for at in (60, 65, 89):
            script.nobody(at, ttl=int(90 - at))
            assert script.who == NAMES
        script.nobody(90, ttl=30)
        assert script.who == []

    def test_a_removed_member_is_not_taken_back_at_its_old_address(self) -> None:
        """An older cache still tells it, for the largest TTL seen; then it is believed."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=5)
        script.ok(36, *ALL[:2], ttl=5)
        assert script.who == NAMES[:2]
        for at in (37, 50, 65.9):
            assert script.ok(at, *ALL, ttl=5) is None
        assert script.ok(66, *ALL, ttl=5) is not None
        assert script.who == NAMES

    def test_but_at_a_new_one(self) -> None:
        """A pod that comes back elsewhere is no memory of a cache."""
        script = cached()
        script.ok(30, *ALL[:2], ttl=5)
        script.ok(36, *ALL[:2], ttl=5)
        script.ok(37, *ALL[:2], pod(2, "10.0.0.99"), ttl=5)
        assert script.at("db-2") == ("10.0.0.99",)

    def test_nor_are_all_who_were_removed_at_once(self) -> None:
        """The same after "nobody"."""
        script = cached()
        for at in (30, 60, 90):
            script.nobody(at, ttl=30)
        assert script.who == []
        script.ok(119, *ALL, ttl=1)
        assert script.who == []
        script.ok(120, *ALL, ttl=30)
        assert script.who == NAMES

    def test_unless_that_is_switched_off(self) -> None:
        """Without the hold the first answer brings it back."""
        script = Script(DEFAULT.replace(return_hold=False))
        script.ok(0, *ALL, ttl=30)
        script.ok(5, *ALL, ttl=25)
        script.ok(30, *ALL[:2], ttl=5)
        script.ok(36, *ALL[:2], ttl=5)
        script.ok(37, *ALL, ttl=5)
        assert script.who == NAMES

    def test_holding_back_empties_nothing(self) -> None:
        """Where all that are listed are held back, the others stay until one is taken."""
        script = Script(ttl=300)
        script.ok(0, *ALL, ttl=300)
        script.ok(5, *ALL, ttl=295)
        for at in (10, 15):
            script.ok(at, *ALL[:2], ttl=2)
        assert script.who == NAMES[:2]
        for at in range(20, 315, 5):
            assert script.ok(at, pod(2), ttl=2) is None
        script.ok(315, pod(2), ttl=2)
        assert script.who == ["db-2"]
