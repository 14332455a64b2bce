"""The rules of the house, read from the source: purity, direction, size, laziness."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import headless_discovery

PACKAGE = "headless_discovery"
ROOT = Path(headless_discovery.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)
MOST_LINES = 400

# Nothing under core/ may reach the world through these.
WORLD = {
    "asyncio", "concurrent", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time",
}  # fmt: skip
WORLDLY_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint"}

_SHELL = {
    "errors", "core", "retrying", "target", "service", "reporting", "forking", "sockets", "picking",
    "calling",
}  # fmt: skip
# Who may import whom, by layer; a module may import its own layer and those named here.
BELOW = {
    "errors": set(),
    "core": {"errors"},
    "resolvconf": {"errors", "core"},
    "peerfile": {"errors"},
    "retrying": set(),
    "picking": {"core", "forking"},
    "calling": {"errors", "core", "tls"},
    "tls": {"errors", "core"},
    "target": {"errors", "core", "resolvconf", "forking"},
    "service": {"errors", "core", "target", "reporting", "picking"},
    "reporting": {"errors", "core"},
    "forking": set(),
    "sockets": {"core", "forking"},
    "sync": _SHELL,
    "aio": _SHELL,
    "integrations": {"errors", "core", "tls", "sync", "aio", ""},
    "testing": {"errors", "core"},
    "cli": {
        "errors",
        "core",
        "peerfile",
        "resolvconf",
        "retrying",
        "target",
        "tls",
        "sync",
        "aio",
        "",
    },
    "__main__": {"cli"},
    "": {"errors", "core", "sync", "aio"},
}


def module_of(path: Path) -> str:
    """The dotted name below the package; "" for its ``__init__``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """The first part of the name: a folder or a file of the package."""
    return module.split(".", maxsplit=1)[0]


