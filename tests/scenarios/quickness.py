"""Quickness: that something is done in time, told apart from a machine that is busy."""

from __future__ import annotations

import heapq
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Control", "quickest"]

_CAP = 1.0
"""Seconds that no try may take, whatever the others do."""
_STEP = 0.005
_CHAIN = 3  # threads that wake each other until a call in another thread or a loop is back


class Control:
    """Inside ``with``, something plain waits all the time: how late it wakes is the machine's."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._over = threading.Event()
        self._waiting = threading.Thread(target=self._wait, name="control", daemon=True)

    def __enter__(self) -> Self:
        self._waiting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._waiting.join()

    @property
    def late(self) -> float:
        """Seconds that the machine may have kept a chain of wake-ups from running."""
        return sum(heapq.nlargest(_CHAIN, self._late))

    def _wait(self) -> None:
        is_over = False
        while not is_over:
            began = time.monotonic()
            is_over = self._over.wait(_STEP)
            self._late.append(max(0.0, time.monotonic() - began - _STEP))


def quickest(
    measure: Callable[[], float], within: float, control: Callable[[], Control] = Control
) -> None:
    """Two of three tries take no longer than that, and none takes a second.

    Args:
        measure: One try; gives the seconds that it took.
        within: Seconds, beyond what the machine itself was late meanwhile.
        control: Tells how late it was.
    """
    taken: list[str] = []
    quick = 0
    while quick < 2:
        with control() as machine:
            seconds = measure()
        own = seconds - machine.late
        taken.append(f"{seconds:.3f} s ({machine.late:.3f} s of them the machine's)")
        quick += own <= within
        words = f"not within {within} s: {', '.join(taken)}"
        assert own <= _CAP, words
        assert len(taken) - quick < 2, words
