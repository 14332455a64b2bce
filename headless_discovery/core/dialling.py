"""Dialling: one call of ``connect``: whom it has tried, how that ended, when it is over.

In: the members, the time, how each dial ended. Out: who is dialled next and for how long at
most, or the error of a call that found nobody. The shells dial and wait.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, ConnectFailed, DiscoveryError
from .selection import as_tried, candidates
from .snapshot import join_port
from .values import Value

if TYPE_CHECKING:
    from .conditions import OwnPod
    from .connectpolicy import ConnectPolicy
    from .selection import Candidates, Selection, To
    from .snapshot import Endpoint, Snapshot

__all__ = ["ConnectAttempt", "Dialling", "in_words", "port_of"]

_MOST_WORDS = 300
#: What this process or its machine lacks says nothing of the pod, which was not dialled.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)


class ConnectAttempt(Value):
    """One pod that was dialled, and how that failed.

    Attributes:
        endpoint: Who.
        address: Where: the last of its addresses that failed, or the first, where the
            caller's own function dialled.
        error: How.
        seconds: How long it took.
    """

    __slots__ = ("address", "endpoint", "error", "seconds")
    endpoint: Endpoint
    address: str
    error: Exception
    seconds: float

    def __init__(
        self, *, endpoint: Endpoint, address: str, error: Exception, seconds: float
    ) -> None:
        self._set(endpoint=endpoint, address=address, error=error, seconds=seconds)

    def __getstate__(self) -> tuple[Any, ...]:
        # Clients' errors hold contexts and sockets, or cannot be made again from their text.
        from pickle import dumps, loads  # noqa: PLC0415 # nosec B403

        error = self.error
        try:
            loads(dumps(error))  # noqa: S301 # nosec B301
        except Exception:  # noqa: BLE001 - there is nothing that it cannot raise
            error = RuntimeError(in_words(error))
        return self.address, self.endpoint, error, self.seconds

    def __str__(self) -> str:
        """``mysql-0 at 10.244.1.5:3306: connection refused (0.001 s)``."""
        place = join_port(self.address, self.endpoint.port)
        who = place if self.endpoint.name is None else f"{self.endpoint.name} at {place}"
        return f"{who}: {in_words(self.error)} ({self.seconds:.3f} s)"


class Dialling:
    """One call. Not safe to be used by two threads.

    Args:
        policy: The numbers of this call.
        to: Whom it wants.
        own: This pod, where it is to be left out.
        now: Monotonic seconds.
    """

    __slots__ = (
        "_candidates",
        "_considered",
        "_tried",
        "attempts",
        "begun",
        "deadline",
        "own",
        "policy",
        "to",
    )

    def __init__(
        self, policy: ConnectPolicy, to: To | None, own: OwnPod | None, now: float
    ) -> None:
        self.policy = policy
        self.to = to
        self.own = own
        self.deadline = now + policy.timeout
        self.attempts: list[ConnectAttempt] = []
        #: How many looks had begun when a dial failed last; None where none did.
        self.begun: int | None = None
        self._tried: set[tuple[str, ...]] = set()
        self._candidates: Candidates | None = None
        self._considered: Snapshot | None = None

    @property
    def has_dialled(self) -> bool:
        """Whether anybody was dialled in this round."""
        return bool(self._tried)

    def left(self, now: float) -> float:
        """Seconds until the call has to end, 0 where it should have ended."""
        return max(0.0, self.deadline - now)

    def attempt(self, now: float) -> float:
        """Seconds that one attempt may take from now."""
        return min(self.policy.attempt_timeout, self.left(now))

    def consider(self, members: Snapshot) -> None:
        """These are the members now; the caller's own functions are called here.

        Raises:
            NoEndpoints, EndpointNotFound, ConfigError: as `candidates`.
        """
        if members is not self._considered:
            self._candidates = candidates(members, self.to, self.policy.order, self.own)
            self._considered = members

    def next(self, selection: Selection, now: float, *, is_dialled: bool = True) -> Endpoint | None:
        """Whose turn it is now; None where nobody is left.

        Args:
            selection: The turns.
            now: Monotonic seconds.
            is_dialled: Whether it will be told how dialling it ended.
        """
        if self._candidates is None:
            return None
        endpoint = selection.draw(self._candidates, self._tried, now)
        if endpoint is not None:
            self._tried.add(as_tried(endpoint))
            if is_dialled:
                selection.drawn(endpoint, now)
        return endpoint

    def failed(
        self, selection: Selection, endpoint: Endpoint, error: Exception, began: float, now: float
    ) -> None:
        """Dialling somebody failed."""
        address = _text(error, "address")
        self.attempts.append(
            ConnectAttempt(
                endpoint=endpoint,
                address=address if address in endpoint.addresses else endpoint.address,
                error=error,
                seconds=now - began,
            )
        )
        if not isinstance(error, ConfigError) and _fact(error, "errno") not in _OURS:
            selection.failed(endpoint, in_words(error), began, now)

    def next_round(self) -> None:
        """Everybody may be dialled once more."""
        self._tried.clear()
        self._considered = None

    def error(self, service: str, now: float) -> ConnectFailed | ConfigError:
        """The error of a call that ends without a connection.

        Args:
            service: The Service's name.
            now: Monotonic seconds.
        """
        reasons = [each.error for each in self.attempts]
        refused = [each for each in reasons if isinstance(each, ConfigError)]
        if refused and len(refused) == len(reasons):
            return refused[0]
        failed = ConnectFailed(
            service,
            tuple(self.attempts),
            timeout=self.policy.timeout if now >= self.deadline else None,
        )
        failed.__cause__ = reasons[-1] if reasons else None  # with the caller's own lines
        return failed


def port_of(endpoint: Endpoint) -> int:
    """The port to connect to.

    Raises:
        ConfigError: DNS tells none, or several.
    """
    if endpoint.port is not None:
        return endpoint.port
    told = "no port" if not endpoint.ports else f"the ports {', '.join(map(str, endpoint.ports))}"
    raise ConfigError(
        "port",
        f"DNS tells {told} of {endpoint}: give the service object port=, a number or a port's name",
    )


def in_words(error: Exception) -> str:
    """An error as part of a sentence: on one line, and not longer than a line may be.

    It may be the words of whoever answered: no control characters of theirs reach a log.
    """
    try:
        text = " ".join((_text(error, "strerror") or str(error)).split())
    except Exception:  # noqa: BLE001 - errors of clients, which may be wrong in any way
        text = ""
    if not text.isprintable():
        text = ascii(text)[1:-1]
    kind = type(error).__name__
    if text and not isinstance(error, OSError | DiscoveryError):
        text = f"{kind}: {text}"  # 'host' alone tells nobody that it is a KeyError
    if len(text) > _MOST_WORDS:
        text = text[: _MOST_WORDS - 3] + "..."
    return text or kind


def _text(error: Exception, name: str) -> str | None:
    """An attribute, where it is text."""
    fact = _fact(error, name)
    return fact if isinstance(fact, str) else None


def _fact(error: Exception, name: str) -> object:
    """An attribute, None where there is none."""
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001 - as above
        return None
