"""Pools of redis-py and of valkey-py whose connections follow the members.

In: what the managers of `_sentinel` know, and the time. Out: mixins for the clients' own
classes: a pool of replicas gives each of them its turn, no connection outlives the members it
was made under, and a read-only error has the roles asked again. Imports neither client.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Place = tuple[str, int]

__all__ = [
    "AsyncConnectionMixin",
    "AsyncPoolMixin",
    "ConnectionMixin",
    "PoolMixin",
    "Turns",
]

NEW_WITHIN = 1.0
"""Seconds within which a new replica gets a first read; at random, as there are many of us."""


class Turns:
    """Which replica a read goes to, beyond what the pool does: that keeps its connections.

    Args:
        recycle: Seconds a replica may go without a read; None: for ever.
        random: Gives numbers from 0 up to 1.
    """

    def __init__(self, recycle: float | None, random: Callable[[], float]) -> None:
        self._recycle = recycle
        self._random = random
        self._replicas: list[Place] = []
        self._read: dict[Place, float] = {}

    def renew(self, replicas: list[Place]) -> list[Place]:
        """These are the replicas now; returned in an order that begins anywhere.

        Else all clients that lost a pod at the same moment would move on to the same one.
        """
        if sorted(replicas) != sorted(self._replicas):
            first = int(self._random() * len(replicas))
            self._replicas = replicas[first:] + replicas[:first]
        return list(self._replicas)

    def turn(self, at: Place, now: float) -> Place | None:
        """A read would go to this place now; who is to have it instead, None: nobody."""
        replicas, recycle = self._replicas, self._recycle
        if recycle is None or not replicas:
            return None
        early = now - recycle + self._random() * min(recycle, NEW_WITHIN)
        # Of this call alone: another thread may know of other replicas.
        self._read = read = {each: self._read.get(each, early) for each in replicas}
        others = [each for each in replicas if each != at]
        last = min(others, key=read.__getitem__, default=at)
        is_due = last != at and now - read[last] >= recycle
        read[last if is_due else at] = now
        return last if is_due else None


class _Noticing:
    """A connection that notices what only a primary takes."""

    #: The pool, or what stands for it, as the client sets it.
    connection_pool: Any
    #: What the client raises after a command that only a primary takes.
    read_only: type[Exception]
    #: The version of the members that it was last used under.
    version: int | None = None

    def _note(self, error: Exception) -> None:
        """The client makes a connection error of a primary's read-only error."""
        if isinstance(error.__context__, self.read_only):
            self.connection_pool.sentinel_manager.forget()


class ConnectionMixin(_Noticing):
    """For a connection of threads."""

    def read_response(self, *arguments: Any, **keywords: Any) -> Any:
        """Read an answer."""
        try:
            return super().read_response(*arguments, **keywords)  # type: ignore[misc]
        except Exception as error:
            self._note(error)
            raise


class AsyncConnectionMixin(_Noticing):
    """For a connection of asyncio."""

    async def read_response(self, *arguments: Any, **keywords: Any) -> Any:
        """Read an answer."""
        try:
            return await super().read_response(*arguments, **keywords)  # type: ignore[misc]
        except Exception as error:
            self._note(error)
            raise


class _Moving:
    """A pool that gives nobody a connection to a pod that should not have it any more."""

    sentinel_manager: Any
    #: What says that a pod cannot be reached.
    unreachable: tuple[type[Exception], ...]

    def _is_old(self, connection: Any) -> bool:
        """Whether the members have changed since it was used."""
        before, now = connection.version, self.sentinel_manager.version()
        connection.version = now
        return None not in (before, now) and before != now

    def _turn(self, connection: Any) -> Place | None:
        """Who is to have the next read instead."""
        at = connection.host, connection.port
        turns: Turns = self.sentinel_manager.turns
        return turns.turn(at, monotonic())


class PoolMixin(_Moving):
    """For a pool of threads."""

    def get_connection(self, *arguments: Any, **keywords: Any) -> Any:
        """Take a connection; renewed where the members changed, or another pod has its turn."""
        connection = super().get_connection(*arguments, **keywords)  # type: ignore[misc]
        try:
            if self._is_old(connection):
                connection.disconnect()
                connection.connect()
            turn = self._turn(connection)
            if turn is not None:
                connection.disconnect()
                try:
                    connection.connect_to(turn)
                except self.unreachable:
                    connection.connect()
        except BaseException:
            self.release(connection)  # type: ignore[attr-defined]
            raise
        return connection


class AsyncPoolMixin(_Moving):
    """For a pool of asyncio."""

    async def get_connection(self, *arguments: Any, **keywords: Any) -> Any:
        """Take a connection; renewed where the members changed, or another pod has its turn."""
        connection = await super().get_connection(*arguments, **keywords)  # type: ignore[misc]
        try:
            if self._is_old(connection):
                await connection.disconnect(nowait=True)
                await connection.connect()
            turn = self._turn(connection)
            if turn is not None:
                await connection.disconnect(nowait=True)
                try:
                    await connection.connect_to(turn)
                except self.unreachable:
                    await connection.connect()
        except BaseException:
            await self.release(connection)  # type: ignore[attr-defined]
            raise
        return connection
