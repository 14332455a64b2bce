"""`PollPolicy`: when a followed Service is looked at, and what it takes to lose a member.

A frozen value; times are seconds. Each default is there for a reason, which is given with
it. What is left open (the interval) is filled from the environment.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError
from .values import Value, is_number

__all__ = ["PollPolicy"]

DEFAULT_INTERVAL = 5.0
_MOST_SECONDS = 86400.0
_FAST = 0.02  # what `fast` makes of a second


class _FastFloor(float):
    """A floor below a second; only `PollPolicy.fast` makes it."""

    __slots__ = ()


class PollPolicy(Value):
    """How a Service is followed. Everything has a default that suits a pod.

    Args:
        interval: Seconds between looks, default ``HEADLESS_DISCOVERY_INTERVAL``, else 5:
            the TTL of CoreDNS. Asking less often is seen later, asking more often costs
            the cluster's DNS.
        jitter: Share of the interval by which each wait is varied, up or down, default
            0.2: a thousand pods that were started together must not ask together.
        floor: Seconds that lie at least between two looks, default 1 and never less,
            whoever asks for one. The second look comes after the floor and a random share
            of the interval.
        quick_interval: Seconds between looks in the quick phase, default 1: one change
            is rarely alone.
        quick_jitter: Share by which these waits are made longer, default 0.2.
        quick_for: Seconds the quick phase lasts after a change, a first miss, or the
            begin of a wait, default 30; 0 has none.
        ttl_guidance: Where TTLs were seen to count down there is a cache, and asking
            before its answer has run out learns nothing: wait for that, default True.
        ttl_max: Seconds that guidance waits at most, default 30: what a cache of an
            ordinary cluster keeps.
        ttl_jitter: Share by which these waits are made longer, default 0.3: everybody
            behind a cache learns the same moment.
        backoff: Seconds to wait after a first failure, default 1; doubled with each
            further one.
        backoff_max: Seconds to wait after a failure at most, default 25.
        backoff_jitter: Share by which these waits are made longer, default 0.2.
        removal_answers: Complete answers in a row a member must be missing from, default
            2: replicas of the cluster's DNS disagree for a moment.
        shrink_answers: The same where an answer lacks more than half of the members,
            default 3: that is rarely true.
        nothing_answers: Answers in a row that say "nobody" before it is believed,
            default 3.
        nothing_hold: Seconds they must span at least, default 30: "nobody" is what an
            answer looks like while a Service is being replaced, and databases were lost
            by believing it.
        answer_gap: Seconds by which such answers must lie apart to count, default 1;
            where TTLs count down, the TTL of the one before must have run out as well:
            two answers out of one cache are one witness.
        drop_answers: Answers with an identical refused record after which that record
            is a standing fault and no longer keeps members, default 3.
        drop_hold: Seconds these must span at least, default 30.
        return_hold: An address that was replaced is not taken back for the largest TTL
            seen, default True: an older cache still tells it.
        ttl_trusted: Seconds of a TTL that are believed at most, default 300: a single
            answer shall not keep the dead for a day.
        max_stale: Seconds without a complete answer after which the members are no longer
            told but `NotYetKnown` raised, default None: the last known ones are better
            than none. Nobody is removed by it.
        hint: Seconds between questions for the serial of the cluster's zone, which
            moves with every change in the cluster: a look follows at once. It costs some
            hundred bytes each. Default None: not asked.

    Raises:
        ConfigError: A value that cannot be meant, named.
    """

    __slots__ = (
        "answer_gap",
        "backoff",
        "backoff_jitter",
        "backoff_max",
        "drop_answers",
        "drop_hold",
        "floor",
        "hint",
        "interval",
        "jitter",
        "max_stale",
        "nothing_answers",
        "nothing_hold",
        "quick_for",
        "quick_interval",
        "quick_jitter",
        "removal_answers",
        "return_hold",
        "shrink_answers",
        "ttl_guidance",
        "ttl_jitter",
        "ttl_max",
        "ttl_trusted",
    )
    interval: float | None
    jitter: float
    floor: float
    quick_interval: float
    quick_jitter: float
    quick_for: float
    ttl_guidance: bool
    ttl_max: float
    ttl_jitter: float
    backoff: float
    backoff_max: float
    backoff_jitter: float
    removal_answers: int
    shrink_answers: int
    nothing_answers: int
    nothing_hold: float
    answer_gap: float
    drop_answers: int
    drop_hold: float
    return_hold: bool
    ttl_trusted: float
    max_stale: float | None
    hint: float | None

    def __init__(
        self,
        *,
        interval: float | None = None,
        jitter: float = 0.2,
        floor: float = 1.0,
        quick_interval: float = 1.0,
        quick_jitter: float = 0.2,
        quick_for: float = 30.0,
        ttl_guidance: bool = True,
        ttl_max: float = 30.0,
        ttl_jitter: float = 0.3,
        backoff: float = 1.0,
        backoff_max: float = 25.0,
        backoff_jitter: float = 0.2,
        removal_answers: int = 2,
        shrink_answers: int = 3,
        nothing_answers: int = 3,
        nothing_hold: float = 30.0,
        answer_gap: float = 1.0,
        drop_answers: int = 3,
        drop_hold: float = 30.0,
        return_hold: bool = True,
        ttl_trusted: float = 300.0,
        max_stale: float | None = None,
        hint: float | None = None,
    ) -> None:
        is_fast = type(floor) is _FastFloor
        least = 0.001 if is_fast else 1.0  # the cluster's DNS is everybody's
        self._set(
            interval=None if interval is None else _seconds("interval", interval, least),
            jitter=_share("jitter", jitter),
            floor=(_FastFloor if is_fast else float)(_seconds("floor", floor, least)),
            quick_interval=_seconds("quick_interval", quick_interval, least),
            quick_jitter=_share("quick_jitter", quick_jitter),
            quick_for=_seconds("quick_for", quick_for),
            ttl_guidance=_truth("ttl_guidance", ttl_guidance),
            ttl_max=_seconds("ttl_max", ttl_max),
            ttl_jitter=_share("ttl_jitter", ttl_jitter),
            backoff=_seconds("backoff", backoff, 0.001),
            backoff_max=_seconds("backoff_max", backoff_max, 0.001),
            backoff_jitter=_share("backoff_jitter", backoff_jitter),
            removal_answers=_answers("removal_answers", removal_answers),
            shrink_answers=_answers("shrink_answers", shrink_answers),
            nothing_answers=_answers("nothing_answers", nothing_answers),
            nothing_hold=_seconds("nothing_hold", nothing_hold),
            answer_gap=_seconds("answer_gap", answer_gap),
            drop_answers=_answers("drop_answers", drop_answers),
            drop_hold=_seconds("drop_hold", drop_hold),
            return_hold=_truth("return_hold", return_hold),
            ttl_trusted=_seconds("ttl_trusted", ttl_trusted),
            max_stale=None if max_stale is None else _seconds("max_stale", max_stale, 0.001),
            hint=None if hint is None else _seconds("hint", hint, least),
        )

    @classmethod
    def fast(cls, **changes: float | bool | None) -> PollPolicy:
        """The same behaviour with every second made 20 ms: for tests, never for a cluster.

        Args:
            **changes: Fields to set otherwise.
        """
        seconds = {
            name: value * _FAST
            for name, value in {
                "interval": DEFAULT_INTERVAL,
                "floor": 1.0,
                "quick_interval": 1.0,
                "quick_for": 30.0,
                "ttl_max": 30.0,
                "backoff": 1.0,
                "backoff_max": 25.0,
                "nothing_hold": 30.0,
                "answer_gap": 1.0,
                "drop_hold": 30.0,
                "ttl_trusted": 300.0,
            }.items()
        }
        fields: dict[str, Any] = {**seconds, **changes}
        return cls(**{**fields, "floor": _FastFloor(fields["floor"])})

    def replace(self, **changes: float | bool | None) -> PollPolicy:
        """The same policy with some of its fields changed.

        Raises:
            ConfigError: As the constructor.
            TypeError: There is no field of that name.
        """
        fields = {name: getattr(self, name) for name in self.__slots__}
        if type(self.floor) is _FastFloor and "floor" in changes:
            changes["floor"] = _FastFloor(changes["floor"] or 0.0)
        return PollPolicy(**{**fields, **changes})


def _seconds(field: str, value: object, least: float = 0.0) -> float:
    if not is_number(value) or not least <= value <= _MOST_SECONDS:
        raise ConfigError(
            f"poll.{field}", f"{value!r} is not usable, it must be {least:g} to 86400 seconds"
        )
    return float(value)


def _share(field: str, value: object) -> float:
    if not is_number(value) or not 0 <= value < 1:
        raise ConfigError(f"poll.{field}", f"{value!r} is no share: 0 up to, but not 1")
    return float(value)


def _answers(field: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= 1000:
        raise ConfigError(f"poll.{field}", f"{value!r} is no number of answers, 0 to 1000")
    return value


def _truth(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"poll.{field}", f"{value!r} is neither True nor False")
    return value
