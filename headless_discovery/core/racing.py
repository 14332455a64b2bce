"""Racing: the addresses of one pod, one beside the other (RFC 8305, "happy eyeballs").

In: when an address failed. Out: which one begins when. A pod's two families lead to one
process; where one of them is black-holed, the other is tried long before its time is over.
"""

from __future__ import annotations

from math import inf

__all__ = ["Race"]


class Race:
    """The addresses of one pod, the next one begun `stagger` after the one before.

    Args:
        addresses: In the order wanted; the families take turns from there (section 4).
        stagger: Seconds between two begins; none where the one before has failed.
        now: Monotonic seconds.
    """

    __slots__ = ("_at", "_left", "_stagger")

    def __init__(self, addresses: tuple[str, ...], stagger: float, now: float) -> None:
        left = [*addresses] if len(addresses) == 1 else _interleaved(addresses)
        self._left = left[::-1]
        self._stagger = stagger
        self._at = now

    @property
    def due(self) -> float:
        """When the next address begins; infinite where none is left."""
        return self._at if self._left else inf

    def begin(self, now: float) -> str | None:
        """The address that begins now, if any does."""
        if not self._left or now < self._at:
            return None
        self._at = now + self._stagger
        return self._left.pop()

    def failed(self, now: float) -> None:
        """One that had begun failed: the next one need not wait."""
        self._at = now


def _interleaved(addresses: tuple[str, ...]) -> list[str]:
    """The families in turn, beginning with that of the first address."""
    first = [each for each in addresses if (":" in each) == (":" in addresses[0])]
    second = [each for each in addresses if (":" in each) != (":" in addresses[0])]
    both = [each for pair in zip(first, second, strict=False) for each in pair]
    shorter = min(len(first), len(second))
    return both + first[shorter:] + second[shorter:]
