"""Every listing of the README and of the documentation does what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import pytest

from headless_discovery.cli.parser import build_parser
from tests.docs.pages import REPOSITORY, pages
from tests.docs.running import run_page

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [str(page.relative_to(REPOSITORY)) for page in pages()]

_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES)
def test_listings(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of the page is executed, and what it shows is what comes out."""
    monkeypatch.chdir(tmp_path)
    run_page(page, (REPOSITORY / page).read_text(), tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Links to other files of the repository lead somewhere."""
    path = REPOSITORY / page
    for found in _LINK.finditer(path.read_text()):
        target = found["target"]
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{page} links to {target}"


def test_pages_are_found() -> None:
    """A collector that finds nothing would pass everything."""
    assert {"README.md", "docs/tutorial.md", "docs/howto/list-in-scripts.md"} <= set(PAGES)


def test_words_of_the_field() -> None:
    """A pod is never called a node, a host or an instance."""
    wrong = re.compile(r"\b(nodes?|instances?)\b", re.IGNORECASE)
    for page in PAGES:
        for number, line in enumerate((REPOSITORY / page).read_text().splitlines(), start=1):
            assert not wrong.search(line), f"{page}:{number}: {line}"


def test_make_targets() -> None:
    """The README lists the targets of the Makefile, all of them and no other."""
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    readme = (REPOSITORY / "README.md").read_text()
    assert re.findall(r"^\| `make ([a-z-]+)` ", readme, re.MULTILINE) == targets


def test_every_flag_is_described() -> None:
    """The reference of the command names each flag, format and exit code; the twins too."""
    from headless_discovery.cli import exits
    from headless_discovery.core.peerlist import FORMATS

    page = (REPOSITORY / "docs/reference/cli.md").read_text()
    twins = (REPOSITORY / "docs/howto/list-in-scripts.md").read_text()
    for command in ("list", "demo"):
        for flag in re.findall(r"(?<![\w-])--[a-z-]+", command_help(command)):
            assert flag == "--help" or f"`{flag}" in page, flag
    for flag in set(re.findall(r"(?<![\w-])--[a-z-]+", command_help("list"))) - {"--help"}:
        assert f"`{flag}`" in twins, flag
    for form in ("table", "wide", *FORMATS):
        assert f"| `{form}` |" in page, form
    for name in exits.__all__:
        assert f"\n| {getattr(exits, name)} |" in page, name


def command_help(command: str) -> str:
    """What ``headless-discovery COMMAND --help`` prints."""
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as printed:
        build_parser()[0].parse_args([command, "--help"])
    return printed.getvalue()
