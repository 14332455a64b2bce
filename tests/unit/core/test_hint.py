"""The serial of the cluster's zone: when it is asked for, and when it makes a look."""

from __future__ import annotations

from math import inf

import pytest

from headless_discovery.core.hint import Hints, hint_question, serial_of
from headless_discovery.core.questions import Question, Reply
from headless_discovery.core.wire import SOA, A
from tests.unit.core import driving

ZONE = hint_question("cluster.local")
FAR = 1000.0  # a look so late that it is in nobody's way


def soa(serial: int, owner: str = "cluster.local") -> tuple[str, int, int, tuple[int, ...]]:
    """An SOA record as the reader gives it."""
    return (owner, SOA, 5, (serial, 30))


def hints(period: float | None = 1.0) -> Hints:
    """After a first look at 0 that came to an answer, and a first serial at 1."""
    made = Hints(period, 5.0)
    made.looked(0.0, next_look=FAR, rests=False, news=False)
    made.told(100, 1.0, FAR)
    return made


def moved(made: Hints, serial: int, at: float, *, news: bool | None) -> bool:
    """A serial is told, and the look that follows it; whether there was to be one."""
    asks = made.told(serial, at, FAR)
    made.looked(at + 0.5, next_look=FAR, rests=False, news=news)
    return asks


class TestReading:
    """The question and its answer."""

    def test_the_question(self) -> None:
        """SOA of the cluster domain."""
        assert Question("cluster.local", SOA) == ZONE

    def test_the_serial(self) -> None:
        """The first SOA record of that very name."""
        other: list[tuple[str, int, int, object]] = [("cluster.local", A, 5, "10.0.0.1")]
        reply = driving.records(ZONE, [*other, soa(7, "local"), soa(9), soa(11)])
        assert serial_of(reply) == 9

    @pytest.mark.parametrize(
        "reply",
        [
            driving.records(ZONE, []),
            driving.records(ZONE, [soa(7, "local")]),
            driving.nodata(ZONE),
            driving.nxdomain(ZONE),
            driving.failed(ZONE),
            driving.nodata(ZONE)._replace(answer=[soa(7)]),
        ],
    )
    def test_none(self, reply: Reply) -> None:
        """No such record, or no answer."""
        assert serial_of(reply) is None


class TestAsking:
    """When the next ask is due."""

    def test_off(self) -> None:
        """Without a period never."""
        made = hints(None)
        assert made.due == inf
        made.looked(5.0, next_look=FAR, rests=False, news=True)
        assert made.due == inf

    def test_not_before_the_first_look(self) -> None:
        """It has to be known what a serial stands for."""
        assert Hints(1.0, 5.0).due == inf

    @pytest.mark.parametrize("period", [1.0, 2.0])
    def test_a_period_after_a_look_and_after_an_ask(self, period: float) -> None:
        """At most once in a period."""
        made = Hints(period, 5.0)
        made.looked(10.0, next_look=FAR, rests=False, news=False)
        assert made.due == 10 + period
        for serial in (100, 100, 101, None):
            made.told(serial, 20.0, FAR)
            assert made.due == 20 + period

    @pytest.mark.parametrize(("next_look", "due"), [(11.4, inf), (11.5, 11.0), (12.0, 11.0)])
    def test_not_right_before_a_look(self, next_look: float, due: float) -> None:
        """A look half a period later tells more than it could."""
        made = hints()
        made.looked(10.0, next_look=next_look, rests=False, news=False)
        assert made.due == due
        made.told(100, 10.0, next_look)
        assert made.due == due

    def test_rests(self) -> None:
        """While TTLs count down or looks fail; it begins again with a look that tells so."""
        made = hints()
        made.looked(10.0, next_look=FAR, rests=True, news=None)
        assert made.due == inf
        made.looked(20.0, next_look=FAR, rests=False, news=False)
        assert made.due == 21.0


