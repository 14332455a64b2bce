"""Addresses of known members, both families, and refused records."""

from __future__ import annotations

import pytest

from headless_discovery.core.snapshot import EMPTY, Endpoint
from tests.unit.core.script import DEFAULT, TWO, Script, pod

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
A6, B6 = "fd00::1", "fd00::2"
OTHERS = (pod(7), pod(8), pod(9))  # so that one of them is not more than half


def one(*addresses: str) -> Endpoint:
    """The pod a test is about."""
    return pod(0, *addresses)


def started(*endpoints: Endpoint, ttl: int = 5) -> Script:
    """These and three others, seen at 0."""
    script = Script(ttl=ttl)
    script.ok(0, *endpoints, *OTHERS)
    return script


def cached(*endpoints: Endpoint) -> Script:
    """These and three others behind a cache that is known for one; its answer ends at 30."""
    script = started(*endpoints, ttl=30)
    script.ok(5, *endpoints, *OTHERS, ttl=25)
    return script


class TestNewAddress:
    """A known name at another address."""

    def test_is_updated_at_once(self) -> None:
        """One update, nobody added, nobody removed; also within the second."""
        script = started(one(A))
        change = script.ok(0.1, one(B), *OTHERS)
        assert change is not None
        assert (change.added, change.removed) == ((), ())
        assert change.updated == ((one(A), one(B)),)

    def test_the_replaced_one_is_not_taken_back_for_the_largest_ttl_seen(self) -> None:
        """An older replica still tells it; after that time it is believed."""
        script = started(one(A))
        script.ok(1, one(A), *OTHERS, ttl=20, servers=(TWO,))
        script.ok(5, one(B), *OTHERS)
        for at in (6, 15, 24.9):
            assert script.ok(at, one(A), *OTHERS) is None
        assert script.at("db-0") == (B,)
        script.ok(25, one(A), *OTHERS)
        assert script.at("db-0") == (A,)

    def test_an_address_of_an_older_answer_is_no_evidence_against_the_new_one(self) -> None:
        """Many old answers do not remove the address that replaced theirs."""
        script = started(one(A), ttl=300)
        script.ok(5, one(B), *OTHERS)
        for at in range(10, 300, 5):
            script.ok(at, one(A), *OTHERS)
        assert script.at("db-0") == (B,)

    def test_nor_where_another_family_would_be_left(self) -> None:
        """The new v4 address stays, though the v6 one is listed all the time."""
        script = started(one(A, A6), ttl=300)
        script.ok(5, one(B, A6), *OTHERS)
        for at in range(10, 300, 5):
            assert script.ok(at, one(A, A6), *OTHERS) is None
        assert script.at("db-0") == (B, A6)

    def test_alternating_replicas_are_one_change(self) -> None:
        """Two replicas, one of them late: one update however often they alternate."""
        script = started(one(A), ttl=300)
        for at in range(1, 300):
            script.ok(at, one(A if at % 2 else B), *OTHERS)
        assert len(script.changes) == 2

    def test_a_third_address_is_taken_all_the_same(self) -> None:
        """Only those that were replaced are held back."""
        script = started(one(A))
        script.ok(1, one(B), *OTHERS)
        script.ok(2, one(C), *OTHERS)
        assert script.at("db-0") == (C,)
        assert script.ok(3, one(B), *OTHERS) is None

    def test_a_held_address_beside_a_new_one(self) -> None:
        """Of an answer with both the new one is taken; the ports stay those last known."""
        script = started(one(A))
        script.ok(1, one(B), *OTHERS)
        script.ok(2, pod(0, A, C, ports=(1,)), *OTHERS)
        assert script.at("db-0") == (C,)
        assert script.state.members is not None
        assert script.state.members.by_ordinal(0).ports == (3306,)

    def test_other_ports_are_an_update(self) -> None:
        """Where the addresses are the same."""
        script = started(one(A))
        change = script.ok(1, pod(0, A, ports=(1,)), *OTHERS)
        assert change is not None
        assert change.updated == ((one(A), pod(0, A, ports=(1,))),)

    def test_a_held_address_is_no_evidence_of_being_away(self) -> None:
        """Listed at its old address only, the member is there."""
        script = started(one(A), ttl=300)
        script.ok(5, one(B), *OTHERS)
        for number in range(1, 50):
            at = 5 + 2 * number
            script.ok(at, *OTHERS, *((one(A),) if number % 2 else ()))
        assert script.at("db-0") == (B,)


