"""Playing: a command that follows, run here while things happen around it.

The command runs in the main thread, as in life, so that signals reach it; what happens
around it is a list of steps, which a thread takes one after the other.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from headless_discovery import PollPolicy
from headless_discovery.cli import asking, main

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from headless_discovery.testing import ClusterDNS

__all__ = ["Play", "terminate", "until"]

_PATIENCE = 15.0


class Play:
    """Runs commands that follow, fifty times as fast, behind one cluster DNS.

    Args:
        dns: Whom to ask; the environment points at it.
        monkeypatch: Sets the policy.
    """

    def __init__(self, dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dns = dns

        def fast(parsed: Any) -> PollPolicy | None:
            return PollPolicy.fast() if "interval" in parsed else None

        monkeypatch.setattr(asking, "poll_of", fast)

    def run(self, *arguments: str, steps: tuple[Callable[[], object], ...] = ()) -> int:
        """The exit code; a step that fails ends the command, and the test."""
        errors: list[BaseException] = []

        def play() -> None:
            try:
                for step in steps:
                    step()
            except BaseException as error:  # noqa: BLE001 - told in the main thread
                errors.append(error)
                os.kill(os.getpid(), signal.SIGTERM)

        # A signal that comes when the command has ended already must not end the tests.
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        thread = threading.Thread(target=play)
        thread.start()
        try:
            code = main(arguments)
            thread.join()
        finally:
            signal.signal(signal.SIGTERM, before)
        if errors:
            raise errors[0]
        return code


def until(holds: Callable[[], object]) -> Callable[[], None]:
    """A step that waits for this."""

    def step() -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            assert time.monotonic() < deadline, "it does not come"
            time.sleep(0.005)

    return step


def terminate() -> None:
    """A step: SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)
