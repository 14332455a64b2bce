"""The figures of "What happens when DNS fails": the worked example and the bounds."""

from __future__ import annotations

from itertools import pairwise

from headless_discovery import Endpoint, Look, PollPolicy, ServiceName, Snapshot
from headless_discovery.core.following import LOOK, Following
from headless_discovery.core.questions import TIMEOUT, Failure, Problem
from headless_discovery.core.snapshot import ABSENT, OK
from tests.docs.pages import REPOSITORY, table

PAGE = REPOSITORY / "docs/explanation/what-happens-when-dns-fails.md"
SERVICE = ServiceName("my-database.shop")
SILENT = "nothing"
NXDOMAIN = "NXDOMAIN"
UNTIL = 110.0
LOOK_TIMEOUT = 5.0
# From which second on DNS says what: silence, one answer without mysql-2, mysql-2 really
# gone, all pods restarted, all pods gone.
SCRIPT = {
    0.0: "0 1 2",
    10.0: SILENT,
    24.0: "0 1 2",
    31.0: "0 1",
    32.0: "0 1 2",
    40.0: "0 1",
    50.0: NXDOMAIN,
    60.0: "0 1",
    70.0: NXDOMAIN,
}


def answer(now: float) -> str:
    """What DNS says at that second."""
    return next(said for begin, said in reversed(SCRIPT.items()) if begin <= now)


def look(said: str, now: float) -> Look:
    """A look that ends with it."""
    if said == SILENT:
        return Look(SERVICE, Failure(Problem(TIMEOUT, "no answer")), (), LOOK_TIMEOUT)
    endpoints = tuple(
        Endpoint(name=f"mysql-{ordinal}", ordinal=int(ordinal), addresses=(f"10.0.0.{ordinal}",))
        for ordinal in ([] if said == NXDOMAIN else said.split())
    )
    outcome = OK if endpoints else ABSENT
    return Look(SERVICE, Snapshot(SERVICE, endpoints, outcome=outcome, seen_at=now), (), 0.0)


def example() -> list[tuple[str, str, str]]:
    """When looks ended, what DNS said, who the members are then; repetitions left out."""
    now = 0.0
    following = Following(PollPolicy(interval=5.0), lambda: 0.5, now)
    rows: list[tuple[str, str, str]] = []
    while (now := max(now, following.due)) < UNTIL:
        assert following.step(now) == LOOK
        said = answer(now)
        now += LOOK_TIMEOUT if said == SILENT else 0.0
        following.looked(look(said, now), now)
        members = following.members
        assert members is not None
        listed = " ".join(str(pod.ordinal) for pod in members) or "none"
        if not rows or rows[-1][1:] != (said, listed):
            rows.append((f"{now:.1f}", said, listed))
    return rows


def test_worked_example() -> None:
    """Each look of the worked example comes when, and to what, the page says."""
    rows = table(PAGE.read_text(), "second", "DNS said")
    assert [tuple(row[:3]) for row in rows] == example()


def test_example_shows_each_rule() -> None:
    """Nobody goes by the failures, nor by one answer; one goes by two, all by three and 30 s."""
    members = [members for _, _, members in example()]
    changes = [after for before, after in pairwise(members) if before != after]
    assert changes == ["0 1", "none"]


def test_bounds() -> None:
    """The table of bounds is what the formula gives."""
    interval = 5.0
    expected = []
    for cached in (0.0, 5.0, 30.0):
        seen = max(1.3 * cached, cached + 1.3 * interval) + 1
        counting = 1.3 * max(cached, interval) + 1 if cached else 1.2
        bounds = (
            seen,
            seen + counting,
            seen + 2 * counting,
            seen + max(30 + counting, 2 * counting),
        )
        expected.append([f"{cached:g}", *(f"{each:.1f}" for each in bounds)])
    rows = table(PAGE.read_text(), "seconds in a cache")
    assert [row[:5] for row in rows] == expected
