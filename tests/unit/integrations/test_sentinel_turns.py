"""Turns: which replica a read goes to, beyond the connections that a pool keeps."""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise
from random import Random

import pytest

from headless_discovery.integrations._pools import NEW_WITHIN, Turns

ONE, TWO, THREE = ("redis-1", 6379), ("redis-2", 6379), ("redis-3", 6379)
PRIMARY = ("redis-0", 6379)
ALL = [ONE, TWO, THREE]


def turns(
    recycle: float | None = 5.0, seed: int = 1, replicas: list[tuple[str, int]] = ALL
) -> Turns:
    """Turns of some replicas."""
    made = Turns(recycle, Random(seed).random)
    made.renew(replicas)
    return made


def reads(made: Turns, at: tuple[str, int], begin: float, end: float) -> list[tuple[float, str]]:
    """A program that reads each 10 ms by one connection: when it read, and from whom."""
    seen: list[tuple[float, str]] = []
    for step in count():
        now = begin + step * 0.01
        if now >= end:
            return seen
        at = made.turn(at, now) or at
        seen.append((now, at[0]))
    raise AssertionError


@pytest.mark.parametrize("seed", range(20))
def test_nobody_waits_for_long(seed: int) -> None:
    """One connection reads from each replica at least each ``recycle`` seconds."""
    seen = reads(turns(seed=seed), ONE, 0.0, 60.0)
    for name, _ in ALL:
        times = [now for now, who in seen if who == name]
        assert times[0] <= NEW_WITHIN + 0.02
        assert max(after - before for before, after in pairwise(times)) <= 5.0 + 0.04
    moves = sum(before[1] != after[1] for before, after in pairwise(seen))
    assert 10 < moves <= 60 / 5 * 3 + 3


@pytest.mark.parametrize("seed", range(20))
def test_a_new_one_is_read_from_soon(seed: int) -> None:
    """Within a second, whatever the time was before; who went is not asked for again."""
    made = turns(seed=seed, replicas=[ONE, TWO])
    reads(made, ONE, 0.0, 30.0)
    made.renew([TWO, THREE])
    seen = reads(made, TWO, 30.0, 60.0)
    assert next(now for now, who in seen if who == "redis-3") <= 30.0 + NEW_WITHIN + 0.02
    assert {who for _, who in seen} == {"redis-2", "redis-3"}


def test_clients_do_not_move_together() -> None:
    """Of a thousand clients that learn of a new replica, few move to it in any tenth of it."""
    first = []
    for seed in range(1000):
        made = turns(seed=seed, replicas=[ONE, TWO])
        reads(made, ONE, 0.0, 0.1)
        made.renew(ALL)
        first.append(next(now for now, who in reads(made, ONE, 30.0, 32.0) if who == "redis-3"))
    tenths = Counter(int((now - 30.0) * 10) for now in first)
    assert max(tenths.values()) < 200


def test_from_the_primary_back_to_replicas() -> None:
    """A connection that fell back to the primary leaves it at once."""
    made = turns(replicas=[ONE])
    reads(made, ONE, 0.0, 1.0)
    assert made.turn(PRIMARY, 10.0) == ONE


def test_who_has_nobody_to_move_to() -> None:
    """Then the connection stays: one replica, none, or it is not wanted."""
    assert reads(turns(replicas=[ONE]), ONE, 0.0, 20.0)[-1][1] == "redis-1"
    assert turns(replicas=[]).turn(PRIMARY, 100.0) is None
    assert {who for _, who in reads(turns(None), TWO, 0.0, 100.0)} == {"redis-2"}


def test_the_order_begins_anywhere() -> None:
    """And stays while the replicas do, so that the pool's own turns are exact."""
    begins = Counter(turns(seed=seed).renew(ALL)[0] for seed in range(300))
    assert min(begins[each] for each in ALL) > 60
    made = turns()
    first = made.renew(ALL)
    assert sorted(first) == ALL
    assert all(made.renew(ALL) == first for _ in range(10))
    first.clear()
    assert sorted(made.renew([THREE, ONE, TWO])) == ALL


def test_other_replicas_meanwhile() -> None:
    """What another thread learns in the middle of a turn does not end it."""
    others: list[tuple[str, int]] = []

    class Place(tuple[str, int]):
        """Lets another thread in whenever it is looked for."""

        __slots__ = ()

        def __hash__(self) -> int:
            if others:
                there = [others.pop()]
                made.renew(there)
                made.turn(there[0], 100.0)
            return super().__hash__()

    here, there = Place(ONE), Place(TWO)
    for number in range(1, 12):
        made = turns(replicas=[here, there])
        others[:] = [THREE] * number
        assert made.turn(here, 100.0) in (here, there, None)
