"""Whether a cache stands in between, told by TTLs that count down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headless_discovery.core.ttls import NO_TTLS, Ttls, lifetime, observe
from tests.unit.core.script import ONE, TWO, pod, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 300.0
LARGEST = 2**31 - 1


def seen(answers: Iterable[tuple[float, int | None]], server: str = ONE) -> Ttls:
    """What is known after these answers, as (when, TTL)."""
    ttls = NO_TTLS
    for at, ttl in answers:
        ttls = observe(ttls, snapshot(pod(0), ttl=ttl, servers=(server,)), at, MOST)
    return ttls


@pytest.mark.parametrize("ttl", [0, 1, 5, 30, 300, 301, LARGEST])
@pytest.mark.parametrize("step", [0.0, 0.3, 1.0, 5.0, 29.0])
def test_constant_ttls_never_count_down(ttl: int, step: float) -> None:
    """The cluster's DNS itself, however often it is asked."""
    assert not seen((number * step, ttl) for number in range(50)).counting


@pytest.mark.parametrize("ttl", [2, 5, 30, 300, 3600, LARGEST])
def test_a_cached_series_counts_down(ttl: int) -> None:
    """Two answers that end at the same moment are one, told twice; also very long ones."""
    assert seen([(100.0, ttl), (101.2, ttl - 1)]).counting == {ONE}


@pytest.mark.parametrize("off", [-0.9, 0.0, 0.9])
def test_whole_seconds_may_be_rounded_either_way(off: float) -> None:
    """A TTL tells whole seconds of a life that has fractions."""
    assert seen([(100.0, 30), (110.0 + off, 20)]).counting


@pytest.mark.parametrize("off", [-1.6, 1.6, 10.0])
def test_a_lower_ttl_of_another_answer_is_none(off: float) -> None:
    """It ends at another moment: its TTL is lower for another reason."""
    assert not seen([(100.0, 30), (110.0 + off, 20)]).counting


def test_a_lone_asker_that_waits_for_the_end_sees_nothing() -> None:
    """The full TTL each time; and what was seen once stays."""
    alone = [(number * 6.0, 5) for number in range(20)]
    assert not seen(alone).counting
    assert seen([(-3.0, 5), (-1.0, 3), *alone]).counting == {ONE}


def test_answers_of_two_caches_in_turn() -> None:
    """A server with several caches behind it: the answer before the last is remembered too."""
    series = [(0.0, 30), (1.0, 12), (5.0, 25)]
    assert seen(series).counting == {ONE}
    assert not seen(series[:2]).counting


def test_the_last_four_are_remembered() -> None:
    """An answer is held against four earlier ones and no more; nothing grows."""
    others = [(1.0, 100), (2.0, 90), (3.0, 80), (4.0, 70)]
    assert seen([(0.0, 30), *others[:3], (5.0, 25)]).counting
    assert not seen([(0.0, 30), *others, (5.0, 25)]).counting
    ttls = seen((number * 1.0, 1000 + 10 * number) for number in range(100))
    assert len(ttls.recent[ONE]) == 4


def test_per_server() -> None:
    """One server's cache says nothing of another one."""
    ttls = seen([(0.0, 30), (5.0, 25)])
    for at in range(10, 20):
        ttls = observe(ttls, snapshot(pod(0), ttl=5, servers=(TWO,)), at, MOST)
    assert ttls.counting == {ONE}
    both = observe(NO_TTLS, snapshot(ttl=30, servers=(ONE, TWO)), 0, MOST)
    both = observe(both, snapshot(ttl=25, servers=(TWO,)), 5, MOST)
    assert both.counting == {TWO}


def test_an_answer_of_two_servers_shows_one_of_them() -> None:
    """That which was seen before; the other one may be new."""
    ttls = observe(NO_TTLS, snapshot(ttl=30, servers=(TWO,)), 0, MOST)
    assert observe(ttls, snapshot(ttl=25, servers=(ONE, TWO)), 5, MOST).counting == {TWO}


def test_what_is_known_is_not_judged_again() -> None:
    """Of a server whose TTLs count down nothing more is kept."""
    ttls = seen([(0.0, 30), (5.0, 25)])
    assert observe(ttls, snapshot(ttl=20), 10, MOST) == ttls


def test_the_largest_seen() -> None:
    """As far as it is believed; an answer without a TTL says nothing."""
    assert seen([(0.0, 5), (5.0, 30), (10.0, 5)]).largest == 30
    assert seen([(0.0, LARGEST)]).largest == MOST
    assert seen([(0.0, None)]) is NO_TTLS
    assert seen([(0.0, 0)]).largest == 0


def test_lifetime() -> None:
    """Of an answer out of a cache, as far as it is believed; None from elsewhere."""
    ttls = seen([(0.0, 30), (5.0, 25)])
    assert lifetime(ttls, snapshot(ttl=12), MOST) == 12
    assert lifetime(ttls, snapshot(ttl=0), MOST) == 0
    assert lifetime(ttls, snapshot(ttl=LARGEST), MOST) == MOST
    assert lifetime(ttls, snapshot(ttl=12, servers=(TWO,)), MOST) is None
    assert lifetime(ttls, snapshot(ttl=12, servers=(TWO, ONE)), MOST) == 12
    assert lifetime(ttls, snapshot(ttl=None), MOST) is None
    assert lifetime(NO_TTLS, snapshot(ttl=12), MOST) is None


def test_the_state_before_is_not_changed() -> None:
    """`observe` is a function."""
    first = seen([(0.0, 30)])
    observe(first, snapshot(ttl=25), 5, MOST)
    assert first == seen([(0.0, 30)])
