"""The test of the pages can fail: wrong pages are found, each by its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import read_page
from tests.docs.running import PageError, run_page

if TYPE_CHECKING:
    from pathlib import Path


def page(*blocks: tuple[str, str], start: str = "") -> str:
    """A page of these blocks."""
    fenced = [f"Words.\n\n```{kind}\n{text}\n```\n" for kind, text in blocks]
    return start + "\n".join(fenced)


FOLLOWED = "import headless_discovery as hd\ndatabase = hd.HeadlessService('my-database.shop')"
LIST = "headless-discovery list my-database.shop"
GOOD = {
    "python with output": "```python\nprint(1 + 1)\n```\n\n```text\n2\n```\n",
    "session": page(("pycon", ">>> 1 + 1\n2")),
    "command": page(
        ("console", "$ headless-discovery list my-database.shop -o env\nHD_COUNT=3\n...")
    ),
    "exit code": page(("console", "$ headless-discovery list no.shop\n...\n$ echo $?\n1")),
    "two lines": page(("console", "$ echo one \\\n>   two\none two")).replace(">   ", "  "),
    "one shell": page(("console", "$ export A=b"), ("console", "$ echo $A\nb")),
    "file": page(("python", "# a.py\nprint(3)"), ("console", "$ python a.py\n3")),
    "not run": page(("console", "$ make demo\nanything")),
    "hidden step": page(
        ("console", "$ headless-discovery list my-database.shop -o addresses | wc -l\n5"),
        start="<!-- cluster: mysql.scale(5) -->\n\n",
    ),
    "hidden step meanwhile": page(
        ("python", "import time\ntime.sleep(0.1)\nassert seen"),
        start="<!-- cluster: page['seen'] = [] -->\n"
        "<!-- cluster: meanwhile(0.01, lambda: page['seen'].append(1)) -->\n\n",
    ),
    "in quick time": page(
        (
            "python",
            f"{FOLLOWED}.open()\nassert database.status().due_in < 1\ndatabase.close()",
        ),
        start="<!-- cluster: hurry() -->\n\n",
    ),
    "a tested file": page(("{literalinclude} tests/docs/test_running.py", ":language: python")),
    "environment of Python": page(
        ("python", "from headless_discovery import discover\nassert discover('my-database.shop')")
    ),
}
SERVICE = (
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [], selector: {a: b}%s}}"
)
SET = (
    "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {serviceName: a, "
    "replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, "
    "spec: {containers: [{ports: [{containerPort: 80}]}]}}}}"
)
WRONG = {
    "service left open": page(
        ("python", f"{FOLLOWED}.open()"),
    ),
    "hidden step that raises meanwhile": page(
        ("python", "1"), start="<!-- cluster: meanwhile(lambda: 1 / 0) -->\n\n"
    ),
    "python that raises": page(("python", "1 / 0")),
    "python with other output": "```python\nprint(1)\n```\n\n```text\n2\n```\n",
    "other result": page(("pycon", ">>> 1 + 1\n3")),
    "no session": page(("pycon", "1 + 1")),
    "other output": page(("console", "$ headless-discovery list my-database.shop\nnothing")),
    "output left out": page(("console", "$ headless-discovery list my-database.shop")),
    "other exit code": page(("console", "$ headless-discovery list no.shop\n...\n$ echo $?\n0")),
    "fails and nobody says so": page(("console", "$ headless-discovery list no.shop -o name\n...")),
    "no such program": page(("console", "$ curl example.invalid")),
    "no such flag": page(("console", "$ headless-discovery list --no-such-flag x\n...")),
    "nobody's output": page(("text", "alone")),
    "unknown kind": page(("toml", "a = 1")),
    "no kind": page(("", "a = 1")),
    "shell script without a name": page(("sh", "true")),
    "file nobody uses": page(("python", "# a.py\nprint(3)")),
    "StatefulSet without its Service": page(("yaml", SET)),
    "governing Service not headless": page(("yaml", f"{SERVICE % ''}\n---\n{SET}")),
    "a file that is not there": page(("{literalinclude} tests/docs/test_nothing.py", "")),
    # Its whole name must not stand here, or this test would be the one that runs it.
    "a file no test runs": page(("{literalinclude} tests/docs/hidden-py".replace("-", "."), "")),
    "a file of somebody else": page(("{literalinclude} ../README", "")),
    "port nobody opens": page(
        ("yaml", f"{SERVICE.replace('[]', '[{port: 81}]') % ', clusterIP: None'}\n---\n{SET}")
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is right passes."""
    assert run_page("page.md", GOOD[name], tmp_path, monkeypatch) >= 1


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is wrong fails, and the error names the line."""
    with pytest.raises(PageError, match=r"page\.md|line \d"):
        run_page("page.md", WRONG[name], tmp_path, monkeypatch)


def test_unclosed_fence() -> None:
    """A fence that is never closed does not swallow the rest of the page."""
    with pytest.raises(ValueError, match="line 2"):
        read_page("\n```python\n1\n")
