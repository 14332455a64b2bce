"""Merging: the endpoints of one answer into the members.

In: the state of ``membership`` and an answer with endpoints. Out: the members after it, and
the rows of evidence it adds to. `Added` takes what an answer shows; `Merged` also judges
what a complete one lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .addresses import address_key
from .changes import key_of
from .evidence import Counting
from .snapshot import Endpoint, ordered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .evidence import Missing
    from .membership import Membership
    from .snapshot import Snapshot

__all__ = ["Added", "Merged"]


class Added:
    """One answer merged into the members: who is new, and what is new of the known ones."""

    def __init__(self, state: Membership, snapshot: Snapshot, now: float) -> None:
        self.state = state
        self.snapshot = snapshot
        self.counting = Counting(state, snapshot, now)
        self.held = {key: until for key, until in state.held.items() if until > now}
        self.missing: Mapping[str, Missing] = state.missing
        self.without: Mapping[tuple[str, str], Missing] = state.without
        self.drops: Mapping[str, Missing] = state.drops
        members = () if state.members is None else state.members.endpoints
        self.before = {key_of(each): each for each in members}
        self.after: dict[str, Endpoint] = dict(self.before)
        self.seen: set[str] = set()  # keys of members the answer shows
        self.lost: list[tuple[str, str]] = []  # (key, address) it does not show of them

    def run(self) -> None:
        """Take every endpoint of the answer."""
        bare = [each for each in self.snapshot.endpoints if each.name is None]
        owners = self._owners() if bare else {}
        listed = {each.name for each in self.snapshot.endpoints}
        nameless: dict[str, set[str]] = {}  # addresses listed without a name, by their owner
        for endpoint in bare:
            known_by = owners.get(endpoint.address, [])
            there = [key for key in known_by if key not in self.missing]
            for owner in there or known_by:
                nameless.setdefault(owner, set()).add(endpoint.address)
        for endpoint in self.snapshot.endpoints:
            if endpoint.name is not None:
                self._named(endpoint, endpoint.name, nameless.get(endpoint.name, set()))
        for owner, found in nameless.items():
            if owner not in listed:
                self.seen.add(owner)
                known = self.before[owner].addresses
                self.lost += [(owner, each) for each in known if each not in found]
        for endpoint in bare:
            address = endpoint.address
            # Who moved away in this answer is not there any longer.
            if not any(address in self.after[key].addresses for key in owners.get(address, ())):
                self._alone(endpoint)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The members after it; the tuple of the answer or of before where it is the same."""
        listed = self.snapshot.endpoints
        for known in (listed, () if self.state.members is None else self.state.members.endpoints):
            if len(known) == len(self.after) and all(
                self.after.get(key_of(each)) is each for each in known
            ):
                return known
        return ordered(self.after.values())

    def _owners(self) -> dict[str, list[str]]:
        """The named members at each address; two where one has just taken it over."""
        owners: dict[str, list[str]] = {}
        for key, each in self.before.items():
            if each.name is not None:
                for address in each.addresses:
                    owners.setdefault(address, []).append(key)
        return owners

    def _alone(self, endpoint: Endpoint) -> None:
        """An endpoint without a name, at an address that no named member has."""
        address = endpoint.address
        old = self.before.get(address)
        if old is not None:
            self.seen.add(address)
        if old != endpoint and (address, address) not in self.held:
            self.after[address] = endpoint

    def _named(self, endpoint: Endpoint, name: str, nameless: set[str]) -> None:
        """An endpoint with a name; some of its addresses may be listed without it."""
        old = self.before.get(name)
        if old is endpoint:
            self.seen.add(name)
            return
        # Known by its address alone until now: listed, even where the name has to wait.
        self.seen.update(each for each in endpoint.addresses if each in self.before)
        fresh = [each for each in endpoint.addresses if (name, each) not in self.held]
        ports = endpoint.ports
        addresses = fresh
        if old is not None:
            self.seen.add(name)
            if len(fresh) < len(endpoint.addresses):
                ports = old.ports  # the answer is out of a cache older than what we know
            addresses = fresh + self._kept(old, endpoint, name, fresh, nameless)
        if not addresses:
            return
        merged = _with(endpoint, addresses, ports)
        if old != merged:
            self.after[name] = merged
        for address in addresses:
            self.after.pop(address, None)  # it has a name now

    def _kept(
        self,
        old: Endpoint,
        endpoint: Endpoint,
        name: str,
        fresh: list[str],
        nameless: set[str],
    ) -> list[str]:
        """Addresses of a known member that its new answer does not list, and that stay."""
        kept = []
        for address in old.addresses:
            if address in endpoint.addresses:
                continue
            is_v6 = ":" in address
            family = [each for each in endpoint.addresses if (":" in each) is is_v6]
            if any(each in fresh and each not in old.addresses for each in family):
                self.counting.hold(self.held, name, address)
                if (name, address) in self.without:  # what was missing is gone: no row goes on
                    self.without = {k: r for k, r in self.without.items() if k != (name, address)}
                continue
            kept.append(address)
            is_older = any(each not in fresh for each in family)
            if address not in nameless and not is_older:
                self.lost.append((name, address))
        return kept


