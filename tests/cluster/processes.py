"""Programs of the test bed as child processes that cannot outlive the tests.

In comes a command line, out goes a `Program` to start, pause, kill and start again, with
its log on disk. Knows no Kubernetes and no DNS.

Every child asks the kernel to be killed together with the thread that started it
(PR_SET_PDEATHSIG), so nothing is left even when the test session itself is killed. Start
programs from the main thread: a child of a worker thread dies when that thread ends.
Only these children are ever signalled, through their handles.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.cluster.network import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Program:
    """One program, run once or several times with the same command line.

    Args:
        name: What the log is called, and error messages.
        command: The program's path and its arguments.
        folder: Working directory; the log goes to `<name>.log` in it.
        environment: Added to the environment of the tests.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._environment = dict(environment or {})
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """True from `start` until the process has ended, paused or not."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        if self._child is None:
            raise BedError(f"{self.name} was never started")
        return self._child.pid

    def start(self) -> None:
        """Start the program; nothing happens while it is running. The log is appended to."""
        if self.running:
            return
        with self.log.open("ab") as log:
            # A process group of its own: Ctrl-C must reach the tests, which then stop the bed.
            self._child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - libc is loaded before the fork
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the program is running."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def pause(self) -> None:
        """Let the process hang (SIGSTOP): sockets stay open, nothing answers any more."""
        self.signal(signal.SIGSTOP)
        if self.running:  # a signal is not at once in all threads: wait until they stand
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Undo `pause`."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once (SIGKILL) and reap it."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait(timeout=10)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the log under a heading."""
        if not self.log.exists():
            return f"--- {self.name}: no log\n"
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        if self._child is None or self.running:
            state = "running" if self._child else "not started"
        else:
            state = f"ended with {self._child.returncode}"
        return "\n".join([f"--- {self.name} ({state}), end of {self.log}", *text, ""])


def stop_all(programs: Iterable[Program], grace: float = 1.0) -> None:
    """Ask programs to end (SIGTERM, in the order given), and kill what has not within `grace`.

    Args:
        programs: What to end; those not running are left alone.
        grace: Seconds for all of them together.
    """
    programs = list(programs)
    for program in programs:
        program.signal(signal.SIGTERM)
        program.resume()  # a paused process takes SIGTERM only when it runs again
    deadline = time.monotonic() + grace
    while any(program.running for program in programs) and time.monotonic() < deadline:
        time.sleep(0.02)
    for program in programs:
        program.kill()


def wait_until(
    condition: Callable[[], object],
    what: str,
    timeout: float = 10.0,
    programs: Iterable[Program] = (),
    every: float = 0.02,
) -> None:
    """Ask `condition` again and again until it holds.

    Args:
        condition: Something truthy ends the wait; an `OSError` counts as not yet.
        what: What is waited for, for the error message.
        timeout: Seconds.
        programs: Those the condition depends on: the wait ends when one of them has ended,
            and their logs are part of the error message.
        every: Seconds between two tries.

    Raises:
        BedError: Time is up, or a program has ended.
    """
    programs = list(programs)
    deadline = time.monotonic() + timeout
    reason = f"not within {timeout:g} s"
    last: OSError | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError as error:
            last = error
        ended = [program.name for program in programs if not program.running]
        if ended:
            reason = f"{', '.join(ended)} ended"
            break
        time.sleep(every)
    logs = "".join(program.tail() for program in programs)
    raise BedError(f"waited for {what}: {reason}" + (f" ({last})" if last else "") + f"\n{logs}")


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
