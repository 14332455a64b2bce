"""Running: every block of a page is carried out, or the page fails.

In: the text of a page. Out: an error that names the line. What is executed is executed as
a reader would: one Python namespace and one shell for the whole page, in its order.

=====================  ===============================================================
``python``             run; saved where its first line is ``# name.py``, and then a
                       command of the page must use it
``text``               right behind ``python``: what that printed
``pycon``              run as a doctest
``console``            each ``$`` line run in the page's shell and its output compared; it
                       must succeed unless the next line is ``$ echo $?``
``sh``                 saved under the name in its first line, as ``python``
``yaml``               parsed and checked; made in the cluster of the page where that
                       began empty
``cluster`` (hidden)   ``empty``, ``none``, or Python on the cluster of the page; see `Hidden`
``{literalinclude}``   names a file of the repository that a test runs, see `check_included`
``{...}``              Sphinx's own business
=====================  ===============================================================

``...`` in an output stands for anything. Only what `NOT_RUN` begins with is left out.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import shlex
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import yaml

from headless_discovery.testing import ClusterDNS
from tests.docs.clusters import apply, ask, check_manifests, usual
from tests.docs.hidden import Hidden
from tests.docs.pages import (
    HIDDEN,
    Block,
    Command,
    PageError,
    check_included,
    commands,
    file_name,
    read_page,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["NOT_RUN", "PageError", "Shell", "run_page"]

NOT_RUN = ("make ", "pip ", "kubectl ")
SPHINX = ("{toctree}", "{eval-rst}")
INCLUDED = "{literalinclude} "
PLAY_PORT = "5300"  # the port of a DNS that a page starts itself; replaced by a free one

_CHECKER = doctest.OutputChecker()


class Shell:
    """One shell for a page, so that ``export``, ``$?`` and functions last.

    Args:
        folder: Where it works; gets the programs a reader has on the path.
        environment: Its whole environment.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        programs = folder / ".programs"
        programs.mkdir()
        for name, arguments in {
            "headless-discovery": "-m headless_discovery",
            "python": "",
            "pytest": "-m pytest",
        }.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
            program.chmod(0o755)
        path = f"{programs}{os.pathsep}{environment['PATH']}"
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**environment, "PATH": path},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output (both streams) of one command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = "end-of-command-7d1f"
        # The command leaves its code in $? for a command that asks for it.
        self._process.stdin.write(
            f"{command}\n_code=$?; printf '\\n%s %s\\n' {mark} $_code; (exit $_code)\n"
        )
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith(mark):
                output = "".join(lines)
                return int(line.split()[1]), output.removesuffix("\n")
            lines.append(line)
        raise PageError(f"the shell ended in {command!r}: {''.join(lines)}")


