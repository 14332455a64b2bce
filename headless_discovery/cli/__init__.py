"""The command ``headless-discovery``: stdout is data, stderr is talk.

One file a command; ``parser`` says what they take, ``exits`` what they end with.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from . import exits

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# Settings of the library by the flag that a user of the command knows them by.
_FLAGS = {
    "allow_networks": "--allow-network",
    "connect.attempt_timeout": "--attempt-timeout",
    "namespace": "--namespace",
    "nameservers": "--nameserver",
    "path": "--to",
    "poll.hint": "--hint",
    "poll.interval": "--interval",
    "port": "--port",
    "protocol": "--protocol",
    "timeout": "--timeout",
}
_FOLLOWING = ("watch", "wait", "write", "connect", "exec")  # their --timeout is no look's
_SILENT = ("wait", "write", "exec")  # nothing of theirs goes to stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; default those of the process.

    Returns:
        The exit code, see `exits`.
    """
    if sys.stderr is None:
        # print() to a closed stderr would go to stdout, where the data is.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return exits.BROKEN_PIPE
    except OSError as error:
        _forget_stdout()
        print(f"headless-discovery: the output cannot be written: {error}", file=sys.stderr)
        return exits.OUTPUT_FAILED
    except Exception as error:  # noqa: BLE001 - an exit code of its own for what nobody foresaw
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        print(f"headless-discovery: a defect of this program: {error!r}", file=sys.stderr)
        return exits.SOFTWARE
    return code


def _run(arguments: Sequence[str] | None) -> int:
    from importlib import import_module  # noqa: PLC0415 - a command loads only what it needs

    from ..errors import ConfigError, InvalidName  # noqa: PLC0415
    from .parser import parse  # noqa: PLC0415

    command = ""
    try:
        parsed = parse(arguments, os.environ)
        command = parsed.command
        if sys.stdout is None and command not in _SILENT:
            raise OSError("stdout is closed")
        code: int = import_module(f".{command}", __name__).run(parsed)
    except InvalidName as error:
        print(f"headless-discovery: {error}", file=sys.stderr)
        return exits.USAGE
    except ConfigError as error:
        setting = _FLAGS.get(error.setting, error.setting)
        if setting == "--timeout" and command in _FOLLOWING:
            setting = "--look-timeout"
        print(f"headless-discovery: {setting}: {error.reason}", file=sys.stderr)
        return exits.USAGE
    return code


def _forget_stdout() -> None:
    """Whoever read our output has left; the interpreter must not complain at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
