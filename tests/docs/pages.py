"""Pages: a page of the documentation as the steps that a test carries out.

In: Markdown. Out: fenced blocks and hidden steps, in order, with their lines. A hidden step
is an HTML comment that begins with ``cluster:``; a reader does not see it, the test does
what it says to the cluster of the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "REPOSITORY",
    "Block",
    "Command",
    "PageError",
    "check_included",
    "commands",
    "file_name",
    "pages",
    "read_page",
    "table",
    "tables",
]

REPOSITORY = Path(__file__).parents[2]
HIDDEN = "cluster"

_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,})(?P<kind>[^`]*)")
_COMMENT = re.compile(r"<!-- cluster: (?P<code>.+?) -->", re.ASCII)
_FILE = re.compile(r"# (?P<name>[a-z_]+\.(?:py|sh))")


class PageError(AssertionError):
    """A block that does not do what the page says, or that nobody carries out."""


class Block(NamedTuple):
    """One fenced block or hidden step.

    Attributes:
        kind: What stands behind the fence, ``"python"``; ``"cluster"`` for a hidden step.
        text: The content, every line ended.
        line: The line of the page its content begins at, from 1.
        follows: Whether nothing but blank lines is between it and the block before.
    """

    kind: str
    text: str
    line: int
    follows: bool = False


class Command(NamedTuple):
    """One command of a console session with the output the page shows."""

    text: str
    output: str
    line: int


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    docs = REPOSITORY / "docs"
    found = [page for page in docs.rglob("*.md") if "_build" not in page.parts]
    return [REPOSITORY / "README.md", *sorted(found)]


def read_page(text: str) -> list[Block]:
    """The blocks of a page, in order.

    Raises:
        ValueError: A fence that is never closed.
    """
    blocks: list[Block] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    alone = False  # whether prose came since the last block
    for number, line in lines:
        if hidden := _COMMENT.fullmatch(line.strip()):
            blocks.append(Block(HIDDEN, hidden["code"] + "\n", number))
        elif opened := _FENCE.fullmatch(line.rstrip()):
            content = []
            for _, inner in lines:
                if inner.strip() == opened["ticks"]:
                    break
                content.append(inner.removeprefix(opened["indent"]) + "\n")
            else:
                raise ValueError(f"line {number}: the fence is never closed")
            follows = bool(blocks) and not alone
            blocks.append(Block(opened["kind"].strip(), "".join(content), number + 1, follows))
            alone = False
        elif line.strip():
            alone = True
    return blocks


def file_name(block: Block) -> str | None:
    """The file a block is to be saved as: its first line says it in a comment."""
    named = _FILE.fullmatch(block.text.partition("\n")[0])
    return named["name"] if named else None


def commands(block: Block) -> list[Command]:
    """The commands of a console session; a line that ends in a backslash goes on.

    Raises:
        ValueError: Output without a command.
    """
    found: list[Command] = []
    unfinished = False
    for offset, line in enumerate(block.text.splitlines()):
        if unfinished:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
        elif line.startswith("$ "):
            found.append(Command(line[2:], "", block.line + offset))
        elif found:
            found[-1] = found[-1]._replace(output=f"{found[-1].output}{line}\n")
            continue
        else:
            raise ValueError(f"line {block.line + offset}: output before the first command")
        unfinished = line.endswith("\\")
    return found


def check_included(page: str, target: str) -> Path:
    """The file that a page includes as a listing.

    Args:
        page: The page's path in the repository.
        target: The file's path, seen from the page.

    Raises:
        AssertionError: There is no such file, or no test outside ``tests/docs`` runs it:
            none names it.
    """
    file = (REPOSITORY / page).parent.joinpath(target).resolve()
    assert file.is_relative_to(REPOSITORY), f"{target} is not ours"
    assert file.is_file(), f"there is no {target}"
    tests = (each for each in (REPOSITORY / "tests").rglob("test_*.py") if each != file)
    assert file.name.startswith("test_") or any(
        file.name in each.read_text(encoding="utf-8") for each in tests
    ), f"no test runs {target}"
    return file


def tables(text: str, *headings: str) -> list[list[list[str]]]:
    """The cells of each table whose first columns have these headings, without backticks."""
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text + "\n", re.MULTILINE):
        first, _, *rows = (
            [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            for line in block.splitlines()
        )
        if first[: len(headings)] == list(headings):
            found.append(rows)
    return found


def table(text: str, *headings: str) -> list[list[str]]:
    """The cells of the one table with these headings.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = tables(text, *headings)
    if len(found) != 1:
        raise ValueError(f"{len(found)} tables begin with {headings}")
    return found[0]
