"""The exit codes: each is one that a command ends with, and is told in the docs."""

from __future__ import annotations

import re

import pytest

from headless_discovery.cli import exits
from tests.faces import REPOSITORY


@pytest.mark.parametrize("name", exits.__all__)
def test_a_code(name: str) -> None:
    """It is used by its name in some command, and stands in the table of codes."""
    sources = [path.read_text() for path in (REPOSITORY / "headless_discovery/cli").glob("*.py")]
    assert any(f"exits.{name}" in source for source in sources)
    page = (REPOSITORY / "docs/reference/cli.md").read_text()
    assert f"\n| {getattr(exits, name)} | " in page


def test_every_code_of_the_docs_is_one_of_ours() -> None:
    """None is left over there."""
    page = (REPOSITORY / "docs/reference/cli.md").read_text()
    table = page.partition("## Exit codes")[2].partition("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \| ", table, re.MULTILINE)}
    assert told == {getattr(exits, name) for name in exits.__all__}
