"""Many processes that connect, forked, interrupted and put to sleep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from headless_discovery.testing import Delay
from tests.faces import REPOSITORY
from tests.scenarios.connect_processes import shares_apart
from tests.scenarios.pods import Pods

MODULE = "tests.scenarios.connect_processes"
PROCESSES = 200


def test_processes_share_the_pods(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one connection each, no pod gets more than twice its share; by libc one gets them all.

    DNS shuffles its records for libc, too: glibc sorts them (RFC 6724), and the pod in the
    caller's own /24 comes first each time.
    """
    found = shares_apart(PROCESSES)
    with capsys.disabled():
        for pods, ways in found.items():
            told = "; ".join(f"{way} {sorted(shares)}" for way, shares in ways.items())
            print(f"\n{PROCESSES} processes, {pods} pods: {told}")  # noqa: T201 - for CI's log
    assert list(found) == ["3", "7"]
    for pods, ways in found.items():
        assert ways["libc"] == [PROCESSES]
        for way in ("not opened", "opened"):
            assert sum(ways[way]) == PROCESSES
            assert len(ways[way]) == int(pods)
            assert max(ways[way]) <= 2 * PROCESSES / int(pods)


@pytest.mark.parametrize(("name", "times"), [("forked", 20), ("in_a_handler", 400)])
def test_without_a_word(name: str, times: int) -> None:
    """It ends in time and in order, and no warning is told."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", MODULE, name, str(times)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("seconds", [0.0, 0.1], ids=["at once", "while it looks"])
@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_asleep(kind: str, seconds: float) -> None:
    """A process that was stopped looks before it connects: the old address is a stranger's."""
    with (
        Pods(1) as pods,
        subprocess.Popen(
            [sys.executable, "-m", MODULE, "asleep", pods.dns.nameserver, kind, str(seconds)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            os.kill(process.pid, signal.SIGSTOP)
            old = pods.address(0)
            pods.set.restart(0)
            pods.accept(0)
            time.sleep(1.6)
            with pods.dns.fault(Delay(0.3)):
                os.kill(process.pid, signal.SIGCONT)
                address, taken = json.loads(process.stdout.readline())
        finally:
            process.kill()
        assert address == pods.address(0) != old
        assert taken > 0.1
