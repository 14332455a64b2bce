"""Selection: who among the members is dialled next.

In: the members, what is held against them, and what one call wants. Out: one endpoint after
another. Those that the last answer lists and nothing is held against come first, then those
missing from it, at the very last those left out for failures.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, EndpointNotFound, NoEndpoints
from .changes import key_of
from .conditions import is_own
from .connectpolicy import ORDINAL, RANDOM, ROUND_ROBIN
from .ejection import Ejections
from .rotation import Rotation
from .snapshot import Endpoint
from .values import is_plain_function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .conditions import OwnPod
    from .connectpolicy import ConnectPolicy, Order
    from .ejection import Ejected
    from .snapshot import Snapshot

    To = int | str | Endpoint | Callable[[Endpoint], object]

__all__ = ["Candidates", "Selection", "candidates", "check_to"]

_MOST_ORDINAL = 10**10


class Candidates:
    """Whom one call may dial, among one state of the members.

    Attributes:
        endpoints: All of them, in the order of the members.
        given: The order the caller's own function gave them; None for the built-in ones.
        order: The built-in order.
        takes_turns: Whether they are a choice at all: who wants one pod takes nobody's turn.
    """

    __slots__ = ("endpoints", "given", "order", "takes_turns")

    def __init__(self, endpoints: tuple[Endpoint, ...], order: Order, *, takes_turns: bool) -> None:
        self.endpoints = endpoints
        self.order = order
        self.takes_turns = takes_turns
        self.given = _given(order, endpoints) if callable(order) else None


def candidates(members: Snapshot, to: To | None, order: Order, own: OwnPod | None) -> Candidates:
    """Whom a call may dial.

    Args:
        members: Who is there.
        to: One pod, by ordinal, name or endpoint; or a function that says which; None: any.
        order: In which order.
        own: This pod, where it is to be left out.

    Raises:
        NoEndpoints: Nobody is there, or nobody is left.
        EndpointNotFound: Nobody like that is there.
        AmbiguousEndpoint: Two are.
        ConfigError: The caller's order names somebody else.
    """
    if isinstance(to, int):
        return Candidates((members.by_ordinal(to),), ORDINAL, takes_turns=False)
    if isinstance(to, Endpoint):
        to = key_of(to)
    if isinstance(to, str):
        return Candidates((_by_key(members, to),), ORDINAL, takes_turns=False)
    if not members:
        raise NoEndpoints(members.service.fqdn, members.outcome)
    chosen = members.endpoints
    if own is not None:
        chosen = tuple(each for each in chosen if not is_own(each, own))
        if not chosen:
            raise NoEndpoints(
                members.service.fqdn, members.outcome, "only this pod itself is listed"
            )
    if to is not None:
        chosen = tuple(each for each in chosen if to(each))
        if not chosen:
            raise EndpointNotFound(
                members.service.fqdn,
                "what 'to' wants",
                members.endpoints,
                f"{members.service.fqdn}: 'to' wants none of those listed: {members!r}",
            )
    found = Candidates(chosen, order, takes_turns=True)
    if found.given == ():
        raise NoEndpoints(
            members.service.fqdn, members.outcome, "'order' gave none of those listed"
        )
    return found


def check_to(to: object) -> None:
    """Demand that ``to`` can be meant.

    Raises:
        ConfigError: It cannot.
    """
    fits = (
        0 <= to < _MOST_ORDINAL
        if isinstance(to, int) and not isinstance(to, bool)
        else isinstance(to, str | Endpoint | None) or is_plain_function(to)
    )
    if not fits:
        raise ConfigError(
            "to", f"{ascii(to)[:100]} is no ordinal, no pod's name, no endpoint, no plain function"
        )


class Selection:
    """The turns and what is held against whom. Not safe to be used by two threads.

    Args:
        policy: The numbers.
        random: Gives numbers from 0 up to 1.
    """

    __slots__ = ("_ejections", "_members", "_missing", "_observed", "_random", "_rotation", "turn")

    def __init__(self, policy: ConnectPolicy, random: Callable[[], float]) -> None:
        self._random = random
        self._rotation = Rotation(random)
        #: Gives the next turn of all, where it is plain and somebody is there.
        self.turn = self._rotation.turn
        self._ejections = Ejections(policy)
        self._members: Snapshot | None = None
        self._observed: Snapshot | None = None
        self._missing: frozenset[str] = frozenset()

    def renew(self, members: Snapshot, observed: Snapshot | None) -> None:
        """This is the state of the members now.

        Args:
            members: Who is there.
            observed: The last complete answer; those it lacks come later.
        """
        known = self._members
        if members is not known:
            if known is not None and _is_older(members, known):
                return  # a call that began before the last change goes by what it was told
            self._rotation.renew(members.endpoints)
            self._ejections.renew(members.endpoints)
        elif observed is self._observed:
            return
        self._members, self._observed = members, observed
        self._missing = _missing(members, observed)

    @property
    def is_blameless(self) -> bool:
        """Whether nothing is held against anybody."""
        return not self._ejections

    @property
    def is_plain(self) -> bool:
        """Whether nothing is held against anybody: then the next turn is all there is to it."""
        return not self._ejections and not self._missing

    def draw(self, wanted: Candidates, tried: set[tuple[str, ...]], now: float) -> Endpoint | None:
        """Who is dialled next.

        Args:
            wanted: Whom the call may dial.
            tried: Those it has dialled: key and addresses.
            now: Monotonic seconds.

        Returns:
            None where all have been dialled.
        """
        if not wanted.takes_turns:
            only = wanted.endpoints[0]
            return None if tried and as_tried(only) in tried else only
        if not tried and self.is_plain and self._are_all(wanted):
            return self.turn()
        several = wanted.endpoints if wanted.given is None else wanted.given
        left = [each for each in several if as_tried(each) not in tried]
        if not left:
            return None
        out = self._ejections.out(now)
        tiers: tuple[list[Endpoint], ...] = ([], [], [])
        for each in left:
            key = key_of(each)
            tiers[2 if key in out else 1 if key in self._missing else 0].append(each)
        return self._choose(next(tier for tier in tiers if tier), wanted)

    def drawn(self, endpoint: Endpoint, now: float) -> None:
        """It is about to be dialled."""
        if self._ejections and self._members is not None:
            self._ejections.drawn(endpoint, now, len(self._members))

    def failed(self, endpoint: Endpoint, error: str, began: float, now: float) -> None:
        """Dialling it failed."""
        members = () if self._members is None else self._members.endpoints
        key = key_of(endpoint)
        if all(each.addresses != endpoint.addresses for each in members if key_of(each) == key):
            return  # it went, or moved, meanwhile
        self._ejections.failed(endpoint, error, began, now, len(members))

    def worked(self, endpoint: Endpoint) -> None:
        """Dialling it worked."""
        self._ejections.worked(endpoint)

    def ejected(self, now: float) -> tuple[Ejected, ...]:
        """Who is left out now."""
        return self._ejections.ejected(now)

    def reseed(self, random: Callable[[], float]) -> None:
        """Begin anywhere: this is a child process, whose parent may have been in the midst."""
        self._random = random
        self._rotation.reseed(random)
        self._members = self._observed = None

    def _are_all(self, wanted: Candidates) -> bool:
        """Whether they are the members, one after another."""
        members = self._members
        return (
            wanted.order == ROUND_ROBIN
            and members is not None
            and wanted.endpoints is members.endpoints
        )

    def _choose(self, tier: Sequence[Endpoint], wanted: Candidates) -> Endpoint:
        if wanted.order == RANDOM:
            return tier[int(self._random() * len(tier))]
        if wanted.order == ROUND_ROBIN:
            by_key = {key_of(each): each for each in tier}
            turn = self._rotation.turn_among(by_key)
            return tier[0] if turn is None else by_key[key_of(turn)]
        return tier[0]  # by ordinal, or as the caller's function gave them


def as_tried(endpoint: Endpoint) -> tuple[str, ...]:
    """What tells a dialled endpoint from the same pod at another address."""
    return (key_of(endpoint), *endpoint.addresses)


def _by_key(members: Snapshot, key: str) -> Endpoint:
    """The endpoint of that name or address; one that was known by its address may have a name."""
    there = [each for each in members.endpoints if key in each.addresses]
    bare = [each for each in there if each.name is None]
    if bare or len(there) == 1:
        return (bare or there)[0]
    return members.by_name(key)


def _is_older(members: Snapshot, known: Snapshot) -> bool:
    """Whether it is an earlier state of the same followed Service; raw looks have no version."""
    return 0 < members.version < known.version and members.seen_at < known.seen_at


def _missing(members: Snapshot, observed: Snapshot | None) -> frozenset[str]:
    """The members an answer lacks, by `key_of`."""
    if observed is None or observed is members:
        return frozenset()
    there = {key_of(each) for each in observed.endpoints}
    all_of_them = {address for each in observed.endpoints for address in each.addresses}
    # An answer too large for names lists whom it lists by address.
    bare = {address for each in observed.endpoints if not each.name for address in each.addresses}
    return frozenset(
        key
        for each in members.endpoints
        if (key := key_of(each)) not in there
        and (bare if each.name else all_of_them).isdisjoint(each.addresses)
    )


def _given(
    order: Callable[[tuple[Endpoint, ...]], Iterable[Endpoint]], endpoints: tuple[Endpoint, ...]
) -> tuple[Endpoint, ...]:
    """The order of the caller's own function."""
    answer = order(endpoints)
    if not isinstance(answer, Iterable):
        raise ConfigError("order", f"it gave {ascii(answer)[:200]}, which is not several endpoints")
    given: tuple[Any, ...] = tuple(answer)
    those = set(endpoints)
    for each in given:
        if not isinstance(each, Endpoint) or each not in those:
            raise ConfigError("order", f"{ascii(each)[:200]} is none of the candidates")
    return given
