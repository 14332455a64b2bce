"""Probing: roles of threads or of asyncio over one body, and a probe that says what it is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from headless_discovery import AsyncRoles, Roles
from tests.scenarios.worlds import WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from headless_discovery import Endpoint
    from tests.scenarios.worlds import Followed, World


class Told:
    """A probe that says what it is told to, and counts who was asked.

    Args:
        world: Where it is called.
        primary: The pod that says it is the primary.
    """

    def __init__(self, world: World, primary: str = "mysql-0") -> None:
        self.asked: Counter[str] = Counter()
        #: What a pod says; an exception is raised.
        self.says: dict[str, Any] = {}
        #: Pods that do not answer until it is set.
        self.silent: dict[str, threading.Event] = {}
        self.at_once = 0
        self.most = 0
        self._primary = primary
        self._is_async = world.kind == "asyncio"
        self._lock = threading.Lock()

    @property
    def probe(self) -> Callable[..., Any]:
        """What `Roles`, or its twin, takes."""
        return self._awaited if self._is_async else self._plain

    def _plain(self, endpoint: Endpoint, timeout: float) -> Any:
        name = self._begin(endpoint, timeout)
        try:
            if name in self.silent:
                self.silent[name].wait(WITHIN)
            else:
                time.sleep(0.01)
        finally:
            self._end()
        return self._answer(name)

    async def _awaited(self, endpoint: Endpoint, timeout: float) -> Any:
        name = self._begin(endpoint, timeout)
        try:
            while name in self.silent and not self.silent[name].is_set():
                try:
                    await asyncio.sleep(0.005)
                except asyncio.CancelledError:
                    if not self.says.get("stubborn"):
                        raise
            await asyncio.sleep(0.01)
        finally:
            self._end()
        return self._answer(name)

    def _begin(self, endpoint: Endpoint, timeout: float) -> str:
        assert 0 < timeout <= 10
        name = str(endpoint.name)
        with self._lock:
            self.asked[name] += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        return name

    def _end(self) -> None:
        with self._lock:
            self.at_once -= 1

    def _answer(self, name: str) -> Any:
        answer = self.says.get(name, "primary" if name == self._primary else "replica")
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Asked:
    """Roles whose questions are begun and told as futures."""

    def __init__(self, world: World, service: Followed, **keywords: Any) -> None:
        self._world = world
        kind = Roles if world.kind == "threads" else AsyncRoles
        self.inner: Any = kind(service.inner, **keywords)

    def __getattr__(self, name: str) -> Callable[..., Future[Any]]:
        return lambda **given: self._world.begin(lambda: getattr(self.inner, name)(**given))

    def primary(self) -> str:
        """The name of the primary."""
        return str(self._world.begin(self.inner.primary).result(WITHIN).name)

    def replicas(self) -> list[str]:
        """The names of the replicas."""
        return [each.name for each in self._world.begin(self.inner.replicas).result(WITHIN)]

    def forget(self) -> None:
        """Ask again."""
        self._world.call(self.inner.forget)


def name_of(endpoint: Endpoint) -> str:
    """What stands for a connection."""
    return str(endpoint.name)
