"""Guidance: how often a follower asks, and how late it sees an addition, behind a cache.

In: a number of hours. Out: rows that hold the follower that TTLs guide beside one that asks
every second. Time is virtual: the real core of a follower (`Following`) asks a model of one
CoreDNS with a cache of five seconds, behind which pods come and go at random.

A pod that came is told by the first look whose answer is younger than the pod (that is held
against the core). So the looks say how late a pod would be told that came at any moment, and
the median is that of all moments: with those at which one came it would depend on chance.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import NamedTuple

from benchmarks.report import Row
from headless_discovery import Endpoint, Look, PollPolicy, ServiceName, Snapshot
from headless_discovery.core.following import LOOK, Following

__all__ = ["guidance"]

LIFE = 5.0  # seconds an answer stays in the cache
TOOK = 0.0005  # seconds a look takes
CHANGES_EVERY = 300.0  # seconds, on average
SERVICE = ServiceName("my-database.shop.svc.cluster.local")
SERVERS = ("10.96.0.10:53",)
# A poller whose wait is 1 s, up to 20 % more: the library lets nobody ask sooner.
EVERY_SECOND = PollPolicy(interval=1, ttl_guidance=False, quick_for=0)
# Asks at the very end of each answer's time in the cache: nothing can see more.
TO_THE_MOMENT = EVERY_SECOND.replace(jitter=0.0)
GUIDED = {"default": PollPolicy(interval=5), "interval=1": PollPolicy(interval=1)}
OTHERS = 20.0  # questions a second by others, where the cache is not ours alone
GOAL_QUESTIONS, GOAL_DETECTION = 0.25, 1.1


class State(NamedTuple):
    """Who is there from a moment on."""

    since: float
    endpoints: tuple[Endpoint, ...]


class Story:
    """What happens to a Service.

    Args:
        hours: How long.
        random: Of what happens.

    Attributes:
        states: Who is there, in order of time.
        added: When each name came, which no other pod ever has again.
    """

    def __init__(self, hours: float, random: Random) -> None:
        self.end = hours * 3600.0
        there = {_pod(number).address: _pod(number) for number in range(5)}
        self.states = [_state(0.0, there)]
        self.added: dict[str, float] = {}
        number, now = 5, 60.0
        while (now := now + random.expovariate(1 / CHANGES_EVERY)) < self.end:
            if len(there) > 3 and random.random() < len(there) / 20:
                del there[random.choice(sorted(there))]
            else:
                pod = _pod(number)
                there[pod.address] = pod
                self.added[pod.address] = now
                number += 1
            self.states.append(_state(now, there))


class Cache:
    """One CoreDNS with a cache.

    Args:
        story: What it would tell.
        others: Questions a second by others than the follower.
        random: Of when they ask.
    """

    def __init__(self, story: Story, others: float, random: Random) -> None:
        self._states = iter(pairwise([*story.states, State(story.end * 2, ())]))
        self._state, self._next = next(self._states)
        self._others = others
        self._random = random
        self._filled = -LIFE
        self._told: tuple[Endpoint, ...] = ()

    def answer(self, now: float) -> tuple[tuple[Endpoint, ...], int, float]:
        """Who is there, the TTL (what is left of it in whole seconds), when that was so."""
        if self._others:
            while True:
                asked = self._filled + LIFE + self._random.expovariate(self._others)
                if asked > now:
                    break
                self._fill(asked)
        if now >= self._filled + LIFE:
            self._fill(now)
        return self._told, int(LIFE) - int(now - self._filled), self._filled

    def _fill(self, now: float) -> None:
        while self._next.since <= now:
            self._state, self._next = next(self._states)
        self._filled, self._told = now, self._state.endpoints


class Found(NamedTuple):
    """What a follower came to.

    Attributes:
        questions: An hour.
        latencies: For each answer that was younger than the one before how late what
            happened in between was told, from least to most.
    """

    questions: float
    latencies: list[tuple[float, float]]

    def median(self) -> float:
        """Seconds until half of all moments' changes were told."""
        half = sum(most - least for least, most in self.latencies) / 2
        low, high = 0.0, max(most for _, most in self.latencies)
        while high - low > 0.001:
            middle = (low + high) / 2
            told = sum(
                min(most, middle) - least for least, most in self.latencies if least < middle
            )
            low, high = (middle, high) if told < half else (low, middle)
        return low


def guidance(hours: int) -> list[Row]:
    """Both figures, alone behind the cache and among others."""
    story = Story(hours, Random(1))
    alone = {name: _follow(policy, story, 0.0) for name, policy in GUIDED.items()}
    shared = {name: _follow(policy, story, OTHERS) for name, policy in GUIDED.items()}
    beside = _follow(EVERY_SECOND, story, 0.0)
    rows = []
    for name, found in alone.items():
        rows += _rows(name, found, "every second", beside, "cache of 5 s")
    # The goals are those of a follower alone at its cache; the rest is for orientation.
    exact = _follow(TO_THE_MOMENT, story, 0.0)
    crowd = _follow(EVERY_SECOND, story, OTHERS)
    rest = _rows("default", alone["default"], "every 1.000 s", exact, "cache of 5 s")
    for name, found in shared.items():
        rest += _rows(name, found, "every second", crowd, "shared cache of 5 s")
    return rows + [row._replace(goal=None) for row in rest]


def _rows(name: str, ours: Found, beside: str, theirs: Found, where: str) -> list[Row]:
    mine, other = ours.median(), theirs.median()
    questions = f"{ours.questions:.0f} / {theirs.questions:.0f} an hour"
    seconds = f"{mine:.2f} / {other:.2f} s"
    fewer, later = ours.questions / theirs.questions, mine / other
    what = f"questions, {where}"
    seen = f"detection p50, {where}"
    return [
        Row(what, None, name, beside, fewer, None, GOAL_QUESTIONS, None, questions),
        Row(seen, None, name, beside, later, None, GOAL_DETECTION, None, seconds),
    ]


def _follow(policy: PollPolicy, story: Story, others: float) -> Found:
    cache = Cache(story, others, Random(2))
    following = Following(policy, Random(3).random, 0.0)
    latencies: list[tuple[float, float]] = []
    looks, before = 0, 0.0
    while (now := following.due) < story.end:
        if following.step(now) != LOOK:
            raise RuntimeError("a follower without hints only looks")
        endpoints, ttl, asked = cache.answer(now)
        now += TOOK
        snapshot = Snapshot(SERVICE, endpoints, ttl=ttl, seen_at=now, servers=SERVERS)
        change = following.looked(Look(SERVICE, snapshot, (), TOOK), now)
        if change is not None and looks:
            for pod in change.added:
                if not before < story.added[pod.address] <= asked:
                    raise RuntimeError(f"{pod} was not told by the first answer that has it")
        looks += 1
        if asked > before:
            latencies.append((now - asked, now - before))
            before = asked
    return Found(looks / story.end * 3600, latencies)


def _state(since: float, there: dict[str, Endpoint]) -> State:
    # A snapshot sorts them once; the same tuple is then taken as it is.
    return State(since, Snapshot(SERVICE, there.values()).endpoints)


def _pod(number: int) -> Endpoint:
    address = f"10.{244 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"
    return Endpoint(name=f"mysql-{number}", ordinal=number, addresses=(address,), ports=(3306,))
