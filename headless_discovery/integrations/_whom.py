"""Whom: what the integrations of SQL clients have in common.

Their functions take the keywords of the client and, among them, those of
``service.connect`` that say whom to dial and for how long.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

from ..core.dialling import port_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..core.snapshot import Endpoint

__all__ = ["WHOM", "Fitting", "Source", "in_turn", "is_same_pod", "name_of", "split", "target"]

WHOM = (
    "attempt_timeout",
    "exclude_self",
    "order",
    "retries",
    "role",
    "timeout",
    "to",
    "wait",
)
"""Keywords that are ours; no client has a parameter of such a name, asyncpg's timeout aside."""


class Source(Protocol):
    """Whatever connects: a service object, or its `Roles`."""

    @property
    def connect(self) -> Callable[..., Any]:
        """As of `HeadlessService`."""


def split(keywords: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keywords of ``service.connect``, and those of the client."""
    whom = {key: value for key, value in keywords.items() if key in WHOM}
    return whom, {key: value for key, value in keywords.items() if key not in WHOM}


def name_of(endpoint: Endpoint) -> str:
    """What a certificate is verified against: the pod's FQDN; the address where it has none."""
    return endpoint.hostname or endpoint.address


def target(endpoints: Iterable[Endpoint], seconds: float) -> dict[str, Any]:
    """The parameters of libpq that name pods: every address of each, in that order.

    Args:
        endpoints: Who.
        seconds: For each address; libpq takes whole seconds, and 2 at least.
    """
    each = [(name_of(pod), address, port_of(pod)) for pod in endpoints for address in pod.addresses]
    names, addresses, ports = zip(*each, strict=True)
    return {
        "host": ",".join(names),
        "hostaddr": ",".join(addresses),
        "port": ",".join(map(str, ports)),
        "connect_timeout": max(2, ceil(seconds)),
    }


class Fitting:
    """A ``to`` that everybody fits: remembers whom ``service.endpoint`` chose from.

    These are the pods to be tried after the one whose turn it is: not all members, where this
    pod itself is left out.
    """

    def __init__(self) -> None:
        self.pods: list[Endpoint] = []

    def __call__(self, pod: Endpoint) -> bool:
        """Whether it fits."""
        self.pods.append(pod)
        return True


def in_turn(first: Endpoint, everybody: Iterable[Endpoint]) -> list[Endpoint]:
    """All of them in their order, beginning with the one whose turn it is."""
    pods = list(everybody)
    if first not in pods:  # it came, or changed, since; or nobody else was asked for
        return [first, *pods]
    at = pods.index(first)
    return pods[at:] + pods[:at]


def is_same_pod(one: Endpoint, other: Endpoint) -> bool:
    """Whether a connection to one is a connection to the other: a pod that was not replaced."""
    return one.name == other.name and not set(one.addresses).isdisjoint(other.addresses)
