"""Fixtures of the commands' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.playing import Play

if TYPE_CHECKING:
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
