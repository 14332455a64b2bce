"""A Service is followed through replicas that disagree for as long as their caches live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.figures import replicas_faults, replicas_table
from tests.cluster.replicas import replicas

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace


@pytest.mark.timeout(180, func_only=True)
def test_a_change_is_told_once_though_replicas_disagree(
    bed: Bed, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """One event for a move, an addition, a removal where TTLs count down; hidden, a right end.

    A cache that hides its age behind the full TTL cannot be known for one: there a move is
    one event still, an addition or a removal may be more until the older cache has run
    out. The recorded long run has a hundred of each.
    """
    changes = replicas(bed, namespace, services=6, rounds=1, seed=5, say=lambda _: None)
    with capsys.disabled():
        print("\n" + replicas_table(changes))  # noqa: T201 - the figures are wanted in CI's log
    assert len(changes) == 12
    assert replicas_faults(changes) == []
