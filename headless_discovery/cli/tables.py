"""Tables of endpoints: handsome on a terminal with rich, plain and aligned elsewhere."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.snapshot import Endpoint, Snapshot

__all__ = ["endpoint_lines", "print_endpoints", "print_table"]

_STYLES = {"ORDINAL": "cyan", "HOSTNAME": "green"}
_NUMBERS = ("ORDINAL", "MS")


def print_endpoints(snapshot: Snapshot, *, wide: bool = False) -> None:
    """Print one row an endpoint to stdout.

    Args:
        snapshot: Whose endpoints.
        wide: All addresses and ports of each instead of the first address and the port.
    """
    print_table(*_cells(snapshot, wide))


def print_table(
    head: Sequence[str], rows: list[list[str]], styles: Mapping[str, str] | None = None
) -> None:
    """Print a table to stdout.

    Args:
        head: The titles of its columns.
        rows: A cell for each of them.
        styles: rich's names of colours, by the text of a cell.
    """
    lines = _aligned(head, rows)
    # A folded hostname cannot be copied: where the terminal is too narrow, plain lines it is.
    fits = sys.stdout.isatty() and max(map(len, lines)) <= get_terminal_size().columns
    if fits and _print_rich(head, rows, styles or {}):
        return
    for line in lines:
        print(line)


def endpoint_lines(snapshot: Snapshot) -> list[str]:
    """The plain table as lines."""
    return _aligned(*_cells(snapshot, wide=False))


def _cells(snapshot: Snapshot, wide: bool) -> tuple[list[str], list[list[str]]]:
    if wide:
        head = ["ORDINAL", "NAME", "ADDRESSES", "PORTS", "HOSTNAME"]
        return head, [_wide_row(endpoint) for endpoint in snapshot]
    head = ["ORDINAL", "ADDRESS", "PORT", "HOSTNAME"]
    return head, [_row(endpoint) for endpoint in snapshot]


def _row(endpoint: Endpoint) -> list[str]:
    ports = ",".join(map(str, endpoint.ports))
    return [_ordinal(endpoint), endpoint.address, ports or "-", endpoint.hostname or "-"]


def _wide_row(endpoint: Endpoint) -> list[str]:
    return [
        _ordinal(endpoint),
        endpoint.name or "-",
        ",".join(endpoint.addresses),
        ",".join(map(str, endpoint.ports)) or "-",
        endpoint.hostname or "-",
    ]


def _ordinal(endpoint: Endpoint) -> str:
    return "-" if endpoint.ordinal is None else str(endpoint.ordinal)


def _aligned(head: Sequence[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def _print_rich(head: Sequence[str], rows: list[list[str]], styles: Mapping[str, str]) -> bool:
    """Print with rich; False where it is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow to load
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return False
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        justify = "right" if title in _NUMBERS else "left"
        table.add_column(title, style=_STYLES.get(title, ""), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)
    return True
