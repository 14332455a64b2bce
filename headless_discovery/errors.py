"""Every exception that leaves the public API, and whose fault it is.

The tree::

    DiscoveryError
    ├── InvalidName (also ValueError)   the caller's: a name no Service can have
    ├── ConfigError                     the caller's: a setting, resolv.conf, the environment
    ├── LookupFailed                    the infrastructure's: DNS gave no complete answer
    ├── NotHeadless                     the cluster's: the Service has a virtual address
    ├── NoEndpoints                     the cluster's: nobody is listed at all
    ├── EndpointNotFound                the cluster's: nobody like that is listed
    │   └── AmbiguousEndpoint           ... or more than one is
    ├── ConnectFailed                   the pods': none of those tried could be connected to
    ├── NotYetKnown                     nobody's: no look has told who is there
    └── WaitTimeout (also TimeoutError) the cluster's: what was waited for did not come

No exception of dnspython, of the socket module or of asyncio passes the public
API. Each error carries its facts as attributes, so that nobody has to parse the
message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.dialling import ConnectAttempt
    from .core.snapshot import Endpoint, Snapshot

__all__ = [
    "AmbiguousEndpoint",
    "ConfigError",
    "ConnectFailed",
    "DiscoveryError",
    "EndpointNotFound",
    "InvalidName",
    "LookupFailed",
    "NoEndpoints",
    "NotHeadless",
    "NotYetKnown",
    "WaitTimeout",
]

_TOLD_AT_MOST = 10
_NOBODY = {
    "ABSENT": "no such Service, or none of its pods is ready, or no port of that name: DNS "
    "cannot tell these apart",
    "EMPTY": "the name is there, and lists nobody",
}


class DiscoveryError(Exception):
    """The root of all errors of this library."""


class InvalidName(DiscoveryError, ValueError):  # noqa: N818 - reads as what it states
    """A name that no Kubernetes object can have, or that contradicts another argument.

    Attributes:
        name: The text as it was given, shortened when it is very long.
        reason: Which label is wrong, and why.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name if len(name) <= 260 else name[:257] + "..."
        self.reason = reason
        super().__init__(f"{self.name!a}: {reason}")

    def __reduce__(self) -> tuple[type[InvalidName], tuple[str, str]]:
        return type(self), (self.name, self.reason)


