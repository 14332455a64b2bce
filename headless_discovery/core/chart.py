"""Charts: a timeline as lines of text, one row a pod, as wide as the terminal.

In: a `Timeline` and a width. Out: lines that any terminal shows, with a plain form for
those that know ASCII only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .timeline import unbroken
from .times import clock, date, lasting, ticks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .timeline import Row, Timeline

__all__ = ["chart", "summary"]

FULL, LEFT, RIGHT, BROKEN, MOVED, FAILED, MARK = "█▌▐┇◆░┬"
LINE = "─"
_PLAIN = str.maketrans(f"{FULL}{LEFT}{RIGHT}{BROKEN}{MOVED}{FAILED}{MARK}{LINE}", "###:*!|-")
_LONGEST_LABEL = 40
_LEAST_PLOT = 20
_TICK_ROOM = 14


def chart(timeline: Timeline, width: int, *, plain: bool = False) -> list[str]:
    """The timeline as lines.

    Args:
        timeline: What to draw.
        width: Columns there are; at least some 40 are taken.
        plain: ASCII only.
    """
    names = [_short(row.name) for row in timeline.rows]
    labels = max((len(name) for name in (*names, "DNS")), default=3)
    last = [_short(_last_address(row)) for row in timeline.rows]
    addresses = max((len(text) for text in last), default=0)
    if labels + addresses + 4 + 2 * _LEAST_PLOT > width:
        last, addresses = [""] * len(last), 0
    indent = labels + 2 + (addresses + 2 if addresses else 0)
    scale = _Scale(timeline, max(_LEAST_PLOT, width - indent))
    lines = [timeline.service, summary(timeline), ""]
    for name, address, row in zip(names, last, timeline.rows, strict=True):
        head = f"{name:{labels}}  " + (f"{address:{addresses}}  " if addresses else "")
        lines.append((head + _bar(row, scale)).rstrip())
    if not timeline.rows:
        lines.append("nobody was a member")
    lines.append(("DNS".ljust(indent) + _failures(timeline, scale)).rstrip())
    lines += [(" " * indent + line).rstrip() for line in _axis(timeline, scale)]
    lines += ["", _legend(timeline, any(BROKEN in line for line in lines))]
    lines += [f"({remark})" for remark in timeline.remarks]
    return [line.translate(_PLAIN) for line in lines] if plain else lines


def summary(timeline: Timeline) -> str:
    """What the recording holds, in one line."""
    failed = sum(not complete for _, complete in timeline.looks)
    begin, end = timeline.begin, timeline.end
    until = clock(end, 0) if date(begin) == date(end) else f"{date(end)} {clock(end, 0)}"
    return (
        f"{date(begin)} {clock(begin, 0)} to {until} UTC ({lasting(end - begin)}): "
        f"{_count(len(timeline.rows), 'pod')}, {_count(timeline.changes, 'change')}, "
        f"{_count(len(timeline.looks), 'look')}, {failed} failed"
    )


class _Scale:
    """From a time to a column."""

    def __init__(self, timeline: Timeline, columns: int) -> None:
        self.columns = columns
        self._begin = timeline.begin
        self._per_second = columns / max(timeline.end - timeline.begin, 1e-3)

    def place(self, time: float) -> float:
        """Where a time is, 0 to ``columns``."""
        return min(max((time - self._begin) * self._per_second, 0.0), float(self.columns))

    def cell(self, time: float) -> int:
        """The column that a time falls into."""
        return min(int(self.place(time)), self.columns - 1)


def _bar(row: Row, scale: _Scale) -> str:
    """Where the pod was a member; half cells at the ends, a mark where it moved.

    However short a time it was away for, no full cell hides it.
    """
    cells = [" "] * scale.columns
    until = -1.0  # where the time before this one ended
    for begin, end in unbroken(row):
        left, right = scale.place(begin), scale.place(end)
        for cell in range(scale.cell(begin), max(scale.cell(begin), math.ceil(right) - 1) + 1):
            piece = _piece(left - cell, right - cell)
            cells[cell] = piece if cells[cell] == " " else BROKEN
        if until >= 0 and left - until < 1:
            cells[int(until)] = BROKEN
        until = right
    for stay in row.stays:
        if stay.moved_from:
            cells[scale.cell(stay.begin)] = MOVED
    return "".join(cells)


def _piece(begin: float, end: float) -> str:
    """One cell, 0 to 1, of which a bar covers this much."""
    if min(end, 1.0) - max(begin, 0.0) >= 0.75:
        return FULL
    if begin <= 0:
        return LEFT
    return RIGHT if end >= 1 else BROKEN


def _failures(timeline: Timeline, scale: _Scale) -> str:
    cells = [LINE] * scale.columns
    for outage in timeline.outages:
        for cell in range(scale.cell(outage.begin), scale.cell(outage.end) + 1):
            cells[cell] = FAILED
    return "".join(cells)


def _axis(timeline: Timeline, scale: _Scale) -> Iterable[str]:
    """Two lines: marks, and what stands at them."""
    marks = [" "] * scale.columns
    text = ""
    for tick in ticks(timeline.begin, timeline.end, max(1, scale.columns // _TICK_ROOM)):
        cell = scale.cell(tick.at)
        start = min(cell, scale.columns - len(tick.label))
        if start <= len(text) and text:
            continue
        marks[cell] = MARK
        text = text.ljust(max(start, 0)) + tick.label
    return "".join(marks), text


def _legend(timeline: Timeline, broken: bool) -> str:
    signs = [f"{FULL} member"]
    if broken:
        signs.append(f"{BROKEN} there and away")
    if any(stay.moved_from for row in timeline.rows for stay in row.stays):
        signs.append(f"{MOVED} new address")
    if timeline.outages:
        failed = sum(outage.end - outage.begin for outage in timeline.outages)
        kinds = dict.fromkeys(kind for outage in timeline.outages for kind in outage.kinds)
        signs.append(f"{FAILED} DNS failed ({', '.join(kinds)}; {lasting(failed)} in all)")
    return "   ".join(signs)


def _last_address(row: Row) -> str:
    return row.stays[-1].addresses[0]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3] + "..."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
