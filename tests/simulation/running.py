"""Runs one follower through its world, with the judges beside it.

Seeded: the same seed gives the same log, whose hash is told. The pure core is driven here;
``shells`` drives the rest.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.following import HINT, Following
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.questions import Failure
from headless_discovery.core.snapshot import PARTIAL

from .baselines import Presence, Rule
from .cluster import SERVICE
from .evidence import Evidence
from .freshness import Freshness
from .pace import Pace
from .world import START, Answer, World, setting

if TYPE_CHECKING:
    from headless_discovery.core.changes import Change
    from headless_discovery.core.snapshot import Endpoint, Snapshot

__all__ = ["Report", "Run", "simulate"]

LINES = 30  # of the log that a failure shows
_EXAMPLES = 5


class Line(NamedTuple):
    """A line of the log; written only when somebody wants to read it."""

    start: float
    end: float
    result: Snapshot | Failure
    change: Change | None

    def __str__(self) -> str:
        text = f"{self.start:.3f} {self.end:.3f} "
        result, change = self.result, self.change
        if isinstance(result, Failure):
            return text + f"FAILED {result.problem.kind}"
        told = " ".join(f"{e.name or ''}@{','.join(e.addresses)}" for e in result.endpoints[:8])
        text += f"{result.outcome} ttl {result.ttl} {result.servers[0]} [{told}]"
        for what, names in (("dropped", result.dropped), ("unresolved", result.unresolved)):
            text += f" {what} {names}" if names else ""
        if change is not None:
            moved = [(before.addresses, after.addresses) for before, after in change.updated]
            text += (
                f" => v{change.current.version}"
                f" +{[each.name or each.address for each in change.added]}"
                f" -{[each.name or each.address for each in change.removed]} ~{moved}"
            )
        return text


class Report(NamedTuple):
    """What one run came to."""

    seed: int
    setting: str
    seconds: float  # virtual
    looks: int
    changes: int  # members that truly came, went or moved
    versions: int
    judged: int  # states held long enough to be judged
    faults: dict[str, int]  # looks disturbed, by kind
    episodes: int
    lost: int
    violations: dict[str, int]
    examples: tuple[str, ...]
    rules: dict[str, tuple[int, ...]]  # see `Rule.figures`
    log: str  # its hash
    took: float  # real seconds


class Run:
    """One follower in one world.

    Args:
        seed: Decides everything.
        change_pause: Mean seconds between two happenings in the cluster.
        fault_pause: Mean seconds between two episodes of each script of faults.
    """

    def __init__(self, seed: int, *, change_pause: float, fault_pause: float) -> None:
        self.setting = setting(seed)
        self.world = World(self.setting, change_pause=change_pause, fault_pause=fault_pause)
        self.policy = PollPolicy(interval=5.0)
        self.random = Random(f"schedule {seed}").random
        self.lines: deque[Line] = deque(maxlen=LINES)
        self.violations: dict[str, int] = {}
        self.examples: list[str] = []
        self.looks = 0
        self.hints = 0
        self._hash = blake2b(digest_size=12)
        self._now = START
        self.evidence = Evidence(counts_down=self.setting.counts_down, blame=self._blame)
        self.fresh = Freshness(self.world, self.evidence, self._blame)
        self.pace = Pace(self.setting, self._blame)
        self.presence = Presence(self.world.cluster.now)
        self.ours = Rule(self.presence)
        self.each_is_true = Rule(self.presence)
        self.keep_on_error = Rule(self.presence)

    @property
    def log(self) -> str:
        """The hash of all that was seen and published."""
        return self._hash.hexdigest()

    def _blame(self, kind: str, facts: str) -> None:
        self.violations[kind] = count = self.violations.get(kind, 0) + 1
        if count <= _EXAMPLES:
            log = "\n    ".join(map(str, self.lines))
            self.examples.append(
                f"seed {self.setting.seed} at {self._now:.3f}: {kind}: {facts}\n"
                f"  {self.setting}\n    {log}"
            )

    def judge(self, answer: Answer, change: Change | None) -> None:
        """All judges hear of a look that ended, and of the change it led to."""
        start, end, result, true, clean = answer
        self._now = end
        self.looks += 1
        evidence, fresh = self.evidence, self.fresh
        fresh.took(end - start)
        news = self.world.cluster.news
        if news:
            fresh.happened(news)
            self.presence.happened(news)
            self.world.cluster.news = []
        self.lines.append(Line(start, end, result, change))
        if isinstance(result, Failure):
            self._hash.update(struct.pack("<dd", start, end))
            self.pace.looked(start, end, failed=True, in_part=False, ttl=0)
            fresh.disturbed()
            fresh.looked(end, clean=False)
            evidence.failed(change)
            self.each_is_true.tell((), end, true=true)
            return
        ttl = result.ttl or 0
        self._hash.update(struct.pack("<ddqi", start, end, ttl, len(result.endpoints)))
        if change is not None:
            self._hash.update(repr((change.current.endpoints, change.current.version)).encode())
        part = result.outcome == PARTIAL
        self.pace.looked(start, end, failed=False, in_part=part, ttl=ttl)
        if not clean:
            standing = result.ttl == 2**31 - 1 and self.setting.counts_down
            lied = not true or bool(result.dropped) or _bare(result.endpoints, self.setting.kind)
            fresh.disturbed(lied=lied, until=end + 300.0 if standing else 0.0)
        fresh.looked(end, clean=clean)
        if change is None:
            evidence.answered(result, None, end)
        else:
            before = evidence.addresses
            first = evidence.missed_since()
            evidence.answered(result, change, end)
            fresh.changed(before)
            self.ours.tell(change.current.endpoints, end, true=true, missed=first)
        if result.endpoints and _bare(result.endpoints, self.setting.kind):
            return  # a program that goes by names would see nothing; be kind to it
        self.each_is_true.tell(result.endpoints, end, true=true)
        if not part:
            self.keep_on_error.tell(result.endpoints, end, true=true)

    def drive(self, seconds: float) -> None:
        """Drive the core for that many virtual seconds."""
        following = Following(self.policy, self.random, START)
        world, pace = self.world, self.pace
        until = START + seconds
        now = START
        idle = 0
        while True:
            due = following.due
            if due >= until:
                break
            early = world.refresh_before(now, due)
            if early is not None:
                pace.refreshed()
                following.look_by(early)
                now = early
                continue
            now = max(now, due)
            woken = world.wakes(now)
            if woken > now:
                now = woken
                self.fresh.disturbed()
                pace.suspended()
            what = following.step(now)
            if what is None:
                idle += 1
                assert idle < 1000, "due, but nothing to do"
                continue
            idle = 0
            if what == HINT:
                self.hints += 1
                following.hinted(world.serial(now), now)
                continue
            answer = world.ask(now)
            now = answer.end
            look = Look(SERVICE, answer.result, (), now - answer.start)
            change = following.looked(look, now)
            self.judge(answer, change)
            if change is not None:
                self._after(following, answer)

    def _after(self, following: Following, answer: Answer) -> None:
        """What the follower tells, after a change."""
        observed = following.observed
        result = answer.result
        if following.members is not self.evidence.snapshot:
            self._blame("members", "not what was published")
        if (
            not isinstance(result, Failure)
            and result.outcome != PARTIAL
            and (
                observed is None
                or observed.endpoints != result.endpoints
                or observed.outcome != result.outcome
                or observed.version != 0
            )
        ):
            self._blame("observed", repr(observed))

    def report(self, seconds: float, took: float) -> Report:
        """What it came to."""
        world = self.world
        return Report(
            self.setting.seed,
            str(self.setting),
            seconds,
            self.looks,
            world.cluster.changes,
            self.evidence.version,
            self.fresh.judged,
            {**world.way.disturbed, **world.content.disturbed},
            world.episodes,
            world.lost,
            self.violations,
            tuple(self.examples),
            {
                "each answer is the truth": self.each_is_true.figures,
                "keep on error": self.keep_on_error.figures,
                "headless_discovery": self.ours.figures,
            },
            self.log,
            took,
        )


def simulate(
    seed: int, seconds: float, *, change_pause: float = 300.0, fault_pause: float = 300.0
) -> Report:
    """Run one seed."""
    began = time.perf_counter()
    run = Run(seed, change_pause=change_pause, fault_pause=fault_pause)
    run.drive(seconds)
    return run.report(seconds, time.perf_counter() - began)


def _bare(endpoints: tuple[Endpoint, ...], kind: str) -> bool:
    """Whether an answer has lost the names."""
    return bool(endpoints) and kind != "nameless" and endpoints[0].name is None
