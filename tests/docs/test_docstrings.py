"""The examples in the docstrings of the package are true."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import headless_discovery

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(headless_discovery.__path__, "headless_discovery.")
    if not found.name.endswith(".__main__")
)


def examples(module: str) -> list[doctest.DocTest]:
    """The examples of one module."""
    found = doctest.DocTestFinder(exclude_empty=True).find(import_module(module))
    return [each for each in found if each.examples]


@pytest.mark.parametrize("module", ["headless_discovery", *MODULES])
def test_examples(module: str, cluster_dns: ClusterDNS) -> None:
    """Each example of the module, in a process whose environment points at a cluster DNS."""
    database = cluster_dns.service("my-database.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=database, replicas=3)
    told: list[str] = []
    for example in examples(module):
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(example, out=told.append)
        assert not runner.failures, "".join(told)


def test_examples_are_found() -> None:
    """A finder that finds nothing would pass everything."""
    assert examples("headless_discovery.core.names")
    assert examples("headless_discovery.testing")
