"""Charts: a timeline as lines of text, cell by cell."""

from __future__ import annotations

import pytest

from headless_discovery.core.chart import chart
from tests.unit.core.recordings import Recording, endpoint


def chart_of(recording: Recording, width: int) -> str:
    """The whole chart as one text."""
    return "\n".join(chart(recording.read(), width))


def test_a_chart_whole() -> None:
    """Service, sum, a row a pod with its last address, the DNS, the axis, the legend."""
    recording = (
        Recording()
        .look(0)
        .change(0, endpoint(0), endpoint(1))
        .change(15, endpoint(0), endpoint(1, "10.0.0.9"))
        .look(20, "FAILED", "timeout")
        .look(30)
        .change(30, endpoint(1, "10.0.0.9"))
        .end(40)
    )
    assert chart_of(recording, 56).splitlines() == [
        "db.shop.svc.cluster.local",
        "2026-07-29 12:00:00 to 12:00:40 UTC (40 s): 2 pods, 3 changes, 3 looks, 1 failed",
        "",
        "db-0  10.0.0.1  " + "█" * 30,
        "db-1  10.0.0.9  " + "█" * 15 + "◆" + "█" * 24,
        "DNS             " + "─" * 20 + "░" * 11 + "─" * 9,
        "                ┬                             ┬",
        "                12:00:00                      12:00:30",
        "",
        "█ member   ◆ new address   ░ DNS failed (timeout; 10 s in all)",
    ]


def test_half_cells_at_the_ends() -> None:
    """A pod that came or went in the middle of a cell."""
    recording = Recording().change(10.5, endpoint(0)).change(20.5).end(40)
    drawn = chart(recording.read(), 56)[3]
    assert drawn == "db-0  10.0.0.1  " + " " * 10 + "▐" + "█" * 9 + "▌"


@pytest.mark.parametrize("away", [(10.2, 10.3), (10.01, 10.02), (10.9, 11.1), (9.95, 10.02)])
def test_a_moment_away_is_not_hidden(away: tuple[float, float]) -> None:
    """However short: no full cell stands there."""
    recording = Recording().change(0, endpoint(0)).change(away[0]).change(away[1], endpoint(0))
    lines = chart(recording.end(40).read(), 56)
    bar = lines[3].removeprefix("db-0  10.0.0.1  ")
    assert bar.count("┇") == 1
    assert bar.replace("┇", "█") == "█" * 40
    assert "┇ there and away" in lines[-1]


def test_a_moment_there_is_not_hidden() -> None:
    """A pod that came and went within a cell, and one that did so twice."""
    recording = Recording()
    for time in (10.4, 20.4, 20.6):
        recording.change(time, endpoint(0)).change(time + 0.1)
    drawn = chart(recording.end(40).read(), 56)[3]
    assert drawn == "db-0  10.0.0.1  " + " " * 10 + "┇" + " " * 9 + "┇"


def test_a_narrow_terminal() -> None:
    """The addresses are left out, then the plot is as narrow as it gets."""
    recording = Recording().change(0, endpoint(0)).end(1)
    assert chart(recording.read(), 45)[3] == "db-0  " + "█" * 39
    assert chart(recording.read(), 1)[3] == "db-0  " + "█" * 20


def test_plain() -> None:
    """ASCII only, for what knows no more."""
    recording = (
        Recording()
        .change(0, endpoint(0))
        .change(5, endpoint(0, "10.0.0.5"))
        .look(20, "FAILED")
        .end(40)
    )
    lines = chart(recording.read(), 56, plain=True)
    assert all(line.isascii() for line in lines)
    assert lines[3] == "db-0  10.0.0.5  #####*" + "#" * 34
    assert lines[4] == "DNS             " + "-" * 20 + "!" + "-" * 19
    assert "! DNS failed (failed; 0 s in all)" in lines[-1]


def test_nobody_ever_and_no_time_at_all() -> None:
    """A recording of nothing is drawn all the same; its remarks stand below."""
    lines = chart(Recording().read(), 60)
    assert lines[3] == "nobody was a member"
    assert lines[-1].startswith("(the recording has no end")
    lines = chart(Recording().change(0, endpoint(0)).end(0).read(), 60)
    assert lines[3] == "db-0  10.0.0.1  ▌"


def test_a_long_name_and_two_days() -> None:
    """A name that would leave no room is shortened; the end tells its day."""
    recording = Recording().change(0, endpoint(0, name="x" * 200)).end(86400)
    lines = chart(recording.read(), 120)
    assert lines[1].startswith("2026-07-29 12:00:00 to 2026-07-30 12:00:00 UTC (1 d): 1 pod,")
    assert lines[3].startswith("x" * 37 + "...  10.0.0.1  █")
