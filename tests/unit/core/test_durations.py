"""Durations as text."""

from __future__ import annotations

import pytest

from headless_discovery.core.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("500ms", 0.5),
        ("5s", 5.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        (" 5S ", 5.0),
        ("1 h", 3600.0),
        ("8760h", 3600.0 * 24 * 365),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """A number with a unit, seconds where there is none, in any letter case."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "ms",
        "x",
        "5x",
        "5d",
        "-1",
        "-1s",
        "nan",
        "inf",
        "8761h",
        "1e99h",
        "5ss",
        "1,5",
        "1_0s",
        "\u0663s",
    ],
)
def test_what_is_none(text: str) -> None:
    """Everything else, and what is more than a year."""
    assert parse_duration(text) is None
