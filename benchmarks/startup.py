"""Start-up: what an import and a whole command cost, measured in fresh processes.

In: command lines. Out: samples, wall and CPU of each process from start to end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING

from benchmarks.measure import CLIENT_CORE, Ratio, Sample, on_core, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command_ratio", "import_ratio"]

BARE = (sys.executable, "-c", "pass")
OURS = (sys.executable, "-c", "from headless_discovery import HeadlessService")
DNSPYTHON = (sys.executable, "-c", "import dns.resolver")


def import_ratio(turns: int) -> Ratio:
    """What importing adds to a bare Python, ours to dnspython's resolver."""
    bare, ours, theirs = _processes((BARE, OURS, DNSPYTHON), turns)
    return ratio(_added(ours, bare), _added(theirs, bare))


def command_ratio(turns: int, port: int, service: str) -> Ratio:
    """``headless-discovery list`` from start to end, to a Python that does nothing."""
    script = shutil.which("headless-discovery", path=str(Path(sys.executable).parent))
    start = (sys.executable, "-m", "headless_discovery") if script is None else (script,)
    command = (*start, "list", service, "--nameserver", f"127.0.0.1:{port}")
    ours, bare = _processes((command, BARE), turns)
    return ratio(ours, bare)


def _processes(commands: Sequence[tuple[str, ...]], turns: int) -> list[list[Sample]]:
    samples: list[list[Sample]] = [[] for _ in commands]
    with on_core(CLIENT_CORE):
        for turn in range(turns + 1):
            for into, command in zip(samples, commands, strict=True):
                sample = _process(command)
                if turn:  # the first one fills the file cache and writes the .pyc files
                    into.append(sample)
    return samples


def _process(command: tuple[str, ...]) -> Sample:
    start = perf_counter_ns()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = perf_counter_ns() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return Sample(wall, (usage.ru_utime + usage.ru_stime) * 1e9)


def _added(samples: Sequence[Sample], bare: Sequence[Sample]) -> list[Sample]:
    """Each sample without the bare Python's median; never less than a microsecond."""
    wall, cpu = median(each.wall for each in bare), median(each.cpu for each in bare)
    return [Sample(max(1e3, each.wall - wall), max(1e3, each.cpu - cpu)) for each in samples]
