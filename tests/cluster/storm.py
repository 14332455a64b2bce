"""Changes without end while CoreDNS is killed and the API server goes: who was right?

In comes a bed, out comes a report on every follower: threads and asyncio, against one
CoreDNS that gives fresh answers, one that caches them for 5 s, one for 30 s. The three are
one process, which is killed and started again and again. What is true is told by a second
CoreDNS, which is never killed and asked every 20 ms.
"""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.changing import DATABASE, SERVICES, Changes
from tests.cluster.followers import AsyncFollower, Follower
from tests.cluster.judging import Bounds, Clock, History, judge
from tests.cluster.nameservers import Block, coredns
from tests.cluster.outages import Probe, api_server_away
from tests.cluster.processes import wait_until
from tests.cluster.recording import Question, Recorder, service_questions
from tests.cluster.recovering import recoveries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.bed import Bed
    from tests.cluster.judging import Verdict
    from tests.cluster.nameservers import NameServers
    from tests.cluster.recording import Reading
    from tests.cluster.recovering import Recoveries
    from tests.cluster.workloads import Namespace

BLOCKS = (Block("c0"), Block("c5", ttl=5, cache=30), Block("c30", ttl=30, cache=30))

_DOWN = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds CoreDNS stays away, drawn


class Plan(NamedTuple):
    """What is done, seeded.

    Attributes:
        changes: How many, at least.
        kills: How often CoreDNS is killed.
        away: Seconds without the API server, in the middle of it.
        every: Mean seconds between two changes.
        rest: Seconds at the end in which nothing happens.
        cycles: How often a time of kills and one without them follow each other.
        seed: Of all that is drawn.
    """

    changes: int
    kills: int
    away: float
    every: float
    rest: float
    cycles: int = 1
    seed: int = 1

    @property
    def seconds(self) -> float:
        """How long the changes take."""
        return self.changes * self.every

    def kill_times(self, chance: random.Random) -> list[float]:
        """When CoreDNS is killed: spread over the first half of each cycle.

        What is seen in the second half tells how fast followers are: a cache that is
        started anew knows nothing old.
        """
        cycle = self.seconds / self.cycles
        places = ((number + chance.random()) / self.kills for number in range(self.kills))
        return sorted(
            (int(place * self.cycles) + place * self.cycles % 1 / 2) * cycle for place in places
        )


class Row(NamedTuple):
    """One follower and what the judge says of it."""

    follower: Follower
    block: Block
    verdict: Verdict
    recoveries: Recoveries

    @property
    def faults(self) -> list[str]:
        """All of them, with whose they are."""
        found = [*self.verdict.faults, *self.recoveries.faults]
        return [f"{self.follower.name}: {fault}" for fault in found]


class Report(NamedTuple):
    """What a storm came to.

    Attributes:
        rows: The followers.
        made: The changes that were asked for, with their times.
        truth: What was true, by Service.
        blind: Times in which the truth was not watched closely, by Service.
        kills: How often CoreDNS was killed.
        away: From the API server's end until all had caught up with it.
        seconds: How long all of it took.
    """

    rows: list[Row]
    made: list[tuple[float, str]]
    truth: dict[str, list[Reading]]
    blind: dict[str, list[tuple[float, float]]]
    kills: int
    away: tuple[float, float]
    seconds: float

    @property
    def true(self) -> int:
        """How many changes of members were true."""
        return sum(len(log) - 1 for log in self.truth.values())

    @property
    def longest_blind(self) -> float:
        """The longest time the truth was not watched."""
        return max((end - begin for each in self.blind.values() for begin, end in each), default=0)

    @property
    def faults(self) -> list[str]:
        """All faults of all followers."""
        return [fault for row in self.rows for fault in row.faults]