def guards_types(node: ast.AST) -> bool:
    """Whether this is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def imports(path: Path, *, types_too: bool = False) -> dict[str, bool]:
    """What a file imports: own modules begin with a dot; and whether inside a function."""
    found: dict[str, bool] = {}
    own = module_of(path).split(".") if module_of(path) else []
    package = own if path.name == "__init__.py" else own[:-1]

    def note(name: str, inside: bool) -> None:
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            name = name[len(PACKAGE) :] or "."
        found[name] = found.get(name, True) and inside

    def walk(node: ast.AST, inside: bool) -> None:
        if guards_types(node) and not types_too:
            return
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if isinstance(node, ast.Import):
            for alias in node.names:
                note(alias.name, inside)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            note(node.module or "", inside)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            target = ".".join(filter(None, [*base, node.module or ""]))
            for alias in node.names:
                whole = f"{target}.{alias.name}" if target else alias.name
                is_module = (ROOT / Path(*whole.split("."))).with_suffix(".py").exists() or (
                    ROOT / Path(*whole.split("."))
                ).is_dir()
                note("." + (whole if is_module else target), inside)
        for child in ast.iter_child_nodes(node):
            walk(child, inside)

    walk(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def names(paths: list[Path]) -> list[str]:
    """Readable test ids."""
    return [module_of(path) or "__init__" for path in paths]


CORE = [path for path in FILES if layer_of(module_of(path)) == "core"]


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_core_is_pure(path: Path) -> None:
    """No socket, clock, randomness, thread, file, environment or log under ``core/``."""
    reached = {name.split(".")[0] for name in imports(path) if name[0] != "."} & WORLD
    assert not reached
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & WORLDLY_CALLS


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_imports_point_one_way(path: Path) -> None:
    """A layer imports itself and those below it, also for types.

    But for ``errors``, which name the values they carry: for types, never at run time.
    """
    layer = layer_of(module_of(path))
    assert layer in BELOW, f"a new part of the package: say in BELOW what it may import ({layer})"
    for name in imports(path, types_too=layer != "errors"):
        if not name.startswith("."):
            continue
        target = layer_of(name[1:])
        if (module_of(path), target) == ("cli.demo", "testing"):
            assert imports(path).get(name, True), "the demo imports the test bed lazily"
            continue
        assert target == layer or target in BELOW[layer], f"{path.name} imports {name}"


def test_no_cycles() -> None:
    """No module imports itself through others, types aside."""
    graph = {
        "." + module_of(path): {name for name in imports(path) if name.startswith(".")}
        for path in FILES
    }

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        for target in graph.get(module, ()):
            if target != module:
                visit(target, (*trail, module))

    for module in graph:
        visit(module, ())


def test_core_follows_its_map() -> None:
    """In ``core/`` a module imports only what stands above it in the map of the package."""
    text = (ROOT / "core" / "__init__.py").read_text(encoding="utf-8")
    order = [line.split("`")[1] for line in text.splitlines() if line.startswith("`")]
    assert sorted(order) == sorted(path.stem for path in CORE if path.stem != "__init__")
    for path in CORE:
        for name in imports(path):
            if name.startswith(".core."):
                used = name.split(".")[2]
                assert order.index(used) < order.index(path.stem), f"{path.stem} imports {used}"


def test_one_door_to_each_dependency() -> None:
    """Only ``retrying`` imports tenacity; dnspython only ``core.fallback``, in a function."""
    for path in FILES:
        for name, inside in imports(path).items():
            root = name.split(".")[0]
            if root == "tenacity":
                assert module_of(path) == "retrying"
            if root == "dns" and layer_of(module_of(path)) != "testing":
                assert module_of(path) == "core.fallback"
                assert inside


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_files_are_short(path: Path) -> None:
    """One concern a file, none over 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_every_module_says_what_it_is(path: Path) -> None:
    """Each module has a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_twins_hold_the_same_files() -> None:
    """``sync/`` and ``aio/`` hold the same file names."""
    sync, aio = ({path.name for path in (ROOT / folder).glob("*.py")} for folder in ("sync", "aio"))
    assert sync == aio


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_public_names_exist(path: Path) -> None:
    """Everything in ``__all__`` can be imported, and is sorted without repetition."""
    module = module_of(path)
    if module in ("__main__", "testing.pytest_plugin"):
        return
    loaded = importlib.import_module(f"{PACKAGE}.{module}" if module else PACKAGE)
    public = getattr(loaded, "__all__", [])
    assert len(set(public)) == len(public)
    for name in public:
        getattr(loaded, name)


def test_the_package_lists_its_names() -> None:
    """``dir()`` shows the public names, and any other is an AttributeError."""
    assert dir(headless_discovery) == sorted(headless_discovery.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(headless_discovery, "no_such_name")  # noqa: B009 - mypy refuses the name


# --- what is loaded -----------------------------------------------------------------------

# ``ipaddress`` is ours to avoid (allow_networks and the test bed need it); the standard
# library drags none of these into a plain interpreter with what we import.
HEAVY = {"dns", "tenacity", "asyncio", "dataclasses", "logging", "ipaddress"}
REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"

HELP = f"""
import sys
from headless_discovery.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
{REPORT}
"""

LOOKUP = f"""
import socket, struct, threading
from headless_discovery import HeadlessService, LookupOptions
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
def answer():
    query, client = server.recvfrom(512)
    asked = query[12:query.index(0, 12) + 5]
    target = b"\\x04db-0" + asked[:-4]
    srv = b"\\xc0\\x0c" + struct.pack("!HHIHHHH", 33, 1, 5, 6 + len(target), 0, 1, 80) + target
    glue = target + struct.pack("!HHIH", 1, 1, 5, 4) + bytes((10, 0, 0, 1))
    head = query[:2] + struct.pack("!HHHHH", 0x8400, 1, 1, 0, 1)
    server.sendto(head + asked + srv + glue, client)
thread = threading.Thread(target=answer)
thread.start()
port = server.getsockname()[1]
options = LookupOptions(nameservers=[f"127.0.0.1:{{port}}"], cluster_domain="cluster.local")
found = HeadlessService("db.shop", options=options).lookup()
thread.join()
server.close()
assert [pod.address for pod in found] == ["10.0.0.1"], found
{REPORT}
"""


@pytest.mark.parametrize(
    "code",
    [
        f"from headless_discovery import HeadlessService\n{REPORT}",
        HELP,
        LOOKUP,
    ],
    ids=["import", "help", "lookup"],
)
def test_imports_are_lazy(code: str) -> None:
    """Neither importing, nor ``--help``, nor a look by threads loads anything heavy."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT.parent)!r})\n{code}",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert not loaded & HEAVY


def test_the_module_runs_as_the_command() -> None:
    """``python -m headless_discovery --help`` is the command's help."""
    done = subprocess.run(
        [sys.executable, "-m", PACKAGE, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()
