"""Lookup: one look by plan, awaited."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from ..core.hint import hint_question, serial_of
from ..core.outcome import Look
from ..core.plans import plan
from ..core.steps import advance, out_of_time, takes_long
from ..sockets import random_id
from .transport import off_the_loop, run

if TYPE_CHECKING:
    from ..core.questions import Attempt
    from ..sockets import Sockets
    from ..target import Target

__all__ = ["ask_serial", "look"]


async def look(target: Target, channel: Sockets | None = None, *, at_most: float = inf) -> Look:
    """Ask DNS once about a Service.

    Args:
        target: Whom to ask about.
        channel: Of the follower it is for.
        at_most: Seconds it may take, where that is less than the options say.

    Raises:
        ConfigError: The environment lacks what the look needs.
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
        replies = await run(
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
        if takes_long(replies):
            try:
                questions, result = await off_the_loop(deadline, advance, steps, replies)
            except TimeoutError:
                questions, result = (), out_of_time(replies)
        else:
            questions, result = advance(steps, replies)
        if result is not None:
            return Look(request.service, result, tuple(attempts), monotonic() - start)


async def ask_serial(target: Target, channel: Sockets, until: float) -> int | None:
    """Ask for the serial of the cluster's zone; None where nobody told it.

    Args:
        target: Whose cluster.
        channel: Of the follower it is for.
        until: When a look is due, monotonic seconds: no hint delays one.

    Raises:
        ConfigError: The environment lacks what the question needs.
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
    return serial_of((await run([asked], channel))[0])
