"""A server of a pod that is one program: what starting and ending it takes.

In comes a pod and a command line, out goes most of a `Server` of `kubelet.py`. Knows no
database: whether it answers, the class on top says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.processes import Program, stop_all

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from tests.databases.kubelet import Pod


class ProgramServer:
    """The program of one pod, in its folder; it dies with the thread that started it.

    Args:
        pod: The pod.
        command: The program and its arguments.
        grace: Seconds it has to end by itself.
    """

    def __init__(self, pod: Pod, command: Sequence[str], grace: float = 5.0) -> None:
        self.pod = pod
        self.program = Program(pod.name, command, pod.folder)
        self._grace = grace

    @property
    def running(self) -> bool:
        """True until the process has ended, paused or not."""
        return self.program.running

    def start(self) -> None:
        """Start it, and return before it answers."""
        self.program.start()

    def stop(self) -> None:
        """End it by SIGTERM, and by SIGKILL if that takes longer than it may."""
        stop_all([self.program], self._grace)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.program.kill()

    def pause(self) -> None:
        """Let it hang: clients connect, and nothing answers."""
        self.program.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        self.program.resume()

    def tail(self) -> str:
        """Return the end of its log."""
        return self.program.tail()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.program.signal(number)
