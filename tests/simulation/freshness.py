"""The judge of P10: whether what is true is published in time, and stays so.

In: the true states, the looks as far as they disturb, and what is published. Out:
violations. A state is judged when it was held for longer than its bound while looks
succeeded, nothing was dropped and no server told the past on purpose; after a disturbance
the time begins anew with the first good look. A state that was settled must stay.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cluster import State
    from .evidence import Evidence
    from .world import World

__all__ = ["Freshness"]

INTERVAL = 5.0


class Freshness:
    """Follows one follower.

    Args:
        world: For what its caches are, and the true states.
        evidence: What is published, and held.
        blame: Is told each violation: its kind and the facts.
    """

    def __init__(self, world: World, evidence: Evidence, blame: Callable[[str, str], None]) -> None:
        keeps = world.setting.keeps
        self._evidence = evidence
        self._blame = blame
        self._state = world.cluster.now
        self._earliest, self._latest = min(world.lags), max(world.lags)
        self.bound = max(1.3 * keeps, keeps + 1.3 * INTERVAL) + 1.0
        self.counting_look = 1.3 * max(keeps, INTERVAL) + 1.0 if keeps else 1.2
        self._one_look = 1.3 * max(keeps, INTERVAL)
        self._ttl_blinds = world.setting.counts_down
        # Key: since when every replica could tell it, the first did, and the seconds that
        # looks had taken by then.
        self._pending: dict[str, tuple[float, float, float]] = {}
        self._next = inf
        self._clean_from: float | None = None
        self._clean_latency = 0.0
        self._not_before = 0.0
        self._lied = True  # at the start nobody is known
        self._latency = self._before = 0.0  # seconds looks took: now, and before the last one
        self._empty_since = 0.0  # when the last pod went, the last time that happened
        self.judged = 0

    def happened(self, news: list[State]) -> None:
        """The truth changed."""
        for state in news:
            before, after = self._state.members, state.members
            first, last = state.began + self._earliest, state.began + self._latest
            if self._next <= first:
                self._judge(first)
            for key in before.keys() | after.keys():
                if before.get(key) != after.get(key):
                    self._pending[key] = (last, first, self._before)
                    for address in before.get(key, ()):
                        if address in self._evidence.addresses:  # published without its name
                            self._pending[address] = (last, first, self._before)
            if before and not after:
                self._empty_since = last
            self._state = state
            self._next = min(self._next, last + self.bound)

    def disturbed(self, *, lied: bool = False, until: float = 0.0) -> None:
        """A look was not good; or there was none when it was time."""
        self._clean_from = None
        self._lied |= lied
        self._not_before = max(self._not_before, until)

    def took(self, seconds: float) -> None:
        """A look ended; to be called before anything else about it."""
        self._before = self._latency
        self._latency += seconds

    def looked(self, end: float, *, clean: bool) -> None:
        """A look ended; to be called before its change is taken over."""
        if self._next < end:
            self._judge(end)
        if clean and self._clean_from is None and end >= self._not_before:
            self._clean_from = end
            self._clean_latency = self._latency
            if self._lied:
                self._lied = False
                for key in self._evidence.addresses.keys() | self._state.members.keys():
                    self._pending.setdefault(key, (end, end, self._latency))
            if self._pending:
                self._next = end + self.bound

    def changed(self, before: dict[str, tuple[str, ...]]) -> None:
        """Something was published by a look that lied about nothing."""
        if self._lied:
            return
        after = self._evidence.addresses
        for key in before.keys() | after.keys():
            now = after.get(key)
            if now == before.get(key) or key in self._pending:
                continue
            if now != self._state.members.get(key):
                self._blame("wrong again", f"{key}: {before.get(key)} became {now}")

    def _judge(self, now: float) -> None:
        """Judge every state whose time ended before now."""
        if self._clean_from is None or self._evidence.published is None:
            self._next = inf if self._clean_from is None else now
            return
        following = inf
        for key, (last, first, latency) in list(self._pending.items()):
            since = max(last, self._clean_from)
            if self._evidence.last_nothing >= first:
                # Who went before the last one did is held with it.
                since = max(since, self._empty_since)
            taken = self._latency - max(latency, self._clean_latency)
            true = self._state.members.get(key)
            found = self._evidence.addresses.get(key)
            deadline = since + taken + self._bound(true, found, first)
            held = self._held_until(key, true) + self._one_look + 1.0 + taken
            deadline = max(deadline, held)
            if deadline >= now:
                following = min(following, deadline)
                continue
            del self._pending[key]
            self.judged += 1
            if found != true:
                self._blame(
                    "not seen in time",
                    f"{key}: {true} since {last:.3f}, clean since {self._clean_from:.3f}, "
                    f"due {deadline:.3f}, published {found}",
                )
        self._next = following

    def _held_until(self, key: str, true: tuple[str, ...] | None) -> float:
        if true is not None:
            return self._evidence.held_until(key, true)
        # Told by its address alone until it is taken back under its name.
        members = self._state.members
        owners = (name for name, each in members.items() if key in each)
        until = max((self._evidence.held_until(name, (key,)) for name in owners), default=0.0)
        if members and not any(name in self._evidence.addresses for name in members):
            # All who are there are held back, and that is not "nobody".
            held = (self._evidence.held_until(name, each) for name, each in members.items())
            until = max(until, min(held))
        return until

    def _bound(
        self,
        true: tuple[str, ...] | None,
        found: tuple[str, ...] | None,
        first: float,
    ) -> float:
        look = self.counting_look
        if true is not None and not (found and set(found) - set(true)):
            return self.bound
        if true is not None and _replaced(true, found or ()):
            return self.bound
        if self._evidence.last_nothing >= first:
            return self.bound + max(30.0 + look, 2 * look)
        return self.bound + (2 * look if self._evidence.last_big >= first else look)


def _replaced(true: tuple[str, ...], found: tuple[str, ...]) -> bool:
    """Whether whatever is published too much has a successor of its family."""
    families = {":" in each for each in true if each not in found}
    return all((":" in each) in families for each in found if each not in true)
