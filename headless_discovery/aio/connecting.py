"""Connecting: from a Service to an open connection, awaited."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import (
    ConfigError,
    ConnectFailed,
    EndpointNotFound,
    LookupFailed,
    NoEndpoints,
)
from .dialling import dial_streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableSet
    from ssl import SSLContext
    from types import TracebackType

    from ..core.dialling import Dialling
    from ..core.outcome import Look
    from ..core.snapshot import Endpoint, Snapshot
    from ..picking import Picker
    from ..target import Target
    from .dialling import Streams
    from .following import Follower

__all__ = ["Alone", "Followed", "connect", "dialler"]

T = TypeVar("T")

_TURNS = 5  # of the loop, from a connection that stands until its streams are there
_AGAIN_ON = (ConnectFailed, NoEndpoints, EndpointNotFound, LookupFailed)


class Source(Protocol):
    """Where the members come from."""

    @property
    def title(self) -> str:
        """The Service's name."""

    def check(self) -> None:
        """Go on, or raise `NotYetKnown`."""

    async def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Who is there, and the last complete answer."""

    def failed(self, call: Dialling) -> None:
        """A dial failed, or nobody was there to be dialled."""

    async def looked_again(self, call: Dialling) -> bool:
        """Whether a look that began after a failed dial has answered."""

    @property
    def limits(self) -> MutableSet[asyncio.Timeout]:
        """Those that end where the service object is closed."""


class Followed:
    """The members of an opened service object."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._following = follower.following
        #: Those that end where the service object is closed.
        self.limits: MutableSet[asyncio.Timeout] = follower.limits

    @property
    def title(self) -> str:
        """The Service's name."""
        return self._follower.poller.target.title

    def check(self) -> None:
        """Go on.

        Raises:
            NotYetKnown: It was closed.
        """
        self._follower.check()

    async def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Who is there; a process that slept looks first."""
        self.check()
        following, target = self._following, self._follower.poller.target
        state = following.membership
        if state.members is not None and monotonic() < following.settled_until:
            return state.members, state.observed
        looks = following.awaited(monotonic(), target.options.timeout)
        if looks is not None:
            await self._wait_for_looks(looks, call)
        return following.known(target.title, monotonic()), following.observed

    def failed(self, call: Dialling) -> None:
        """Ask for an early look."""
        call.begun = self._following.begun
        self._follower.poller.want()

    async def looked_again(self, call: Dialling) -> bool:
        """Wait for the look that a failed dial asked for; not while looks fail anyway."""
        begun, call.begun = call.begun, None
        if begun is None or self._following.is_failing:
            return False
        await self._wait_for_looks(begun + 1, call)
        return self._following.ended > begun and not self._following.is_failing

    async def _wait_for_looks(self, count: int, call: Dialling) -> None:
        follower = self._follower
        while self._following.ended < count and (left := call.left(monotonic())):
            self.check()
            await follower.looked.wait(left)
        self.check()


class Alone:
    """The members as one look tells them.

    Args:
        target: Of the look.
        look: Looks once, for so many seconds at most.
    """

    def __init__(self, target: Target, look: Callable[[float], Awaitable[Look]]) -> None:
        self._target = target
        self._look = look
        #: There is nothing that could be closed.
        self.limits: MutableSet[asyncio.Timeout] = set()

    @property
    def title(self) -> str:
        """The Service's name."""
        return self._target.title

    def check(self) -> None:
        """There is nothing that could be closed."""

    async def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Look; a part of the pods will do."""
        done = await self._look(call.left(monotonic()))
        return done.result(allow_partial=bool(done.snapshot)), None

    def failed(self, call: Dialling) -> None:
        """There is one look, and no more."""

    async def looked_again(self, call: Dialling) -> bool:  # noqa: ARG002 - as of those followed
        """There is one look, and no more."""
        return False


def dialler(
    call: Dialling, tls: SSLContext | None, name: Callable[[Endpoint], str | None]
) -> Callable[[Endpoint, float], Awaitable[Streams]]:
    """What dials where the caller has no function for it.

    Args:
        call: What is wanted.
        tls: Shake hands with this.
        name: Tells the name to verify.
    """

    def dial(endpoint: Endpoint, seconds: float) -> Awaitable[Streams]:  # noqa: ARG001
        return dial_streams(endpoint, stagger=call.policy.stagger, tls=tls, name=name(endpoint))

    return dial


async def connect(
    source: Source,
    picker: Picker,
    call: Dialling,
    dial: Callable[[Endpoint, float], Any],
    known: Snapshot | None = None,
) -> Any:
    """Dial one candidate after another until one works.

    Args:
        source: Where the members come from.
        picker: Whose turn it is.
        call: What is wanted.
        dial: Dials an endpoint, for so many seconds at most; may be a coroutine function.
        known: The members, where they were just waited for.

    Raises:
        ConnectFailed, NoEndpoints, EndpointNotFound, LookupFailed: After the last round.
        NotYetKnown: Nothing is known yet, or the service object was closed.
    """
    try:
        return await _round(source, picker, call, dial, known)
    except _AGAIN_ON as error:
        left = call.left(monotonic())
        if not call.policy.retries or not left:
            raise
        first = error
    from ..retrying import again_async  # noqa: PLC0415 - tenacity is loaded after a failure only

    async def another() -> Any:
        if not call.has_dialled:  # nobody was there who could have failed
            source.failed(call)
        await source.looked_again(call)
        call.next_round()
        try:
            return await _round(source, picker, call, dial, None)
        except LookupFailed as error:
            if not call.attempts:
                raise
            raise call.error(source.title, monotonic()) from error

    async def pause(seconds: float) -> None:
        try:
            async with _Limit(source, seconds):
                await asyncio.sleep(seconds + 1.0)
        except TimeoutError:
            source.check()

    retries = call.policy.retries
    return await again_async(first, another, retries, on=_AGAIN_ON, seconds=left, sleep=pause)


async def _round(
    source: Source,
    picker: Picker,
    call: Dialling,
    dial: Callable[[Endpoint, float], Any],
    known: Snapshot | None,
) -> Any:
    members, observed = await source.members(call) if known is None else (known, None)
    while True:
        try:
            endpoint = picker.next(call, members, observed) if call.left(monotonic()) else None
        except (NoEndpoints, EndpointNotFound):
            if not call.attempts:
                raise
            endpoint = None  # it was dialled, and has gone since
        if endpoint is None:
            if not await source.looked_again(call):
                raise call.error(source.title, monotonic())
            members, observed = await source.members(call)
            continue
        began = monotonic()
        try:
            made = await _attempt(source, dial, endpoint, call.attempt(began))
        except Exception as error:  # noqa: BLE001 - whatever the caller's function raises
            source.check()  # it was closed meanwhile
            picker.failed(call, endpoint, error, began)
            if not isinstance(error, ConfigError):
                source.failed(call)
            continue
        picker.worked(endpoint)
        call.attempts.clear()  # their tracebacks hold this frame, and so what was made
        return made


async def _attempt(
    source: Source, dial: Callable[[Endpoint, float], Any], endpoint: Endpoint, seconds: float
) -> Any:
    try:
        async with _Limit(source, seconds) as limit:
            made = dial(endpoint, seconds)
            return await made if isawaitable(made) else made
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"no connection within {seconds:.2g} s") from error
        raise


class _Limit:
    """So many seconds at most, and no longer than the service object is open."""

    __slots__ = ("_limit", "_limits", "_seconds", "_timer")

    def __init__(self, source: Source, seconds: float) -> None:
        self._limits = source.limits
        self._seconds = seconds

    async def __aenter__(self) -> asyncio.Timeout:
        loop = asyncio.get_running_loop()
        self._limit = await asyncio.timeout(None).__aenter__()
        self._limits.add(self._limit)
        self._timer = loop.call_later(self._seconds, _expire, loop, self._limit, _TURNS)
        return self._limit

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._limits.discard(self._limit)
        await self._limit.__aexit__(kind, error, trace)


def _expire(loop: asyncio.AbstractEventLoop, limit: asyncio.Timeout, turns: int) -> None:
    """End it; a loop that was held up finds connections made that nobody has seen yet.

    Its next turns are theirs.
    """
    if turns:
        loop.call_soon(_expire, loop, limit, turns - 1)
    else:
        with suppress(RuntimeError):  # it has ended meanwhile
            limit.reschedule(loop.time())
