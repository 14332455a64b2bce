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
    "namespace": "--namespace",
    "nameservers": "--nameserver",
    "port": "--port",
    "protocol": "--protocol",
    "timeout": "--timeout",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; default those of the process.

    Returns:
        The exit code, see `exits`.
    """
    from importlib import import_module  # noqa: PLC0415 - a command loads only what it needs

    from ..errors import ConfigError, InvalidName  # noqa: PLC0415
    from .parser import build_parser  # noqa: PLC0415

    try:
        parsed = build_parser(os.environ).parse_args(arguments)
        command = import_module(f".{parsed.command}", __name__)
        code: int = command.run(parsed)
        sys.stdout.flush()
    except InvalidName as error:
        print(f"headless-discovery: {error}", file=sys.stderr)
        return exits.USAGE
    except ConfigError as error:
        setting = _FLAGS.get(error.setting, error.setting)
        print(f"headless-discovery: {setting}: {error.reason}", file=sys.stderr)
        return exits.USAGE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    return code
