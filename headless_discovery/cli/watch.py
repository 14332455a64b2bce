"""``headless-discovery watch``: follow a Service and tell every change."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Protocol

from ..core.peerlist import change_document
from ..errors import NotHeadless
from . import exits
from .asking import service_of
from .events import NOTE, Narrator
from .live import say
from .output import Output, Stalled
from .recording import Recorder, open_recording
from .screen import Screen
from .signals import Signals

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ..core.changes import Change
    from ..core.outcome import Look
    from ..sync.service import HeadlessService
    from .events import Event

__all__ = ["JsonLines", "Listener", "Relay", "Talk", "run"]


class Listener(Protocol):
    """Who is told of every look and every change, with its time (seconds since 1970)."""

    def looked(self, time: float, look: Look) -> None:
        """A look has ended."""

    def changed(self, time: float, change: Change) -> None:
        """A change was published."""


class JsonLines:
    """Tells each change as a line of JSON.

    Args:
        write: Takes each line, ended.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def looked(self, time: float, look: Look) -> None:
        """No line."""

    def changed(self, time: float, change: Change) -> None:
        """One line."""
        document = change_document(change, time)
        self._write(json.dumps(document) + "\n")


class Talk:
    """Tells on stderr what is no pod's coming or going: stdout is data, and silent about it."""

    def __init__(self) -> None:
        self._narrator = Narrator()

    def looked(self, time: float, look: Look) -> None:
        """DNS fails, answers again, lists nobody: a line as it begins, one as it ends."""
        self._tell(self._narrator.looked(time, look))

    def changed(self, time: float, change: Change) -> None:
        """A line where nobody is left."""
        self._tell(self._narrator.changed(time, change))

    @staticmethod
    def _tell(events: list[Event]) -> None:
        for event in events:
            if event.sign == NOTE:
                say(event.text)


class Relay:
    """Hands looks and changes on with their times; is itself what stops the watch.

    Args:
        is_ending: Whether somebody wants it to end.
        seconds: How long it may last; None without a limit.
    """

    def __init__(self, is_ending: Callable[[], bool], seconds: float | None = None) -> None:
        self.listeners: list[Listener] = []
        self._is_ending = is_ending
        self._end = None if seconds is None else time.monotonic() + seconds
        self._error: Exception | None = None

    def is_set(self) -> bool:
        """Whether the watch is to end."""
        if self._error is not None or self._is_ending():
            return True
        return self._end is not None and time.monotonic() >= self._end

    def looked(self, look: Look) -> None:
        """A look has ended. What listeners raise is kept for `check`: nobody hears it here."""
        at = _since_1970(time.monotonic() if look.snapshot is None else look.snapshot.seen_at)
        try:
            for listener in self.listeners:
                listener.looked(at, look)
        except Exception as error:  # noqa: BLE001 - raised again by `check`
            self._error = error

    def changed(self, change: Change) -> None:
        """A change was published."""
        self.check()
        at = _since_1970(change.current.seen_at)
        for listener in self.listeners:
            listener.changed(at, change)

    def check(self) -> None:
        """Raise what a listener raised."""
        if self._error is not None:
            raise self._error


def run(parsed: argparse.Namespace) -> int:
    """Follow until a signal comes or the time is over."""
    with Signals() as signals, contextlib.ExitStack() as stack:
        relay = Relay(signals.is_set, parsed.duration)
        service = service_of(parsed, relay.looked)
        name = service.name.fqdn
        recorder = None
        if parsed.record is not None:
            recorder = Recorder(stack.enter_context(open_recording(parsed.record)).write)
            interval = service.policy.interval
            recorder.start(time.time(), name, interval)
            relay.listeners.append(recorder)
        output = Output(relay.is_set)
        stack.callback(output.close)
        if parsed.output == "jsonl":
            relay.listeners += [JsonLines(output.write), Talk()]
        else:
            screen = stack.enter_context(Screen(output))
            relay.listeners.append(screen)
            if output.is_terminal:
                screen.say(f"Following {name}; times are UTC, Ctrl-C ends it.")
        reason = "stopped"
        try:
            code = _follow(service, relay)
            reason = "duration" if code == exits.FOUND else reason
        finally:
            if recorder is not None:
                recorder.end(time.time(), signals.name if signals.is_set() else reason)
        return signals.code if signals.is_set() else code


def _follow(service: HeadlessService, relay: Relay) -> int:
    """Until the relay ends it; the exit code tells what else did."""
    try:
        for change in service.watch(stop=relay):
            relay.changed(change)
        relay.check()
    except NotHeadless as error:
        say(str(error))
        return exits.NOT_HEADLESS
    except Stalled:
        return exits.OUTPUT_FAILED
    return exits.FOUND


def _since_1970(at: float) -> float:
    """A moment of the monotonic clock as the wall clock has it."""
    return time.time() - (time.monotonic() - at)
