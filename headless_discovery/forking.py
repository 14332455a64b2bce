"""Forking: what is open in this process must not be used by a child of it.

A child of ``fork`` has copies of the sockets and none of the threads. Whoever registers
here is told so in the child, closes its copies and refuses from then on; the parent is not
touched. gunicorn with ``preload_app`` and ``multiprocessing`` are the usual cases.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

__all__ = ["Forked", "lock", "register"]


class Forked(Protocol):
    """Something that is open."""

    def forked(self) -> None:
        """This is the child: close what was copied, wait for nobody; register for its children."""


#: Held by whoever forks: what is done under it is done as a whole before a fork, or not begun.
lock = threading.RLock()

_open: WeakSet[Forked] = WeakSet()


def register(something: Forked) -> None:
    """Tell it when it finds itself in a child process."""
    _open.add(something)


def _in_child() -> None:
    try:
        were_open = tuple(_open)
        _open.clear()
        for something in were_open:
            something.forked()
    finally:
        lock.release()


os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_in_child)
