"""`HeadlessService` and `discover`: the public face for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from weakref import finalize

from .. import forking
from ..errors import ConfigError, LookupFailed, NotYetKnown
from ..service import NOT_OPEN, ServiceObject, demand_seconds
from .lookup import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from ..core.changes import Change
    from ..core.names import ServiceName
    from ..core.options import LookupOptions
    from ..core.outcome import Look
    from ..core.policy import PollPolicy
    from ..core.snapshot import Snapshot
    from .following import Follower
    from .transport import Stop
    from .watching import Watch

__all__ = ["HeadlessService", "discover", "watch"]


class HeadlessService(ServiceObject):
    """One headless Service. The constructor does no I/O.

    Inside ``with`` (or between `open` and `close`) it is followed: one thread looks when it
    is due, and everything here reads what that knows, from any number of threads.

    Args:
        service: ``"my-database"``, ``"my-database.shop"``, the full name, or a `ServiceName`.
        namespace: Where the name has none. Default: the environment
            (``HEADLESS_DISCOVERY_NAMESPACE``), the pod's own namespace.
        port: The *name* of a port asks for that one (``_name._protocol``); a number
            replaces the port DNS gave and is never asked. Default: all ports.
        protocol: Of a named port: ``"tcp"`` (default), ``"udp"`` or ``"sctp"``.
        statefulset: Only pods of this StatefulSet get ordinals; default: every pod whose
            name ends like one of a StatefulSet.
        options: How to ask; default `LookupOptions`.
        poll: How to follow; default `PollPolicy`.
        on_lookup: Called with the `Look` of every look, failed or not: for metrics. In a
            followed Service by the thread that looks, which waits for it.

    Raises:
        InvalidName: A name that no Kubernetes object can have.
        ConfigError: Arguments that contradict each other.
    """

    _follower: Follower | None
    _closing: finalize[..., HeadlessService] | None = None  # before the first open()

    def lookup(self, *, allow_partial: bool = False, retries: int = 0) -> Snapshot:
        """Ask DNS, now, and tell every pod behind the Service.

        Args:
            allow_partial: Return a PARTIAL snapshot instead of raising for it.
            retries: How often to look again after a failure, with growing pauses; each
                look has the whole ``options.timeout``. Default 0.

        Returns:
            A snapshot with outcome OK, EMPTY or ABSENT.

        Raises:
            LookupFailed: DNS gave no complete answer.
            NotHeadless: The Service has a virtual address.
            ConfigError: No name server or no namespace is known.
        """
        try:
            return self._look(allow_partial)
        except LookupFailed as failure:
            if retries < 1:
                raise
            first = failure
        from ..retrying import again  # noqa: PLC0415 - tenacity is loaded after a failure only

        return again(first, lambda: self._look(allow_partial), retries)

    def open(self) -> Self:
        """Begin to follow: waits for the first look, at most ``options.timeout``.

        A DNS that fails is no error here: `members` says `NotYetKnown` until it answers.

        Returns:
            This object.

        Raises:
            NotHeadless: The Service has a virtual address.
            ConfigError: No name server or no namespace is known, or it is open already.
            LookupFailed: This process may open no more files, or start no more threads.
        """
        from . import watching  # noqa: F401, PLC0415 - later there may be no descriptor to read it
        from .following import Follower  # noqa: PLC0415 - one look needs no threads

        policy = self.policy
        with forking.lock:  # of those who open it at once, one does
            self._demand_closed()
            follower = Follower(self._target, policy, self._on_lookup)
            # Also for who forgets to close it, and at the end of the interpreter.
            self._closing = finalize(self, follower.close)
            self._follower = follower
        try:
            follower.open(self._target.options.timeout)
        except BaseException:  # interrupted, too: `with` closes nothing it did not enter
            self.close()
            raise
        return self

    def close(self) -> None:
        """End the following, from any thread, also from a callback; twice is harmless.

        Watches end, waits raise `NotYetKnown`. A callback under way is not waited for.
        """
        if self._closing is not None:
            self._closing()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def refresh(self) -> None:
        """Ask for an early look and return at once; there is at most one a second.

        Raises:
            NotYetKnown: The service object is not open.
        """
        self._opened().poller.want()

    def watch(self, *, stop: Stop | None = None) -> Watch:
        """Iterate over the changes; the first one adds everybody.

        Inside ``with`` every watch shares the one poller; outside it polls in the thread
        that iterates.

        Args:
            stop: A ``threading.Event``, or anything with ``is_set()``: ends the iteration
                within 100 ms.

        Returns:
            An iterator of `Change`; it can be closed, and is a context manager.

        Raises:
            NotHeadless, ConfigError: Outside ``with``, by the first step of the iteration.
            NotYetKnown: In a child process of the one that opened the service object.
        """
        from .following import Poller  # noqa: PLC0415 - one look needs no threads
        from .watching import OwnWatch, SharedWatch  # noqa: PLC0415

        if stop is not None and not callable(getattr(stop, "is_set", None)):
            raise ConfigError("stop", f"{ascii(stop)[:100]} has no is_set(), as an Event has")
        if self._is_open():
            return SharedWatch(self._opened(), stop, self)
        policy = self.policy
        return OwnWatch(Poller(self._target, policy, self._on_lookup, stop))

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Call back with each change, the first one adding everybody, in an own thread.

        A callback that is slow, or raises, disturbs nobody; changes that come meanwhile
        are put together.

        Args:
            callback: Takes a `Change`.

        Returns:
            A function that ends it; it may be called inside the callback.

        Raises:
            NotYetKnown: The service object is not open.
        """
        from .watching import subscribe  # noqa: PLC0415

        if not callable(callback):
            raise ConfigError("callback", f"{ascii(callback)[:100]} cannot be called")

        return subscribe(self._opened(), callback)

    def wait_for(
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
        """Wait until what DNS says satisfies a condition; exactly one is given.

        Judged is the last complete answer, not the damped members, and only one that is
        not older than the wait.

        Args:
            count: At least so many pods.
            ordinals: Pods of all these ordinals.
            names: Pods of all these names, ``mysql-0`` or their FQDN.
            quorum: More than half of so many pods.
            listed: This pod itself (``POD_NAME``, else the host name).
            predicate: Called with each complete answer, in this thread, until it says yes.
            stable: Seconds for which the same answer must stand, with no failed look
                in between; default 0.
            timeout: Seconds to wait at most; default None, without a limit.

        Returns:
            The answer that satisfied it.

        Raises:
            WaitTimeout: It did not come; the error tells what is missing.
            ConfigError: The condition makes no sense.
            NotHeadless: Outside ``with``: the Service has a virtual address.
            NotYetKnown: The service object was closed meanwhile.
        """
        from .following import Poller  # noqa: PLC0415 - one look needs no threads
        from .watching import wait_alone, wait_with  # noqa: PLC0415

        awaited = self._condition(count, ordinals, names, quorum, listed, predicate)
        demand_seconds("stable", stable)
        if timeout is not None:
            demand_seconds("timeout", timeout)
        if self._is_open():
            return wait_with(self._opened(), awaited, stable, timeout)
        poller = Poller(self._target, self.policy, self._on_lookup)
        return wait_alone(poller, awaited, stable, timeout)

    def _look(self, allow_partial: bool) -> Snapshot:
        done = look(self._target)
        if self._on_lookup is not None:
            self._on_lookup(done)
        return done.result(allow_partial=allow_partial)

    def _is_open(self) -> bool:
        """Whether there is a follower; also one that this process must not use."""
        return self._follower is not None and not self._follower.is_closed

    def _opened(self) -> Follower:
        if self._follower is None:
            raise NotYetKnown(self._target.title, NOT_OPEN)
        self._follower.check()
        return self._follower


def discover(
    service: str | ServiceName,
    *,
    namespace: str | None = None,
    port: str | int | None = None,
    protocol: str | None = None,
    statefulset: str | None = None,
    options: LookupOptions | None = None,
    allow_partial: bool = False,
    retries: int = 0,
) -> Snapshot:
    """Look once at a headless Service; the arguments are those of `HeadlessService`.

    Returns:
        A snapshot with outcome OK, EMPTY or ABSENT.

    Raises:
        InvalidName, ConfigError, LookupFailed, NotHeadless: as `HeadlessService.lookup`.
    """
    found = HeadlessService(
        service,
        namespace=namespace,
        port=port,
        protocol=protocol,
        statefulset=statefulset,
        options=options,
    )
    return found.lookup(allow_partial=allow_partial, retries=retries)


def watch(
    service: str | ServiceName,
    *,
    stop: Stop | None = None,
    namespace: str | None = None,
    port: str | int | None = None,
    protocol: str | None = None,
    statefulset: str | None = None,
    options: LookupOptions | None = None,
    poll: PollPolicy | None = None,
    on_lookup: Callable[[Look], object] | None = None,
) -> Watch:
    """Iterate over the changes of a Service, polling in the thread that iterates.

    The arguments are those of `HeadlessService` and of its `watch`.

    Returns:
        An iterator of `Change`; the first one adds everybody.
    """
    followed = HeadlessService(
        service,
        namespace=namespace,
        port=port,
        protocol=protocol,
        statefulset=statefulset,
        options=options,
        poll=poll,
        on_lookup=on_lookup,
    )
    return followed.watch(stop=stop)
