"""What all integrations keep to: they say which extra is missing, and touch nothing private."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import headless_discovery

FOLDER = Path(headless_discovery.__file__).parent / "integrations"
MODULES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
INSIDE = "headless_discovery.integrations"
EXTRA = {"psycopg_pool": "psycopg"}  # one extra brings both


def test_modules_are_found() -> None:
    """A collector that finds nothing would pass everything."""
    assert {"asyncpg", "psycopg", "psycopg_pool", "pymysql", "redis", "sqlalchemy"} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_client_names_the_extra(module: str) -> None:
    """Without the client library: an ImportError with the command that installs it."""
    extra = EXTRA.get(module, module)
    code = f"import sys; sys.modules[{module!r}] = None\nimport {INSIDE}.{module}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: "), done.stderr
    assert last.endswith(f"is missing: pip install 'headless-discovery[{extra}]'")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_private_is_touched(path: Path) -> None:
    """An attribute that begins with an underscore is read of ``self`` alone."""
    touched = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert not touched


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_unasked(module: str) -> None:
    """The package itself loads no client library."""
    code = f"import sys\nfrom headless_discovery import Roles\nsys.exit({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == 0
