"""`AsyncHeadlessService`: the public face for asyncio."""

from __future__ import annotations

import asyncio
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload
from weakref import finalize

from .. import forking
from ..calling import fitted, verified_name, wanted
from ..errors import ConfigError, LookupFailed, NotYetKnown
from ..service import NOT_OPEN, ServiceObject, demand_seconds
from .connecting import Alone, Followed, connect, dialler
from .lookup import look

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from ssl import SSLContext
    from types import TracebackType

    from ..calling import ConnectKeywords
    from ..core.changes import Change
    from ..core.connectpolicy import Order
    from ..core.dialling import Dialling
    from ..core.outcome import Look
    from ..core.selection import To
    from ..core.snapshot import Endpoint, Snapshot
    from .dialling import Streams
    from .following import Follower
    from .watching import Watch

__all__ = ["AsyncHeadlessService"]

T = TypeVar("T")


class AsyncHeadlessService(ServiceObject):
    """One headless Service, awaited: the twin of `HeadlessService`, with the same arguments."""

    _follower: Follower | None
    _closing: finalize[..., AsyncHeadlessService] | None = None  # before the first open()

    async def lookup(self, *, allow_partial: bool = False, retries: int = 0) -> Snapshot:
        """Ask DNS, now: the twin of `HeadlessService.lookup`."""
        try:
            return await self._look(allow_partial)
        except LookupFailed as failure:
            if retries < 1:
                raise
            first = failure
        from ..retrying import again_async  # noqa: PLC0415 - tenacity is loaded after a failure only

        look_again = self._look
        return await again_async(
            first, lambda: look_again(allow_partial), retries, on=(LookupFailed,)
        )

    async def open(self) -> Self:
        """Begin to follow, and wait for the first look: the twin of `HeadlessService.open`."""
        from . import watching  # noqa: F401, PLC0415 - later there may be no descriptor to read it
        from .following import Follower  # noqa: PLC0415 - one look needs no follower

        policy = self.policy
        with forking.lock:  # of those who open it at once, one does
            self._demand_closed()
            follower = Follower(self._target, policy, self._on_lookup)
            self._closing = finalize(self, follower.abandon)  # for who forgets to close it
            self._follower = follower
            self._known = follower.following
        try:
            await follower.open(self._target.options.timeout)
        except (Exception, asyncio.CancelledError):  # `with` closes nothing it did not enter
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """End the following, from any task, also from a callback; twice is harmless.

        Callbacks under way are cancelled, except the one that calls this.
        """
        if self._closing is not None:
            self._closing.detach()
        if self._follower is not None:
            await self._follower.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def refresh(self) -> None:
        """Ask for an early look: the twin of `HeadlessService.refresh`; from any thread."""
        self._opened().want()

    def watch(self, *, stop: asyncio.Event | None = None) -> Watch:
        """Iterate over the changes with ``async for``: the twin of `HeadlessService.watch`.

        Args:
            stop: Ends the iteration when set.
        """
        from .following import Poller  # noqa: PLC0415 - one look needs no follower
        from .watching import OwnWatch, SharedWatch  # noqa: PLC0415

        if stop is not None and not isinstance(stop, asyncio.Event):
            raise ConfigError("stop", f"{ascii(stop)[:100]} is no asyncio.Event")
        if self._is_open():
            return SharedWatch(self._opened(), stop, self)
        policy = self.policy
        return OwnWatch(Poller(self._target, policy, self._on_lookup), stop)

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call back with each change, in an own task: the twin of `HeadlessService.subscribe`.

        The callback may be a coroutine function. A plain function that blocks, blocks the
        event loop, as any does.
        """
        from .watching import subscribe  # noqa: PLC0415

        if not callable(callback):
            raise ConfigError("callback", f"{ascii(callback)[:100]} cannot be called")

        return subscribe(self._opened(), callback)

    async def wait_for(
        self,
        *,
        count: int | None = None,
        ordinals: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
        quorum: int | None = None,
        listed: bool = False,
        predicate: Callable[[Snapshot], object] | None = None,
        stable: float = 0.0,
        timeout: float | None = None,
    ) -> Snapshot:
        """Wait for a condition: the twin of `HeadlessService.wait_for`."""
        from .following import Poller  # noqa: PLC0415 - one look needs no follower
        from .watching import wait_alone, wait_with  # noqa: PLC0415

        awaited = self._condition(count, ordinals, names, quorum, listed, predicate)
        demand_seconds("stable", stable)
        if timeout is not None:
            demand_seconds("timeout", timeout)
        if self._is_open():
            return await wait_with(self._opened(), awaited, stable, timeout)
        poller = Poller(self._target, self.policy, self._on_lookup)
        return await wait_alone(poller, awaited, stable, timeout)

    async def endpoint(
        self,
        *,
        to: To | None = None,
        order: Order | None = None,
        exclude_self: bool | None = None,
    ) -> Endpoint:
        """Whom `connect` would dial next: the twin of `HeadlessService.endpoint`."""
        plain = to is None and order is None and exclude_self is None
        if plain and self._follower is not None and self._follower.over is None:
            turn = self._turn()
            if turn is not None:
                return turn
        call = self._call(to, order, exclude_self)
        told = await self._source().members(call)
        endpoint = self._picker.next(call, *told, is_dialled=False)
        assert endpoint is not None  # noqa: S101 - nobody was tried yet
        return endpoint

    @overload
    async def connect(
        self,
        dial: None = None,
        *,
        tls: SSLContext | None = None,
        tls_name: Literal["pod", "service"] = "pod",
        **keywords: Unpack[ConnectKeywords],
    ) -> Streams: ...

    @overload
    async def connect(
        self,
        dial: Callable[[Endpoint], Awaitable[T]],
        *,
        pass_timeout: Literal[False] = False,
        **keywords: Unpack[ConnectKeywords],
    ) -> T: ...

    @overload
    async def connect(
        self,
        dial: Callable[[Endpoint, float], Awaitable[T]],
        *,
        pass_timeout: Literal[True],
        **keywords: Unpack[ConnectKeywords],
    ) -> T: ...

    async def connect(
        self,
        dial: Callable[..., Any] | None = None,
        *,
        pass_timeout: bool = False,
        to: To | None = None,
        order: Order | None = None,
        exclude_self: bool | None = None,
        tls: SSLContext | None = None,
        tls_name: str = "pod",
        attempt_timeout: float | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        wait: bool = False,
    ) -> Any:
        """Connect to one pod after another: the twin of `HeadlessService.connect`.

        ``dial`` is a coroutine function, and is cancelled when its attempt has taken too
        long, or the service object is closed. A plain function will do, too; it blocks the
        event loop for as long as it takes.

        Returns:
            ``(reader, writer)`` as of ``asyncio.open_connection``, or what ``dial`` returned.
        """
        name = verified_name(dial, tls, tls_name, lambda: self.name.fqdn)
        call = self._call(to, order, exclude_self, attempt_timeout, timeout, retries)
        source = self._source()
        known = await self._listed(call) if wait else None
        if dial is None and not pass_timeout:
            dialled = dialler(call, tls, name)
        else:
            dialled = fitted(dial, pass_timeout=pass_timeout)
        return await connect(source, self._picker, call, dialled, known)

    def _source(self) -> Followed | Alone:
        """Where the members come from."""
        if not self._is_open():
            return Alone(self._target, self._looked)
        follower = self._opened()
        follower.demand_own_loop()
        return Followed(follower)

    async def _listed(self, call: Dialling) -> Snapshot | None:
        """Wait until whom a call wants is listed; outside ``with`` that answer is its state."""
        answer = await self.wait_for(**wanted(call), timeout=call.left(monotonic()))
        return None if self._is_open() else answer

    async def _look(self, allow_partial: bool) -> Snapshot:
        return (await self._looked()).result(allow_partial=allow_partial)

    async def _looked(self, at_most: float = inf) -> Look:
        """One look, for so many seconds at most."""
        done = await look(self._target, at_most=at_most)
        if self._on_lookup is not None:
            self._on_lookup(done)
        return done

    def _is_open(self) -> bool:
        """Whether there is a follower; also one that this process must not use."""
        return self._follower is not None and not self._follower.is_closed

    def _opened(self) -> Follower:
        if self._follower is None:
            raise NotYetKnown(self._target.title, NOT_OPEN)
        self._follower.check()
        return self._follower
