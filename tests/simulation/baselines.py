"""What most programs do, on the same answers: each answer is the truth.

Two rules: an error is an empty list, or an error changes nothing. Counted for each: events,
members said gone that were there all the time since they were last told (and how many of
them while no server told the past or an untruth), how many of these came again (flaps), and
"nobody" while somebody was there all the time. The same is counted for the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headless_discovery.core.snapshot import Endpoint

    from .cluster import State

__all__ = ["Presence", "Rule"]

Told = dict[str, tuple[str, ...]]


class Presence:
    """Since when each member is truly there; one that is away is not in it."""

    __slots__ = ("_state", "since")

    def __init__(self, state: State) -> None:
        self._state = state
        self.since = dict.fromkeys(state.members, state.began)

    def happened(self, news: list[State]) -> None:
        """The truth changed."""
        for state in news:
            for key in self._state.members.keys() - state.members.keys():
                del self.since[key]
            for key in state.members.keys() - self._state.members.keys():
                self.since[key] = state.began
            self._state = state


class Rule:
    """What one rule tells its program over time."""

    __slots__ = (
        "_falsely_gone",
        "_last",
        "_presence",
        "_source",
        "_told",
        "events",
        "false_empties",
        "false_removals",
        "flaps",
        "without_excuse",
    )

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._told: Told = {}
        self._last = 0.0  # when it was last told
        self._source: object = None
        self._falsely_gone: set[str] = set()
        self.events = 0
        self.false_removals = 0
        self.without_excuse = 0
        self.flaps = 0
        self.false_empties = 0

    @property
    def figures(self) -> tuple[int, int, int, int, int]:
        """Events, false removals, those of them that no server is to blame for, flaps, empties."""
        return (
            self.events,
            self.false_removals,
            self.without_excuse,
            self.flaps,
            self.false_empties,
        )

    def tell(
        self,
        source: tuple[Endpoint, ...],
        now: float,
        *,
        true: bool,
        missed: dict[str, float] | None = None,
    ) -> None:
        """What is said now; ``source`` is the same object where it is the same as before.

        Args:
            source: The endpoints.
            now: When.
            true: Whether the server told what is so, or was, a moment ago.
            missed: Since when each member is missing from the answers; left out where it
                is gone with the first answer that does not list it.
        """
        if source is self._source:
            self._last = now
            return
        self._source = source
        told = {each.name or each.addresses[0]: each.addresses for each in source}
        before = self._told
        if told != before:
            self.events += 1
            gone = before.keys() - told.keys()
            since = self._presence.since
            last = {} if missed is None else missed
            false = {key for key in gone if since.get(key, now) <= last.get(key, self._last)}
            self.false_removals += len(false)
            if true:
                self.without_excuse += len(false)
            if false and not told:
                self.false_empties += 1
            self.flaps += len(self._falsely_gone & told.keys())
            self._falsely_gone = (self._falsely_gone - told.keys()) | false
            self._told = told
        self._last = now
