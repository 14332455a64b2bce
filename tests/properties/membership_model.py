"""A plain model of who is published: the whole history, searched anew after each answer.

Written from the promises: where the library keeps rows of evidence and carries them on,
this looks back over everything that was ever said. Slow and short. Members have names, and
at most one address a family.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Heard", "Model", "Pods"]

Pods = dict[str, tuple[str, ...]]

GAP = 1.0
HOLD = 30.0


class Heard(NamedTuple):
    """A complete answer, and what was thought of it when it came."""

    number: int
    at: float
    pods: Pods
    unresolved: frozenset[str]
    dropped: str
    runs_out: float  # when no cache gives it any more
    is_cached: bool  # whether it came from a server whose TTLs count down
    big: bool  # it lacked more than half
    blocked: bool  # a refused record kept everybody
    older: frozenset[tuple[str, str]]  # addresses it lists that were held back


class Model:
    """Who is published."""

    def __init__(self) -> None:
        self.members: Pods | None = None
        self.version = 0
        self._heard: list[Heard] = []
        self._looks = 0
        self._since: dict[
            tuple[str, str], int
        ] = {}  # the look that published (name, address), or (name, "")
        self._held: dict[tuple[str, str], float] = {}
        self._largest = 0.0

    def failed(self) -> None:
        """A look that failed: it says nothing."""

    def partial(self, at: float, pods: Pods, ttl: int) -> None:
        """A look of which a part failed: it may add, and take the place of."""
        self._looks += 1
        if pods:
            self._largest = max(self._largest, ttl)
            self._become(self._with(at, pods))

    def answered(
        self,
        at: float,
        pods: Pods,
        *,
        ttl: int,
        is_cached: bool,
        unresolved: frozenset[str] = frozenset(),
        dropped: str = "",
    ) -> None:
        """A complete answer."""
        self._looks += 1
        self._largest = max(self._largest, ttl)
        known = self.members or {}
        lacking = [name for name in known if name not in pods and name not in unresolved]
        heard = Heard(
            self._looks,
            at,
            pods,
            unresolved,
            dropped if pods else "",
            at + ttl,
            is_cached,
            2 * len(lacking) > len(known),
            False,
            frozenset(
                (name, each)
                for name, addresses in pods.items()
                for each in addresses
                if self._is_held(name, each, at)
            ),
        )
        self._heard.append(heard._replace(blocked=self._blocks(heard)))
        if pods:
            self._become(self._judged(self._with(at, pods), at))
        elif self._nobody_for_good(at):
            for name, addresses in known.items():
                self._hold(name, addresses, at, only=is_cached)
            self._become({})
            self._heard.clear()

    # --- who comes ------------------------------------------------------------------------

    def _with(self, at: float, pods: Pods) -> Pods:
        """The members with everybody who is listed."""
        members = dict(self.members or {})
        for name, listed in pods.items():
            fresh = [each for each in listed if not self._is_held(name, each, at)]
            known = members.get(name, ())
            stay = []
            for each in known:
                family = [other for other in listed if (":" in other) == (":" in each)]
                if each in listed:
                    continue
                if any(other in fresh for other in family):
                    self._hold(name, (each,), at)
                else:
                    stay.append(each)
            if fresh or stay:
                members[name] = tuple(sorted([*fresh, *stay], key=lambda each: ":" in each))
        return members

    def _is_held(self, name: str, address: str, at: float) -> bool:
        return self._held.get((name, address), at) > at

    def _hold(self, name: str, addresses: tuple[str, ...], at: float, *, only: bool = True) -> None:
        for each in addresses if only else ():
            self._held[name, each] = at + self._largest

    # --- who goes -------------------------------------------------------------------------

    def _judged(self, members: Pods, at: float) -> Pods:
        """The members without those who have gone."""
        heard = self._heard[-1]
        if heard.blocked:
            return members
        before = self.members or {}
        gone = [name for name in before if self._enough(self._without_name(name))]
        if len(gone) < len(members):  # else everybody who is listed is held back
            for name in gone:
                self._hold(name, members.pop(name), at, only=heard.is_cached)
        for name, listed in heard.pods.items():
            for each in before.get(name, ()):
                left = tuple(other for other in members.get(name, ()) if other != each)
                still = each in members.get(name, ()) and each not in listed
                if still and left and self._enough(self._without_address(name, each)):
                    members[name] = left
                    self._hold(name, (each,), at, only=heard.is_cached)
        return members

    def _without_name(self, name: str) -> list[Heard]:
        """The answers in a row that did not list it, the newest first."""
        known_since = self._since[name, ""]
        row = []
        for heard in reversed(self._heard):
            if heard.number <= known_since or name in heard.pods or name in heard.unresolved:
                break
            if not heard.blocked:
                row.append(heard)
        return row

    def _without_address(self, name: str, address: str) -> list[Heard]:
        """The answers in a row that listed the member without this address."""
        is_v6 = ":" in address
        row = []
        for heard in reversed(self._heard):
            if heard.number <= self._since[name, address]:
                break
            listed = heard.pods.get(name)
            if listed is None:
                continue  # nothing is said of its addresses
            older = any((name, each) in heard.older for each in listed if (":" in each) == is_v6)
            if address in listed or older:
                break
            if not heard.blocked:
                row.append(heard)
        return row

    def _nobody_for_good(self, at: float) -> bool:
        newest = max((since for (_, what), since in self._since.items() if not what), default=0)
        row = []
        for heard in reversed(self._heard):
            if heard.pods or (self.members and heard.number <= newest):
                break
            row.append(heard)
        counting = _counting(row)
        return len(counting) >= 3 and at - counting[0].at >= HOLD and self.members != {}

    def _enough(self, row: list[Heard]) -> bool:
        counting = _counting(row)
        return len(counting) >= (3 if any(heard.big for heard in counting) else 2)

    def _blocks(self, heard: Heard) -> bool:
        if not heard.dropped:
            return False
        row = [heard]
        for before in reversed(self._heard):
            if before.dropped != heard.dropped:
                break
            row.append(before)
        counting = _counting(row)
        return len(counting) < 3 or heard.at - counting[0].at < HOLD

    # --- what is published ----------------------------------------------------------------

    def _become(self, members: Pods) -> None:
        if members != self.members:
            self.version += 1
        places = {(name, each) for name, addresses in members.items() for each in ("", *addresses)}
        self._since = {place: self._since.get(place, self._looks) for place in places}
        self.members = members


def _counting(row: list[Heard]) -> list[Heard]:
    """Of answers, the newest first, those that count, the oldest first."""
    counting: list[Heard] = []
    for heard in reversed(row):
        last = counting[-1] if counting else None
        ran_out = last is None or not last.is_cached or heard.at >= last.runs_out
        if last is None or (ran_out and heard.at >= last.at + GAP):
            counting.append(heard)
    return counting
