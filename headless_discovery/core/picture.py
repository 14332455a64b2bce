"""Pictures: a timeline as one SVG file that needs nothing else, in light and dark.

In: a `Timeline`. Out: the text of the file. Every text of the recording is escaped; there
is no script, no font and no address of anything outside in it.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from .chart import summary
from .timeline import unbroken
from .times import clock, date, lasting, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timeline import Outage, Row, Stay, Timeline

__all__ = ["picture"]

_WIDTH = 980.0
_MARGIN = 24.0
_LETTER = 7.25  # of the labels, 12 px
_LEAST_GAP = 2.0  # px: an absence of a second is seen in a picture of three days
_TALLEST = 880.0  # px for all rows, as long as they stay two pixels high

_STYLE = """\
.hd-page { fill: #ffffff }
.hd-head { font: 600 17px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif }
.hd-text { font: 12px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif }
.hd-name { font: 12px ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace }
.hd-in { font: 10.5px ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace }
.hd-head, .hd-name { fill: #1d2733 }
.hd-text { fill: #56616e }
.hd-in { fill: #ffffff }
.hd-grid { stroke: #d9dee4 }
.hd-track { fill: #eef1f4 }
.hd-bar { fill: #2c6fbb }
.hd-move { fill: #ffb020; stroke: #ffffff; stroke-width: 1.5 }
.hd-out { fill: #d64545; fill-opacity: 0.13 }
.hd-edge { stroke: #d64545; stroke-opacity: 0.55 }
.hd-hatch { stroke: #d64545; stroke-opacity: 0.5; stroke-width: 2 }
.hd-red { fill: #b3312f }
.hd-good, .hd-bad { stroke-width: 1.4 }
.hd-good { stroke: #4c9a63 }
.hd-bad { stroke: #d64545 }
@media (prefers-color-scheme: dark) {
.hd-page { fill: #14191f }
.hd-head, .hd-name { fill: #e8ecf1 }
.hd-text { fill: #a3afbc }
.hd-in { fill: #0d1722 }
.hd-grid { stroke: #303944 }
.hd-track { fill: #1f2730 }
.hd-bar { fill: #5fa2ea }
.hd-move { stroke: #14191f }
.hd-out { fill-opacity: 0.2 }
.hd-red { fill: #ff8d85 }
}"""


_HATCHING = (
    '<defs><pattern id="hd-lines" width="8" height="8" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hd-hatch" d="M1 0V8"/></pattern></defs>'
)


class _Layout:
    """Where everything is, in pixels."""

    def __init__(self, timeline: Timeline) -> None:
        count = max(len(timeline.rows), 1)
        self.pitch = min(30.0, max(2.0, _TALLEST / count))
        self.bar = self.pitch * (0.72 if self.pitch > 4 else 0.8)
        longest = max((len(_short(row.name)) for row in timeline.rows), default=0)
        self.left = _MARGIN + max(longest, 5) * _LETTER + 12
        self.right = _WIDTH - _MARGIN - 12  # the last mark's time is wider than the margin
        self.top = 122.0
        self.bottom = self.top + count * self.pitch
        self.looks = self.bottom + 10
        self.axis = self.looks + 14
        self.height = self.axis + 34 + 18 * len(timeline.remarks)
        self._begin = timeline.begin
        self._scale = (self.right - self.left) / max(timeline.end - timeline.begin, 1e-3)

    def x(self, time: float) -> float:
        """Where a time is."""
        return min(self.left + max(time - self._begin, 0.0) * self._scale, self.right)

    def y(self, row: int) -> float:
        """The upper edge of a row's bar."""
        return self.top + row * self.pitch + (self.pitch - self.bar) / 2


def picture(timeline: Timeline) -> str:
    """The timeline as an SVG file."""
    layout = _Layout(timeline)
    width, height = _number(_WIDTH), _number(layout.height)
    size = f'width="{width}" height="{height}"'
    box = f'viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img">',
        _title(f"Members of {timeline.service}"),
        f"<desc>{escape(summary(timeline))}</desc>",
        f"<style>{_STYLE}</style>",
        _HATCHING,
        f'<rect class="hd-page" {size}/>',
        _text("hd-head", _MARGIN, 36, f"Members of {timeline.service}"),
        _text("hd-text", _MARGIN, 57, summary(timeline)),
        *_legend(timeline),
        *_axis(timeline, layout),
        *_outages(timeline, layout, hatched=False),
        *_rows(timeline, layout),
        *_outages(timeline, layout, hatched=True),
        *_moves(timeline, layout),
        *_looks(timeline, layout),
        *_remarks(timeline, layout),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(timeline: Timeline) -> Iterator[str]:
    x, y = _MARGIN, 84.0
    yield _rect('class="hd-bar" rx="2"', x, y - 9, 26, 10)
    yield _text("hd-text", x + 32, y, "member")
    x += 96
    if any(stay.moved_from for row in timeline.rows for stay in row.stays):
        yield _diamond(x + 6, y - 4, 6, "")
        yield _text("hd-text", x + 18, y, "new address")
        x += 108
    if timeline.outages:
        kinds = dict.fromkeys(kind for outage in timeline.outages for kind in outage.kinds)
        failed = sum(outage.end - outage.begin for outage in timeline.outages)
        yield _rect('class="hd-out"', x, y - 10, 26, 12)
        yield _rect('fill="url(#hd-lines)"', x, y - 10, 26, 12)
        told = ", ".join(list(kinds)[:4])
        yield _text("hd-text", x + 32, y, f"DNS failed ({told}), {lasting(failed)} in all")


def _axis(timeline: Timeline, layout: _Layout) -> Iterator[str]:
    marks = ticks(timeline.begin, timeline.end, int((layout.right - layout.left) // 78))
    for tick in marks:
        x = layout.x(tick.at)
        yield _line("hd-grid", x, layout.top - 4, x, layout.axis - 2)
        yield _text("hd-text", x, layout.axis + 14, tick.label, "middle")
    yield _text("hd-text", _MARGIN, layout.axis + 14, "UTC")


class _Band(NamedTuple):
    """Outages that stand so close that they are drawn as one."""

    left: float
    right: float
    outages: tuple[Outage, ...]

    @property
    def label(self) -> str:
        """What stands above it."""
        failed = lasting(sum(outage.end - outage.begin for outage in self.outages))
        times = f"{len(self.outages):,} x, " if len(self.outages) > 1 else ""
        return f"DNS failed {times}{failed}"

    @property
    def told(self) -> str:
        """Its tooltip."""
        kinds = list(dict.fromkeys(kind for outage in self.outages for kind in outage.kinds))
        looks = sum(outage.looks for outage in self.outages)
        return (
            f"{self.label}, {_when(self.outages[0].begin)} to {_when(self.outages[-1].end)}: "
            f"{', '.join(kinds[:4])} in {looks:,} looks; nobody is removed for that"
        )


def _bands(timeline: Timeline, layout: _Layout) -> Iterator[_Band]:
    left = right = -1.0
    outages: list[Outage] = []
    for outage in timeline.outages:
        begin = layout.x(outage.begin)
        if outages and begin - right >= 1:
            yield _Band(left, right, tuple(outages))
            outages = []
        left = left if outages else begin
        right = max(layout.x(outage.end), begin + 1.5)
        outages.append(outage)
    if outages:
        yield _Band(left, right, tuple(outages))


def _outages(timeline: Timeline, layout: _Layout, *, hatched: bool) -> Iterator[str]:
    """Bands across all rows: colour behind the bars, lines over them, which also tell."""
    labelled = 0.0
    top, height = layout.top - 4, layout.looks - layout.top + 4
    for band in _bands(timeline, layout):
        width = band.right - band.left
        if not hatched:
            yield _rect('class="hd-out"', band.left, top, width, height)
            continue
        yield _rect('fill="url(#hd-lines)"', band.left, top, width, height, band.told)
        yield _line("hd-edge", band.left, top, band.left, top + height)
        yield _line("hd-edge", band.right, top, band.right, top + height)
        room = len(band.label) * 6.4
        start = (band.left + band.right - room) / 2
        start = min(max(start, layout.left), layout.right - room)
        if start > labelled:
            yield _text("hd-text hd-red", start, layout.top - 10, band.label)
            labelled = start + room + 8


def _rows(timeline: Timeline, layout: _Layout) -> Iterator[str]:
    every = max(1, math.ceil(13 / layout.pitch))
    for number, row in enumerate(timeline.rows):
        y = layout.y(number)
        if number % every == 0:
            middle = y + layout.bar / 2 + 4
            yield _text("hd-name", layout.left - 12, middle, _short(row.name), "end")
        yield _rect('class="hd-track"', layout.left, y, layout.right - layout.left, layout.bar)
        yield from _bars(row, layout, y)
    if not timeline.rows:
        yield _text("hd-text", layout.left + 8, layout.top + 20, "nobody was a member")


def _bars(row: Row, layout: _Layout, y: float) -> Iterator[str]:
    """The bars of one row; a gap is never narrower than can be seen.

    Who comes and goes faster than that is drawn as a comb.
    """
    style = 'class="hd-bar" rx="3"' if layout.bar > 10 else 'class="hd-bar"'
    drawn = 0.0  # up to here
    for begin, end in unbroken(row):
        left, right = max(layout.x(begin), drawn + _LEAST_GAP), layout.x(end)
        if left > right:
            continue
        width = max(right - left, 1.0)
        drawn = left + width
        told = f"{row.name}: a member for {lasting(end - begin)}, {_when(begin)} to {_when(end)}"
        yield _rect(style, left, y, width, layout.bar, told)
    if layout.pitch >= 18:
        for stay in row.stays:
            yield from _address(stay, layout, y)


def _address(stay: Stay, layout: _Layout, y: float) -> Iterator[str]:
    """The address inside its bar, where there is room."""
    text = stay.addresses[0]
    left = layout.x(stay.begin) + (12 if stay.moved_from else 7)
    if layout.x(stay.end) - left > len(text) * 6.4 + 10:
        yield _text("hd-in", left, y + layout.bar / 2 + 3.7, text)


def _marks(row: Row, layout: _Layout, y: float) -> Iterator[str]:
    """Where the address changed; changes too close to be told apart share one mark."""
    size = min(6.0, max(layout.bar / 2, 1.5))
    groups: list[tuple[float, list[str]]] = []
    for stay in row.stays:
        if stay.moved_from:
            x = layout.x(stay.begin)
            told = (
                f"{row.name}: {', '.join(stay.moved_from[:4])} -> "
                f"{', '.join(stay.addresses[:4])}, {_when(stay.begin)}"
            )
            if groups and x - groups[-1][0] < size:
                groups[-1][1].append(told)
            else:
                groups.append((x, [told]))
    for x, each in groups:
        more = [f"and {len(each) - 8} more"] if len(each) > 8 else []
        yield _diamond(x, y + layout.bar / 2, size, "\n".join([*each[:8], *more]))


def _moves(timeline: Timeline, layout: _Layout) -> Iterator[str]:
    for number, row in enumerate(timeline.rows):
        yield from _marks(row, layout, layout.y(number))


def _looks(timeline: Timeline, layout: _Layout) -> Iterator[str]:
    """Each look as a stroke, one a pixel at most."""
    for complete, style in ((True, "hd-good"), (False, "hd-bad")):
        places = dict.fromkeys(
            round(layout.x(time)) for time, well in timeline.looks if well is complete
        )
        if places:
            path = "".join(f"M{x} {_number(layout.looks)}v7" for x in places)
            yield f'<path class="{style}" d="{path}"/>'
    yield _text("hd-text", layout.left - 12, layout.looks + 8, "looks", "end")


def _remarks(timeline: Timeline, layout: _Layout) -> Iterator[str]:
    for number, remark in enumerate(timeline.remarks):
        yield _text("hd-text", _MARGIN, layout.axis + 36 + 18 * number, f"({remark})")


def _when(time: float) -> str:
    return f"{date(time)} {clock(time)}"


def _short(text: str) -> str:
    return text if len(text) <= 36 else text[:33] + "..."


def _diamond(x: float, y: float, size: float, told: str) -> str:
    path = (
        f"M{_number(x - size)} {_number(y)}L{_number(x)} {_number(y - size)}"
        f"L{_number(x + size)} {_number(y)}L{_number(x)} {_number(y + size)}Z"
    )
    return f'<path class="hd-move" d="{path}">{_title(told)}</path>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _rect(look: str, x: float, y: float, width: float, height: float, told: str = "") -> str:
    place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
    return f"<rect {look} {place}" + (f">{_title(told)}</rect>" if told else "/>")


def _line(style: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="{style}" d="M{_number(x)} {_number(y)}L{_number(to_x)} {_number(to_y)}"/>'


def _text(style: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{_number(x)}" y="{_number(y)}"{end}>{escape(text)}</text>'


def _number(value: float) -> str:
    """As short as a tenth of a pixel allows."""
    return f"{value:.1f}".removesuffix(".0")
