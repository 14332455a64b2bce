"""The public API: what is exported, and that user code type-checks against it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import headless_discovery

REPOSITORY = Path(__file__).parents[2]
# The modules whose __all__ is public as a whole, and what is exported besides.
PUBLIC = (
    "errors",
    *("sync.oneliners", "sync.roles", "sync.service"),
    *("aio.oneliners", "aio.roles", "aio.service"),
)
VALUES = {
    "Attempt",
    "Change",
    "ConnectAttempt",
    "ConnectPolicy",
    "Ejected",
    "Endpoint",
    "Look",
    "LookupOptions",
    "PollPolicy",
    "ServiceName",
    "Snapshot",
    "Status",
    "__version__",
}


def test_user_code_type_checks() -> None:
    """Mypy --strict accepts right use and refuses wrong use."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "tests/typing/api.py",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_package_says_it_is_typed() -> None:
    """PEP 561: without the marker no type checker looks at our types."""
    assert (Path(headless_discovery.__file__).parent / "py.typed").is_file()


def test_exports_are_sorted() -> None:
    """``__all__`` is sorted and holds nothing twice."""
    assert headless_discovery.__all__ == sorted(set(headless_discovery.__all__))


@pytest.mark.parametrize("module", ["headless_discovery", "headless_discovery.testing"])
def test_exports_are_there(module: str) -> None:
    """Each exported name can be imported, and ``dir`` shows it."""
    package = import_module(module)
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)


def test_nothing_public_is_missing() -> None:
    """What the public modules define is exported, and nothing else but values."""
    defined = {
        name for module in PUBLIC for name in import_module(f"headless_discovery.{module}").__all__
    }
    assert set(headless_discovery.__all__) == defined | VALUES


def test_every_error_is_exported() -> None:
    """Whoever has to catch an error can import it from the top."""
    found = {headless_discovery.DiscoveryError}
    while more := {sub for error in found for sub in error.__subclasses__()} - found:
        found |= more
    ours = {error for error in found if error.__module__.startswith("headless_discovery.")}
    assert {error.__name__ for error in ours} <= set(headless_discovery.__all__)


def test_exports_are_documented() -> None:
    """Each exported name but the version has a docstring and a place in the reference."""
    pages = (REPOSITORY / "docs" / "reference").glob("*.md")
    reference = "".join(page.read_text() for page in pages)
    for name in headless_discovery.__all__:
        if name != "__version__":
            assert getattr(headless_discovery, name).__doc__
            assert f"headless_discovery.{name}\n" in reference, name


def test_testing_is_documented() -> None:
    """Each exported name of the testing package has a place in the reference."""
    testing = import_module("headless_discovery.testing")
    reference = (REPOSITORY / "docs" / "reference" / "testing.md").read_text()
    for name in testing.__all__:
        assert getattr(testing, name).__doc__
        assert f"headless_discovery.testing.{name}\n" in reference, name


def test_unknown_names() -> None:
    """The lazy modules refuse names they do not have, as any module does."""
    with pytest.raises(AttributeError, match="no attribute 'rediscover'"):
        getattr(headless_discovery, "rediscover")  # noqa: B009 - a constant on purpose
