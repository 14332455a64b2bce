"""Times as text: RFC 3339 in UTC, the time of day, durations in words, marks of an axis.

In: seconds since 1970 and texts. Out: texts and seconds. Reads no clock.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

__all__ = ["Tick", "clock", "date", "lasting", "seconds_of", "ticks", "timestamp"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
# What reads well on an axis; beyond a week it is days by 1, 2, 5 and their tens.
_STEPS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7)),
    *(n * 10**power * _DAY for power in range(1, 8) for n in (1, 2, 5)),
)


class Tick(NamedTuple):
    """One mark of a time axis: seconds since 1970 and what stands at it."""

    at: float
    label: str


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as ``2026-07-29T14:02:11.120Z``."""
    text = _moment(seconds).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def seconds_of(text: str) -> float:
    """What `timestamp` wrote, as seconds since 1970.

    Raises:
        ValueError: It is no such text, or no such day or hour exists.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError("it is no time as in 2026-07-29T14:02:11.120Z")
    whole, _, fraction = text[:-1].partition(".")
    days = datetime.fromisoformat(whole + "+00:00") - _EPOCH
    return days.total_seconds() + (float("0." + fraction) if fraction else 0.0)


def clock(seconds: float, digits: int = 3) -> str:
    """The time of day in UTC, ``14:02:11.120``, with 0 to 3 digits of a second's fraction."""
    text = f"{_moment(seconds):%H:%M:%S.%f}"
    return text[: 9 + digits] if digits else text[:8]


def date(seconds: float) -> str:
    """The day in UTC, ``2026-07-29``."""
    return _moment(seconds).date().isoformat()


def lasting(seconds: float) -> str:
    """A duration in the two largest of its units: ``0.42 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, part in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def ticks(begin: float, end: float, most: int) -> tuple[Tick, ...]:
    """Marks of an axis at round times, aligned to midnight UTC.

    Args:
        begin: Where the axis begins, seconds since 1970.
        end: Where it ends; later than ``begin``.
        most: How many marks have room, at least 1.
    """
    step = next((each for each in _STEPS if (end - begin) / each <= most), _STEPS[-1])
    first = math.ceil(begin / step - 1e-4)
    last = math.floor(end / step + 1e-4)
    # A shift of a rounding error must not leave the years that there are.
    places = (min(max(number * step, begin), end) for number in range(first, last + 1))
    return tuple(Tick(at, _label(at, step)) for at in places)


def _label(at: float, step: float) -> str:
    """The time at a mark, no finer than the step asks for; at midnight the day."""
    if step < 1:
        return clock(at + 1e-4, 1 if step >= 0.1 else 2)
    near = round(at)
    if near % 86400 == 0 and step >= _MINUTE:
        return date(near)
    return clock(near, 0) if step < _MINUTE else clock(near, 0)[:5]


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
