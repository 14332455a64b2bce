"""The tests against a real control plane and a real CoreDNS: their fixtures and their time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import fixtures

if TYPE_CHECKING:
    import pytest

_TIMEOUT = 120.0


def pytest_configure(config: pytest.Config) -> None:
    """Have the fixtures of the bed, which other folders use too."""
    fixtures.register(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests in this folder more time than unit tests have."""
    fixtures.give_time(items, Path(__file__).parent, _TIMEOUT)
