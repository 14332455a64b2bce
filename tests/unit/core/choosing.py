"""Draws from a selection by hand, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.core.selection import Candidates, Selection, as_tried, candidates
from tests.unit.core.script import pod, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headless_discovery.core.conditions import OwnPod
    from headless_discovery.core.snapshot import Endpoint, Snapshot

ZERO, ONE, TWO = ALL = pod(0), pod(1), pod(2)
THREE = snapshot(*ALL)
START = 1000.0
FAST = ConnectPolicy(eject_after=1)


def wanted(
    members: Snapshot = THREE, to: Any = None, order: Any = "round_robin", own: OwnPod | None = None
) -> Candidates:
    """Whom a call may dial."""
    return candidates(members, to, order, own)


def selection(members: Snapshot = THREE, chance: float = 0.0) -> Selection:
    """Over these members; one failure leaves out."""
    made = Selection(FAST, lambda: chance)
    made.renew(members, members)
    return made


def drawn(
    selection: Selection, wanted: Candidates, at: float = START, *, tried: Iterable[Endpoint] = ()
) -> list[Endpoint]:
    """All of a round, in order."""
    done = {as_tried(each) for each in tried}
    found: list[Endpoint] = []
    while (endpoint := selection.draw(wanted, done, at)) is not None:
        assert as_tried(endpoint) not in done, "twice in one round"
        done.add(as_tried(endpoint))
        found.append(endpoint)
    return found
