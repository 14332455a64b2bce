"""`HeadlessService`: the public face for threads."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload
from weakref import finalize

from .. import forking
from ..calling import fitted, verified_name, wanted
from ..core.values import is_coroutine_function
from ..errors import ConfigError, LookupFailed, NotYetKnown
from ..service import NOT_OPEN, ServiceObject, demand_seconds
from .connecting import Alone, Followed, connect, dialler
from .lookup import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from socket import socket
    from ssl import SSLContext
    from types import TracebackType

    from ..calling import ConnectKeywords
    from ..core.changes import Change
    from ..core.connectpolicy import Order
    from ..core.dialling import Dialling
    from ..core.outcome import Look
    from ..core.selection import To
    from ..core.snapshot import Endpoint, Snapshot
    from .following import Follower
    from .transport import Stop
    from .watching import Watch

__all__ = ["HeadlessService"]

T = TypeVar("T")


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
        connect_policy: How to connect; default `ConnectPolicy`.
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

        return again(first, lambda: self._look(allow_partial), retries, on=(LookupFailed,))

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
            self._known = follower.following
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

    def endpoint(
        self,
        *,
        to: To | None = None,
        order: Order | None = None,
        exclude_self: bool | None = None,
    ) -> Endpoint:
        """Whom `connect` would dial next; it has had its turn then. Arguments as there.

        Inside ``with`` it comes from the members and asks nothing; outside it looks once.

        Raises:
            NoEndpoints, EndpointNotFound, NotYetKnown, LookupFailed: As of `connect`.
        """
        if to is None and order is None and exclude_self is None:
            turn = self._turn()
            if turn is not None:
                return turn
        call = self._call(to, order, exclude_self)
        endpoint = self._picker.next(call, *self._source().members(call), is_dialled=False)
        assert endpoint is not None  # noqa: S101 - nobody was tried yet
        return endpoint

    @overload
    def connect(
        self,
        dial: None = None,
        *,
        tls: SSLContext | None = None,
        tls_name: Literal["pod", "service"] = "pod",
        **keywords: Unpack[ConnectKeywords],
    ) -> socket: ...

    @overload
    def connect(
        self,
        dial: Callable[[Endpoint], T],
        *,
        pass_timeout: Literal[False] = False,
        **keywords: Unpack[ConnectKeywords],
    ) -> T: ...

    @overload
    def connect(
        self,
        dial: Callable[[Endpoint, float], T],
        *,
        pass_timeout: Literal[True],
        **keywords: Unpack[ConnectKeywords],
    ) -> T: ...

    def connect(
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
        """Connect to one pod after another until one accepts.

        Inside ``with`` the candidates are the members; outside it looks once. What is None
        is as the `ConnectPolicy` says. A pod that fails is left out after 5 failures in a
        row; one that fails inside ``with`` brings about an early look, and where all have
        failed, those that this shows at a new address are tried.

        Args:
            dial: Called with an `Endpoint` in this thread, and what it returns is the
                result; when it raises an Exception, the next candidate has its turn.
                Default: a TCP connection.
            pass_timeout: Call ``dial(endpoint, seconds)``, with the seconds this attempt
                may take. A function that takes longer is not interrupted.
            to: One pod only, by ordinal (``0``), name (``"mysql-0"``) or `Endpoint`; or a
                function that says of an `Endpoint` whether it may be.
            order: ``"round_robin"``, ``"random"``, ``"ordinal"``, or a function that takes
                the candidates and gives those to be tried, in order.
            exclude_self: Whether this pod itself is left out.
            tls: Shake hands with this context; it has to verify. The address is dialled and
                the pod's FQDN verified.
            tls_name: ``"service"`` verifies the Service's own FQDN instead of the pod's.
            attempt_timeout: Seconds one pod may take.
            timeout: Seconds the whole call may take.
            retries: More rounds over the candidates, with growing pauses.
            wait: Wait until whom ``to`` wants is listed, at most ``timeout``.

        Returns:
            A connected blocking socket, or what ``dial`` returned.

        Raises:
            ConnectFailed: All were tried; it lists every attempt.
            NoEndpoints: Nobody is there.
            EndpointNotFound: Nobody like ``to`` is there.
            AmbiguousEndpoint: Two are.
            WaitTimeout: With ``wait``: it was not listed in time.
            NotYetKnown: Inside ``with``: no look has told the members yet, or it was closed.
            LookupFailed, NotHeadless: Outside ``with``: the one look said so.
            ConfigError: An argument that cannot be meant; no port is known.
        """
        if is_coroutine_function(dial):
            raise ConfigError("dial", f"{ascii(dial)[:100]} must be awaited: AsyncHeadlessService")
        name = verified_name(dial, tls, tls_name, lambda: self.name.fqdn)
        call = self._call(to, order, exclude_self, attempt_timeout, timeout, retries)
        source = self._source()
        known = self._listed(call) if wait else None
        if dial is None and not pass_timeout:
            dialled = dialler(source, call, tls, name)
        else:
            dialled = fitted(dial, pass_timeout=pass_timeout)
        return connect(source, self._picker, call, dialled, known)

    def _source(self) -> Followed | Alone:
        """Where the members come from."""
        follower = self._follower
        if follower is None or follower.is_closed:
            return Alone(self._target, self._looked)
        return Followed(follower)

    def _listed(self, call: Dialling) -> Snapshot | None:
        """Wait until whom a call wants is listed; outside ``with`` that answer is its state."""
        answer = self.wait_for(**wanted(call), timeout=call.left(monotonic()))
        return None if self._is_open() else answer

    def _look(self, allow_partial: bool) -> Snapshot:
        return self._looked().result(allow_partial=allow_partial)

    def _looked(self, at_most: float = inf) -> Look:
        """One look, for so many seconds at most."""
        done = look(self._target, at_most=at_most)
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
