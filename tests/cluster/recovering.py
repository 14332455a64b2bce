"""How followers come back after an outage: their looks held against when servers were away.

In come the looks of one follower and the outages of its server, out come the faults in
words, and the outages as this follower felt them: until its first good look. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLACK = 0.3  # seconds: the outage's end is known by asking every now and then
_BACKOFF = 1.0
_BACKOFF_MAX = 25.0
_JITTER = 1.2


class Looked(NamedTuple):
    """One look: when it began and ended, and whether it was complete."""

    began: float
    ended: float
    good: bool


class Recoveries(NamedTuple):
    """What became of the streaks of failed looks.

    Attributes:
        faults: Looks that failed with no outage, and pauses longer than the backoff's.
        felt: The outages, each until this follower's first good look after it.
        streaks: How many streaks of failed looks there were.
        longest: The longest time from the end of an outage to the good look's end.
    """

    faults: list[str]
    felt: list[tuple[float, float]]
    streaks: int
    longest: float


def recoveries(looks: Sequence[Looked], outages: Sequence[tuple[float, float]]) -> Recoveries:
    """Judge every streak of failed looks: it has an outage, and ends one backoff step after."""
    faults: list[str] = []
    felt = list(outages)
    longest = 0.0
    streaks = 0
    for first, last in _streaks(looks):
        streaks += 1
        failed = looks[first : last + 1]
        met = [each for each in outages if each[0] - _SLACK <= failed[-1].ended]
        if not met or met[-1][1] + _SLACK < failed[0].began:
            faults.append(f"{failed[0].began:.2f}: a look failed without an outage")
            continue
        ready = met[-1][1]
        if failed[-1].began > ready + _SLACK:
            faults.append(
                f"{failed[-1].began:.2f}: a look failed after the outage's end {ready:.2f}"
            )
        if last + 1 == len(looks):
            felt.append((failed[0].began, failed[-1].ended + step(len(failed))))
            continue
        after = looks[last + 1]
        pause = after.began - failed[-1].ended
        if pause > step(len(failed)) + _SLACK:
            faults.append(f"{after.began:.2f}: {pause:.2f} s after failure {len(failed)} in a row")
        felt.append((min(failed[0].began, ready), after.ended))
        longest = max(longest, after.ended - ready)
    return Recoveries(faults, felt, streaks, longest)


def step(failures: int) -> float:
    """The longest pause after so many failures in a row, seconds."""
    return min(_BACKOFF_MAX, _BACKOFF * 2.0 ** (failures - 1)) * _JITTER


def _streaks(looks: Sequence[Looked]) -> list[tuple[int, int]]:
    """(first, last) of each row of failed looks."""
    found: list[tuple[int, int]] = []
    for number, look in enumerate(looks):
        if look.good:
            continue
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
