"""Scripted name servers: replicas of CoreDNS, each with its own lag, cache and clock.

In: a cluster and a time. Out: the state a replica tells, and the TTL it shows. A cache
shows what is left of the TTL, in whole seconds, rounded up as CoreDNS or down as others;
with ``keepttl`` it shows the full TTL all the time.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from .cluster import Cluster, State

__all__ = ["Replica"]


class Replica:
    """One name server.

    Args:
        random: Decides what other askers do with the cache.
        cluster: What it watches.
        lag: Seconds after which it knows of a change.
        keeps: Seconds its cache keeps an answer; 0 where it has none.
        keeps_nothing: The same for "nobody is there".
        ttl: The TTL of an answer that is not out of a cache.
        keepttl: Whether its cache shows the full TTL.
        rounds_up: How its cache makes whole seconds of what is left.
        busy: Whether others ask it too, so that its cache was filled before we came.
    """

    __slots__ = (
        "_cluster",
        "_random",
        "busy",
        "cached",
        "dead",
        "expires",
        "frozen",
        "keeps",
        "keeps_nothing",
        "keepttl",
        "lag",
        "rounds_up",
        "ttl",
    )

    def __init__(
        self,
        random: Random,
        cluster: Cluster,
        *,
        lag: float,
        keeps: float,
        keeps_nothing: float,
        ttl: int,
        keepttl: bool,
        rounds_up: bool,
        busy: bool,
    ) -> None:
        self._random = random
        self._cluster = cluster
        self.lag = lag
        self.keeps = keeps
        self.keeps_nothing = keeps_nothing
        self.ttl = ttl
        self.keepttl = keepttl
        self.rounds_up = rounds_up
        self.busy = busy
        self.cached: State | None = None
        self.expires = 0.0
        self.frozen: State | None = None
        self.dead = False

    def restart(self) -> None:
        """Come back with an empty cache."""
        self.cached = None
        self.dead = False

    def freeze(self, now: float) -> None:
        """Lose the API server: go on telling what is known now."""
        self.frozen = self._cluster.at(now - self.lag)

    def answer(self, now: float) -> tuple[State, int]:
        """What it says at that time, and the TTL."""
        if not self.keeps:
            return self._view(now), self.ttl
        if self.cached is None or now >= self.expires:
            self._fill(now)
        assert self.cached is not None
        if self.keepttl:
            return self.cached, self.ttl
        left = self.expires - now
        # Sums of seconds are not exact: a whole one must not become the next.
        return self.cached, ceil(left - 1e-6) if self.rounds_up else int(left + 1e-6)

    def _view(self, now: float) -> State:
        return self.frozen or self._cluster.at(now - self.lag)

    def _fill(self, now: float) -> None:
        """The cache has nothing: we fill it, or somebody did since it ran out."""
        filled = now
        if self.busy and self.cached is not None:
            idle = min(now - self.expires, self.keeps, self.keeps_nothing)
            filled -= self._random.random() * idle
        state = self._view(filled)
        life = self.keeps if state.members else self.keeps_nothing
        self.cached, self.expires = state, filled + life
