"""Steps: sending a plan its replies, and how long that may take.

In: a plan under way and replies. Out: its next questions or what the look came to. Here
because both shells do it, and because an event loop must not wait for large answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .plans import failure
from .questions import TIMEOUT, Problem

if TYPE_CHECKING:
    from .questions import Failure, Plan, Question, Reply
    from .snapshot import Snapshot

__all__ = ["advance", "out_of_time", "takes_long"]

RECORDS_AT_ONCE = 500  # some 5 ms


def advance(
    steps: Plan, replies: tuple[Reply, ...]
) -> tuple[tuple[Question, ...], Snapshot | Failure | None]:
    """Send a plan its replies.

    Returns:
        The next questions and None, or no questions and what the look came to.
    """
    try:
        return steps.send(replies), None
    except StopIteration as stop:
        return (), stop.value


def out_of_time(replies: tuple[Reply, ...]) -> Failure:
    """The look whose replies could not be made endpoints of before its deadline."""
    problem = Problem(TIMEOUT, "no time left to take the answer apart")
    return failure(problem, replies, ())


def takes_long(replies: tuple[Reply, ...]) -> bool:
    """Whether making endpoints of these replies would keep an event loop waiting."""
    return sum(len(each.answer) for each in replies) > RECORDS_AT_ONCE