class TestFamilies:
    """Both addresses of a pod in a network of two families."""

    def test_each_is_replaced_within_its_family(self) -> None:
        """A new v4 address says nothing of the v6 one."""
        script = started(one(A, A6))
        script.ok(1, one(B, A6), *OTHERS)
        assert script.at("db-0") == (B, A6)
        script.ok(2, one(B, B6), *OTHERS)
        assert script.at("db-0") == (B, B6)

    def test_a_second_family_is_added_at_once(self) -> None:
        """In order: v4 first."""
        script = started(one(A6))
        script.ok(1, one(A, A6), *OTHERS)
        assert script.at("db-0") == (A, A6)

    def test_an_address_goes_like_a_member(self) -> None:
        """Missing while its member is listed: two answers a second apart."""
        script = started(one(A, A6))
        script.ok(5, one(A), *OTHERS)
        script.ok(5.9, one(A), *OTHERS)
        assert script.at("db-0") == (A, A6)
        change = script.ok(6, one(A), *OTHERS)
        assert change is not None
        assert change.updated == ((one(A, A6), one(A)),)

    def test_seen_resets(self) -> None:
        """An address that comes and goes stays."""
        script = started(one(A, A6))
        for at in range(5, 500, 10):
            script.ok(at, one(A), *OTHERS)
            script.ok(at + 5, one(A, A6), *OTHERS)
        assert len(script.changes) == 1

    def test_a_partial_answer_neither_counts_nor_resets(self) -> None:
        """As for members."""
        script = started(one(A, A6))
        script.ok(5, one(A), *OTHERS)
        for at in (10, 15):
            script.partial(at, one(A), *OTHERS)
        assert script.at("db-0") == (A, A6)
        script.partial(20, one(A, A6), *OTHERS)
        script.ok(25, one(A), *OTHERS)
        assert script.at("db-0") == (A,)

    def test_a_new_address_leaves_the_row_of_the_other_family(self) -> None:
        """The old v6 address of a pod that moved goes on its own evidence."""
        script = started(one(A, A6))
        script.ok(5, one(B), *OTHERS)
        assert script.at("db-0") == (B, A6)
        script.ok(10, one(B), *OTHERS)
        assert script.at("db-0") == (B,)

    def test_three_where_more_than_half_of_the_members_is_missing(self) -> None:
        """An answer that lacks so many is doubted as a whole."""
        script = started(one(A, A6))
        for at in (5, 10):
            script.ok(at, one(A))
        assert script.at("db-0") == (A, A6)
        script.ok(15, one(A))
        assert script.places == {"db-0": (A,)}

    def test_a_member_that_comes_and_goes_loses_the_address_all_the_same(self) -> None:
        """Answers without the member are none in which its address was seen."""
        script = started(one(A, A6))
        for at in range(5, 55, 10):
            script.ok(at, one(A), *OTHERS)
            script.ok(at + 5, *OTHERS)
        assert script.at("db-0") == (A,)

    def test_gone_behind_a_cache_it_is_held_back(self) -> None:
        """An older cache still tells it; without a cache it is taken back at once."""
        script = cached(one(A, A6))
        script.ok(30, one(A), *OTHERS, ttl=5)
        script.ok(36, one(A), *OTHERS, ttl=5)
        assert script.ok(65.9, one(A, A6), *OTHERS, ttl=5) is None
        assert script.ok(66, one(A, A6), *OTHERS, ttl=5) is not None
        script = started(one(A, A6))
        for at in (5, 10):
            script.ok(at, one(A), *OTHERS)
        assert script.ok(11, one(A, A6), *OTHERS) is not None

    def test_the_last_address_stays_until_another_one_is_taken(self) -> None:
        """Listed only at an address that is held back, a member keeps the one it has."""
        script = cached(one(A, A6))
        script.ok(30, one(A), *OTHERS, ttl=5)
        script.ok(36, one(A), *OTHERS, ttl=5)
        for at in (41, 46, 51, 65.9):
            assert script.ok(at, one(A6), *OTHERS, ttl=2) is None
        script.ok(66, one(A6), *OTHERS, ttl=2)
        assert script.at("db-0") == (A6,)

    def test_two_addresses_of_one_family(self) -> None:
        """Two endpoints under one name: one of them goes on evidence, the last one too."""
        script = started(one(A, B))
        script.ok(5, one(A), *OTHERS)
        assert script.at("db-0") == (A, B)
        script.ok(10, one(A), *OTHERS)
        assert script.at("db-0") == (A,)

    def test_every_address_of_a_removed_member_is_held_back(self) -> None:
        """Neither family brings it back while a cache may still tell it."""
        script = cached(one(A, A6))
        script.ok(30, *OTHERS, ttl=5)
        script.ok(36, *OTHERS, ttl=5)
        for place in (A, A6):
            script.ok(40, one(place), *OTHERS, ttl=5)
            assert "db-0" not in script.places


