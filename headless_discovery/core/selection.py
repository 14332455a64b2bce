"""Selection: who among the members is dialled next.

In: the members, what is held against them, and what one call wants. Out: one endpoint after
another. Those that the last answer lists and nothing is held against come first, then those
missing from it, at the very last those left out for failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError, EndpointNotFound, NoEndpoints
from .changes import key_of
from .conditions import is_own
from .connectpolicy import ORDINAL, RANDOM, ROUND_ROBIN
from .ejection import Ejections
from .rotation import Rotation
from .snapshot import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
        NoEndpoints: Nobody is there.
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
                f"{members.service.fqdn}: 'to' wants none of those listed: {members}",
            )
    return Candidates(chosen, order, takes_turns=True)


def check_to(to: object) -> None:
    """Demand that ``to`` can be meant.

    Raises:
        ConfigError: It cannot.
    """
    fits = (
        0 <= to < _MOST_ORDINAL
        if isinstance(to, int) and not isinstance(to, bool)
        else isinstance(to, str | Endpoint | None) or (callable(to) and not isinstance(to, bool))
    )
    if not fits:
        raise ConfigError(
            "to", f"{ascii(to)[:100]} is no ordinal, no pod's name, no endpoint, no function"
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
        if members is not self._members:
            self._rotation.renew(members.endpoints)
            self._ejections.renew(members.endpoints)
        elif observed is self._observed:
            return
        self._members, self._observed = members, observed
        self._missing = _missing(members, observed)

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
            return self._the_one(wanted.endpoints[0], tried, now)
        left = [each for each in wanted.given or wanted.endpoints if as_tried(each) not in tried]
        if not left:
            return None
        out = self._ejections.out(now)
        tiers: tuple[list[Endpoint], ...] = ([], [], [])
        for each in left:
            key = key_of(each)
            tiers[2 if key in out else 1 if key in self._missing else 0].append(each)
        best = next(tier for tier in tiers if tier)
        endpoint = self._choose(best, wanted)
        self._ejections.drawn(endpoint, now)
        return endpoint

    def failed(self, endpoint: Endpoint, error: str, now: float) -> None:
        """Dialling it failed."""
        members = () if self._members is None else self._members.endpoints
        key = key_of(endpoint)
        if all(each.addresses != endpoint.addresses for each in members if key_of(each) == key):
            return  # it went, or moved, meanwhile
        out = self._ejections.out(now)
        others = (other for each in members if (other := key_of(each)) != key)
        is_last = all(other in out for other in others)
        self._ejections.failed(endpoint, error, now, is_last=is_last)

    def worked(self, endpoint: Endpoint) -> None:
        """Dialling it worked."""
        self._ejections.worked(endpoint)

    def ejected(self, now: float) -> tuple[Ejected, ...]:
        """Who is left out now."""
        return self._ejections.ejected(now)

    def reseed(self, random: Callable[[], float]) -> None:
        """Begin anywhere: this is a child process."""
        self._random = random
        self._rotation.reseed(random)

    def _the_one(
        self, endpoint: Endpoint, tried: set[tuple[str, ...]], now: float
    ) -> Endpoint | None:
        if as_tried(endpoint) in tried:
            return None
        self._ejections.drawn(endpoint, now)
        return endpoint

    def _choose(self, tier: Sequence[Endpoint], wanted: Candidates) -> Endpoint:
        if wanted.order == RANDOM:
            return tier[int(self._random() * len(tier))]
        if wanted.order == ROUND_ROBIN:
            return self._rotation.turn_among({key_of(each) for each in tier}) or tier[0]
        return tier[0]  # by ordinal, or as the caller's function gave them


def as_tried(endpoint: Endpoint) -> tuple[str, ...]:
    """What tells a dialled endpoint from the same pod at another address."""
    return (key_of(endpoint), *endpoint.addresses)


def _by_key(members: Snapshot, key: str) -> Endpoint:
    for each in members.endpoints:
        if each.name is None and key in each.addresses:
            return each
    return members.by_name(key)


def _missing(members: Snapshot, observed: Snapshot | None) -> frozenset[str]:
    """The members an answer lacks, by `key_of`."""
    if observed is None or observed is members:
        return frozenset()
    there = {key_of(each) for each in observed.endpoints}
    there.update(address for each in observed.endpoints for address in each.addresses)
    return frozenset(key for each in members.endpoints if (key := key_of(each)) not in there)


def _given(
    order: Callable[[tuple[Endpoint, ...]], Iterable[Endpoint]], endpoints: tuple[Endpoint, ...]
) -> tuple[Endpoint, ...]:
    """The order of the caller's own function."""
    given = tuple(order(endpoints))
    strangers = [each for each in given if each not in endpoints]
    if strangers:
        raise ConfigError("order", f"{ascii(strangers[0])[:200]} is none of the candidates")
    return given
