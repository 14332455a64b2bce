"""DNS that is away, DNS that cannot say, and pods that really are gone: followed live."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.cluster.blackouts import coredns_away, coredns_unsynced, stopped
from tests.cluster.figures import blackout_text
from tests.cluster.judging import NOTHING_HOLD, SLACK, Bounds
from tests.cluster.nobody import Gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace, Namespaces

BOUNDS = Bounds(lifetime=0)


@pytest.fixture(scope="module")
def gone(bed: Bed, namespaces: Namespaces) -> Iterator[Gone]:
    """Return two Services whose pods are gone; the hold runs while other tests are at it."""
    namespace = namespaces.create()
    with Gone(bed, namespace, seconds=20) as made:
        yield made
    namespaces.delete(namespace)


@pytest.mark.usefixtures("gone")
def test_the_members_stay_while_coredns_is_away(
    bed: Bed, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """No change for 10 s, `stale_for` tells how long, and one backoff step later all is well."""
    seen = coredns_away(bed, namespace, seconds=10)
    with capsys.disabled():
        print("\n" + blackout_text("CoreDNS away", seen))  # noqa: T201 - figures for CI's log
    assert seen.faults == []
    assert seen.seconds >= 10
    assert seen.kinds
    assert seen.kinds <= {"network", "timeout"}
    assert seen.recoveries.streaks == 1


@pytest.mark.usefixtures("gone")
def test_a_stopped_process_looks_as_soon_as_it_goes_on(bed: Bed, namespace: Namespace) -> None:
    """After SIGSTOP and SIGCONT the overdue look goes out at once, one, and tells the change."""
    seen = stopped(bed, namespace, seconds=8)
    assert seen.seconds > 6  # the longest wait: the look was due
    late = [look for look in seen.looks if look > seen.woke]
    assert not [look for look in seen.looks if seen.woke - seen.seconds + 0.5 < look < seen.woke]
    assert late[0] - seen.woke < 0.5
    assert all(after - before > 0.99 for before, after in pairwise(late))
    when, names = seen.told[-1]
    assert names == seen.names
    assert len(names) == 4
    assert when - seen.woke < 0.7


def test_nobody_is_told_only_when_it_lasts(gone: Gone) -> None:
    """All pods gone for 20 s is no change; gone for good is told within P10, once."""
    allowed = BOUNDS.nobody
    back, away = gone.wait(timeout=allowed + 5)
    assert back.until - back.since >= 19
    assert back.changes == []
    assert [members for _, members in away.changes] == [0]
    (told, _) = away.changes[0]
    assert NOTHING_HOLD <= told - away.since <= allowed + SLACK


@pytest.mark.timeout(200, func_only=True)
def test_a_coredns_that_has_not_synced_empties_nobody(
    bed: Bed, namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """SERVFAIL is no answer: members stay, and who has never seen any knows none, not zero."""
    seen = coredns_unsynced(bed, namespace, seconds=8)
    with capsys.disabled():
        print("\n" + blackout_text("CoreDNS unsynced", seen))  # noqa: T201 - as above
    assert seen.faults == []
    assert "servfail" in seen.kinds
    assert seen.unknown == ["NotYetKnown", "WaitTimeout"]
    assert seen.recoveries.streaks == 1
