"""Service: what the service objects for threads and for asyncio share.

The arguments of their constructors, and reading what a follower knows; how they look and
wait is theirs.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol

from .core.conditions import condition, is_listed
from .core.connectpolicy import ConnectPolicy
from .core.dialling import Dialling
from .core.policy import PollPolicy
from .core.selection import check_to
from .core.values import is_number, is_plain_function
from .errors import ConfigError, NotYetKnown
from .picking import Picker
from .target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .core.conditions import Condition, OwnPod
    from .core.connectpolicy import Order
    from .core.following import Following, Status
    from .core.names import ServiceName
    from .core.options import LookupOptions
    from .core.outcome import Look
    from .core.selection import To
    from .core.snapshot import Endpoint, Snapshot
    from .reporting import Reporter

__all__ = [
    "CLOSED",
    "CLOSE_WAITS",
    "DEFECT",
    "FORKED",
    "FORK_SEEN_WITHIN",
    "NOT_OPEN",
    "OPEN_WAITS",
    "FollowerBase",
    "ServiceObject",
    "demand_seconds",
]

_DEFAULT = ConnectPolicy()
_AS_THE_POLICY_SAYS = (None,) * 5
CLOSE_WAITS = 0.08  # seconds; what takes longer ends by itself
FORK_SEEN_WITHIN = 5.0  # seconds; who waits while it is forked has nobody left to wake it
OPEN_WAITS = 0.04  # seconds beyond the first look's deadline, until it is reckoned with

CLOSED = "the service object is closed"
DEFECT = "a defect of this library ended it, see the log"
FORKED = "the service object was opened in another process: open it in this one"
NOT_OPEN = "the service object is not open: enter it with 'with', or call open()"


class Polling(Protocol):
    """What reading needs of a poller."""

    @property
    def target(self) -> Target:
        """Whom it follows."""

    @property
    def following(self) -> Following:
        """What it knows."""

    @property
    def reporter(self) -> Reporter:
        """What writes its log."""


class FollowerBase:
    """What may be read of a follower, of a thread and of a task alike."""

    def __init__(self, poller: Polling) -> None:
        self._polling = poller
        self._over: str | None = None

    @property
    def over(self) -> str | None:
        """Why it is over; None while it goes on."""
        return self._over

    @property
    def following(self) -> Following:
        """What it knows."""
        return self._polling.following

    @property
    def callback_errors(self) -> int:
        """How many times a callback raised."""
        return self._polling.reporter.callback_errors

    @property
    def is_closed(self) -> bool:
        """Whether it was closed here; not so where a child process finds it."""
        return self.over is not None and self.over != FORKED

    def check(self) -> None:
        """Go on.

        Raises:
            NotYetKnown: It is over.
        """
        if self.over is not None:
            raise NotYetKnown(self._polling.target.title, self.over)


class ServiceObject:
    """What the service objects for threads and for asyncio share; arguments as there."""

    def __init__(
        self,
        service: str | ServiceName,
        *,
        namespace: str | None = None,
        port: str | int | None = None,
        protocol: str | None = None,
        statefulset: str | None = None,
        options: LookupOptions | None = None,
        poll: PollPolicy | None = None,
        connect_policy: ConnectPolicy | None = None,
        on_lookup: Callable[[Look], object] | None = None,
    ) -> None:
        self._target = Target(
            service,
            namespace=namespace,
            port=port,
            protocol=protocol,
            statefulset=statefulset,
            options=options,
        )
        if poll is not None and not isinstance(poll, PollPolicy):
            raise ConfigError("poll", f"{ascii(poll)[:100]} is no PollPolicy")
        if connect_policy is not None and not isinstance(connect_policy, ConnectPolicy):
            raise ConfigError(
                "connect_policy", f"{ascii(connect_policy)[:100]} is no ConnectPolicy"
            )
        if on_lookup is not None and not is_plain_function(on_lookup):
            raise ConfigError("on_lookup", f"{ascii(on_lookup)[:100]} is no plain function")
        self._poll = poll
        self._on_lookup = on_lookup
        self._connect_policy = _DEFAULT if connect_policy is None else connect_policy
        self._picker = Picker(self._connect_policy)
        self._follower: FollowerBase | None = None
        #: What the follower knows, whether it goes on or not.
        self._known: Following | None = None

    @property
    def name(self) -> ServiceName:
        """The Service's full name, completed from the environment.

        Raises:
            ConfigError: The namespace is not known.
        """
        return self._target.service()

    @property
    def members(self) -> Snapshot:
        """Who is there, damped: the published state; asks nothing and waits for nobody.

        Raises:
            NotYetKnown: No look has told yet, or none for ``poll.max_stale`` seconds; or
                the service object is not open.
        """
        return self._followed().known(self._target.title, monotonic())

    @property
    def observed(self) -> Snapshot:
        """The last complete answer as it came, not damped.

        Raises:
            NotYetKnown: There was none yet, or the service object is not open.
        """
        following = self._followed()
        observed = following.observed
        if observed is None:
            raise NotYetKnown(
                self._target.title,
                "there was no complete answer yet",
                last_error=following.last_error,
            )
        return observed

    def status(self) -> Status:
        """How well the Service is known: its age, failures, whether this pod is listed.

        Raises:
            NotYetKnown: The service object is not open.
        """
        following = self._followed()
        observed = following.observed
        listed = None if observed is None else is_listed(observed, self._target.own_pod())
        assert self._follower is not None  # noqa: S101 - just read from
        errors = self._follower.callback_errors
        return following.status(
            monotonic(),
            listed=listed,
            callback_errors=errors,
            ejected=self._picker.ejected(),
        )

    @property
    def policy(self) -> PollPolicy:
        """How it is followed, with the interval filled in.

        Raises:
            ConfigError: The environment's interval is not usable.
        """
        return self._target.policy(self._poll)

    def own_pod(self) -> OwnPod:
        """Who this pod is: ``POD_NAME``, else the host name; ``POD_IP``, else a local address.

        Raises:
            ConfigError: No name server is known.
        """
        return self._target.own_pod()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.title!r})"

    def _call(
        self,
        to: To | None,
        order: Order | None,
        exclude_self: bool | None,
        attempt_timeout: float | None = None,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> Dialling:
        """One call of ``connect`` or ``endpoint``; what is None is as the policy says.

        Raises:
            ConfigError: Something that cannot be meant.
        """
        if to is not None:
            check_to(to)
        policy = self._connect_policy
        if (order, exclude_self, attempt_timeout, timeout, retries) != _AS_THE_POLICY_SAYS:
            told = {
                "order": order,
                "exclude_self": exclude_self,
                "attempt_timeout": attempt_timeout,
                "timeout": timeout,
                "retries": retries,
            }
            policy = policy.replace(
                **{key: value for key, value in told.items() if value is not None}
            )
        own = self._target.own_pod() if policy.exclude_self else None
        return Dialling(policy, to, own, monotonic())

    def _turn(self) -> Endpoint | None:
        """Whose turn it is, the short way: followed, awake, and nothing else is wanted."""
        known = self._known
        if known is None or monotonic() >= known.settled_until:
            return None
        return self._picker.turn(known.membership)

    def _demand_closed(self) -> None:
        """Demand that it is not open.

        Raises:
            ConfigError: It is, in this process.
        """
        if self._follower is not None and self._follower.over is None:
            raise ConfigError("open", f"{self!r} is open already")

    def _followed(self) -> Following:
        """What the follower knows.

        Raises:
            NotYetKnown: There is none, here.
        """
        follower = self._follower
        if follower is None or follower.over is not None:
            why = NOT_OPEN if follower is None else str(follower.over)
            raise NotYetKnown(self._target.title, why)
        return follower.following

    def _condition(
        self,
        count: int | None,
        ordinals: Iterable[int] | None,
        names: Iterable[str] | None,
        quorum: int | None,
        listed: bool,
        predicate: Callable[[Snapshot], object] | None,
    ) -> Condition:
        return condition(
            own=self._target.own_pod,
            count=count,
            ordinals=ordinals,
            names=names,
            quorum=quorum,
            listed=listed,
            predicate=predicate,
        )


def demand_seconds(setting: str, value: object) -> None:
    """Demand a number of seconds.

    Raises:
        ConfigError: It is none.
    """
    if not is_number(value) or not 0 <= value < 1e9:
        raise ConfigError(setting, f"{ascii(value)[:100]} is no number of seconds, 0 or more")
