"""Program: the command behind ``--``, which this process becomes, with no shell between."""

from __future__ import annotations

import errno
import os
import sys

from . import exits
from .live import say

__all__ = ["become", "cannot_start"]


def cannot_start(command: str) -> int | None:
    """Look for the command where `become` will: nobody should wait to hear of a slip.

    Returns:
        The exit code, after the reason was told; None where it can be started.
    """
    places = [command]
    if not os.path.dirname(command):  # noqa: PTH120 - as execvp asks
        places = [os.path.join(each, command) for each in os.get_exec_path()]  # noqa: PTH118
    there = [each for each in places if os.path.exists(each)]  # noqa: PTH110
    if not there:
        return _not_found(command)
    if any(os.path.isfile(each) and os.access(each, os.X_OK) for each in there):  # noqa: PTH113
        return None
    return _not_executable(command, os.strerror(errno.EACCES))


def become(program: list[str]) -> int:
    """Replace this process.

    Returns:
        The exit code where that fails; else nothing, for nobody is left to return to.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stderr.flush()
    try:
        # What the user asked for, with no shell in between.
        os.execvp(program[0], program)  # noqa: S606 # nosec B606
    except FileNotFoundError:
        return _not_found(program[0])
    except OSError as error:
        return _not_executable(program[0], error.strerror)


def _not_found(command: str) -> int:
    say(f"{command!a}: the command is not found")
    return exits.COMMAND_NOT_FOUND


def _not_executable(command: str, reason: str | None) -> int:
    say(f"{command!a} cannot be executed: {reason}")
    return exits.CANNOT_EXECUTE
