"""``headless-discovery write``: keep a file that holds the members of a Service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.conditions import count_of
from ..core.peerlist import render
from ..errors import NotHeadless
from ..peerfile import PeerFile
from . import exits
from .asking import service_of
from .live import LiveLine, names_of, what_failed
from .signals import Signals

if TYPE_CHECKING:
    import argparse

    from ..core.changes import Change
    from ..core.outcome import Look
    from ..core.snapshot import Snapshot

__all__ = ["run"]


def run(parsed: argparse.Namespace) -> int:
    """Write, once or until a signal comes; the exit code tells what came of it."""
    file = PeerFile(parsed.to)
    with Signals() as signals, LiveLine() as line:
        writer = _Writer(parsed, file, signals, line)
        service = service_of(parsed, writer.looked)
        line.begin(writer.waits, "no answer yet")
        try:
            for change in service.watch(stop=writer):
                writer.changed(change)
        except NotHeadless as error:
            line.say(str(error))
            return exits.NOT_HEADLESS
        return writer.ended()


class _Writer:
    """Brings the members into the file; is itself what stops the watch."""

    def __init__(
        self, parsed: argparse.Namespace, file: PeerFile, signals: Signals, line: LiveLine
    ) -> None:
        self._file = file
        self._signals = signals
        self._line = line
        self._form: str = parsed.output
        self._once: bool = parsed.once
        self._expected: int = parsed.expected or 1
        limited = parsed.once or parsed.expected is not None
        self._limit: float | None = parsed.timeout if limited else None
        self._members: Snapshot | None = None  # what is to be in the file
        self._answer: Snapshot | None = None  # the last complete one
        self._error: Exception | None = None  # of the last look
        self._failing_since: float | None = None
        self._written: Snapshot | None = None
        self._write_error: OSError | None = None

    def is_set(self) -> bool:
        """Whether the watch is to end."""
        if self._signals.is_set():
            return True
        if self._once and (self._written is not None or self._write_error is not None):
            return True
        return (
            self._limit is not None and self._written is None and self._line.seconds >= self._limit
        )

    def looked(self, look: Look) -> None:
        """A look ended: a time to try again what could not be written."""
        self._error = look.error
        self._line.refused(look)
        if look.error is None:
            self._answer = look.snapshot
        if self._written is not None:
            self._tell_streak(look)
        elif look.error is None and self._suffices(look.snapshot):
            pass  # what comes of it is told when it is written
        elif not isinstance(look.error, NotHeadless):
            self._tell_waiting(what_failed(look))
        if self._written is not None or not self._expects_change():
            self._write()

    def changed(self, change: Change) -> None:
        """The members changed."""
        self._members = change.current
        if self._written is not None and not change.current:
            self._line.say(
                f"nobody is listed any more ({change.current.outcome}): {self._file.path} keeps "
                f"{_pods(self._written)}"
            )
        self._write()

    @property
    def waits(self) -> str:
        """What the first write waits for."""
        return f"waiting for {_number(self._expected)} to be listed"

    def _suffices(self, snapshot: Snapshot | None) -> bool:
        """Whether these are enough for the first write."""
        return snapshot is not None and count_of(snapshot) >= self._expected

    def _tell_waiting(self, state: str) -> None:
        found = "no complete answer yet"
        if self._answer is not None:
            listed = [each.name or each.address for each in self._answer]
            found = f"{count_of(self._answer)} listed"
            found += f" ({names_of(listed)})" if listed else f" ({self._answer.outcome})"
        self._line.tell(f"{self.waits}: {found}", state)

    def ended(self) -> int:
        """The watch is over."""
        self._line.stop()
        if self._signals.is_set():
            self._write()
            return self._signals.code
        if self._once and self._written is not None:
            return exits.FOUND
        if self._write_error is not None:  # told already
            return exits.OUTPUT_FAILED
        return self._gave_up()

    def _expects_change(self) -> bool:
        """Whether the last answer holds pods that are no members yet: they come next."""
        known = set(self._members or ())
        return self._answer is None or not known.issuperset(self._answer)

    def _gave_up(self) -> int:
        code = exits.TIMED_OUT
        reason = f"fewer than {self._expected} pods are listed"
        if self._error is not None or self._answer is None:
            reason = f"DNS failed: {self._error or 'no answer'}"
            code = exits.DNS_FAILED if self._once else code
        elif not self._answer:
            reason = f"nobody is listed ({self._answer.outcome})"
            code = exits.NONE_FOUND if self._once else code
        self._line.say(f"{self._limit:g} s have passed: {reason}; {self._file.path} is untouched")
        return code

    def _write(self) -> None:
        """Bring the members into the file where they are not, and may be, in it."""
        members = self._members
        if not members or members is self._written:
            return
        if self._written is None:
            # What a failed part of the first look hides would be missing from the file.
            if self._answer is None or not self._suffices(members):
                return
            self._line.stop()
        try:
            is_new = self._file.write(render(members, self._form))
        except OSError as error:
            self._failed(error)
            return
        self._write_error = None
        self._written = members
        path, what = self._file.path, f"{_pods(members)}, version {members.version}"
        self._line.say(f"wrote {path}: {what}" if is_new else f"{path} is up to date: {what}")

    def _failed(self, error: OSError) -> None:
        before, self._write_error = self._write_error, error
        if before is None or before.errno != error.errno:
            then = "" if self._once else "; trying again after each look"
            self._line.say(
                f"{self._file.path} cannot be written: {error.strerror}; it stays as it is{then}"
            )

    def _tell_streak(self, look: Look) -> None:
        """The first failure of a streak, and its end."""
        if look.error is not None and self._failing_since is None:
            self._failing_since = time.monotonic()
            self._line.say(f"{what_failed(look)}; {self._file.path} stays as it is")
        elif look.error is None and self._failing_since is not None:
            seconds = time.monotonic() - self._failing_since
            self._failing_since = None
            self._line.say(f"DNS ok again after {seconds:.0f} s")


def _pods(snapshot: Snapshot) -> str:
    return _number(count_of(snapshot))


def _number(number: int) -> str:
    return f"{number} pod{'' if number == 1 else 's'}"
