"""Lookup: one look by plan, with blocking waits."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from ..core.hint import hint_question, serial_of
from ..core.outcome import Look
from ..core.plans import plan
from ..core.steps import advance
from ..sockets import random_id
from .transport import Woken, run

if TYPE_CHECKING:
    from ..core.questions import Attempt
    from ..target import Target
    from .transport import Channel

__all__ = ["ask_serial", "look"]


def look(target: Target, channel: Channel | None = None, *, at_most: float = inf) -> Look:
    """Ask DNS once about a Service.

    Args:
        target: Whom to ask about.
        channel: Of the follower it is for.
        at_most: Seconds it may take, where that is less than the options say.

    Raises:
        ConfigError: The environment lacks what the look needs.
        Interrupted: The follower has an end.
    """
    start = monotonic()
    request, servers = target.prepare()
    deadline = start + min(target.options.timeout, at_most)
    zone = request.service.cluster_domain
    steps = plan(request, target.plans_memory, start)
    questions = next(steps)
    attempts: list[Attempt] = []
    while True:
        now = monotonic()
        replies = run(
            [
                target.exchange(
                    question, servers, start=now, deadline=deadline, zone=zone, random_id=random_id
                )
                for question in questions
            ],
            channel,
        )
        for reply in replies:
            attempts.extend(reply.attempts)
        questions, result = advance(steps, replies)
        if result is not None:
            return Look(request.service, result, tuple(attempts), monotonic() - start)


def ask_serial(target: Target, channel: Channel, until: float) -> int | None:
    """Ask for the serial of the cluster's zone; None where nobody told it.

    Args:
        target: Whose cluster.
        channel: Of the follower it is for; the question gives way to whoever wakes it.
        until: When a look is due, monotonic seconds: no hint delays one.

    Raises:
        ConfigError: The environment lacks what the question needs.
        Interrupted: The follower has an end.
    """
    request, servers = target.prepare()
    zone = request.service.cluster_domain
    now = monotonic()
    asked = target.exchange(
        hint_question(zone),
        servers,
        start=now,
        deadline=min(until, now + target.options.attempt_timeout),
        zone=zone,
        random_id=random_id,
        is_hint=True,
    )
    try:
        return serial_of(run([asked], channel, gives_way=True)[0])
    except Woken:
        return None
