"""A Service is followed on a real control plane while all around it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.figures import storm_table
from tests.cluster.storm import Plan, storm

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace

SHORT = Plan(changes=20, kills=4, away=15, every=2.0, rest=20)


@pytest.mark.timeout(240, func_only=True)
def test_nobody_is_lost_while_coredns_is_killed(
    bed: Bed, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty changes, four kills, 15 s without API server: no false removal, nothing missed.

    The recorded long run has 500 changes and 100 kills.
    """
    report = storm(bed, namespace, SHORT, lambda _: None)
    with capsys.disabled():
        print("\n" + storm_table(report))  # noqa: T201 - the figures are wanted in CI's log
    assert report.faults == []
    assert len(report.made) >= SHORT.changes
    assert report.true >= SHORT.changes / 2
    assert report.longest_blind < 1.0
    assert sum(row.recoveries.streaks for row in report.rows) > 0  # the kills were felt
    for row in report.rows:
        assert row.verdict.judged > 0
    for lifetime in (0, 5):
        those = [row for row in report.rows if row.block.lifetime == lifetime]
        assert any(row.verdict.latencies for row in those)  # changes were seen, and timed
