"""Every row of the table of misbehaving servers, and the page that tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.version
import pytest

from tests.scenarios import page, running
from tests.scenarios.rows import Row, staged
from tests.scenarios.table import ROWS

if TYPE_CHECKING:
    from tests.faces import Face

RUNS = 3
"""Runs of a row that is late: other processes' share of the machine is no fault of ours, and
an overrun that is comes every time. Everything else must be right in each run."""


@pytest.fixture(scope="module")
def said() -> dict[str, page.Cells]:
    """What the page says."""
    return page.read()


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_row(row: Row, face: Face, said: dict[str, page.Cells]) -> None:
    """The look comes to what the row says, within its deadline; so says the page."""
    for _ in range(RUNS):
        with staged(row) as stage:
            outcomes = running.run(row, stage, face)
            running.check(row, stage, outcomes)
            assert said[row.id].ours == running.ours_in_words(row, stage, outcomes[-1])
        late = running.late(row, outcomes)
        if not late:
            return
    pytest.fail(late)


@pytest.mark.parametrize("row", [row for row in ROWS if row.plain], ids=lambda row: row.id)
def test_dnspython(row: Row, said: dict[str, page.Cells]) -> None:
    """The page tells what dnspython does, of the version it names."""
    seen = page.plain_cell(row)
    if dns.version.version == page.version():
        assert said[row.id].plain == seen


def test_page(said: dict[str, page.Cells]) -> None:
    """The page is what would be written from these cells: same rows, same order, same words."""
    names = [row.id for row in ROWS]
    assert len(set(names)) == len(names)
    assert list(said) == names
    text = page.render(said).replace(dns.version.version, page.version())
    assert page.PAGE.read_text() == text
