"""Fixtures of the commands' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.playing import Play
from tests.unit.cli.pods import Pods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headless_discovery.testing import ClusterDNS, StatefulSet


@pytest.fixture
def mysql(cluster_dns: ClusterDNS) -> StatefulSet:
    """Return a StatefulSet of two pods behind my-database.shop."""
    service = cluster_dns.service("my-database", namespace="shop", ports=[3306])
    return cluster_dns.statefulset("mysql", service=service, replicas=2)


@pytest.fixture
def play(cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return what runs commands that follow."""
    return Play(cluster_dns, monkeypatch)


@pytest.fixture
def pods(cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    """Return a Service of three pods on this machine, none of which listens yet."""
    monkeypatch.setenv("HEADLESS_DISCOVERY_ALLOW_NETWORKS", "127.0.0.0/8")
    with Pods(cluster_dns, 3) as listed:
        yield listed
