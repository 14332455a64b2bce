"""When what goes wrong: two scripts of faults, one of the way to DNS, one of what it says.

Seeded; time is virtual. An episode has a kind, an end, and a level between 0 and 1 that
says how bad it is. What a fault does to a look is in ``world``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

__all__ = ["CONTENT", "WAY", "Faults"]

# Kind: weight, shortest and longest seconds of an episode. 0 seconds: one look.
Script = dict[str, tuple[float, float, float]]

# What happens on the way, and to the process that asks.
WAY: Script = {
    "outage": (4, 2.0, 60.0),  # nothing answers
    "long outage": (0.3, 60.0, 900.0),
    "refused": (2, 1.0, 60.0),  # the port is closed: CoreDNS restarts
    "servfail": (4, 0.5, 40.0),
    "hour of nothing": (0.02, 3600.0, 3600.0),
    "loss": (8, 20.0, 180.0),  # 10 to 50 percent of the messages
    "one timeout": (3, 0.0, 0.0),
    "slow": (3, 1.0, 20.0),  # looks take 1 to 5 seconds
    "replica dead": (4, 5.0, 120.0),
    "replica restarted": (3, 0.0, 0.0),
    "suspended": (1, 60.0, 900.0),
    "refreshes": (4, 1.0, 30.0),  # the program asks for early looks, again and again
}

# What the answers say.
CONTENT: Script = {
    "partial": (5, 0.5, 30.0),  # one part of the look failed
    "absent": (4, 0.5, 29.0),  # NXDOMAIN while pods are there
    "absent for long": (1, 31.0, 150.0),
    "empty": (2, 0.5, 28.0),  # no data
    "one absent": (3, 0.0, 0.0),
    "shrunk": (4, 0.0, 0.0),  # one answer without more than half of the pods
    "shrunk for long": (1, 5.0, 60.0),
    "odd ttl": (2, 0.0, 10.0),  # 0, or the largest there is
    "frozen": (3, 10.0, 300.0),  # the API server is away: every replica tells the past
    "alternating": (4, 10.0, 300.0),  # one replica tells the past
    "dropped": (4, 0.5, 28.0),  # a record is refused, with or without its pod
    "dropped for long": (1, 40.0, 180.0),
    "unresolved": (3, 0.5, 60.0),  # names without their addresses
    "cut": (2, 0.5, 60.0),  # addresses without their names
}


class Faults:
    """One script of faults: at most one episode at a time.

    Args:
        random: Decides what, when and how bad.
        script: `WAY` or `CONTENT`, or a part of them.
        pause: Mean seconds between two episodes.
        start: The virtual time at which it begins.
    """

    __slots__ = (
        "_fresh",
        "_kinds",
        "_pause",
        "_random",
        "_script",
        "_weights",
        "disturbed",
        "episodes",
        "kind",
        "level",
        "number",
        "turns_at",
        "until",
    )

    def __init__(
        self,
        random: Random,
        script: Mapping[str, tuple[float, float, float]],
        pause: float,
        start: float,
    ) -> None:
        self._random = random
        self._script = script
        self._kinds = list(script)
        self._weights = [weight for weight, _, _ in script.values()]
        self._pause = pause
        self.kind = ""
        self.level = 0.0
        self.number = 0
        self.until = start
        self._fresh = False
        self.turns_at = start + random.expovariate(1 / pause)
        self.episodes: dict[str, int] = dict.fromkeys(script, 0)
        self.disturbed: dict[str, int] = dict.fromkeys(script, 0)

    def turn(self, now: float) -> None:
        """Begin or end an episode; to be called when ``turns_at`` has come."""
        random = self._random
        while self.turns_at <= now:
            if self.kind:
                self.kind = ""
                self.turns_at += random.expovariate(1 / self._pause)
                continue
            (kind,) = random.choices(self._kinds, self._weights)
            _, shortest, longest = self._script[kind]
            self.kind = kind
            self.level = random.random()
            self.number += 1
            self._fresh = True
            # Short ones are more frequent than long ones.
            length = shortest + (longest - shortest) * random.random() ** 2
            if not longest:
                self.turns_at = self.until = float("inf")  # until a look was hit
                return
            self.turns_at = self.until = self.turns_at + length

    def hit(self, now: float, times: int = 1) -> None:
        """A look was disturbed."""
        kind = self.kind
        self.disturbed[kind] += times
        if self._fresh:
            self._fresh = False
            self.episodes[kind] += 1
        if self.until == float("inf"):
            self.kind = ""
            self.until = now
            self.turns_at = now + self._random.expovariate(1 / self._pause)
