"""Two CoreDNS replicas whose caches are of different age, picked at random: who flaps?

In comes a bed, out comes how many changes each follower told for each true one. Members
are EndpointSlices written by hand, so that one change is exactly one. Each Service is
followed through caches whose TTLs count down and through such that hide it (`keepttl`),
each time with the default policy and, beside it, with none: every answer is the truth,
asked for once a second.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery import PollPolicy
from tests.cluster.followers import AsyncFollower, Follower
from tests.cluster.judging import ADDITION, MOVE, REMOVAL
from tests.cluster.nameservers import Block, coredns
from tests.cluster.network import free_ports
from tests.cluster.processes import stop_all, wait_until
from tests.cluster.recording import Question, Recorder
from tests.cluster.workloads import address_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.bed import Bed
    from tests.cluster.nameservers import NameServers
    from tests.cluster.workloads import Namespace

COUNTING, HIDDEN = "counting", "keepttl"
"""The ways to cache."""

KINDS = (MOVE, ADDITION, REMOVAL)

BLOCKS = (Block(COUNTING, ttl=5, cache=5), Block(HIDDEN, ttl=5, cache=5, keepttl=True))

UNDAMPED = PollPolicy(
    interval=1.0,
    quick_for=0,
    ttl_guidance=False,
    removal_answers=0,
    shrink_answers=0,
    nothing_answers=0,
    nothing_hold=0,
    answer_gap=0,
    drop_answers=0,
    drop_hold=0,
    return_hold=False,
)
"""Every answer is the truth, as most programs have it."""

_MEMBERS = 5
_SETTLED_WITHIN = 60.0
_APART = 2.5  # seconds between the ages of the two caches, half of what they live
_ASK_EVERY = 0.3


class Change(NamedTuple):
    """One true change, and what each follower of that Service made of it.

    Attributes:
        kind: `move`, `addition` or `removal`.
        caching: How answers are cached on the way to these followers.
        damped: How many changes the default policy told; 1 is right.
        undamped: How many the follower told that takes each answer for the truth.
        answers: How often the answers of the damped follower differed from those before.
        seconds: From the change until the damped follower told the final set for good.
        is_right: Whether the damped follower ended with the true set.
    """

    kind: str
    caching: str
    damped: int
    undamped: int
    answers: int
    seconds: float
    is_right: bool


class _Followed:
    """One Service, its members and its followers."""

    def __init__(self, namespace: Namespace, number: int) -> None:
        self.namespace = namespace
        self.number = number
        self.service = f"replicated-{number}"
        self.name = f"{self.service}.{namespace.name}"
        self.members: dict[str, str] = {}
        self.damped: dict[str, Follower] = {}
        self.undamped: dict[str, Follower] = {}
        self._next = 0
        namespace.service(self.service, 7000, selector={})
        for _ in range(_MEMBERS):
            self._add()
        self._write()

    @property
    def truth(self) -> dict[str, frozenset[str]]:
        """What should be told."""
        return {name: frozenset({address}) for name, address in self.members.items()}

    def change(self, kind: str, chance: random.Random) -> None:
        """Make one change; it is in DNS within milliseconds, caches aside."""
        name = chance.choice(sorted(self.members))
        if kind == MOVE:
            self.members[name] = self._address()
        elif kind == REMOVAL:
            del self.members[name]
        else:
            self._add()
        self._write()

    def _add(self) -> None:
        self.members[f"db-{self._next}"] = self._address()

    def _address(self) -> str:
        """Return an address that was never used before."""
        self._next += 1
        return address_of(self.number * 1000 + self._next)

    def _write(self) -> None:
        self.namespace.write_members(self.service, self.members)


def replicas(
    bed: Bed,
    namespace: Namespace,
    *,
    services: int,
    rounds: int,
    seed: int,
    say: Callable[[str], None],
) -> list[Change]:
    """Change every Service once a round; the kinds take turns.

    Args:
        bed: The test bed; the calling thread is its main thread.
        namespace: An empty one.
        services: How many Services at once; a multiple of three gives as many of each kind.
        rounds: How many rounds, after a first one in which followers learn their caches.
        seed: Of what is drawn.
        say: Called with a line about how far it is.
    """
    chance = random.Random(seed)
    followed = [_Followed(namespace, number) for number in range(services)]
    found: list[Change] = []
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(coredns(bed, "replica-one", *BLOCKS))
        two = stack.enter_context(coredns(bed, "replica-two", *BLOCKS))
        ports = stack.enter_context(_forwarder(bed, one, two, seed))
        caches = []
        for replica in (one, two):
            # Others ask as well: the caches are filled again as soon as they have run out.
            questions = {
                f"{caching} {each.name}": Question(at, each.name)
                for caching, at in replica.at.items()
                for each in followed
            }
            caches.append(stack.enter_context(Recorder(questions, every=_ASK_EVERY)))
            time.sleep(_APART)
        for each in followed:
            for follower in _followers(each, ports):
                stack.enter_context(follower)
        _settle(followed, caches)
        for number in range(rounds + 1):
            time.sleep(chance.uniform(0.0, 5.0))
            changes = list(_round(followed, caches, number, chance))
            if number:
                found += changes
            events = [change.damped for change in changes]
            say(f"round {number} of {rounds}: {sum(events)} changes told for {len(events)}")
    return found


def _followers(followed: _Followed, ports: dict[str, int]) -> Iterator[Follower]:
    """Two for each way of caching, in turn on threads and on asyncio."""
    for caching, port in ports.items():
        where = f"127.0.0.1:{port}"
        made = Follower if followed.number % 2 else AsyncFollower
        followed.damped[caching] = made(followed.name, where)
        followed.undamped[caching] = Follower(followed.name, where, poll=UNDAMPED)
        yield followed.damped[caching]
        yield followed.undamped[caching]


def _round(
    followed: list[_Followed], caches: list[Recorder], number: int, chance: random.Random
) -> Iterator[Change]:
    """Change each Service once, wait until all is told, and count."""
    began: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for each in followed:
        kinds[each.name] = KINDS[(each.number + number) % len(KINDS)] if number else MOVE
        began[each.name] = time.monotonic()
        each.change(kinds[each.name], chance)
    right = _settle(followed, caches)
    for each in followed:
        for caching, damped in each.damped.items():
            since = began[each.name]
            told = [change.time for change in damped.told if change.time >= since]
            other = each.undamped[caching].told
            yield Change(
                kinds[each.name],
                caching,
                len(told),
                sum(change.time >= since for change in other),
                _differences(damped, since),
                told[-1] - since if told else 0.0,
                right or damped.members() == each.truth,
            )


def _settle(followed: list[_Followed], caches: list[Recorder]) -> bool:
    """Wait until no cache tells anything old and every follower tells what is true.

    From then on nothing more can be told: every further answer is the truth.
    """

    def settled() -> bool:
        return all(
            cache.now(f"{caching} {each.name}") == each.truth
            and each.damped[caching].members() == each.truth
            and each.undamped[caching].members() == each.truth
            for each in followed
            for cache in caches
            for caching in each.damped
        )

    deadline = time.monotonic() + _SETTLED_WITHIN
    while time.monotonic() < deadline:
        if settled():
            time.sleep(0.2)  # for what a look was just about to tell
            if settled():
                return True
        time.sleep(0.05)
    return False


def _differences(follower: Follower, since: float) -> int:
    """How often an answer since then was another one than the answer before it."""
    answers = follower.answers
    return sum(before[1] != after[1] for before, after in pairwise(answers) if after[0] >= since)


@contextlib.contextmanager
def _forwarder(bed: Bed, one: NameServers, two: NameServers, seed: int) -> Iterator[dict[str, int]]:
    """Run the forwarder; gives the port for each way of caching."""
    ports = dict(zip(one.blocks, free_ports(len(one.blocks)), strict=True))
    routes = [
        f"127.0.0.1:{port}={one.nameserver(caching)},{two.nameserver(caching)}"
        for caching, port in ports.items()
    ]
    script = str(Path(__file__).with_name("forwarder.py"))
    program = bed.program("forwarder", [sys.executable, script, "--seed", str(seed), *routes])
    try:
        program.start()
        wait_until(lambda: "ready" in program.tail(), "the forwarder", 10, [program])
        yield ports
    finally:
        stop_all([program])
        del bed.programs["forwarder"]
