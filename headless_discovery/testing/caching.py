"""The other plugins of a usual Corefile: ``cache`` and ``loadbalance``.

In: a question and the way to its fresh answer. Out: the answer, perhaps an old one with
smaller TTLs, perhaps in another order. Follows CoreDNS 1.15 (``plugin/cache``,
``plugin/loadbalance``); the clock is passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .protocol import AAAA, CNAME, NOERROR, NXDOMAIN, SERVFAIL, A

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from .encoding import Query, Record, Response

__all__ = ["Cache", "shuffled"]

MINIMUM = 5  # seconds an answer is kept at least, where the cap allows (minpttl, minnttl)
FAILURE = 5  # seconds a SERVFAIL is kept
CAPACITY = 9984  # entries of each kind
_DO, _CD = 0x8000, 0x0010


class _Entry(NamedTuple):
    stored: float
    ttl: int
    response: Response


class Cache:
    """Keeps answers, positive and negative, while their TTL lasts.

    Args:
        cap: Seconds an answer is kept at most.
        clock: Seconds, monotonic.
    """

    def __init__(self, cap: int, clock: Callable[[], float]) -> None:
        self._cap = cap
        self._clock = clock
        self._entries: dict[tuple[object, ...], _Entry] = {}

    def clear(self) -> None:
        """Forget everything, as a restarted server has."""
        self._entries.clear()

    def answer(self, query: Query, fresh: Callable[[Query], Response]) -> Response:
        """The kept answer in the letter case of its first asker, or a fresh one."""
        if query.edns is not None and query.edns.version != 0:
            return fresh(query)  # BADVERS comes from in front of the plugins
        now = self._clock()
        do = bool(query.edns and query.edns.flags & _DO)
        key = (query.name.lower(), query.rtype, query.rclass, do, query.header & _CD)
        entry = self._entries.get(key)
        if entry is not None:
            left = entry.ttl - int(now - entry.stored)
            if left > 0:
                return _with_ttl(entry.response, left)
        response = fresh(query)
        if response.rcode not in (NOERROR, NXDOMAIN, SERVFAIL) or not response.aa:
            return response
        ttl = FAILURE
        if response.rcode != SERVFAIL:
            least = min(
                record.ttl
                for section in (response.answer, response.authority, response.additional)
                for record in section
            )
            ttl = min(max(least, MINIMUM), self._cap)
        # An alias to a name outside answers nothing by itself, and is not kept.
        if not response.answer or any(each.rtype == query.rtype for each in response.answer):
            if len(self._entries) >= CAPACITY:
                self._entries.clear()
            self._entries[key] = _Entry(now, ttl, response)
        return _with_ttl(response, ttl)


def _with_ttl(response: Response, ttl: int) -> Response:
    return response._replace(
        answer=[record._replace(ttl=ttl) for record in response.answer],
        authority=[record._replace(ttl=ttl) for record in response.authority],
        additional=[record._replace(ttl=ttl) for record in response.additional],
        varies=True,
    )


def shuffled(response: Response, rng: Random) -> Response:
    """Addresses in a uniformly random order, in each section; the rest stays in front."""
    if response.rcode != NOERROR:
        return response
    return response._replace(
        answer=_shuffled(response.answer, rng),
        additional=_shuffled(response.additional, rng),
        varies=True,
    )


def _shuffled(records: Sequence[Record], rng: Random) -> list[Record]:
    first = [record for record in records if record.rtype == CNAME]
    addresses = [record for record in records if record.rtype in (A, AAAA)]
    rest = [record for record in records if record.rtype not in (CNAME, A, AAAA)]
    rng.shuffle(addresses)
    return [*first, *rest, *addresses]