def run_page(name: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Carry out one page.

    Args:
        name: What errors call the page.
        text: The page.
        folder: An empty folder to work in.
        monkeypatch: Sets the environment of this process.

    Returns:
        How many blocks were carried out.

    Raises:
        PageError: With the line.
    """
    for variable in list(os.environ):
        if variable.startswith("HEADLESS_DISCOVERY_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    first = next(iter(read_page(text)), None)
    kind = first.text.strip() if first is not None and first.kind == HIDDEN else ""
    with contextlib.ExitStack() as stack:
        dns = None
        known: dict[str, Any] = {}
        if kind == "none":
            text = text.replace(PLAY_PORT, str(_free_port()))
        else:
            dns = stack.enter_context(ClusterDNS())
            for variable, value in dns.environment.items():
                monkeypatch.setenv(variable, value)
            known = {} if kind == "empty" else usual(dns)
        shell = stack.enter_context(Shell(folder, dict(os.environ)))
        hidden = Hidden(name, monkeypatch, shell)
        stack.callback(hidden.close)
        runner = _Runner(name, folder, shell, dns, known, hidden, makes=kind == "empty")
        blocks = read_page(text)
        for index, block in enumerate(blocks):
            expected = None
            if block.kind == "python" and index + 1 < len(blocks):
                after = blocks[index + 1]
                expected = after.text if after.kind == "text" and after.follows else None
            runner.run(block, expected, blocks[index - 1] if index else None)
        runner.finish()
    return len(blocks)


class _Runner:
    def __init__(
        self,
        name: str,
        folder: Path,
        shell: Shell,
        dns: ClusterDNS | None,
        known: dict[str, Any],
        hidden: Hidden,
        *,
        makes: bool,
    ) -> None:
        self._name = name
        self._folder = folder
        self._shell = shell
        self._dns = dns
        self._hidden_steps = hidden
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._known = {
            **known,
            "dns": dns,
            "shell": shell.run,
            "ask": lambda name, rtype: ask(dns, name, rtype) if dns is not None else "",
            "page": self._namespace,
            "accept": hidden.accept,
            "hurry": hidden.hurry,
            "meanwhile": hidden.meanwhile,
            "until": hidden.until,
        }
        self._makes = makes
        self._unused: dict[str, int] = {}
        self._documents: list[dict[str, Any]] = []

    def run(self, block: Block, expected: str | None, before: Block | None) -> None:
        saved_as = file_name(block)
        if block.kind in ("python", "sh") and saved_as is not None:
            (self._folder / saved_as).write_text(block.text)
            self._unused[saved_as] = block.line
        elif block.kind == "python":
            self._python(block, expected)
        elif block.kind == "text":
            if before is None or before.kind != "python" or not block.follows:
                self._fail(block.line, "a text block that is nobody's output")
        elif block.kind == "pycon":
            self._session(block)
        elif block.kind == "console":
            self._console(block)
        elif block.kind == "yaml":
            self._manifests(block)
        elif block.kind == HIDDEN:
            if block.text.strip() not in ("empty", "none"):
                self._hidden(block)
        elif block.kind.startswith(INCLUDED):
            try:
                check_included(self._name, block.kind.removeprefix(INCLUDED))
            except AssertionError as error:
                self._fail(block.line, str(error))
        elif block.kind not in SPHINX:
            self._fail(block.line, f"nobody carries out a block of kind {block.kind!r}")

    def finish(self) -> None:
        """Every file that was saved must have been used, every hidden step have ended."""
        try:
            self._hidden_steps.finish()
        finally:
            self._namespace.clear()  # what the page forgot to close is closed by it
        for name, line in self._unused.items():
            self._fail(line, f"{name} is saved and no command uses it")

    def _python(self, block: Block, expected: str | None) -> None:
        code = compile("\n" * (block.line - 1) + block.text, self._where(block.line), "exec")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self._namespace)  # noqa: S102 - our own pages
        except Exception as error:
            raise PageError(
                f"{self._where(block.line)}: {type(error).__name__}: {error}"
            ) from error
        if expected is not None:
            self._compare(block.line, block.text, expected, printed.getvalue())

    def _hidden(self, block: Block) -> None:
        try:
            exec(compile(block.text, self._where(block.line), "exec"), self._known)  # noqa: S102
        except Exception as error:
            what = f"{block.text.strip()}: {type(error).__name__}: {error}"
            raise PageError(f"{self._where(block.line)}: {what}") from error

    def _session(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self._namespace, self._name, self._name, block.line - 1
        )
        if not test.examples:
            self._fail(block.line, "a session without '>>>'")
        told: list[str] = []
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(test, out=told.append, clear_globs=False)
        self._namespace.update(test.globs)
        if runner.failures:
            raise PageError("".join(told))

    def _console(self, block: Block) -> None:
        found = commands(block)
        if not found:
            self._fail(block.line, "a console block without '$'")
        for command, after in zip(found, [*found[1:], None], strict=True):
            if not command.text.startswith(NOT_RUN):
                self._command(command, tolerant=after is not None and after.text == "echo $?")

    def _command(self, command: Command, *, tolerant: bool) -> None:
        words = shlex.split(command.text, comments=True)
        for name in list(self._unused):
            if name in words:
                del self._unused[name]
        code, output = self._shell.run(command.text)
        if code and not tolerant:
            self._fail(command.line, f"{command.text!r} ended with {code}: {output}")
        self._compare(command.line, command.text, command.output, output)

    def _manifests(self, block: Block) -> None:
        documents = list(yaml.safe_load_all(block.text))
        self._documents += documents
        try:
            check_manifests(self._documents)
        except (AssertionError, KeyError, TypeError) as error:
            raise PageError(f"{self._where(block.line)}: {error!r}") from error
        if self._makes:
            assert self._dns is not None
            apply(self._dns, documents, self._known)

    def _compare(self, line: int, source: str, expected: str, got: str) -> None:
        expected, got = _stripped(expected), _stripped(got)
        if not _CHECKER.check_output(expected, got, doctest.ELLIPSIS):
            self._fail(line, f"{source.strip()}\n--- expected\n{expected}--- got\n{got}")

    def _where(self, line: int) -> str:
        return f"{self._name}:{line}"

    def _fail(self, line: int, what: str) -> None:
        raise PageError(f"{self._where(line)}: {what}")


def _stripped(text: str) -> str:
    """Without blanks at the ends of lines and of the whole."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def _free_port() -> int:
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
