"""Signals: SIGTERM and SIGINT end a command that follows, in order.

The first signal asks for the end: ``stop`` is set, or, where a call cannot be given a stop,
`Ended` is raised in the middle of it. A second one ends the process where it stands.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Self

from . import exits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Ended", "Signals"]

# Whom we catch, and the exit code that tells so.
_OURS: dict[int, int] = {signal.SIGTERM: exits.TERMINATED, signal.SIGINT: exits.INTERRUPTED}
# The interpreter ignores these, and an ignored signal outlives an exec.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


class Ended(BaseException):
    """A signal came while `Signals.raising` held; like an interrupt no error to be caught."""


class Signals:
    """Catches SIGTERM and SIGINT inside ``with``; is itself the ``stop`` of a watch.

    A signal that the process was told to ignore (``nohup``, a shell's background job)
    stays ignored.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._raising = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in _OURS:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            # Only the main thread may; elsewhere the program around decides.
            with contextlib.suppress(ValueError):
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        self._before.clear()

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self.number is not None

    @property
    def code(self) -> int:
        """The exit code that tells which signal it was; only where one came."""
        assert self.number is not None  # noqa: S101 - the caller has asked `is_set`
        return _OURS[self.number]

    @property
    def name(self) -> str:
        """The signal that came: ``"SIGTERM"``, ``"SIGINT"``."""
        return signal.Signals(self.number or 0).name

    @contextlib.contextmanager
    def raising(self) -> Iterator[None]:
        """Inside, a signal raises `Ended` where the main thread stands."""
        self._raising = True
        try:
            if self.number is not None:
                raise Ended
            yield
        finally:
            self._raising = False

    def back_to_default(self) -> None:
        """For the program that this process becomes: nothing caught, nothing ignored by us."""
        for number in self._before:
            signal.signal(number, signal.SIG_DFL)
        self._before.clear()
        for name in _IGNORED_BY_PYTHON:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_DFL)

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if self.number is not None:
            os._exit(_OURS[number])  # as PID 1 the default action would do nothing
        self.number = number
        if self._raising:
            raise Ended
