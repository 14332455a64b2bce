"""Every listing of the README and of the documentation does what the page says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from headless_discovery.cli import exits
from headless_discovery.cli.parser import OUTPUTS, build_parser
from headless_discovery.core.peerlist import FORMATS
from tests.docs.pages import REPOSITORY, pages, tables
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
    """The reference of the command names each command, flag, format and exit code."""
    page = (REPOSITORY / "docs/reference/cli.md").read_text()
    sections = dict(
        re.findall(r"^## `?(\w+)[^\n]*\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )
    shared = {
        **dict.fromkeys(("watch", "wait", "write"), "Following"),
        **dict.fromkeys(("connect", "exec"), "Going"),
    }
    for command in build_parser()[1]:
        told = sections[command]
        if command in shared:
            told += sections[shared[command]] + sections["list"]
        for flag in flags(command):
            assert f"`{flag}" in told, (command, flag)
        for output in OUTPUTS.get(command, ()):
            assert f"`{output}`" in sections[command], (command, output)
    for form in ("table", "wide", *FORMATS):
        assert f"| `{form}` |" in page, form
    for name in exits.__all__:
        assert f"\n| {getattr(exits, name)} |" in page, name


def test_every_twin_is_described() -> None:
    """Each flag is in a table of environment twins, beside the variable made of its name."""
    scripts = (REPOSITORY / "docs/howto/list-in-scripts.md").read_text()
    for flag in flags("list"):
        assert f"`{flag}`" in scripts, flag
    reference = (REPOSITORY / "docs/reference/cli.md").read_text()
    told = {
        flag: row[0].split()[0]
        for rows in (*tables(scripts, "variable", "flag"), *tables(reference, "variable", "flag"))
        for row in rows
        for flag in re.findall(r"--[a-z-]+", row[1])
    }
    for command in set(build_parser()[1]) - {"demo"}:
        for flag in flags(command):
            if not flag.startswith("--no-"):
                name = flag[2:].replace("-", "_").upper()
                plain = told[flag].removeprefix("HEADLESS_DISCOVERY_")
                assert plain in (name, f"{name}S"), (command, flag)


def flags(command: str) -> list[str]:
    """The long flags of a command but for ``--help``."""
    actions = build_parser()[1][command]._option_string_actions
    return [flag for flag in actions if flag.startswith("--") and flag != "--help"]
