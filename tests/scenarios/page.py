"""Page: the documentation of the table, generated from a run and never typed.

In: rows and what came of them. Out: ``docs/explanation/hostile-and-broken-servers.md``, or
its rows read back. ``python -m tests.scenarios.page`` (``make misbehaviour``) writes it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import dns.version

from tests.faces import Face
from tests.scenarios import libc, running
from tests.scenarios.rows import Row, staged
from tests.scenarios.table import ROWS, TABLE

PAGE = Path(__file__).parents[2] / "docs/explanation/hostile-and-broken-servers.md"
NOT_ASKED = "\u2014"

_VERSION = re.compile(r"dnspython (?P<version>[\d.]+\d)")
_HEAD = (
    "| The server ... | headless_discovery | `dns.resolver` | `getaddrinfo` |\n|---|---|---|---|\n"
)

_INTRODUCTION = """\
<!-- Written by 'make misbehaviour' from a run of tests/scenarios; do not edit. -->

# What a stub resolver does with a hostile or broken server

Every line below is a test over real sockets, run on threads and on asyncio: servers on
loopback do what the first column says, and a look at `db.shop` must come to what the second
one says, within its deadline and 50 ms by the monotonic clock. Failures are `LookupFailed`
with that `kind`; nobody is ever taken from them.

The third column is `dns.resolver.Resolver` of dnspython {version} in the same place: the SRV
question, then the address of each target, `lifetime` being the same deadline. It is a
resolver, and knows nothing of Kubernetes: where it returns `6.6.6.6`, that is what the
server said, and the check is left to the caller. The fourth is the C library's
`getaddrinfo`, asked for the Service's name, where it means something; it reads
`/etc/resolv.conf` (`timeout:1 attempts:2` here), knows neither SRV nor the deadline, and
gives addresses without names.
"""


class Cells(NamedTuple):
    """What the page says of one row."""

    ours: str
    plain: str
    libc: str


def cells(row: Row) -> Cells:
    """Run one row on threads and by dnspython."""
    with staged(row) as stage:
        outcomes = running.run(row, stage, Face("sync"))
        running.check(row, stage, outcomes)
        ours = running.ours_in_words(row, stage, outcomes[-1])
    return Cells(ours, plain_cell(row), NOT_ASKED)


def plain_cell(row: Row) -> str:
    """Run one row by dnspython."""
    if not row.plain:
        return NOT_ASKED
    with staged(row) as stage:
        stage.plain = True
        return running.plain_in_words(row, stage, running.ask_dnspython(row, stage))


def line(row: Row, said: Cells) -> str:
    """One line of the page."""
    return f"| {_first(row)} | {' | '.join(map(_cell, said))} |\n"


def render(said: dict[str, Cells]) -> str:
    """The whole page."""
    parts = [_INTRODUCTION.format(version=dns.version.version)]
    for heading, rows in TABLE.items():
        parts.append(f"\n## {heading}\n\n{_HEAD}")
        parts += [line(row, said[row.id]) for row in rows]
    return "".join(parts)


def read() -> dict[str, Cells]:
    """What the page says now, by row; rows the table does not hold under their own text."""
    known = {_first(row): row.id for row in ROWS}
    found: dict[str, Cells] = {}
    if not PAGE.exists():
        return found
    for text in PAGE.read_text().splitlines():
        if text.startswith("| ") and text not in _HEAD:
            first, *rest = re.split(r"(?<!\\) \| ", text.removeprefix("| ").removesuffix(" |"))
            found[known.get(first, first)] = Cells(*(each.replace("\\|", "|") for each in rest))
    return found


def version() -> str:
    """The version of dnspython the page is about."""
    match = _VERSION.search(PAGE.read_text())
    return "" if match is None else match["version"]


def main() -> None:
    """Run everything, write the page."""
    said = {}
    for row in ROWS:
        said[row.id] = cells(row)
        sys.stderr.write(f"{row.id}: {said[row.id].ours}\n")
    try:
        by_libc = libc.asked()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"getaddrinfo is not asked, its column stays as it is: {error}\n")
        by_libc = {name: each.libc for name, each in read().items()}
    said = {name: each._replace(libc=by_libc.get(name, NOT_ASKED)) for name, each in said.items()}
    PAGE.write_text(render(said))


def _first(row: Row) -> str:
    """What the server does, and why that matters."""
    return _cell(f"{row.does}. *{row.why}*")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
