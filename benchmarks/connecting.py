"""Connecting: connections to pods, and picks of one, beside what needs no discovery at all.

In: how long to measure. Out: rows. What stands beside ours has the addresses already and
asks nobody, so the ratios tell what following, choosing and racing cost a connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.listening import listening, service_of
from benchmarks.measure import Worker, ratio, rounds
from benchmarks.report import Row

if TYPE_CHECKING:
    from benchmarks.measure import Effort

__all__ = ["connection_rows"]

CLIENTS = Path(__file__).with_name("connections.py")


class Comparison(NamedTuple):
    """Two clients of ``connections.py``."""

    what: str
    pods: int
    ours: str
    theirs: str
    goal: float
    face: str = "threads"
    beside: str | None = None


COMPARISONS = (
    Comparison(
        "connect(to=0)", 3, "connect", "create_connection", 1.3, beside="socket.create_connection"
    ),
    Comparison("endpoint()", 3, "endpoint", "choice", 3, beside="random.choice"),
    Comparison("endpoint()", 100, "endpoint", "choice", 3, beside="random.choice"),
    Comparison(
        "1,000 connect() at once",
        3,
        "connect, together",
        "open_connection",
        1.2,
        "asyncio",
        "asyncio.open_connection",
    ),
)


def connection_rows(effort: Effort) -> list[Row]:
    """Measure each comparison in interleaved rounds.

    Raises:
        RuntimeError: A client does not work.
    """
    with listening() as port:
        return [_row(each, port, effort) for each in COMPARISONS]


def _row(comparison: Comparison, port: int, effort: Effort) -> Row:
    names = (comparison.ours, comparison.theirs)
    workers = [Worker(name, port, service_of(comparison.pods), CLIENTS) for name in names]
    try:
        shown = {worker.ask("show") for worker in workers}
        if len(shown) > 1:
            raise RuntimeError(f"{names} go to different pods")
        samples = rounds(workers, effort)
    finally:
        for worker in workers:
            worker.close()
    found = ratio(samples[comparison.ours], samples[comparison.theirs])
    return Row(
        comparison.what,
        comparison.pods,
        comparison.face,
        comparison.beside or comparison.theirs,
        found.wall,
        found.cpu,
        comparison.goal,
        None,
        f"{found.ours / 1e3:.1f} / {found.theirs / 1e3:.1f} us",
    )
