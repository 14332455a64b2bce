"""TTLs: whether a cache stands between us and the cluster's DNS, and for how long it answers.

In: the TTL of each answer and the server it came from. Out: the servers whose TTLs count
down. CoreDNS itself gives the same TTL in every answer; a cache gives what is left of it.
A lone asker that waits for a cached answer to end gets the full TTL each time, so what was
seen once is remembered, per server, and not judged answer by answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .snapshot import Snapshot

__all__ = ["NO_TTLS", "Ttls", "lifetime", "observe"]

_KEPT = 4  # answers of a server that a further one is held against
# Two answers out of one cache end at the same moment, give or take a whole second of
# rounding; those of CoreDNS itself end as far apart as they were asked.
_SAME_MOMENT = 1.5


class Ttls(NamedTuple):
    """What is known of TTLs.

    Attributes:
        largest: The largest TTL seen, seconds, as far as it is believed.
        counting: Servers whose TTLs count down.
        recent: Of the other servers the last answers as (TTL, monotonic end).
    """

    largest: float
    counting: frozenset[str]
    recent: dict[str, tuple[tuple[float, float], ...]]


NO_TTLS = Ttls(0.0, frozenset(), {})


def observe(ttls: Ttls, snapshot: Snapshot, now: float, most: float) -> Ttls:
    """What is known after one more answer.

    Args:
        ttls: What was known before.
        snapshot: The answer.
        now: When it came, monotonic seconds.
        most: Seconds of a TTL that are believed.
    """
    if snapshot.ttl is None:
        return ttls
    ttl = float(snapshot.ttl)  # in full: of two long ones, cut short, neither counts down
    largest, counting, recent = ttls
    end = now + ttl
    for server in snapshot.servers:
        if server in counting:
            continue
        earlier = recent.get(server, ())
        # A TTL of 0 is no rest of one: it says "do not keep this", and ends wherever it comes.
        if any(
            0 < ttl < known and abs(end - its_end) <= _SAME_MOMENT for known, its_end in earlier
        ):
            counting |= {server}
        recent = {**recent, server: (*earlier[1 - _KEPT :], (ttl, end))}
    return Ttls(max(largest, min(ttl, most)), counting, recent)


def lifetime(ttls: Ttls, snapshot: Snapshot, most: float) -> float | None:
    """Seconds a cache goes on giving this answer; None where no cache was noticed."""
    if snapshot.ttl is None or ttls.counting.isdisjoint(snapshot.servers):
        return None
    return min(float(snapshot.ttl), most)
