"""Scenarios: one body, run on threads and on asyncio, against servers on real sockets."""

from __future__ import annotations

import pytest

from tests.faces import Face


@pytest.fixture(params=["sync", "asyncio"])
def face(request: pytest.FixtureRequest) -> Face:
    """Return one of the two shells."""
    return Face(request.param)
