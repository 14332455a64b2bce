"""Racing: which address of a pod begins when."""

from __future__ import annotations

from math import inf

import pytest

from headless_discovery.core.racing import Race

A4, B4, C4 = "10.0.0.1", "10.0.0.2", "10.0.0.3"
A6, B6, C6 = "fd00::1", "fd00::2", "fd00::3"
START = 1000.0


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        ((), []),
        ((A4,), [A4]),
        ((A4, B4), [A4, B4]),
        ((A4, A6), [A4, A6]),
        ((A6, A4), [A6, A4]),
        ((A4, B4, A6, B6), [A4, A6, B4, B6]),
        ((A6, B6, A4), [A6, A4, B6]),
        ((A4, A6, B6, C6), [A4, A6, B6, C6]),
        ((A4, B4, C4, A6), [A4, A6, B4, C4]),
    ],
)
def test_the_families_take_turns(addresses: tuple[str, ...], order: list[str]) -> None:
    """Beginning with the first address' one; all of them, each once (RFC 8305, section 4)."""
    race = Race(addresses, 0.25, START)
    begun = []
    while race.due < inf:
        address = race.begin(race.due)
        assert address is not None
        begun.append(address)
    assert begun == order
    assert race.begin(START + 100) is None


def test_one_after_the_other() -> None:
    """The first at once, each next one ``stagger`` later, not before."""
    race = Race((A4, A6, B4), 0.25, START)
    assert race.due == START
    assert race.begin(START) == A4
    assert race.due == START + 0.25
    assert race.begin(START + 0.249) is None
    assert race.begin(START + 0.25) == A6
    assert race.begin(START + 0.3) is None
    assert race.begin(START + 0.6) == B4
    assert race.due == inf


def test_a_failure_ends_the_wait() -> None:
    """The next one begins at once, and the one after that waits as ever."""
    race = Race((A4, A6, B4), 0.25, START)
    race.begin(START)
    race.failed(START + 0.01)
    assert race.due == START + 0.01
    assert race.begin(START + 0.01) == A6
    assert race.due == pytest.approx(START + 0.26)


def test_the_last_one_failed() -> None:
    """Nothing is due any more."""
    race = Race((A4,), 0.25, START)
    race.begin(START)
    race.failed(START + 0.01)
    assert race.due == inf
    assert race.begin(START + 1) is None