class Merged(Added):
    """A complete answer merged into the members: also who has gone, on evidence."""

    def run(self) -> None:
        """Take every endpoint of the answer, then judge what it lacks."""
        super().run()
        blocked = self._blocked()
        unseen = self._unseen()
        policy = self.state.policy
        needed = policy.removal_answers
        if 2 * len(unseen) > len(self.before):
            needed = max(needed, policy.shrink_answers)
        missing = {}
        gone = []
        for key in unseen:
            row = self._row(self.state.missing.get(key), needed, blocked)
            if row is None:
                continue
            missing[key] = row
            if row.answers >= row.needed and not blocked:
                gone.append(key)
        if len(gone) < len(self.after):  # else all that are listed are held back: not "nobody"
            for key in gone:
                del missing[key]
                self.counting.hold_removed(self.held, (self.after.pop(key),))
        without = {
            place: row
            for place, row in self.state.without.items()
            if place[0] not in self.seen and place[0] in self.after
        }
        for key, address in self.lost:
            row = self._row(self.state.without.get((key, address)), needed, blocked)
            if row is None:
                continue
            if row.answers < row.needed or blocked:
                without[key, address] = row
                continue
            known = self.after[key]
            left = [each for each in known.addresses if each != address]
            if not left:  # all that are listed are held back
                without[key, address] = row
                continue
            self.after[key] = _with(known, left, known.ports)
            if self.counting.is_cached:
                self.counting.hold(self.held, key, address)
        self.missing, self.without = missing, without

    def _row(self, row: Missing | None, needed: int, blocked: bool) -> Missing | None:
        return row if blocked else self.counting.once_more(row, needed)

    def _unseen(self) -> list[str]:
        """Members the answer does not show."""
        unseen = [key for key in self.before if key not in self.seen]
        unresolved = self.snapshot.unresolved
        if unresolved and not any(each.name is None for each in self.snapshot.endpoints):
            # Listed by SRV, only its address was not to be had. In an answer that was cut
            # the addresses are complete and the names are not: there addresses decide.
            unseen = [key for key in unseen if self.before[key].hostname not in unresolved]
        return unseen

    def _blocked(self) -> bool:
        """Whether a refused record keeps everybody."""
        policy = self.state.policy
        rows = {}
        for words in self.snapshot.dropped:
            rows[words] = self.counting.once_more(self.state.drops.get(words), policy.drop_answers)
        self.drops = rows
        return any(
            row.answers < row.needed or self.counting.now - row.since < policy.drop_hold
            for row in rows.values()
        )


def _with(endpoint: Endpoint, addresses: list[str], ports: tuple[int, ...]) -> Endpoint:
    """The endpoint with these addresses and ports; itself where they are its own."""
    if ports == endpoint.ports and sorted(addresses) == sorted(endpoint.addresses):
        return endpoint
    return Endpoint(
        name=endpoint.name,
        hostname=endpoint.hostname,
        ordinal=endpoint.ordinal,
        addresses=tuple(sorted(addresses, key=address_key)),
        ports=ports,
    )
