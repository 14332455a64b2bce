"""Selection: who of the candidates is next, by ``order=`` and by what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery.core.selection import Selection
from headless_discovery.core.snapshot import Endpoint, Snapshot
from headless_discovery.errors import (
    ConfigError,
    NoEndpoints,
)
from tests.unit.core.choosing import (
    ALL,
    FAST,
    ONE,
    START,
    THREE,
    TWO,
    ZERO,
    drawn,
    selection,
    wanted,
)
from tests.unit.core.script import SERVICE, bare, pod, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable


class TestOrder:
    """Who is first."""

    def test_round_robin(self) -> None:
        """Each call begins with the next one; a round has everybody once."""
        made, anyone = selection(), wanted()
        assert drawn(made, anyone) == [ZERO, ONE, TWO]
        assert made.draw(anyone, set(), START) is ZERO
        assert drawn(made, anyone) == [ONE, TWO, ZERO]

    @pytest.mark.parametrize("chance", [0.0, 0.5, 0.999999])
    def test_random(self, chance: float) -> None:
        """Chance chooses each, everybody once."""
        order = drawn(selection(chance=chance), wanted(order="random"))
        assert order[0] is ALL[int(chance * 3)]
        assert sorted(map(str, order)) == sorted(map(str, ALL))

    def test_ordinal(self) -> None:
        """Always the lowest first, whoever had a turn."""
        made = selection()
        made.turn()
        for _ in range(2):
            assert drawn(made, wanted(order="ordinal")) == [ZERO, ONE, TWO]

    def test_a_function(self) -> None:
        """It is given the candidates, and its order is followed."""
        seen = []

        def backwards(endpoints: tuple[Endpoint, ...]) -> Iterable[Endpoint]:
            seen.append(endpoints)
            return (each for each in reversed(endpoints))

        some = wanted(to=lambda each: each is not ONE, order=backwards)
        assert seen == [(ZERO, TWO)]
        for _ in range(2):
            assert drawn(selection(), some) == [TWO, ZERO]
        assert len(seen) == 1, "asked once for one state of the members"

    def test_a_function_that_leaves_some_off(self) -> None:
        """They are not tried; twice the same is once."""
        assert drawn(selection(), wanted(order=lambda them: [them[1]])) == [ONE]
        assert drawn(selection(), wanted(order=lambda them: [them[1], them[1]])) == [ONE]

    def test_a_function_that_leaves_off_all(self) -> None:
        """Then nobody is to be dialled, and not everybody."""
        with pytest.raises(NoEndpoints) as caught:
            wanted(order=lambda _: ())
        assert caught.value.outcome == "OK"
        assert "'order'" in caught.value.reason

    @pytest.mark.parametrize("stranger", [pod(7), pod(1, "10.0.9.9"), "db-1", None, ["db-1"]])
    def test_strangers(self, stranger: Any) -> None:
        """Only candidates can be dialled: an endpoint that is none of them is refused."""
        with pytest.raises(ConfigError) as caught:
            wanted(order=lambda them: [*them, stranger])
        assert caught.value.setting == "order"
        assert ascii(stranger)[:100] in caught.value.reason

    def test_an_equal_endpoint_is_no_stranger(self) -> None:
        """Also where it is another object."""
        assert drawn(selection(), wanted(order=lambda _: [pod(2)])) == [TWO]

    @pytest.mark.parametrize("answer", [None, 1, ONE])
    def test_no_order_at_all(self, answer: Any) -> None:
        """What cannot be iterated over is refused in our words."""
        with pytest.raises(ConfigError) as caught:
            wanted(order=lambda _: answer)
        assert caught.value.setting == "order"

    def test_a_function_is_not_asked_about_one_pod(self) -> None:
        """There is no order of one."""

        def never(_: object) -> Any:
            raise AssertionError

        assert drawn(selection(), wanted(to=1, order=never)) == [ONE]

    def test_a_thousand_pods(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Strangers are looked for without comparing everybody with everybody."""
        compared = 0
        equal = Endpoint.__eq__

        def counted(one: Endpoint, other: object) -> bool:
            nonlocal compared
            compared += 1
            return equal(one, other)

        pods = snapshot(*(bare(f"10.0.{n // 250}.{n % 250}") for n in range(1000)))
        monkeypatch.setattr(Endpoint, "__eq__", counted)
        assert len(wanted(pods, order=lambda them: [*reversed(them)]).given or ()) == 1000
        assert compared < 5000


