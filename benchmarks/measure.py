"""Measure: client processes, and rounds in which each has its turn.

In: what to run. Out: for each client a list of samples, one a round. A round lets client
A, B, C ... do one batch each, so that whatever else the machine does hits all of them;
ratios are taken within a round, and their median over the rounds is the result.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.canned import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.canned import Canned

__all__ = ["Effort", "Ratio", "Sample", "Worker", "build_go", "on_core", "ratio", "rounds"]

HERE = Path(__file__).resolve().parent
CLIENT_CORE, SERVER_CORE = 0, 1


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: Turns each client gets.
        batch: Seconds one turn takes, about.
        processes: Turns where a turn is a whole process.
    """

    rounds: int
    batch: float
    processes: int


class Sample(NamedTuple):
    """What one turn came to: wall and CPU, nanoseconds of one lookup (or process)."""

    wall: float
    cpu: float


class Ratio(NamedTuple):
    """Ours divided by theirs, and both medians, nanoseconds, for orientation."""

    wall: float
    cpu: float
    ours: float
    theirs: float


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample]) -> Ratio:
    """The median over the rounds of the ratio within each round."""
    pairs = list(zip(ours, theirs, strict=True))
    return Ratio(
        median(mine.wall / other.wall for mine, other in pairs),
        median(mine.cpu / other.cpu for mine, other in pairs),
        median(mine.wall for mine in ours),
        median(other.wall for other in theirs),
    )


@contextlib.contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started inside stays on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        yield
        return
    os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Worker:
    """A client process, see ``clients.py`` and ``loops.py`` for what is said to it.

    Args:
        name: The client's name.
        port: The responder's.
        service: The Service's full name.
        command: What to start, a program or a Python file; by default ``clients.py``.
    """

    def __init__(self, name: str, port: int, service: str, command: Path | None = None) -> None:
        self.name = name
        command = HERE / "clients.py" if command is None else command
        start = [sys.executable, str(command)] if command.suffix == ".py" else [str(command)]
        with on_core(CLIENT_CORE):
            self._process = subprocess.Popen(
                [*start, name, str(port), service],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def ask(self, command: str) -> str:
        """Say a line, return the answer.

        Raises:
            RuntimeError: The client reports an error, or has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline().strip()
        if not line or line.startswith("error"):
            raise RuntimeError(f"{self.name}: {line or 'it ended without a word'}")
        return line

    def verify(self, canned: Canned) -> None:
        """Have it show what one lookup finds.

        Raises:
            RuntimeError: That is not what stands behind the Service.
        """
        found = tuple(self.ask("show").split())
        if found != canned.expected:
            raise RuntimeError(
                f"{self.name} found {len(found)} of {len(canned.expected)} pods or other ones: "
                f"{' '.join(sorted(set(found) ^ set(canned.expected)))[:200]}"
            )

    def run(self, count: int) -> Sample:
        """That many lookups."""
        wall, cpu = self.ask(f"run {count}").split()
        return Sample(float(wall), float(cpu))

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def rounds(workers: Sequence[Worker], effort: Effort) -> dict[str, list[Sample]]:
    """Interleaved rounds; each worker's batch is sized to take about ``effort.batch``."""
    counts = {}
    for worker in workers:
        worker.run(32)  # warm: imports, code caches, what is remembered of the server
        wall = worker.run(32).wall
        counts[worker.name] = max(3, min(20_000, int(effort.batch * 1e9 / wall)))
    samples: dict[str, list[Sample]] = {worker.name: [] for worker in workers}
    for _ in range(effort.rounds):
        for worker in workers:
            samples[worker.name].append(worker.run(counts[worker.name]))
    return samples


def build_go(folder: Path) -> Path:
    """Build the Go client from its pinned modules.

    Raises:
        LeftOut: There is no Go, or the build fails (offline, for one).
    """
    go = shutil.which("go")
    if go is None:
        raise LeftOut("there is no Go on this machine")
    program = folder / "miekg"
    try:
        built = subprocess.run(
            [go, "build", "-mod=readonly", "-o", str(program), "."],
            cwd=HERE / "go",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        raise LeftOut("go build took more than 120 s") from None
    if built.returncode:
        raise LeftOut(f"go build failed: {built.stderr.strip()[-300:]}")
    return program
