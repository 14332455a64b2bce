"""The program of the page about TLS, in a cluster: pods prove their names to it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.databases.https_server import https_statefulset
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority


def test_example(namespace: Namespace, authority: Authority, tmp_path: Path) -> None:
    """It reaches ordinal 0, and any pod; by a context that trusts others it reaches nobody."""
    program = REPOSITORY / "examples" / "integrations" / "tls_client.py"
    with https_statefulset(namespace, authority, tmp_path, 2) as web:
        web.wait_ready(2)
        done = subprocess.run(
            [sys.executable, str(program), f"web.{namespace.name}", str(authority.ca_file)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        pods = {name: pod.address for name, pod in web.pods.items()}
    first, any_of_them, awaited, refused = done.stdout.splitlines()
    answered = "b'HTTP/1.1 200 OK'"
    assert first == awaited == f"{pods['web-0']} {answered}"
    assert any_of_them in {f"{address} {answered}" for address in pods.values()}
    assert refused == "SSLCertVerificationError"
