"""The pytest fixture ``cluster_dns``.

Imported in every pytest run of every project that has this package installed, so
everything it needs is imported inside the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clusterdns import ClusterDNS

__all__ = ["cluster_dns"]


@pytest.fixture
def cluster_dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterDNS]:
    """A running, empty cluster DNS; the environment of this process points at it.

    Loopback addresses that pods are given later are allowed by ``cluster_dns.options``,
    not by the environment, which is set once.
    """
    from .clusterdns import ClusterDNS  # noqa: PLC0415 - see the module docstring

    with ClusterDNS() as dns:
        for name, value in dns.environment.items():
            monkeypatch.setenv(name, value)
        yield dns
