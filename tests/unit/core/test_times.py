"""Times as text, durations in words, the marks of a time axis."""

from __future__ import annotations

import pytest

from headless_discovery.core.times import clock, date, lasting, seconds_of, ticks, timestamp

NOON = 1785326400.0  # 2026-07-29T12:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-07-29T12:00:00.000Z", NOON),
        ("2026-07-29T12:00:00.120Z", NOON + 0.12),
        ("1970-01-01T00:00:00.000Z", 0.0),
        ("2024-02-29T23:59:59.999Z", 1709251199.999),
    ],
)
def test_there_and_back(text: str, seconds: float) -> None:
    """A time written and read is the same to the millisecond."""
    assert timestamp(seconds) == text
    assert seconds_of(text) == pytest.approx(seconds, abs=1e-6)


def test_what_else_is_read() -> None:
    """Without a fraction, or with a longer one."""
    assert seconds_of("2026-07-29T12:00:00Z") == NOON
    assert seconds_of("2026-07-29T12:00:00.123456789Z") == pytest.approx(NOON + 0.123456789)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-07-29",
        "2026-07-29T12:00:00",
        "2026-07-29T12:00:00+02:00",
        "2026-07-29T12:00:00.Z",
        "2026-02-30T12:00:00Z",
        "2026-07-29T24:00:01Z",
        "0000-01-01T00:00:00Z",
        "\u0662026-07-29T12:00:00Z",
        "2026-07-29T12:00:00Z\n",
    ],
)
def test_no_times(text: str) -> None:
    """Anything else is refused, also a day or an hour that there is not."""
    with pytest.raises(ValueError, match=r"no time as in|must be in|out of range"):
        seconds_of(text)


def test_parts_of_a_time() -> None:
    """The time of day with as many digits as wanted, and the day."""
    assert clock(NOON + 61.12) == "12:01:01.120"
    assert clock(NOON + 61.12, 1) == "12:01:01.1"
    assert clock(NOON + 61.92, 0) == "12:01:01"
    assert date(NOON) == "2026-07-29"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.42, "0.42 s"),
        (3.14, "3.1 s"),
        (12.4, "12 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3599.6, "1 h"),
        (8 * 3600 + 125, "8 h 2 min"),
        (3 * 86400, "3 d"),
        (3 * 86400 + 5 * 3600, "3 d 5 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    """The two largest units."""
    assert lasting(seconds) == words


@pytest.mark.parametrize(
    ("begin", "end", "most", "labels"),
    [
        (
            NOON,
            NOON + 10,
            5,
            ["12:00:00", "12:00:02", "12:00:04", "12:00:06", "12:00:08", "12:00:10"],
        ),
        (NOON + 1, NOON + 600, 3, ["12:05", "12:10"]),
        (NOON, NOON + 86400, 4, ["12:00", "18:00", "2026-07-30", "06:00", "12:00"]),
        (NOON, NOON + 1, 4, ["12:00:00.0", "12:00:00.5", "12:00:01.0"]),
        (NOON, NOON + 0.1, 4, ["12:00:00.00", "12:00:00.05", "12:00:00.10"]),
        (NOON - 5, NOON + 86400 * 20, 3, ["2026-07-30", "2026-08-06", "2026-08-13"]),
    ],
)
def test_marks_are_round(begin: float, end: float, most: int, labels: list[str]) -> None:
    """Round times, aligned to midnight, which is told as the day."""
    assert [tick.label for tick in ticks(begin, end, most)] == labels


@pytest.mark.parametrize("length", [0.001, 0.3, 7, 61, 3700, 90000, 1e7, 9e8, 3.2e10])
@pytest.mark.parametrize("most", [1, 3, 12])
def test_marks_are_few_and_inside(length: float, most: int) -> None:
    """However long the axis, there are no more than have room, and none is outside."""
    found = ticks(NOON % 9, NOON % 9 + length, most)
    assert len(found) <= most + 1
    assert all(NOON % 9 <= tick.at <= NOON % 9 + length for tick in found)
    assert [tick.at for tick in found] == sorted({tick.at for tick in found})
