"""Ejection: who is left out of the choice for a while, because dialling it failed.

The rule: a member is left out after so many failures in a row, for a time that grows with
each time it was; then it is on trial: one connection tries it, and a failure leaves it out
again. One success and nothing is held against it. Never the last one is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .changes import key_of
from .values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .connectpolicy import ConnectPolicy
    from .snapshot import Endpoint

__all__ = ["Ejected", "Ejections"]


class Ejected(Value):
    """A member that connections leave out for now.

    Attributes:
        endpoint: Who.
        seconds: Until it is tried again.
        error: How dialling it failed last, in words.
    """

    __slots__ = ("endpoint", "error", "seconds")
    endpoint: Endpoint
    seconds: float
    error: str

    def __init__(self, *, endpoint: Endpoint, seconds: float, error: str) -> None:
        self._set(endpoint=endpoint, seconds=seconds, error=error)


class _Record:
    """What is held against one member."""

    __slots__ = ("endpoint", "error", "failures", "times", "until")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.failures = 0  # in a row
        self.times = 0  # it was left out
        self.until = 0.0  # monotonic seconds; 0 while it was never left out
        self.error = ""


class Ejections:
    """Who is left out. Not safe to be used by two threads.

    Args:
        policy: The numbers.
    """

    __slots__ = ("_policy", "_records")

    def __init__(self, policy: ConnectPolicy) -> None:
        self._policy = policy
        self._records: dict[str, _Record] = {}

    def __bool__(self) -> bool:
        """Whether anything is held against anybody."""
        return bool(self._records)

    def renew(self, endpoints: Iterable[Endpoint]) -> None:
        """These are the members now. A pod at a new address is another process."""
        if self._records:
            now = {key_of(each): each.addresses for each in endpoints}
            self._records = {
                key: record
                for key, record in self._records.items()
                if now.get(key) == record.endpoint.addresses
            }

    def out(self, now: float) -> set[str]:
        """Who is left out now, by `key_of`."""
        return {key for key, record in self._records.items() if record.until > now}

    def drawn(self, endpoint: Endpoint, now: float) -> None:
        """It is about to be dialled: where it is on trial, nobody else tries it meanwhile."""
        record = self._records.get(key_of(endpoint))
        if record is not None and 0 < record.until <= now:
            record.until = now + self._policy.attempt_timeout

    def failed(self, endpoint: Endpoint, error: str, now: float, *, is_last: bool) -> None:
        """Dialling it failed.

        Args:
            endpoint: Who.
            error: How, in words.
            now: Monotonic seconds.
            is_last: Whether nobody else is left to be chosen.
        """
        key = key_of(endpoint)
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record(endpoint)
        record.failures += 1
        record.error = error
        most = self._policy.eject_after
        if is_last or not most or not (record.times or record.failures >= most):
            return
        if record.times and now < record.until - self._policy.attempt_timeout:
            return  # it was dialled before it was left out
        record.times += 1
        seconds = min(self._policy.eject_for * record.times, self._policy.eject_at_most)
        record.until = now + seconds

    def worked(self, endpoint: Endpoint) -> None:
        """Dialling it worked: nothing is held against it."""
        if self._records:
            self._records.pop(key_of(endpoint), None)

    def ejected(self, now: float) -> tuple[Ejected, ...]:
        """Who is left out, in words of the public API."""
        return tuple(
            Ejected(endpoint=each.endpoint, seconds=each.until - now, error=each.error)
            for each in self._records.values()
            if each.until > now
        )
