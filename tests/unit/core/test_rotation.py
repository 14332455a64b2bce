"""Rotation: every member's turn in every round, while members come and go."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.changes import key_of
from headless_discovery.core.rotation import Rotation
from tests.unit.core.script import bare, pod

if TYPE_CHECKING:
    from collections.abc import Container

    from headless_discovery.core.snapshot import Endpoint

PODS = tuple(map(pod, range(5)))
MOST = 0.999999


def rotation(*members: Endpoint, chance: float = 0.0) -> Rotation:
    """Over these members."""
    made = Rotation(lambda: chance)
    made.renew(members)
    return made


def turns(rotation: Rotation, number: int) -> list[str]:
    """Whose the next turns are."""
    return [key_of(rotation.turn()) for _ in range(number)]


class TestTurns:
    """The plain way."""

    def test_one_after_the_other(self) -> None:
        """And then all over again."""
        assert turns(rotation(*PODS[:3]), 7) == [
            "db-0", "db-1", "db-2", "db-0", "db-1", "db-2", "db-0",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("chance", "first"), [(0.0, "db-0"), (0.19, "db-0"), (0.2, "db-1"), (MOST, "db-4")]
    )
    def test_a_random_member_is_the_first(self, chance: float, first: str) -> None:
        """A thousand programs that start together begin everywhere."""
        assert turns(rotation(*PODS, chance=chance), 1) == [first]

    def test_it_goes_on_from_there_in_order(self) -> None:
        """Only the beginning is chance."""
        made = rotation(*PODS, chance=0.5)
        assert turns(made, 6) == ["db-2", "db-3", "db-4", "db-0", "db-1", "db-2"]

    def test_alone(self) -> None:
        """One member has every turn."""
        assert turns(rotation(PODS[0]), 3) == ["db-0"] * 3


class TestMembers:
    """Who comes and goes."""

    def test_who_stays_keeps_the_place(self) -> None:
        """Whoever had no turn yet is not put behind those who had."""
        made = rotation(*PODS[:3])
        assert turns(made, 1) == ["db-0"]
        made.renew(PODS[:3])
        assert turns(made, 3) == ["db-1", "db-2", "db-0"]

    def test_who_goes_has_no_turn(self) -> None:
        """And the others' order is what it was."""
        made = rotation(*PODS)
        turns(made, 2)
        made.renew((PODS[0], PODS[4]))
        assert turns(made, 3) == ["db-4", "db-0", "db-4"]

    def test_a_member_at_a_new_address(self) -> None:
        """It is the same member, at the same place, and dialled where it is now."""
        made = rotation(*PODS[:2])
        moved = pod(0, "10.0.9.9")
        made.renew((moved, PODS[1]))
        assert made.turn() is moved

    @pytest.mark.parametrize(("chance", "place"), [(0.0, 0), (0.3, 1), (0.6, 2), (MOST, 3)])
    def test_who_is_new_has_a_random_place(self, chance: float, place: int) -> None:
        """The front and the end among them."""
        made = rotation(*PODS[:3])
        made._random = lambda: chance
        made.renew(PODS[:4])
        assert turns(made, 4).index("db-3") == place

    def test_several_new_ones(self) -> None:
        """Each has one place, and all have a turn in a round."""
        made = rotation(PODS[0])
        chances = cycle([0.9, 0.0, 0.5])
        made._random = lambda: next(chances)
        made.renew(PODS)
        assert sorted(turns(made, 5)) == sorted(map(key_of, PODS))

    def test_nobody_stays(self) -> None:
        """All are new: it begins anywhere among them."""
        made = rotation(PODS[0], chance=0.5)
        made.renew(PODS[1:])
        assert turns(made, 5) == ["db-3", "db-4", "db-1", "db-2", "db-3"]

    def test_nobody_at_all(self) -> None:
        """Then nobody of some has a turn, until somebody comes."""
        made = rotation(*PODS, chance=MOST)
        made.renew(())
        assert made.turn_among({"db-0"}) is None
        made.renew(PODS[:1])
        assert turns(made, 1) == ["db-0"]


class TestSome:
    """A turn among a part of the members."""

    def test_it_goes_behind_all(self) -> None:
        """Who had a turn among some waits like everybody who had one."""
        made = rotation(*PODS[:4])
        assert made.turn_among({"db-1", "db-3"}) is PODS[1]
        assert turns(made, 4) == ["db-0", "db-2", "db-3", "db-1"]

    def test_who_was_passed_over_comes_first(self) -> None:
        """It had no turn: nothing has to be made up for, and nothing is lost."""
        made = rotation(*PODS[:3])
        given = [made.turn_among({"db-1", "db-2"}) for _ in range(4)]
        assert given == [PODS[1], PODS[2], PODS[1], PODS[2]]
        assert turns(made, 3) == ["db-0", "db-1", "db-2"]

    def test_none_of_them_is_here(self) -> None:
        """Then it is nobody's turn, and nobody lost one."""
        made = rotation(*PODS[:2])
        assert made.turn_among({"db-9"}) is None
        assert turns(made, 2) == ["db-0", "db-1"]

    def test_members_without_a_name(self) -> None:
        """They go by their address."""
        made = rotation(bare("10.0.0.8"), bare("10.0.0.9"))
        assert made.turn_among({"10.0.0.9"}) == bare("10.0.0.9")

    def test_a_signal_in_between(self) -> None:
        """Its handler may take turns: nobody is lost, and nobody is there twice."""
        made = rotation(*PODS)

        class Interrupted:
            def __contains__(self, key: object) -> bool:
                made.turn()
                return key == "db-3"

        keys: Container[str] = Interrupted()
        assert made.turn_among(keys) is PODS[3]
        assert Counter(turns(made, 5)) == Counter(map(key_of, PODS))


def test_a_child_begins_elsewhere() -> None:
    """Its siblings have the same queue; from then on chance is the child's own."""
    made = rotation(*PODS)
    made.reseed(lambda: 0.4)
    assert turns(made, 3) == ["db-2", "db-3", "db-4"]
    made.renew(())
    made.reseed(lambda: MOST)
    made.renew(PODS)
    assert turns(made, 1) == ["db-4"]
