"""The long run of the simulation, made short: it runs, and tells what it has done."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


def test_the_soak_tells_what_it_has_done() -> None:
    """Two seeds of an hour in a process of their own: their logs' hashes, totals, no violation."""
    arguments = ["--seeds", "2", "--days", "0.05", "--jobs", "1", "--followers", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.membership", *arguments],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"seed +[01]: log [0-9a-f]{24}", done.stdout)) == 2
    assert re.search(r"violations +0\n", done.stdout)
    for rule in ("each answer is the truth", "keep on error", "headless_discovery"):
        assert re.search(rf"{rule} +[0-9]", done.stdout)
