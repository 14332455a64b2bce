"""Fixtures of the tests against a real control plane and a real CoreDNS.

One bed is up for the whole session. From its start to the end of the session the test
process is inside the bed's network namespace, if there is one (see `network.py`).

A plugin and not a conftest: imported into two conftests a fixture would be made twice,
registered once (`register`) it is the same for all folders that use the bed.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.bed import Bed
from tests.cluster.network import BedError
from tests.cluster.workloads import Namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace


def register(config: pytest.Config) -> None:
    """Make the fixtures of this module known, once a session."""
    if not config.pluginmanager.has_plugin(__name__):
        config.pluginmanager.register(sys.modules[__name__], __name__)


def give_time(items: list[pytest.Item], folder: Path, seconds: float) -> None:
    """Give the tests in a folder more time than unit tests have.

    Fixtures are left out of it: starting the bed has deadlines of its own, and the first
    test must not pay for it.
    """
    for item in items:
        if folder in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds, func_only=True))


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Return the running test bed; it fails, never skips, where it cannot be had."""
    made = Bed(tmp_path_factory.mktemp("bed"))
    failure = ""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(made)
        except BedError as error:
            failure = str(error)
        if failure:  # out here, where the report shows the message and no traceback
            pytest.fail(failure, pytrace=False)
        yield made


@pytest.fixture(scope="session")
def namespaces(bed: Bed) -> Namespaces:
    """Return what makes new Kubernetes namespaces."""
    return Namespaces(bed.api)


@pytest.fixture
def namespace(namespaces: Namespaces) -> Iterator[Namespace]:
    """Return a Kubernetes namespace of the test's own, deleted after it."""
    made = namespaces.create()
    yield made
    namespaces.delete(made)