class TestDrops:
    """A refused record keeps everybody until the identical refusal has stood."""

    def test_nobody_goes_while_it_is_new(self) -> None:
        """Not for 3 answers, and not for 30 s."""
        script = started(one(A))
        for at in range(5, 35):
            script.ok(at, *OTHERS, dropped=("x",))
            assert "db-0" in script.places

    def test_after_3_answers_and_30_s_it_no_longer_blocks(self) -> None:
        """Then answers without the member count: it takes two from there."""
        script = started(one(A))
        for at in (5, 20, 34.9):
            script.ok(at, *OTHERS, dropped=("x",))
        script.ok(36, *OTHERS, dropped=("x",))
        assert "db-0" in script.places
        script.ok(41, *OTHERS, dropped=("x",))
        assert "db-0" not in script.places

    def test_two_answers_over_an_hour_are_not_three(self) -> None:
        """The time alone does not do."""
        script = started(one(A))
        script.ok(1, *OTHERS)
        script.ok(5, *OTHERS, dropped=("x",))
        script.ok(3605, *OTHERS, dropped=("x",))
        assert "db-0" in script.places
        script.ok(3610, *OTHERS, dropped=("x",))
        assert "db-0" not in script.places

    def test_answers_within_a_second_count_once(self) -> None:
        """As everywhere."""
        script = started(one(A))
        script.ok(1, *OTHERS)
        for at in (5, 35, 35.5, 35.9):
            script.ok(at, *OTHERS, dropped=("x",))
        assert "db-0" in script.places
        script.ok(36, *OTHERS, dropped=("x",))
        assert "db-0" not in script.places

    def test_another_refusal_blocks_anew(self) -> None:
        """Beside a standing one as well as in its place."""
        for drops in (("x", "y"), ("y",)):
            script = started(one(A))
            for at in range(5, 45, 5):
                script.ok(at, one(A), *OTHERS, dropped=("x",))
            for at in range(45, 75, 5):
                script.ok(at, *OTHERS, dropped=drops)
                assert "db-0" in script.places

    def test_a_refusal_that_went_away_begins_anew(self) -> None:
        """One answer without it, with somebody or nobody, and it is new again."""
        for nobody in (False, True):
            script = started(one(A))
            for at in range(5, 45, 5):
                script.ok(at, one(A), *OTHERS, dropped=("x",))
            if nobody:
                script.nobody(45, EMPTY)
            else:
                script.ok(45, one(A), *OTHERS)
            for at in range(50, 80, 5):
                script.ok(at, *OTHERS, dropped=("x",))
                assert "db-0" in script.places

    def test_a_partial_answer_neither_counts_nor_resets(self) -> None:
        """What it dropped is not judged."""
        script = started(one(A))
        for at in range(5, 45, 5):
            script.ok(at, one(A), *OTHERS, dropped=("x",))
        script.partial(45, one(A), *OTHERS)
        for at in (50, 55):
            script.ok(at, *OTHERS, dropped=("x",))
        assert "db-0" not in script.places

    def test_a_blocked_miss_neither_counts_nor_resets(self) -> None:
        """A member that missed before the refusal needs one more answer after it."""
        script = started(one(A))
        script.ok(5, *OTHERS)
        for at in (10, 15):
            script.ok(at, *OTHERS, dropped=("x",))
        assert "db-0" in script.places
        script.ok(20, *OTHERS)
        assert "db-0" not in script.places

    def test_seen_in_a_blocked_answer_resets(self) -> None:
        """Seen is seen."""
        script = started(one(A))
        script.ok(5, *OTHERS)
        script.ok(10, one(A), *OTHERS, dropped=("x",))
        script.ok(15, *OTHERS)
        assert "db-0" in script.places

    def test_members_and_addresses_still_come(self) -> None:
        """It blocks removals and nothing else."""
        script = started(one(A))
        script.ok(5, one(B), pod(1), *OTHERS, dropped=("x",))
        assert script.at("db-0") == (B,)
        assert "db-1" in script.places

    def test_an_address_is_kept_as_well(self) -> None:
        """Also one that had been missing before."""
        script = started(one(A, A6))
        script.ok(5, one(A), *OTHERS)
        for at in range(10, 35, 5):
            script.ok(at, one(A), *OTHERS, dropped=("x",))
        assert script.at("db-0") == (A, A6)
        script.ok(40, one(A), *OTHERS, dropped=("x",))
        assert script.at("db-0") == (A,)

    def test_a_row_that_is_full_waits_as_well(self) -> None:
        """Missing often enough, in answers of "nobody", and kept until nothing blocks."""
        script = started(one(A))
        for at in (5, 10, 15):
            script.nobody(at)
        script.ok(20, *OTHERS, dropped=("x",))
        assert script.at("db-0") == (A,)
        script.ok(21, *OTHERS)
        assert script.at("db-0") is None

    def test_and_so_does_that_of_an_address(self) -> None:
        """Kept as the last one first, and then because a record was refused."""
        script = cached(one(A, A6))
        for at in (30, 36):
            script.ok(at, one(A), *OTHERS, ttl=5)
        for at in (41, 46, 51):
            script.ok(at, one(A6), *OTHERS, ttl=2)
        script.ok(66, one(A6), *OTHERS, ttl=2, dropped=("x",))
        assert script.at("db-0") == (A, A6)
        script.ok(67, one(A6), *OTHERS, ttl=2)
        assert script.at("db-0") == (A6,)

    def test_an_address_that_first_misses_while_blocked_has_no_row(self) -> None:
        """Two answers count it out once nothing blocks."""
        script = started(one(A, A6))
        script.ok(5, one(A), *OTHERS, dropped=("x",))
        script.ok(10, one(A), *OTHERS)
        assert script.at("db-0") == (A, A6)
        script.ok(15, one(A), *OTHERS)
        assert script.at("db-0") == (A,)


@pytest.mark.parametrize("answers", [1, 4])
def test_the_numbers_are_the_policys(answers: int) -> None:
    """Every count is a field."""
    policy = DEFAULT.replace(
        removal_answers=answers, shrink_answers=answers + 1, drop_answers=answers, drop_hold=0
    )
    for lacking, needed in ((1, answers), (3, answers + 1)):
        script = Script(policy)
        script.ok(0, one(A), *OTHERS)
        left = (one(A), *OTHERS)[lacking:]
        for number in range(1, needed + 1):
            assert len(script.places) == 4, (lacking, number)
            script.ok(5 * number, *left)
        assert len(script.places) == 4 - lacking
    script = Script(policy.replace(removal_answers=1))
    script.ok(0, one(A), *OTHERS)
    for number in range(1, answers + 1):
        assert "db-0" in script.places
        script.ok(5 * number, *OTHERS, dropped=("x",))
    assert "db-0" not in script.places
