"""Rotation: whose turn it is, exactly, while members come and go.

A queue: who had a turn goes to its end. Between two turns of one member each other that
stays has exactly one, so the shares of those that stay differ by one at most, whoever comes
or goes meanwhile. libc does not rotate: glibc sorts what DNS rotated by RFC 6724.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .changes import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from .snapshot import Endpoint

__all__ = ["Rotation"]


class Rotation:
    """The queue. Not safe to be used by two threads, and whole whenever a signal comes.

    Args:
        random: Gives numbers from 0 up to 1. The first turn is a random member's: a
            thousand programs that start together must not meet at one pod.
    """

    __slots__ = ("_queue", "_random")

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._queue: deque[Endpoint] = deque()

    def renew(self, endpoints: Iterable[Endpoint]) -> None:
        """These are the members now; those that stay keep their place.

        A new one gets a random place: at the front it would have the next connection of
        every program that follows the Service.
        """
        now = {key_of(each): each for each in endpoints}
        queue = [now.pop(key) for each in tuple(self._queue) if (key := key_of(each)) in now]
        if queue:
            for each in now.values():
                queue.insert(int(self._random() * (len(queue) + 1)), each)
        else:
            queue = list(now.values())
            first = int(self._random() * len(queue))
            queue = queue[first:] + queue[:first]
        self._queue = deque(queue)

    def turn(self) -> Endpoint:
        """Whose turn it is; there is somebody."""
        queue = self._queue
        endpoint = queue[0]
        queue.rotate(-1)
        return endpoint

    def turn_among(self, keys: Container[str]) -> Endpoint | None:
        """Whose turn it is among some, by `key_of`; None where none of them is here."""
        queue = list(self._queue)
        for place, endpoint in enumerate(queue):
            if key_of(endpoint) in keys:
                queue.append(queue.pop(place))
                self._queue = deque(queue)
                return endpoint
        return None

    def reseed(self, random: Callable[[], float]) -> None:
        """Begin anywhere: in a child process, whose siblings have the same queue."""
        self._random = random
        self._queue.rotate(-int(random() * len(self._queue)))