class ConfigError(DiscoveryError):
    """A setting, a file or a variable of the environment that cannot be used.

    Attributes:
        setting: What was wrong: an argument, a file or a variable.
        reason: Why, and what to do.
    """

    def __init__(self, setting: str, reason: str) -> None:
        self.setting = setting
        self.reason = reason
        super().__init__(f"{setting}: {reason}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, str]]:
        return type(self), (self.setting, self.reason)


class LookupFailed(DiscoveryError):  # noqa: N818
    """DNS gave no complete answer; nothing is known about who is there.

    Attributes:
        kind: ``"timeout"``, ``"network"``, ``"servfail"``, ``"refused"``,
            ``"bad response"``, ``"truncated"``, ``"too large"``, ``"partial"`` or
            ``"internal"`` (this process: out of descriptors, a defect of the library).
        service: The Service's FQDN without the last dot.
        detail: The kind in words.
        question: The question that failed, ``"name. TYPE"``; None where the answer
            as a whole was at fault.
        rcode: The response code by name, None where no response decided.
        servers: The servers asked, as ``"address:port"``.
        dropped: What was dropped from the answer, in words.
        elapsed: Seconds the look took.
        snapshot: For ``"partial"``: what the parts that did answer said; else None.
    """

    def __init__(
        self,
        kind: str,
        *,
        service: str,
        detail: str,
        question: str | None = None,
        rcode: str | None = None,
        servers: tuple[str, ...] = (),
        dropped: tuple[str, ...] = (),
        elapsed: float = 0.0,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.kind = kind
        self.service = service
        self.detail = detail
        self.question = question
        self.rcode = rcode
        self.servers = servers
        self.dropped = dropped
        self.elapsed = elapsed
        self.snapshot = snapshot
        parts = [f"{service}: {kind}: {detail}"]
        if question is not None:
            parts.append(f"question {question}")
        if servers:
            parts.append("servers " + ", ".join(servers))
        parts.append(f"after {elapsed:.2f} s")
        super().__init__("; ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (multiprocessing, pytest-xdist) by pickle.
        return _revive, (type(self), self.args, self.__dict__)


class NotHeadless(DiscoveryError):  # noqa: N818
    """The Service has a virtual address: DNS does not tell its pods.

    Attributes:
        service: The Service's FQDN without the last dot.
        addresses: The virtual addresses (``clusterIP``).
        ports: The Service's own ports.
    """

    def __init__(self, service: str, addresses: tuple[str, ...], ports: tuple[int, ...]) -> None:
        self.service = service
        self.addresses = addresses
        self.ports = ports
        where = ", ".join(addresses) or "an address the answer did not hold"
        super().__init__(
            f"{service} is not headless: it has the virtual address {where}, and DNS does "
            "not say which pods are behind it. A headless Service has 'clusterIP: None'."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.service, self.addresses, self.ports)


class NoEndpoints(DiscoveryError):  # noqa: N818
    """Nobody is there to be connected to.

    Attributes:
        service: The Service's FQDN without the last dot.
        outcome: ``"EMPTY"`` or ``"ABSENT"``, as in a snapshot; ``"OK"`` where somebody is
            listed who was left out.
        reason: Why, in words.
    """

    def __init__(self, service: str, outcome: str, reason: str | None = None) -> None:
        if reason is None:
            reason = _NOBODY.get(outcome, "none is listed")
        self.service = service
        self.outcome = outcome
        self.reason = reason
        super().__init__(f"{service}: nobody to connect to: {reason} ({outcome})")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.service, self.outcome, self.reason)


class EndpointNotFound(DiscoveryError):  # noqa: N818
    """No endpoint of that ordinal or name is listed.

    Attributes:
        service: The Service's FQDN without the last dot.
        wanted: What was asked for.
        listed: The endpoints that are listed.
    """

    def __init__(
        self, service: str, wanted: str, listed: tuple[Endpoint, ...], message: str
    ) -> None:
        self.service = service
        self.wanted = wanted
        self.listed = listed
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.service, self.wanted, self.listed, str(self))


class AmbiguousEndpoint(EndpointNotFound):
    """More than one endpoint matches; ``listed`` holds those that do."""


class ConnectFailed(DiscoveryError):  # noqa: N818
    """None of the pods that were dialled could be connected to.

    Attributes:
        service: The Service's FQDN without the last dot.
        attempts: Every attempt in order: pod, address, error, seconds.
        timeout: Seconds the call might take, where these have passed; else None.
    """

    def __init__(
        self, service: str, attempts: tuple[ConnectAttempt, ...], *, timeout: float | None = None
    ) -> None:
        self.service = service
        self.attempts = attempts
        self.timeout = timeout
        told = [str(each) for each in attempts[:_TOLD_AT_MOST]]
        if len(attempts) > _TOLD_AT_MOST:
            told.append(f"and {len(attempts) - _TOLD_AT_MOST} more")
        late = "" if timeout is None else f" within {timeout:g} s"
        tried = "; ".join(told) or "nobody was tried"
        super().__init__(f"{service}: no connection{late}: {tried}")

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (type(self), self.args, self.__dict__)


class NotYetKnown(DiscoveryError):  # noqa: N818
    """The members of a Service are not known: not yet, no longer, or not here.

    It never means that there are none.

    Attributes:
        service: The Service's FQDN without the last dot.
        reason: Why they are not known.
        age: Seconds since the last complete answer; None where there was none.
        last_error: Of the last look, where that failed; else None.
    """

    def __init__(
        self,
        service: str,
        reason: str,
        *,
        age: float | None = None,
        last_error: DiscoveryError | None = None,
    ) -> None:
        self.service = service
        self.reason = reason
        self.age = age
        self.last_error = last_error
        text = f"{service}: not known: {reason}"
        super().__init__(text if last_error is None else f"{text}; last: {last_error}")

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (type(self), self.args, self.__dict__)


class WaitTimeout(DiscoveryError, TimeoutError):  # noqa: N818
    """What was waited for did not come in time.

    Attributes:
        service: The Service's FQDN without the last dot.
        missing: What was still missing, in words.
        snapshot: The last complete answer, None where there was none.
        last_error: Of the last look, where that failed; else None.
        timeout: Seconds that were waited.
    """

    def __init__(
        self,
        service: str,
        missing: str,
        *,
        snapshot: Snapshot | None,
        last_error: DiscoveryError | None,
        timeout: float,
    ) -> None:
        self.service = service
        self.missing = missing
        self.snapshot = snapshot
        self.last_error = last_error
        self.timeout = timeout
        text = f"{service}: waited {round(timeout, 3):g} s, still missing: {missing}"
        super().__init__(text if last_error is None else f"{text}; last: {last_error}")

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (type(self), self.args, self.__dict__)


def _revive(
    kind: type[DiscoveryError], args: tuple[str, ...], facts: dict[str, object]
) -> DiscoveryError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error
