"""Key-value clients: one test body for redis-py and valkey-py, by threads and by asyncio.

In come a library and a kind of world, out go service objects and clients whose calls one
body makes. In the asyncio world a loop in a thread of its own does all of it.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from headless_discovery import (
    AsyncHeadlessService,
    AsyncRoles,
    HeadlessService,
    PollPolicy,
    Roles,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority

WORLDS = ("threads", "asyncio")
POLL = PollPolicy(interval=1.0)
SEEN_WITHIN = 15.0
"""Seconds: what a look takes that comes each second, and the hold before a pod goes."""
_PATIENCE = 60.0  # seconds


class World:
    """One client library, used by threads or by asyncio.

    Args:
        library: ``redis`` or ``valkey``.
        kind: ``threads`` or ``asyncio``.
        namespace: Where the servers are.
        authority: What signed their certificates.
    """

    def __init__(self, library: str, kind: str, namespace: Namespace, authority: Authority) -> None:
        self.errors: Any = import_module(f"{library}.exceptions")
        sentinel = f"{library}.sentinel" if kind == "threads" else f"{library}.asyncio.sentinel"
        self.sentinel: Any = import_module(sentinel)
        self._ours: Any = import_module(f"headless_discovery.integrations.{library}")
        self._namespace = namespace
        self._tls = {"ssl": True, "ssl_ca_certs": str(authority.ca_file)}
        self._is_async = kind == "asyncio"
        self._open: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="the loop")

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        for each in reversed(self._open):
            self.do(each.aclose if hasattr(each, "aclose") else each.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, call: Callable[[], Any]) -> Any:
        """Call something, and await it where that is asked for."""

        async def run() -> Any:
            made = call()
            return await made if inspect.isawaitable(made) else made

        if not self._is_async:
            return call()
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE)

    def service(self, *, followed: bool = True, port: str = "redis-tls", count: int = 3) -> Any:
        """A service object, open and complete where it is to be followed."""
        kind = AsyncHeadlessService if self._is_async else HeadlessService
        made = kind("redis", namespace=self._namespace.name, port=port, poll=POLL)
        if followed:
            self.do(made.open)
            self._open.append(made)
            self.do(lambda: made.wait_for(count=count, timeout=30))
        return made

    def roles(self, service: Any, **keywords: Any) -> Any:
        """Roles by what the servers themselves say."""
        ours = self._ours
        probe = ours.async_role_probe if self._is_async else ours.role_probe
        kind = AsyncRoles if self._is_async else Roles
        return kind(service, probe=probe(**self._tls), **keywords)

    def client(self, whom: Any, *, tls: bool = True, **keywords: Any) -> Any:
        """A client, closed at the end."""
        make = self._ours.async_client if self._is_async else self._ours.client
        usual = {"decode_responses": True, **(self._tls if tls else {})}
        made = make(whom, **{**usual, **keywords})
        self._open.append(made)
        return made

    def manager(self, whom: Any, **keywords: Any) -> Any:
        """A manager, for a pool of one's own."""
        kind = self._ours.AsyncManager if self._is_async else self._ours.Manager
        return kind(whom, **keywords)

    def who(self, client: Any) -> str:
        """Which pod answers."""
        told = self.do(lambda: client.config_get("replica-announce-ip"))
        return str(told["replica-announce-ip"]).partition(".")[0]

    def get(self, client: Any, key: str = "key") -> Any:
        """Read."""
        return self.do(lambda: client.get(key))

    def set(self, client: Any, value: str, key: str = "key") -> Any:
        """Write."""
        return self.do(lambda: client.set(key, value))
