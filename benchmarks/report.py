"""Report: the rows of the benchmark as aligned text or as a Markdown table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

__all__ = ["Row", "aligned", "as_markdown", "as_text", "markdown"]

HEADINGS = ("what", "N", "ours", "beside", "wall", "cpu", "goal", "stretch", "verdict", "(abs)")
LEFT = (0, 2, 3, 8)


class Row(NamedTuple):
    """One comparison.

    Attributes:
        what: What is compared.
        pods: Pods behind the Service, None where that does not matter.
        ours: Which of our faces.
        beside: What it stands beside.
        value: The ratio of wall time (or of memory, bytes ...): ours divided by theirs;
            None where only CPU time means something.
        cpu: The same of CPU time, None where there is none.
        goal: What the ratio should reach, None where nothing is asked.
        stretch: What would be excellent, None where nothing is said.
        absolute: Both figures in their unit, for orientation only.
        more_is_better: The ratio is one of rates.
    """

    what: str
    pods: int | None
    ours: str
    beside: str
    value: float | None
    cpu: float | None
    goal: float | None
    stretch: float | None
    absolute: str
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """``stretch``, ``goal`` or ``misses``; ``-`` where nothing is asked.

        The worse of wall and CPU decides: on a busy machine long lookups lose more wall
        time to others than short ones, which would flatter us.
        """
        if self.goal is None:
            return "-"
        sign = -1 if self.more_is_better else 1
        worse = max(sign * value for value in (self.value, self.cpu) if value is not None)
        if self.stretch is not None and worse <= sign * self.stretch:
            return "stretch"
        return "goal" if worse <= sign * self.goal else "misses"

    def cells(self) -> tuple[str, ...]:
        """The row as text, under `HEADINGS`."""
        bound = ">= " if self.more_is_better else "<= "
        return (
            self.what,
            "-" if self.pods is None else str(self.pods),
            self.ours,
            self.beside,
            _number(self.value),
            _number(self.cpu),
            "-" if self.goal is None else f"{bound}{self.goal:g}",
            "-" if self.stretch is None else f"{bound}{self.stretch:g}",
            self.verdict,
            f"({self.absolute})",
        )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def as_text(rows: list[Row]) -> str:
    """Columns aligned with blanks: readable in a pipe."""
    return aligned([HEADINGS, *(row.cells() for row in rows)], LEFT)


def as_markdown(rows: list[Row]) -> str:
    """The same as a Markdown table, without the absolute figures."""
    return markdown([HEADINGS[:-1], *(row.cells()[:-1] for row in rows)], LEFT)


def aligned(table: Sequence[Sequence[str]], left: Container[int]) -> str:
    """A table of text; the columns that are in ``left`` begin at the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = (
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(table: Sequence[Sequence[str]], left: Container[int]) -> str:
    """The same for Markdown; the first row is the heading."""
    rule = [":--" if at in left else "--:" for at in range(len(table[0]))]
    lines = ["| " + " | ".join(cells) + " |" for cells in (table[0], rule, *table[1:])]
    return "\n".join(lines) + "\n"
