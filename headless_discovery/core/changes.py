"""`Change`: what became different between two published states of a Service.

In: two snapshots. Out: who came, who went, who changed. A member is the same as before by
its name, one without a name by its address; that DNS now tells the name of an address is
no new member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import Value

if TYPE_CHECKING:
    from .snapshot import Endpoint, Snapshot

__all__ = ["Change", "News", "change_between", "key_of"]


class Change(Value):
    """One step from a published state of a Service to a later one.

    Where a consumer is slow, one change stands for several: what it says still leads
    from ``previous`` to ``current``.

    Attributes:
        previous: The state before; None in the first change, where everybody is added.
        current: The state now; its ``version`` counts the published changes.
        added: Endpoints that are new.
        removed: Endpoints that are gone.
        updated: ``(before, after)`` of those that have other addresses or ports, or
            have got a name.
    """

    __slots__ = ("added", "current", "previous", "removed", "updated")
    previous: Snapshot | None
    current: Snapshot
    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    updated: tuple[tuple[Endpoint, Endpoint], ...]

    def __init__(
        self,
        previous: Snapshot | None,
        current: Snapshot,
        *,
        added: tuple[Endpoint, ...] = (),
        removed: tuple[Endpoint, ...] = (),
        updated: tuple[tuple[Endpoint, Endpoint], ...] = (),
    ) -> None:
        put = object.__setattr__
        put(self, "previous", previous)
        put(self, "current", current)
        put(self, "added", added)
        put(self, "removed", removed)
        put(self, "updated", updated)

    def __repr__(self) -> str:
        return (
            f"<Change to version {self.current.version} of {self.current.service}: "
            f"+{len(self.added)} -{len(self.removed)} ~{len(self.updated)}, "
            f"{len(self.current)} endpoints>"
        )


def key_of(endpoint: Endpoint) -> str:
    """Who an endpoint is: its name, or its address; no name can look like an address."""
    return endpoint.name or endpoint.addresses[0]


def change_between(previous: Snapshot | None, current: Snapshot) -> Change:
    """What leads from one state to another.

    Args:
        previous: None for "nothing known yet": everybody is added.
        current: The later state of the same Service.
    """
    if previous is None:
        return Change(None, current, added=current.endpoints)
    before = {key_of(endpoint): endpoint for endpoint in previous.endpoints}
    added = []
    updated = []
    for endpoint in current.endpoints:
        old = before.pop(key_of(endpoint), None)
        if old is None:
            added.append(endpoint)
        elif old is not endpoint and old != endpoint:
            updated.append((old, endpoint))
    if added and any(endpoint.name is None for endpoint in before.values()):
        added, named = _named(added, before)
        updated += named
    return Change(
        previous,
        current,
        added=tuple(added),
        removed=tuple(before.values()),
        updated=tuple(updated),
    )


class News:
    """What one consumer has not been told yet; one that is slow misses nothing but steps."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        #: The state it was told last.
        self.told: Snapshot | None = None

    def of(self, members: Snapshot | None) -> Change | None:
        """What leads to these members; None where there is nothing to tell."""
        told = self.told
        if members is None or members is told:
            return None
        self.told = members
        change = change_between(told, members)
        is_news = told is None or change.added or change.removed or change.updated
        return change if is_news else None


def _named(
    added: list[Endpoint], gone: dict[str, Endpoint]
) -> tuple[list[Endpoint], list[tuple[Endpoint, Endpoint]]]:
    """Of the new endpoints those that are known addresses with a name now; they leave ``gone``."""
    new = []
    named = []
    for endpoint in added:
        known = [each for each in endpoint.addresses if each in gone] if endpoint.name else []
        if known:
            named.append((gone.pop(known[0]), endpoint))
        else:
            new.append(endpoint)
    return new, named