class TestMoves:
    """Which serials make a look."""

    def test_the_first_tells_nothing(self) -> None:
        """There is none to hold it against."""
        made = Hints(1.0, 5.0)
        made.looked(0.0, next_look=FAR, rests=False, news=False)
        assert not made.told(100, 1.0, FAR)

    def test_another_one_does(self) -> None:
        """Whether larger or smaller: replicas have their own, and clocks go back."""
        made = hints()
        assert not made.told(100, 2.0, FAR)
        assert moved(made, 101, 3.0, news=True)
        assert moved(made, 90, 4.0, news=True)

    def test_a_failed_ask_tells_nothing(self) -> None:
        """Nor does it forget."""
        made = hints()
        assert not made.told(None, 2.0, FAR)
        assert not made.told(100, 3.0, FAR)

    def test_replicas_in_turn_are_no_moves(self) -> None:
        """Four serials are known at a time; of a fifth the oldest is forgotten."""
        made = hints()
        for serial in (200, 300, 400):
            assert moved(made, serial, 2.0, news=True)
        for _ in range(10):
            for serial in (100, 200, 300, 400):
                assert not made.told(serial, 3.0, FAR)
        assert moved(made, 500, 4.0, news=True)
        for serial in (200, 300, 400, 500):
            assert not made.told(serial, 5.0, FAR)
        assert moved(made, 100, 6.0, news=True)


class TestBackingOff:
    """A busy cluster costs nothing."""

    def test_after_three_moves_for_nothing(self) -> None:
        """Three looks in a row that found nothing new: then the interval, and no looks."""
        made = hints()
        for number in range(3):
            assert made.due == pytest.approx(made.due)
            assert moved(made, 200 + number, 10.0 + number, news=False), number
        assert made.due == 12.5 + 5
        assert not made.told(300, 20.0, FAR)
        assert made.due == 25.0
        made.looked(30.0, next_look=30.1, rests=False, news=False)
        assert made.due == 35.0

    def test_a_period_above_the_interval_stays(self) -> None:
        """Backing off is never asking more."""
        made = hints(9.0)
        for number in range(3):
            moved(made, 200 + number, 10.0, news=False)
        assert made.due == 10.5 + 9

    def test_news_begin_anew(self) -> None:
        """One move in between that meant us, or a change seen without one."""
        made = hints()
        for number in range(2):
            moved(made, 200 + number, 10.0, news=False)
        moved(made, 210, 11.0, news=True)
        for number in range(2):
            moved(made, 220 + number, 12.0, news=False)
        assert made.told(230, 13.0, FAR)
        made = hints()
        for number in range(3):
            moved(made, 200 + number, 10.0, news=False)
        made.looked(20.0, next_look=FAR, rests=False, news=True)
        assert made.due == 21.0
        assert made.told(300, 21.0, FAR)

    def test_looks_without_a_move_do_not_count(self) -> None:
        """Nor do those that failed: they tell nothing about the move."""
        made = hints()
        for at in range(10, 100):
            made.looked(at, next_look=FAR, rests=False, news=False)
        for number in range(5):
            assert moved(made, 200 + number, 100.0, news=None)
        moved(made, 250, 100.5, news=False)
        for at in range(101, 110):
            made.looked(at, next_look=FAR, rests=False, news=False)
        assert made.told(300, 111.0, FAR)

    def test_quiet_ends_it(self) -> None:
        """Three asks in a row without a move: worth asking again."""
        made = hints()
        for number in range(3):
            moved(made, 200 + number, 10.0, news=False)
        made.told(202, 20.0, FAR)
        made.told(202, 25.0, FAR)
        assert not made.told(999, 30.0, FAR)
        made.told(999, 35.0, FAR)
        made.told(999, 40.0, FAR)
        assert made.due == 45.0
        made.told(999, 45.0, FAR)
        assert made.due == 46.0
        assert made.told(1000, 46.0, FAR)