def storm(bed: Bed, namespace: Namespace, plan: Plan, say: Callable[[str], None]) -> Report:
    """Run one.

    Args:
        bed: The test bed; the calling thread is its main thread.
        namespace: An empty one.
        plan: What is done.
        say: Called with a line about how far it is.
    """
    began = time.monotonic()
    changes = Changes(namespace, plan.seed)
    changes.begin()
    probe = Probe(namespace)
    names = [f"{service}.{namespace.name}" for service in SERVICES]
    with contextlib.ExitStack() as stack:
        truth_server = stack.enter_context(coredns(bed, "truth", Block("bare")))
        watched = stack.enter_context(coredns(bed, "watched", *BLOCKS))
        truth = stack.enter_context(Recorder(service_questions(truth_server.at["bare"], names)))
        asked = {name: Question(at, "kubernetes.default", "A") for name, at in watched.at.items()}
        health = stack.enter_context(Recorder(asked, every=0.05))
        followers = list(_followers(watched, names))
        with contextlib.ExitStack() as following:
            for follower, _ in followers:
                following.enter_context(follower)
            wait_until(lambda: all(each.told for each, _ in followers), "all followers to know")
            servers = [truth_server.at["bare"], *watched.at.values()]
            span = _play(bed, changes, watched, plan, lambda: probe.wait(servers), say)
            end = time.monotonic()
            ended = [program.name for program in bed.programs.values() if not program.running]
            assert not ended  # without a scheduler, say, nothing changes any more
    rows = [
        _judged(follower, block, truth, health.outages(block.name, end), span, end)
        for follower, block in followers
    ]
    return Report(
        rows,
        changes.made,
        truth.log,
        truth.blind,
        plan.kills,
        span,
        time.monotonic() - began,
    )


def _followers(watched: NameServers, names: list[str]) -> Iterator[tuple[Follower, Block]]:
    """Threads on every Service, asyncio on the database, at every block."""
    for block in watched.blocks.values():
        where = watched.nameserver(block.name)
        for name in names:
            short = name.partition(".")[0]
            yield Follower(name, where, name=f"{block.name} {short} threads"), block
            if short == DATABASE:
                yield AsyncFollower(name, where, name=f"{block.name} {short} asyncio"), block


def _play(
    bed: Bed,
    changes: Changes,
    watched: NameServers,
    plan: Plan,
    caught_up: Callable[[], None],
    say: Callable[[str], None],
) -> tuple[float, float]:
    """Play the plan; returns from when to when the API server and its readers were away."""
    chance = random.Random(plan.seed)
    time.sleep(3)
    span = (0.0, 0.0)
    start = time.monotonic()
    due = plan.kill_times(chance)
    is_back = not plan.away
    killed = told = 0
    while len(changes.made) < plan.changes or killed < plan.kills:
        now = time.monotonic() - start
        if killed < plan.kills and now >= due[killed]:
            killed += 1
            watched.program.kill()
            time.sleep(chance.choice(_DOWN))
            watched.program.start()
            continue
        if not is_back and now >= plan.seconds / 2:
            is_back = True
            watched.wait()  # a CoreDNS that starts without the API server is another test's
            span = _without_api_server(bed, plan.away, caught_up)
            say(f"API server away, and all in step again: {span[1] - span[0]:.1f} s")
            start += span[1] - span[0]
            continue
        changes.make()
        if len(changes.made) >= told + 25:
            told = len(changes.made)
            say(f"{told} changes, {killed} kills, {now:.0f} s")
        # Some come at once, some a while apart.
        pause = plan.every * chance.choice((0.1, 0.5, 1.0, 2.0, 1.4))
        wait_for = min([pause, *(each - now for each in due[killed : killed + 1])])
        time.sleep(max(0.01, wait_for))
    say(f"{len(changes.made)} changes, {killed} kills: resting for {plan.rest:.0f} s")
    time.sleep(plan.rest)
    return span


def _without_api_server(
    bed: Bed, seconds: float, caught_up: Callable[[], None]
) -> tuple[float, float]:
    began = time.monotonic()
    with api_server_away(bed):
        time.sleep(seconds)
    caught_up()
    return began, time.monotonic()


def _judged(
    follower: Follower,
    block: Block,
    truth: Recorder,
    outages: list[tuple[float, float]],
    span: tuple[float, float],
    end: float,
) -> Row:
    recovered = recoveries(follower.looks, outages)
    log = [each for each in truth.log[follower.service] if each.members is not None]
    moments = [(each.answered, each.members or {}) for each in log]
    history = History(moments, end, truth.blind[follower.service])
    bounds = Bounds(block.lifetime, ttl=float(block.ttl))
    clock = Clock([*recovered.felt, span])
    return Row(follower, block, judge(history, follower.told, bounds, clock, end), recovered)
