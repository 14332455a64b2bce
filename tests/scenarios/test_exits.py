"""Programs that end while a Service is followed: in time, in order and without a word."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.faces import REPOSITORY
from tests.scenarios.programs import PROGRAMS

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS


@pytest.mark.usefixtures("mysql")
@pytest.mark.parametrize("name", [each.__name__ for each in PROGRAMS])
def test_ends_without_a_word(cluster_dns: ClusterDNS, name: str) -> None:
    """It exits within 2 s with 0 and says nothing, every warning being an error."""
    done = subprocess.run(
        [
            sys.executable,
            *("-X", "dev", "-W", "error", "-m", "tests.scenarios.programs"),
            name,
            cluster_dns.nameserver,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    after = time.monotonic()
    assert done.stderr == ""
    assert done.returncode == 0
    assert after - float(done.stdout.split()[-1]) < 2
