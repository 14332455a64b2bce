"""The judge of P4: whether what was published follows from the answers, read off the log.

In: every answer with its time, and every change. Out: violations. Written from the
promises alone; nothing of the library's own reckoning is used.

- A member or an address goes when it was missing from 2 complete answers in a row, from 3
  where one of them lacked more than half; all go when 3 answers in a row over 30 s said
  "nobody". A further answer counts 1 s after the last that counted, and after its TTL
  where TTLs count down. Failures and partial looks neither count nor reset.
- A refused record blocks removals, until it was refused alike 3 times over 30 s.
- What was not seen before is added at once, except an address that was replaced under its
  name, and where TTLs count down a removed member at its old address, for the largest TTL.
- Versions grow by one, diffs compose, equal content is never published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headless_discovery.core.snapshot import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.core.changes import Change
    from headless_discovery.core.snapshot import Endpoint, Snapshot

__all__ = ["Evidence"]

GAP = 1.0
HOLD = 30.0
TTL_BELIEVED = 300.0
_EPSILON = 1e-6

Missing = str | tuple[str, str]  # a member, or an address of a member


class _Misses:
    """The answers in a row that did not list something."""

    __slots__ = ("answers", "big", "first", "last", "runs_out", "server")

    def __init__(self, now: float, runs_out: float, server: str, *, big: bool) -> None:
        self.answers = 1
        self.first = self.last = now
        self.runs_out = runs_out
        self.server = server
        self.big = big


class Evidence:
    """Follows the log of one follower.

    Args:
        counts_down: Whether the TTLs of these servers truly count down.
        blame: Is told each violation: its kind and the facts.
    """

    def __init__(self, *, counts_down: bool, blame: Callable[[str, str], None]) -> None:
        self._counts_down = counts_down
        self._blame = blame
        self.published: dict[str, Endpoint] | None = None
        self.addresses: dict[str, tuple[str, ...]] = {}  # of the published
        self.version = 0
        self.last_big = 0.0  # when an answer lacked more than half
        self.last_nothing = 0.0
        self.snapshot: Snapshot | None = None
        self._misses: dict[Missing, _Misses] = {}
        self._nothing: _Misses | None = None
        self._largest = 0.0
        self._counting: set[str] = set()
        self._shown: dict[str, list[tuple[float, float]]] = {}
        self._drop: tuple[tuple[str, ...], int, float] = ((), 0, 0.0)
        self._released: dict[tuple[str, str], float] = {}  # address of a name: held until
        self._quiet: object = None

    # --- every look -------------------------------------------------------------------------

    def failed(self, change: Change | None) -> None:
        """A look failed."""
        if change is not None:
            self._blame("change by failure", repr(change))

    def answered(self, snapshot: Snapshot, change: Change | None, now: float) -> bool:
        """A look found something.

        Returns:
            Whether there was anything to look at: False where all is as it was.
        """
        self._note_ttl(snapshot, now)
        endpoints = snapshot.endpoints
        if endpoints is self._quiet and change is None and not snapshot.dropped:
            return False
        self._quiet = None
        complete = snapshot.outcome != PARTIAL
        seen, listed = self._seen(snapshot)
        blocked = complete and self._blocked(snapshot, now)
        if complete:
            self._count(snapshot, seen, now, blocked=blocked)
        if change is not None:
            self._judge(snapshot, change, now, blocked=blocked)
        self._all_added(listed, now)
        told_all = complete and not snapshot.unresolved and not snapshot.dropped
        if told_all and change is None and not self._misses:
            self._quiet = endpoints if endpoints and not self._held(listed) else None
        return True

    def missed_since(self) -> dict[str, float]:
        """Since when each member is missing from the answers."""
        return {key: each.first for key, each in self._misses.items() if isinstance(key, str)}

    def held_until(self, key: str, addresses: tuple[str, ...]) -> float:
        """Until when one of these addresses is not taken back under that name."""
        return max(self._released.get((key, each), 0.0) for each in addresses)

    # --- TTLs -------------------------------------------------------------------------------

    def _note_ttl(self, snapshot: Snapshot, now: float) -> None:
        ttl = snapshot.ttl
        if ttl is None:
            return
        self._largest = max(self._largest, min(ttl, TTL_BELIEVED))
        server = snapshot.servers[0]
        if self._counts_down and server not in self._counting:
            shown = [each for each in self._shown.get(server, ()) if each[1] >= now]
            if any(ttl < more and abs(now + ttl - end) <= 1 for more, end in shown):
                self._counting.add(server)
            self._shown[server] = [*shown, (ttl, now + ttl)]

    def _further(self, misses: _Misses, now: float) -> bool:
        """Whether an answer counts after the ones before it."""
        if now < misses.last + GAP - _EPSILON:
            return False
        return misses.server not in self._counting or now >= misses.runs_out - _EPSILON

    # --- counting ---------------------------------------------------------------------------

    def _seen(self, snapshot: Snapshot) -> tuple[set[Missing], dict[str, tuple[str, ...]]]:
        """What of the published the answer lists, and all it lists by key."""
        seen: set[Missing] = set()
        listed: dict[str, tuple[str, ...]] = {}
        bare = set()
        for endpoint in snapshot.endpoints:
            if endpoint.name is None:
                bare.add(endpoint.addresses[0])
            else:
                listed[endpoint.name] = endpoint.addresses
                seen.add(endpoint.name)
                seen.update((endpoint.name, each) for each in endpoint.addresses)
                bare.update(endpoint.addresses)
        for hostname in snapshot.unresolved:
            name = hostname.partition(".")[0]
            seen.add(name)  # nothing is known of its addresses
        nameless = bare - {each for addresses in listed.values() for each in addresses}
        owners: dict[str, list[str]] = {each: [] for each in bare}
        for key, addresses in self.addresses.items():
            for each in addresses:
                if each in nameless or (each in bare and key == each):
                    owners[each].append(key)
        for address, keys in owners.items():
            # Where one has taken over another's address, it is the one that is not missing.
            for key in [each for each in keys if each not in self._misses] or keys:
                seen.add(key)
                seen.add((key, address))
        nameless = {each for each in nameless if not owners[each]}
        listed.update((each, (each,)) for each in nameless)
        return seen, listed

    def _blocked(self, snapshot: Snapshot, now: float) -> bool:
        """Whether a refused record keeps everybody where he is."""
        dropped, answers, since = self._drop
        if not snapshot.dropped:
            self._drop = ((), 0, 0.0)
            return False
        if snapshot.dropped != dropped:
            answers, since = 0, now
        self._drop = (snapshot.dropped, answers + 1, since)
        return answers + 1 < 3 or now - since < HOLD

    def _count(self, snapshot: Snapshot, seen: set[Missing], now: float, *, blocked: bool) -> None:
        server = snapshot.servers[0]
        runs_out = now + min(snapshot.ttl or 0, TTL_BELIEVED)
        lacking = [key for key in self.addresses if key not in seen]
        big = 2 * len(lacking) > len(self.addresses)
        nothing = not snapshot.endpoints and not snapshot.unresolved
        if big:
            self.last_big = now
        if nothing:
            self.last_nothing = now
            self._nothing = self._one_more(self._nothing, now, runs_out, server, big=True)
        else:
            self._nothing = None
        published: list[Missing] = [*self.addresses]
        # Of the addresses of a pod that is not listed, or only by its name, nothing is said.
        unknown = {hostname.partition(".")[0] for hostname in snapshot.unresolved}
        unknown.update(lacking)
        published += [
            (key, each)
            for key, addresses in self.addresses.items()
            for each in addresses
            if key not in unknown
        ]
        for missing in published:
            if missing in seen:
                self._misses.pop(missing, None)
            elif not blocked:
                self._misses[missing] = self._one_more(
                    self._misses.get(missing), now, runs_out, server, big=big
                )

    def _one_more(
        self, misses: _Misses | None, now: float, runs_out: float, server: str, *, big: bool
    ) -> _Misses:
        if misses is None:
            return _Misses(now, runs_out, server, big=big)
        if self._further(misses, now):
            misses.big |= big
            misses.answers += 1
            misses.last, misses.runs_out, misses.server = now, runs_out, server
        return misses

    def _enough(self, snapshot: Snapshot, missing: Missing, now: float) -> bool:
        """Whether there is evidence that this is gone."""
        if not snapshot.endpoints and not snapshot.unresolved:
            nothing = self._nothing
            return nothing is not None and nothing.answers >= 3 and now - nothing.first >= HOLD
        misses = self._misses.get(missing)
        return misses is not None and misses.answers >= (3 if misses.big else 2)

    # --- what was published -----------------------------------------------------------------

    def _judge(self, snapshot: Snapshot, change: Change, now: float, *, blocked: bool) -> None:
        before = self.published
        after = {each.name or each.addresses[0]: each for each in change.current.endpoints}
        self._composes(change, after)
        if before is None:
            if not after and not (self._nothing and self._enough(snapshot, "", now)):
                self._blame("empty without evidence", f"first state, {self._nothing}")
        else:
            if not after and snapshot.endpoints:
                self._blame("empty without evidence", repr(snapshot))
            complete = snapshot.outcome != PARTIAL
            self._removals(snapshot, before, after, now, allowed=complete and not blocked)
        self.published = after
        self.addresses = {key: each.addresses for key, each in after.items()}
        self.version = change.current.version
        self.snapshot = change.current
        parts = {(k, each) for k, addresses in self.addresses.items() for each in addresses}
        self._misses = {
            key: each
            for key, each in self._misses.items()
            if (key in self.addresses if isinstance(key, str) else key in parts)
        }

    def _composes(self, change: Change, after: dict[str, Endpoint]) -> None:
        if change.current.version != self.version + 1:
            self._blame("version", f"{self.version} -> {change.current.version}")
        if change.previous is not self.snapshot:
            self._blame("diff", "previous is not what was published before")
        before = set(self.snapshot.endpoints) if self.snapshot is not None else set()
        composed = before - set(change.removed) - {old for old, _ in change.updated}
        composed |= set(change.added) | {new for _, new in change.updated}
        if composed != set(after.values()) or len(after) != len(change.current.endpoints):
            self._blame("diff", f"{change!r} does not compose")
        if self.snapshot is not None and self.snapshot.endpoints == change.current.endpoints:
            self._blame("equal content", repr(change))

    def _removals(
        self,
        snapshot: Snapshot,
        before: dict[str, Endpoint],
        after: dict[str, Endpoint],
        now: float,
        *,
        allowed: bool,
    ) -> None:
        kept = {each for endpoint in after.values() for each in endpoint.addresses}
        for key, endpoint in before.items():
            successor = after.get(key)
            if successor is None:
                if endpoint.name is None and key in kept:
                    continue  # it has got a name
                if not (allowed and self._enough(snapshot, key, now)):
                    self._blame("removed without evidence", self._facts(key, snapshot))
                if self._counting:
                    self._release(key, endpoint.addresses, now)
                continue
            fresh = {":" in each for each in successor.addresses if each not in endpoint.addresses}
            for each in endpoint.addresses:
                if each in successor.addresses:
                    continue
                if (":" in each) in fresh:
                    self._release(key, (each,), now)
                    continue
                if not (allowed and self._enough(snapshot, (key, each), now)):
                    self._blame("address without evidence", self._facts((key, each), snapshot))
                if self._counting:
                    self._release(key, (each,), now)
        for key, endpoint in after.items():
            predecessor = before.get(key)
            for each in endpoint.addresses:
                new = predecessor is None or each not in predecessor.addresses
                until = self._released.get((key, each), 0.0)
                if new and now < until - _EPSILON:
                    self._blame("taken back", f"{key} at {each}, held until {until:.3f}")

    def _release(self, key: str, addresses: tuple[str, ...], now: float) -> None:
        if len(self._released) > 500:
            self._released = {k: until for k, until in self._released.items() if until > now}
        for each in addresses:
            self._released[key, each] = now + self._largest

    def _facts(self, missing: Missing, snapshot: Snapshot) -> str:
        misses = self._misses.get(missing)
        counted = "nothing" if misses is None else f"{misses.answers} since {misses.first:.3f}"
        return (
            f"{missing}: {snapshot.outcome} {len(snapshot)} dropped {snapshot.dropped}, "
            f"counted {counted}{' (big)' if misses and misses.big else ''}"
        )

    def _held(self, listed: dict[str, tuple[str, ...]]) -> bool:
        """Whether something listed is not published yet."""
        return any(
            each not in self.addresses.get(key, ())
            for key, addresses in listed.items()
            for each in addresses
        )

    def _all_added(self, listed: dict[str, tuple[str, ...]], now: float) -> None:
        for key, addresses in listed.items():
            for each in addresses:
                if each in self.addresses.get(key, ()):
                    continue
                if now >= self._released.get((key, each), 0.0):
                    self._blame("not added at once", f"{key} at {each}")
