"""Hint: the serial of the cluster's zone, which tells that something changed somewhere.

In: serials and times. Out: when to ask for the next one, and whether to look at once.
CoreDNS gives the unix time of the last change of any Service or endpoint as the serial of
the SOA of the cluster domain: some hundred bytes instead of a look's thousands. A hint adds
looks, and never delays or replaces one. Two changes within a second share a serial; the
quick phase that follows the first one catches the second.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .questions import RECORDS, Question
from .wire import SOA

if TYPE_CHECKING:
    from .questions import Reply

__all__ = ["Hints", "hint_question", "serial_of"]

_SERIALS_KEPT = 4  # each replica of the cluster's DNS has its own
_FRUITLESS = 3  # moves in a row that changed nothing here
_QUIET = 3  # asks in a row without a move, after which it is worth asking again


def hint_question(cluster_domain: str) -> Question:
    """What to ask."""
    return Question(cluster_domain, SOA)


def serial_of(reply: Reply) -> int | None:
    """The serial, None where the server told none."""
    if reply.status != RECORDS:
        return None
    for owner, rdtype, _, value in reply.answer:
        if rdtype == SOA and owner == reply.question.name:
            serial: int = value[0]
            return serial
    return None


class Hints:
    """When one follower asks for the serial.

    Args:
        period: Seconds between asks; None never asks.
        interval: Seconds between looks: what it backs off to.
    """

    __slots__ = ("_fruitless", "_interval", "_moved", "_period", "_quiet", "_seen", "due")

    def __init__(self, period: float | None, interval: float) -> None:
        self._period = inf if period is None else period
        self._interval = interval
        self._seen: tuple[int, ...] = ()
        self._fruitless = 0
        self._quiet = 0
        self._moved = False
        #: When the next ask is due, monotonic seconds.
        self.due = inf

    def looked(self, now: float, *, next_look: float, rests: bool, news: bool | None) -> None:
        """A look ended.

        Args:
            now: When.
            next_look: When the next one is due.
            rests: The serial would come out of a cache, or looks fail: do not ask.
            news: Whether it found something new; None where it failed.
        """
        if news:
            self._fruitless = 0
        elif self._moved and news is not None:
            self._fruitless += 1
        self._moved = False
        self._next(now, next_look)
        if rests:
            self.due = inf

    def asked(self, now: float) -> None:
        """An ask goes out; whatever becomes of it, the next one comes a period later."""
        self.due = now + self._wait

    def told(self, serial: int | None, now: float, next_look: float) -> bool:
        """What an ask came to (None: it failed); whether to look at once."""
        moved = False
        if serial is None:
            pass
        elif not self._seen:
            self._seen = (serial,)  # the first one tells nothing
        elif serial in self._seen:
            self._quiet += 1
            if self._quiet >= _QUIET and self._backed_off:
                self._fruitless = 0
        else:
            self._seen = (*self._seen[1 - _SERIALS_KEPT :], serial)
            self._quiet = 0
            moved = self._moved = not self._backed_off
        self._next(now, next_look)
        return moved

    @property
    def _wait(self) -> float:
        """Seconds between asks."""
        return max(self._period, self._interval) if self._backed_off else self._period

    @property
    def _backed_off(self) -> bool:
        return self._fruitless >= _FRUITLESS

    def _next(self, now: float, next_look: float) -> None:
        """Ask after a period, unless a look is about to go out anyway."""
        self.due = now + self._wait
        if not self._backed_off and self.due + self._wait / 2 > next_look:
            self.due = inf
