"""Lookup: one look by plan, with blocking waits."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from ..core.outcome import Look
from ..core.plans import plan
from ..core.steps import advance
from .transport import random_id, run

if TYPE_CHECKING:
    from ..core.questions import Attempt
    from ..target import Target

__all__ = ["look"]


def look(target: Target) -> Look:
    """Ask DNS once about a Service.

    Raises:
        ConfigError: The environment lacks what the look needs.
    """
    start = monotonic()
    request, servers = target.prepare()
    deadline = start + target.options.timeout
    zone = request.service.cluster_domain
    steps = plan(request, target.plans_memory, start)
    questions = next(steps)
    attempts: list[Attempt] = []
    while True:
        now = monotonic()
        replies = run(
            target.exchange(
                question, servers, start=now, deadline=deadline, zone=zone, random_id=random_id
            )
            for question in questions
        )
        for reply in replies:
            attempts.extend(reply.attempts)
        questions, result = advance(steps, replies)
        if result is not None:
            return Look(request.service, result, tuple(attempts), monotonic() - start)
