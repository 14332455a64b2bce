"""The fixture ``cluster_dns`` and what importing the plugin costs everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from headless_discovery.testing.pytest_plugin import cluster_dns  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.testing import ClusterDNS


def test_the_fixture_runs_and_sets_the_environment(
    cluster_dns: ClusterDNS,  # noqa: F811
    look: Callable[..., list[str]],
) -> None:
    """An unchanged application in this process asks this server."""
    db = cluster_dns.service("db", ports=[5432])
    cluster_dns.statefulset("db", service=db, replicas=2)
    assert os.environ["HEADLESS_DISCOVERY_NAMESERVERS"] == cluster_dns.nameserver
    assert os.environ["HEADLESS_DISCOVERY_NAMESPACE"] == "default"
    assert look(cluster_dns, db.fqdn) == ["10.244.0.2", "10.244.0.3"]


def test_importing_the_plugin_loads_nothing_else() -> None:
    """It is loaded in every run of pytest where this package is installed."""
    code = (
        "import sys, headless_discovery.testing.pytest_plugin as plugin\n"
        "loaded = [name for name in sys.modules if name.startswith('headless_discovery.')]\n"
        "assert sorted(loaded) == ['headless_discovery.testing', "
        "'headless_discovery.testing.pytest_plugin'], loaded\n"
        "assert 'dns' not in sys.modules and 'tenacity' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_every_public_name_exists() -> None:
    """What is listed can be imported, and nothing else is invented."""
    import pytest

    import headless_discovery.testing as package

    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="nothing_like_that"):
        getattr(package, "nothing_like_that")  # noqa: B009 - mypy refuses the name
