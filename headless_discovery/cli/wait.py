"""``headless-discovery wait``: end, or become another program, once a condition holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.conditions import parse_condition
from ..errors import NotHeadless, WaitTimeout
from . import exits
from .asking import service_of
from .live import LiveLine, names_of, say, what_failed
from .program import become, cannot_start
from .signals import Ended, Signals

if TYPE_CHECKING:
    import argparse

    from ..core.conditions import Condition
    from ..core.outcome import Look
    from ..core.snapshot import Snapshot

__all__ = ["run", "until"]

_CONNECT = 1.0  # seconds a pod has to accept a connection


def run(parsed: argparse.Namespace) -> int:
    """Wait; the exit code tells what came of it."""
    with Signals() as signals:
        code = _wait(parsed, signals)
        if signals.is_set():
            return signals.code
        if code != exits.FOUND or not parsed.program:
            return code
        signals.back_to_default()
        return become(parsed.program)


def _wait(parsed: argparse.Namespace, signals: Signals) -> int:
    if parsed.program and (code := cannot_start(parsed.program[0])) is not None:
        return code
    return until(parsed, parsed.condition, signals, stable=parsed.stable, tcp_port=parsed.tcp_port)


def until(
    parsed: argparse.Namespace,
    condition: str,
    signals: Signals,
    *,
    stable: float = 0.0,
    tcp_port: int | None = None,
) -> int:
    """Wait until a condition holds, at most ``parsed.timeout`` seconds, and tell of it.

    Args:
        parsed: Whom to ask about, and how.
        condition: What ``--for`` takes.
        signals: Those that end it.
        stable: Seconds for which it must hold.
        tcp_port: Where a pod must accept to be counted.

    Returns:
        The exit code; `exits.FOUND` where it holds.

    Raises:
        InvalidName, ConfigError: An argument is not usable.
    """
    judge = _Judge(condition, stable, tcp_port, parsed.timeout)
    service = service_of(parsed, judge.looked)
    judge.awaited = parse_condition(condition, service.own_pod)
    try:
        with judge.line, signals.raising():
            judge.line.begin(f"waiting for {condition}", judge.state)
            service.wait_for(predicate=judge.holds, stable=stable, timeout=parsed.timeout)
    except Ended:
        say(f"{signals.name}; was waiting for {judge.missing}")
        return signals.code
    except WaitTimeout as timeout:
        say(f"{timeout.timeout:g} s have passed; was waiting for {judge.missing}; {judge.state}")
        return exits.TIMED_OUT
    except NotHeadless as error:
        say(str(error))
        return exits.NOT_HEADLESS
    say(f"{judge.awaited.text} after {judge.line.seconds:.1f} s: {judge.those_there}")
    return exits.FOUND


class _Judge:
    """Judges each answer, and tells what is missing."""

    def __init__(self, condition: str, stable: float, tcp_port: int | None, timeout: float) -> None:
        self.awaited: Condition
        self.line = LiveLine()
        self.missing = condition
        self.state = "no answer yet"
        self.those_there = "nobody"
        self._port = tcp_port
        self._stable = stable
        self._until = time.monotonic() + timeout

    def looked(self, look: Look) -> None:
        """Note how DNS fares; what an answer lacks `holds` tells."""
        self.state = what_failed(look)
        self.line.refused(look)
        # That a Service is not headless ends the wait, where the first look says so.
        if look.error is not None and not isinstance(look.error, NotHeadless):
            self.tell(self.state)

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether the condition holds for this answer."""
        answer = snapshot
        if self._port is not None:
            from .accepting import those_accepting  # noqa: PLC0415 - rarely wanted

            left = max(0.0, self._until - time.monotonic())
            snapshot = those_accepting(snapshot, self._port, min(_CONNECT, left))
        missing = self.awaited.missing(snapshot)
        self.those_there = names_of([each.name or each.address for each in snapshot])
        if missing is None:
            self.missing = (
                f"{self.awaited.text}: holds ({self.those_there}), to stay so for "
                f"{self._stable:g} s"
            )
        elif self._port is None:
            self.missing = missing
        else:
            lacking = self.awaited.missing(answer) or f"{self.awaited.text}: listed"
            who = f" ({self.those_there})" if snapshot else ""
            self.missing = (
                f"{lacking}; {len(snapshot)} of {len(answer)} accept at port {self._port}{who}"
            )
        if missing is not None or self._stable:
            self.tell("DNS ok")
        return missing is None

    def tell(self, state: str) -> None:
        """Show what is missing now."""
        self.state = state
        self.line.tell(f"waiting for {self.missing}", state)
