"""Picking: the turns of one service object, shared by all of its threads and tasks.

A lock around a `Selection`. The caller's own functions are never called under it.
"""

from __future__ import annotations

import os
import threading
from time import monotonic
from typing import TYPE_CHECKING

from . import forking
from .core.connectpolicy import ROUND_ROBIN
from .core.selection import Selection

if TYPE_CHECKING:
    from .core.connectpolicy import ConnectPolicy
    from .core.dialling import Dialling
    from .core.ejection import Ejected
    from .core.membership import Membership
    from .core.snapshot import Endpoint, Snapshot

__all__ = ["Picker"]


class Picker:
    """Whose turn it is, and who is left out.

    Args:
        policy: The numbers.
    """

    def __init__(self, policy: ConnectPolicy) -> None:
        self._is_plain = policy.order == ROUND_ROBIN and not policy.exclude_self
        self._lock = threading.RLock()  # a signal's handler may call us, too
        self._selection = Selection(policy, _random)
        self._turn = self._selection.turn
        #: The state in which every turn may go the short way; None where that is to be seen.
        self._membership: Membership | None = None
        forking.register(self)

    def turn(self, membership: Membership) -> Endpoint | None:
        """The next turn of all, the short way: where nothing else is wanted, or held against.

        Returns:
            None where the short way does not lead there.
        """
        with self._lock:
            if membership is not self._membership:
                if not self._is_plain or not membership.members:
                    return None
                self._selection.renew(membership.members, membership.observed)
                if not self._selection.is_plain:
                    return None
                self._membership = membership
            return self._turn()

    def next(
        self,
        call: Dialling,
        members: Snapshot,
        observed: Snapshot | None,
        *,
        is_dialled: bool = True,
    ) -> Endpoint | None:
        """Whom a call dials next; None where nobody is left.

        Args:
            call: What is wanted.
            members: Who is there.
            observed: The last complete answer.
            is_dialled: Whether `failed` or `worked` follows.

        Raises:
            NoEndpoints, EndpointNotFound, ConfigError: as `Dialling.consider`.
        """
        call.consider(members)
        with self._lock:
            if self._membership is not None and self._membership.members is not members:
                self._membership = None
            self._selection.renew(members, observed)
            return call.next(self._selection, monotonic(), is_dialled=is_dialled)

    def failed(self, call: Dialling, endpoint: Endpoint, error: Exception, began: float) -> None:
        """Dialling somebody failed."""
        with self._lock:
            self._membership = None
            call.failed(self._selection, endpoint, error, began, monotonic())

    def worked(self, endpoint: Endpoint) -> None:
        """Dialling somebody worked."""
        if self._selection.is_blameless:
            return
        with self._lock:
            self._selection.worked(endpoint)

    def ejected(self) -> tuple[Ejected, ...]:
        """Who is left out now."""
        with self._lock:
            return self._selection.ejected(monotonic())

    def forked(self) -> None:
        """This is a child process: another thread may have held the lock."""
        self._lock = threading.RLock()
        self._membership = None
        self._selection.reseed(_random)
        forking.register(self)  # it may have children of its own


def _random() -> float:
    """A number from 0 up to 1. The module ``random`` costs more start-up than this module."""
    return int.from_bytes(os.urandom(6)) / (1 << 48)
