"""Connecting: from a Service to an open connection, with blocking waits."""

from __future__ import annotations

from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import (
    ConfigError,
    ConnectFailed,
    EndpointNotFound,
    LookupFailed,
    NoEndpoints,
)
from .dialling import dial_socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from ssl import SSLContext

    from ..core.dialling import Dialling
    from ..core.outcome import Look
    from ..core.snapshot import Endpoint, Snapshot
    from ..picking import Picker
    from ..target import Target
    from .following import Follower

__all__ = ["Alone", "Followed", "connect", "dialler"]

T = TypeVar("T")

_SLICE = 0.05  # seconds after which a closed service object is noticed
_AGAIN_ON = (ConnectFailed, NoEndpoints, EndpointNotFound, LookupFailed)


class Source(Protocol):
    """Where the members come from."""

    @property
    def title(self) -> str:
        """The Service's name."""

    def check(self) -> None:
        """Go on, or raise `NotYetKnown`."""

    def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Who is there, and the last complete answer."""

    def failed(self, call: Dialling) -> None:
        """A dial failed, or nobody was there to be dialled."""

    def looked_again(self, call: Dialling) -> bool:
        """Whether a look that began after a failed dial has answered."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Followed:
    """The members of an opened service object."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._following = follower.following

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

    def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Who is there; a process that slept looks first."""
        self.check()
        following, target = self._following, self._follower.poller.target
        state = following.membership
        if state.members is not None and monotonic() < following.settled_until:
            return state.members, state.observed
        looks = following.awaited(monotonic(), target.options.timeout)
        if looks is not None:
            self._wait_for_looks(looks, call)
        return following.known(target.title, monotonic()), following.observed

    def failed(self, call: Dialling) -> None:
        """Ask for an early look."""
        call.begun = self._following.begun
        self._follower.poller.want()

    def looked_again(self, call: Dialling) -> bool:
        """Wait for the look that a failed dial asked for; not while looks fail anyway."""
        begun, call.begun = call.begun, None
        if begun is None or self._following.is_failing:
            return False
        self._wait_for_looks(begun + 1, call)
        return self._following.ended > begun and not self._following.is_failing

    def sleep(self, seconds: float) -> None:
        """Wait, unless it is closed meanwhile."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            self.check()
            sleep(min(_SLICE, left))

    def _wait_for_looks(self, count: int, call: Dialling) -> None:
        follower = self._follower
        if follower.looks_here:
            return  # in its ``on_lookup``: there is no further look before this ends
        with follower.looked:
            follower.looked.wait_for(
                lambda: follower.over or self._following.ended >= count, call.left(monotonic())
            )
        self.check()


class Alone:
    """The members as one look tells them.

    Args:
        target: Of the look.
        look: Looks once, for so many seconds at most.
    """

    def __init__(self, target: Target, look: Callable[[float], Look]) -> None:
        self._target = target
        self._look = look

    @property
    def title(self) -> str:
        """The Service's name."""
        return self._target.title

    def check(self) -> None:
        """There is nothing that could be closed."""

    def members(self, call: Dialling) -> tuple[Snapshot, Snapshot | None]:
        """Look; a part of the pods will do."""
        done = self._look(call.left(monotonic()))
        return done.result(allow_partial=bool(done.snapshot)), None

    def failed(self, call: Dialling) -> None:
        """There is one look, and no more."""

    def looked_again(self, call: Dialling) -> bool:  # noqa: ARG002 - as of those followed
        """There is one look, and no more."""
        return False

    def sleep(self, seconds: float) -> None:
        """Wait."""
        sleep(seconds)


def dialler(
    source: Source,
    call: Dialling,
    tls: SSLContext | None,
    name: Callable[[Endpoint], str | None],
) -> Callable[[Endpoint, float], socket]:
    """What dials where the caller has no function for it.

    Args:
        source: Tells when to end.
        call: What is wanted.
        tls: Shake hands with this.
        name: Tells the name to verify.
    """

    def dial(endpoint: Endpoint, seconds: float) -> socket:
        return dial_socket(
            endpoint,
            seconds,
            stagger=call.policy.stagger,
            check=source.check,
            tls=tls,
            name=name(endpoint),
        )

    return dial


def connect(
    source: Source,
    picker: Picker,
    call: Dialling,
    dial: Callable[[Endpoint, float], T],
    known: Snapshot | None = None,
) -> T:
    """Dial one candidate after another until one works.

    Args:
        source: Where the members come from.
        picker: Whose turn it is.
        call: What is wanted.
        dial: Dials an endpoint, for so many seconds at most.
        known: The members, where they were just waited for.

    Raises:
        ConnectFailed, NoEndpoints, EndpointNotFound, LookupFailed: After the last round.
        NotYetKnown: Nothing is known yet, or the service object was closed.
    """
    try:
        return _round(source, picker, call, dial, known)
    except _AGAIN_ON as error:
        left = call.left(monotonic())
        if not call.policy.retries or not left:
            raise
        first = error
    from ..retrying import again  # noqa: PLC0415 - tenacity is loaded after a failure only

    def another() -> T:
        if not call.has_dialled:  # nobody was there who could have failed
            source.failed(call)
        source.looked_again(call)
        call.next_round()
        try:
            return _round(source, picker, call, dial, None)
        except LookupFailed as error:
            if not call.attempts:
                raise
            raise call.error(source.title, monotonic()) from error

    retries = call.policy.retries
    return again(first, another, retries, on=_AGAIN_ON, seconds=left, sleep=source.sleep)


def _round(
    source: Source,
    picker: Picker,
    call: Dialling,
    dial: Callable[[Endpoint, float], T],
    known: Snapshot | None,
) -> T:
    members, observed = source.members(call) if known is None else (known, None)
    while True:
        try:
            endpoint = picker.next(call, members, observed) if call.left(monotonic()) else None
        except (NoEndpoints, EndpointNotFound):
            if not call.attempts:
                raise
            endpoint = None  # it was dialled, and has gone since
        if endpoint is None:
            if not source.looked_again(call):
                raise call.error(source.title, monotonic())
            members, observed = source.members(call)
            continue
        began = monotonic()
        try:
            made = dial(endpoint, call.attempt(began))
        except Exception as error:  # noqa: BLE001 - whatever the caller's function raises
            source.check()  # it was closed meanwhile
            picker.failed(call, endpoint, error, began)
            if not isinstance(error, ConfigError):
                source.failed(call)
            continue
        picker.worked(endpoint)
        call.attempts.clear()  # their tracebacks hold this frame, and so what was made
        return made
