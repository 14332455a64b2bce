"""A steady load of commands from real threads, and what became of each.

In come two callables and a rate, out go the times and errors of every call. Knows no
database and judges nothing; `figures` puts it in a line.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_READERS, _WRITERS = 6, 2  # threads


class Done(NamedTuple):
    """One call: when it began and ended, monotonic seconds, and what it raised."""

    began: float
    ended: float
    error: Exception | None


class Load:
    """Calls `read` and `write` at a steady rate for the length of a `with` block.

    A thread whose call takes long calls again at once until it has caught up, at most a
    second's worth: what a slow server does to callers shows as calls that took long.

    Args:
        read: Called from several threads; an exception is an error of that call.
        write: The same.
        reads: Calls a second, all threads together.
        writes: The same.
    """

    def __init__(
        self,
        read: Callable[[], object],
        write: Callable[[], object],
        *,
        reads: float = 150.0,
        writes: float = 50.0,
    ) -> None:
        self.reads: list[Done] = []
        self.writes: list[Done] = []
        self.seconds = 0.0
        self._began = 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(call, threads / rate, done), name=f"load {n}")
            for call, threads, rate, done in (
                (read, _READERS, reads, self.reads),
                (write, _WRITERS, writes, self.writes),
            )
            for n in range(threads)
        ]

    def __enter__(self) -> Self:
        """Begin."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and wait for the calls under way."""
        self.seconds = time.monotonic() - self._began
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive()

    def _run(self, call: Callable[[], object], every: float, done: list[Done]) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            error: Exception | None = None
            try:
                call()
            except Exception as raised:  # noqa: BLE001 - that is what is counted
                error = raised
            ended = time.monotonic()
            done.append(Done(began, ended, error))
            due = max(due + every, ended - 1.0)


def errors(calls: Sequence[Done]) -> list[Done]:
    """Return the calls that failed."""
    return [each for each in calls if each.error is not None]


def outside(calls: Sequence[Done], begin: float, end: float) -> list[Done]:
    """Return the calls that had ended before a span of time, or began after it."""
    return [each for each in calls if each.ended < begin or each.began > end]


def figures(what: str, calls: Sequence[Done], seconds: float) -> str:
    """Say in a line how many calls there were, how many failed, how long they took."""
    took = sorted(each.ended - each.began for each in calls)
    tail = took[int(len(took) * 0.99)] if took else 0.0
    return (
        f"{len(calls)} {what} ({len(calls) / seconds:.0f}/s), {len(errors(calls))} errors, "
        f"99 of 100 within {tail * 1000:.1f} ms, the longest {took[-1] if took else 0:.2f} s"
    )
