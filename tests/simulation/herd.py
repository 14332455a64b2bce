"""A thousand followers of one Service behind one cache: how many questions come in a second.

In: how many, over how many seconds they start, and for how long the cache keeps an answer.
Out: the moments of all looks. Virtual time; the pure core is driven, one follower after the
other in the order of their looks.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from math import ceil
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.following import Following
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.questions import TIMEOUT, Failure, Problem
from headless_discovery.core.snapshot import Snapshot, ordered

from .cluster import SERVICE, made

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Outage", "herd", "outage", "peak"]

START = 1000.0
_POLICY = PollPolicy(interval=5.0)
_BEFORE = ordered(made(f"mysql-{n}", (f"10.0.0.{n + 1}",)) for n in range(3))
_AFTER = ordered((*_BEFORE, made("mysql-3", ("10.0.0.4",))))
_TOOK = 0.002


def herd(
    followers: int,
    *,
    over: float,
    keeps: float,
    seconds: float,
    change_at: float | None = None,
    seed: int = 1,
) -> list[float]:
    """When each look went out, in order; seconds from the first start.

    Args:
        followers: How many.
        over: Seconds in which they start, evenly spread by chance.
        keeps: Seconds the cache keeps an answer; 0: there is none, and the TTL is 5 seconds.
        seconds: How long to go on.
        change_at: When a pod comes; None: nothing changes.
        seed: Decides the starts and the waits.
    """
    random = Random(f"herd {seed}")
    expires = 0.0
    cached = _BEFORE

    def answer(now: float) -> Snapshot:
        nonlocal expires, cached
        ttl = 5
        state = _BEFORE if change_at is None or now < START + change_at else _AFTER
        if keeps:
            if now >= expires:
                cached, expires = state, now + keeps
            state, ttl = cached, ceil(expires - now - 1e-6)
        return Snapshot(SERVICE, state, ttl=ttl, seen_at=now, servers=("10.96.0.10:53",))

    starts = [START + random.random() * over for _ in range(followers)]
    return [each - START for each in _driven(starts, random, START + seconds, answer)]


def _driven(
    starts: list[float],
    random: Random,
    until: float,
    answer: Callable[[float], Snapshot | Failure],
) -> list[float]:
    """Drive all followers; the moments of their looks."""
    everybody = [Following(_POLICY, random.random, start) for start in starts]
    queue: list[tuple[float, int]] = []
    for number, start in enumerate(starts):
        heappush(queue, (start, number))
    looks = []
    while queue[0][0] < until:
        now, number = heappop(queue)
        following = everybody[number]
        if following.step(now) is not None:
            looks.append(now)
            look = Look(SERVICE, answer(now), (), _TOOK)
            following.looked(look, now + _TOOK)
        heappush(queue, (following.due, number))
    return looks


def peak(moments: list[float], *, since: float = 0.0, window: float = 1.0) -> int:
    """The most looks in any window of that many seconds, wherever it begins."""
    first = bisect_left(moments, since)
    most = 0
    for last in range(first, len(moments)):
        while moments[first] <= moments[last] - window:
            first += 1
        most = max(most, last - first + 1)
    return most


class Outage(NamedTuple):
    """What an outage of all servers came to, for one follower."""

    looks: int  # while it lasted
    members_kept: bool
    stale_for: float  # at its end, seconds
    failing_for: float  # since the first failed look, seconds
    recovered: float  # seconds from its end to the first good answer
    step: float  # the longest wait after a failure, seconds


def outage(seconds: float, *, seed: int = 1) -> Outage:
    """One follower while nothing answers: each look ends after 5 seconds of silence."""
    following = Following(_POLICY, Random(f"outage {seed}").random, START)
    good = Snapshot(SERVICE, _BEFORE, ttl=5, servers=("10.96.0.10:53",))
    silence = Failure(Problem(TIMEOUT, "no answer in time"))
    begins = START + 60.0
    ends = begins + seconds
    looks = 0
    first_failed = 0.0
    status = None
    while True:
        now = following.due
        assert following.step(now) == "look"
        result, took = (silence, 5.0) if begins <= now < ends else (good, _TOOK)
        looks += begins <= now < ends
        if now >= ends and status is None:
            status = following.status(ends, listed=None, callback_errors=0)
            members = following.members
        following.looked(Look(SERVICE, result, (), took), now + took)
        if result is silence and not first_failed:
            first_failed = now + took
        if now >= ends:
            break
    assert status is not None
    step = _POLICY.backoff_max * (1 + _POLICY.backoff_jitter)
    kept = members is not None and members.endpoints == _BEFORE
    return Outage(looks, kept, status.stale_for, ends - first_failed, now - ends, step)
