"""What becomes of a good answer under a fault of its content.

In: the state a server tells, and the fault. Out: the parts of the snapshot that the plans
would make of it. The same episode always takes the same pods away.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.snapshot import ABSENT, EMPTY, PARTIAL, Endpoint, ordered

from .cluster import made

if TYPE_CHECKING:
    from .cluster import Kind, State
    from .faults import Faults

__all__ = ["HUGE_TTL", "Forged", "Forger"]

HUGE_TTL = 2**31 - 1


class Forged(NamedTuple):
    """The parts of a snapshot; and whether the answer lies, or is as it was."""

    endpoints: tuple[Endpoint, ...]
    outcome: str
    ttl: int
    dropped: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    problem: str | None = None
    lies: bool = False
    is_good: bool = False


class Forger:
    """Makes bad answers of good ones.

    Args:
        seed: Decides which pods are hit.
        kind: What sort of Service it is.
        content: The script of faults.
    """

    def __init__(self, seed: int, kind: Kind, content: Faults) -> None:
        self._seed = seed
        self._kind = kind
        self._content = content
        self._made: dict[tuple[int, int, str], tuple[Endpoint, ...]] = {}

    def clear(self) -> None:
        """Another episode has begun."""
        self._made.clear()

    def forge(self, state: State, ttl: int) -> Forged:
        """What comes of this state under the present fault."""
        kind = self._content.kind
        endpoints, outcome = state.endpoints, state.outcome
        if kind == "odd ttl":
            return Forged(endpoints, outcome, HUGE_TTL if self._content.level < 0.5 else 0)
        if kind in ("absent", "absent for long", "one absent", "empty"):
            said = EMPTY if kind == "empty" else ABSENT
            return Forged((), said, ttl, lies=bool(endpoints))
        if kind == "partial":
            return Forged(self._part(state), PARTIAL, ttl, problem="timeout: the other family")
        if not endpoints:
            return Forged(endpoints, outcome, ttl, is_good=True)  # nobody: nothing to forge
        if kind in ("shrunk", "shrunk for long"):
            left = self._share(state, 0.45, "shrunk")
            return Forged(left, outcome if left else EMPTY, ttl, lies=True)
        if kind in ("dropped", "dropped for long"):
            words = (f"address 127.0.0.1 of mysql-{self._content.number}: loopback",)
            if self._content.level < 0.5 and len(endpoints) > 1:
                endpoints = self._share(state, 0.8, "dropped")
            return Forged(endpoints, outcome, ttl, dropped=words)
        if kind == "unresolved":
            left = self._share(state, 0.6, "unresolved")
            names = tuple(sorted(str(each.hostname) for each in set(endpoints) - set(left)))
            if left:
                return Forged(left, outcome, ttl, unresolved=names)
            problem = "bad response: no address for any of the names"
            return Forged((), PARTIAL, ttl, unresolved=names, problem=problem)
        return Forged(self._nameless(state), outcome, ttl)

    def _share(self, state: State, share: float, what: str) -> tuple[Endpoint, ...]:
        """Some of the pods, the same ones for all of an episode."""
        key = (self._content.number, state.number, what)
        kept = self._made.get(key)
        if kept is None:
            marks = Random(f"{self._seed} {self._content.number}")
            by_mark = sorted((marks.random(), name) for name in sorted(state.members))
            kept = self._made[key] = ordered(
                made(name, state.members[name], named=self._kind.named)
                for _, name in by_mark[: int(len(by_mark) * share)]
            )
        return kept

    def _part(self, state: State) -> tuple[Endpoint, ...]:
        """What is left where one family failed, or some of the names."""
        level = self._content.level
        if not self._kind.dual:
            return self._share(state, level, "part")
        family = ":" if level < 0.5 else "."
        key = (self._content.number, state.number, family)
        kept = self._made.get(key)
        if kept is None:
            left = {
                name: tuple(each for each in addresses if family in each)
                for name, addresses in state.members.items()
            }
            kept = self._made[key] = ordered(made(n, each) for n, each in left.items() if each)
        return kept

    def _nameless(self, state: State) -> tuple[Endpoint, ...]:
        """The addresses alone."""
        key = (self._content.number, state.number, "cut")
        kept = self._made.get(key)
        if kept is None:
            kept = self._made[key] = ordered(
                made(address, (address,), named=False)
                for addresses in state.members.values()
                for address in addresses
            )
        return kept
