"""Scenarios: one body, run on threads and on asyncio, against servers on real sockets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.faces import Face
from tests.scenarios.worlds import World, demand_none_left, open_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headless_discovery.testing import ClusterDNS, StatefulSet


@pytest.fixture(params=["sync", "asyncio"])
def face(request: pytest.FixtureRequest) -> Face:
    """Return one of the two shells."""
    return Face(request.param)


@pytest.fixture(params=["threads", "asyncio"])
def world(
    request: pytest.FixtureRequest,
    cluster_dns: ClusterDNS,  # noqa: ARG001 - its own sockets are there before and after
    caplog: pytest.LogCaptureFixture,
) -> Iterator[World]:
    """Follow on threads, then on asyncio; no thread, task, socket or unexpected error is left."""
    before = open_descriptors()
    made = World(request.param)
    yield made
    made.close()
    demand_none_left(before)
    for record in caplog.get_records("call"):
        if record.levelno >= logging.ERROR:
            text = record.getMessage()
            assert any(part in text for part in made.expected), text


@pytest.fixture
def mysql(cluster_dns: ClusterDNS) -> StatefulSet:
    """Three pods behind ``db.shop``."""
    db = cluster_dns.service("db.shop", ports=[3306])
    return cluster_dns.statefulset("mysql", service=db, replicas=3)
