"""Ejection: who is left out of the choice for a while, because dialling it failed.

The rule: a member is left out after so many failures in a row, for a time that grows with
each time it was; then it is on trial: one connection tries it, and a failure leaves it out
again. One success and nothing is held against it. Never the last one is left out.

A dial says something only where it began after the member was last left out: many are under
way at once, and all of them fail together.
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

    __slots__ = ("counts_from", "endpoint", "error", "failures", "times", "until")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.failures = 0  # in a row; on trial there are enough of them already
        self.times = 0  # it was left out
        self.until = 0.0  # monotonic seconds; 0 while it was never left out
        self.counts_from = 0.0  # failures of dials that began before are no news
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
                for key, record in list(self._records.items())
                if now.get(key) == record.endpoint.addresses
            }

    def out(self, now: float) -> set[str]:
        """Who is left out now, by `key_of`."""
        return {key for key, record in list(self._records.items()) if record.until > now}

    def drawn(self, endpoint: Endpoint, now: float, members: int) -> None:
        """It is about to be dialled: where it is on trial, nobody else tries it meanwhile.

        Meanwhile is as long as it was left out the first time, for whoever dials may take
        longer than was allowed, or end without a word.

        Args:
            endpoint: Who.
            now: Monotonic seconds.
            members: How many there are.
        """
        record = self._of(endpoint)
        if record is None or not 0 < record.until <= now or self._is_last(record, now, members):
            return
        record.until = now + self._seconds(1)

    def failed(
        self, endpoint: Endpoint, error: str, began: float, now: float, members: int
    ) -> None:
        """Dialling it failed.

        Args:
            endpoint: Who.
            error: How, in words.
            began: When it was dialled, monotonic seconds.
            now: Monotonic seconds.
            members: How many there are.
        """
        record = self._records.setdefault(key_of(endpoint), _Record(endpoint))
        record.error = error
        if began < record.counts_from:
            return
        record.failures += 1
        most = self._policy.eject_after
        if not most or record.failures < most:
            return
        if self._is_last(record, now, members):
            record.until = min(record.until, now)
            return
        record.times += 1
        record.until = record.counts_from = now + self._seconds(record.times)

    def worked(self, endpoint: Endpoint) -> None:
        """Dialling it worked: nothing is held against it."""
        if self._of(endpoint) is not None:
            self._records.pop(key_of(endpoint), None)

    def ejected(self, now: float) -> tuple[Ejected, ...]:
        """Who is left out, in words of the public API."""
        return tuple(
            Ejected(endpoint=each.endpoint, seconds=each.until - now, error=each.error)
            for each in list(self._records.values())
            if each.until > now
        )

    def _of(self, endpoint: Endpoint) -> _Record | None:
        """What is held against it; not what is against the same pod at another address."""
        if not self._records:
            return None
        record = self._records.get(key_of(endpoint))
        if record is None or record.endpoint.addresses != endpoint.addresses:
            return None
        return record

    def _is_last(self, record: _Record, now: float, members: int) -> bool:
        """Whether all others are left out."""
        others = [each for each in list(self._records.values()) if each is not record]
        return sum(each.until > now for each in others) >= members - 1

    def _seconds(self, times: int) -> float:
        return min(self._policy.eject_for * times, self._policy.eject_at_most)