class TestTiers:
    """Who is tried only after others."""

    def test_missing_from_the_last_answer(self) -> None:
        """Not yet removed, but not listed any more: after those who are."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(ONE, TWO))
        assert not made.is_plain
        assert made.is_blameless, "that it is missing is no failure of its"
        assert drawn(made, wanted()) == [ONE, TWO, ZERO]
        made.renew(THREE, THREE)
        assert made.is_plain
        assert drawn(made, wanted())[0] is ONE

    def test_left_out_for_failures(self) -> None:
        """After all others, also after the missing ones."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(ZERO, TWO))
        made.failed(ZERO, "refused", START, START)
        assert drawn(made, wanted()) == [TWO, ONE, ZERO]
        assert drawn(made, wanted(), START + 30) == [TWO, ZERO, ONE], "on trial: by turns"

    def test_missing_and_left_out(self) -> None:
        """That it is missing as well makes it no better than those it is not."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(ONE))
        made.failed(ZERO, "refused", START, START)
        assert drawn(made, wanted()) == [ONE, TWO, ZERO]

    @pytest.mark.parametrize("order", ["random", "ordinal", tuple])
    def test_it_holds_for_every_order(self, order: Any) -> None:
        """Also for the caller's own."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(ZERO, TWO))
        made.failed(ZERO, "refused", START, START)
        assert drawn(made, wanted(order=order)) == [TWO, ONE, ZERO]

    def test_all_left_out_is_nobody_left_out(self) -> None:
        """The last one that works went: those left out are tried at once."""
        made = selection()
        made.failed(ZERO, "refused", START, START)
        made.failed(ONE, "refused", START, START)
        both = snapshot(ZERO, ONE)
        made.renew(both, both)
        assert set(drawn(made, wanted(both))) == {ZERO, ONE}

    @pytest.mark.parametrize("answer", [None, THREE])
    def test_no_answer_to_be_missing_from(self, answer: Snapshot | None) -> None:
        """A look by itself is the answer; nobody is missing from it."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, answer)
        assert made.is_plain

    def test_an_answer_without_names(self) -> None:
        """One too large to hold them lists by address; whoever is not there is missing."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(bare("10.0.0.0"), bare("10.0.0.2")))
        assert drawn(made, wanted()) == [ZERO, TWO, ONE]

    def test_an_answer_with_names(self) -> None:
        """Members without a name are there where an address has got one."""
        members = snapshot(bare("10.0.0.0"), bare("10.0.0.7"))
        made = selection(members, chance=0.5)
        made.renew(members, THREE)
        assert drawn(made, wanted(members)) == [bare("10.0.0.0"), bare("10.0.0.7")]

    def test_another_pod_has_its_address(self) -> None:
        """A name at an address is not another name at it: that member is missing."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(THREE, snapshot(pod(7, "10.0.0.0"), ONE, TWO))
        assert drawn(made, wanted())[-1] is ZERO


class TestFailures:
    """What a failed dial leads to."""

    def test_one_trial(self) -> None:
        """The first to draw it tries it; for all others it is left out meanwhile."""
        made = selection()
        made.failed(ZERO, "refused", START, START)
        at = START + 30
        made.drawn(ONE, at)
        assert made.ejected(at) == ()
        made.drawn(ZERO, at)
        assert [each.endpoint for each in made.ejected(at)] == [ZERO]
        made.worked(ZERO)
        assert made.is_plain

    def test_who_went_or_moved_meanwhile(self) -> None:
        """Nothing is held against them: that was another process."""
        made = selection()
        made.failed(pod(7), "refused", START, START)
        made.failed(pod(1, "10.0.9.9"), "refused", START, START)
        assert made.is_plain
        made.failed(pod(1), "refused", START, START)
        assert not made.is_plain
        assert not made.is_blameless

    def test_before_anybody_is_known(self) -> None:
        """Nothing comes of it."""
        made = Selection(FAST, lambda: 0.0)
        made.failed(ONE, "refused", START, START)
        made.drawn(ONE, START)
        made.worked(ONE)
        assert made.is_plain
        assert made.ejected(START) == ()

    def test_the_last_one(self) -> None:
        """Who is alone is never left out."""
        made = selection(snapshot(ONE))
        made.failed(ONE, "refused", START, START)
        assert made.ejected(START) == ()


def versioned(version: int, seen_at: float, *endpoints: Endpoint) -> Snapshot:
    """A published state."""
    return Snapshot(SERVICE, endpoints, version=version, seen_at=seen_at)


class TestOlder:
    """Calls that go by an older state than others do."""

    def test_it_takes_nothing_back(self) -> None:
        """A dead pod's new address stays left out, and turns go on among the newer members."""
        moved = pod(0, "10.0.9.9")
        older = versioned(1, 10.0, ZERO, ONE)
        newer = versioned(2, 20.0, moved, ONE, TWO)
        made = Selection(FAST, lambda: 0.0)
        made.renew(older, None)
        made.renew(newer, None)
        made.failed(moved, "refused", START, START)
        made.renew(older, None)
        made.failed(ZERO, "refused", START, START)
        made.renew(newer, None)
        (told,) = made.ejected(START)
        assert told.endpoint == moved
        assert drawn(made, wanted(newer)) == [TWO, ONE, moved]

    def test_it_gets_what_it_was_told(self) -> None:
        """Each of its own candidates once, by the addresses it knows."""
        older = versioned(1, 10.0, ZERO, ONE)
        newer = versioned(2, 20.0, pod(0, "10.0.9.9"), TWO)
        made = Selection(FAST, lambda: 0.0)
        made.renew(newer, None)
        made.renew(older, None)
        assert drawn(made, wanted(older)) == [ZERO, ONE]

    @pytest.mark.parametrize(
        ("version", "seen_at"),
        [(1, 30.0), (0, 10.0), (0, 30.0), (3, 10.0)],
        ids=["opened again", "raw, older", "raw", "newer"],
    )
    def test_what_is_not_older(self, version: int, seen_at: float) -> None:
        """A service object opened anew counts from 1; a look by itself has no version."""
        made = Selection(FAST, lambda: 0.0)
        made.renew(versioned(2, 20.0, ZERO, ONE), None)
        made.renew(versioned(version, seen_at, TWO), None)
        assert made.turn() is TWO


def test_a_child_process() -> None:
    """It begins elsewhere, with whoever is there: its parent may have been in the midst."""
    made = selection()
    assert made._rotation.turn_among({"db-1"}) is ONE
    made._rotation._queue.pop()  # a fork came between two steps of another thread
    made.reseed(lambda: 0.5)
    made.failed(ONE, "refused", START, START)
    assert made.ejected(START) == ()
    made.renew(THREE, THREE)
    assert {made.turn() for _ in range(3)} == set(ALL)
    assert made.draw(wanted(order="random"), set(), START) is ONE
