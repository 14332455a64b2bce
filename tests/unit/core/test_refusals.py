"""Refusals: what is told of the records that answers were refused for, and how often."""

from __future__ import annotations

from headless_discovery.core.refusals import GAP, Refusals


def test_what_is_new_is_told_once() -> None:
    """As long as it stays refused; and once more where it was not, meanwhile."""
    refusals = Refusals()
    told = [
        refusals.news(dropped, number * GAP)
        for number, dropped in enumerate(
            [(), ("b", "a"), ("a", "b"), ("a", "b", "c"), ("c",), (), ("b", "c"), ("b", "c")]
        )
    ]
    assert told == [None, "a; b", None, "c", None, None, "b; c", None]


def test_many_at_once() -> None:
    """The first ten, and how many more."""
    words = [f"{number:02}" for number in range(12)]
    first = "; ".join(words[:10])
    assert Refusals().news(words[:10], 0.0) == first
    assert Refusals().news(words[:11], 0.0) == f"{first} and 1 more"
    assert Refusals().news(reversed(words), 0.0) == f"{first} and 2 more"


def test_no_flood() -> None:
    """Others with each look: one line per 30 s; what is refused by then is told then."""
    refusals = Refusals()
    assert refusals.news(["a"], 1000.0) == "a"
    assert refusals.news(["a", "b"], 1000.0 + GAP - 1) is None
    assert refusals.news(["a", "c"], 1000.0 + GAP) == "c"
    told = [refusals.news([str(number)], 2000.0 + number) for number in range(100)]
    assert [each for each in told if each is not None] == ["0", "30", "60", "90"]


def test_nothing_is_kept_for_long() -> None:
    """What is remembered is part of what the last look refused, whether it was told or not."""
    refusals = Refusals()
    for number in range(100):
        refusals.news([f"{number}-{each}" for each in range(3)], number * GAP / 10)
        assert len(refusals._told) <= 3
    refusals.news([], 1.0)
    assert not refusals._told
