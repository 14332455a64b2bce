"""`Endpoint` and `Snapshot`: what a look found, as values.

In: validated names, addresses and ports. Out: frozen objects that are compared by
content, sorted, and rendered in the forms clients take. Knows nothing of DNS messages.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from ..errors import AmbiguousEndpoint, EndpointNotFound
from .addresses import address_key
from .values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .names import ServiceName

__all__ = ["ABSENT", "EMPTY", "OK", "PARTIAL", "Endpoint", "Snapshot", "join_port", "ordered"]

OK = "OK"
EMPTY = "EMPTY"
ABSENT = "ABSENT"
PARTIAL = "PARTIAL"

_LISTED_AT_MOST = 10
_ORDER = attrgetter("_order")


class Endpoint(Value):
    """One pod behind a Service.

    An endpoint without a name comes from a Service without ports, or from an answer too
    large to hold the names: then its address is all there is to tell it by.

    Attributes:
        name: The pod's name (``mysql-0``); for pods without a hostname the label that
            CoreDNS makes of the address (``10-244-2-5``); None where DNS gave no name.
        hostname: Its FQDN without the last dot, as certificates hold it; None without
            a name.
        ordinal: The pod's number in its StatefulSet, or None.
        addresses: All of the pod's addresses, IPv4 first, each family by number.
        ports: The pod's own ports (``targetPort``), sorted; empty where DNS gave none.
    """

    __slots__ = ("_order", "addresses", "hostname", "name", "ordinal", "ports")
    name: str | None
    hostname: str | None
    ordinal: int | None
    addresses: tuple[str, ...]
    ports: tuple[int, ...]

    def __init__(
        self,
        *,
        addresses: tuple[str, ...],
        name: str | None = None,
        hostname: str | None = None,
        ordinal: int | None = None,
        ports: tuple[int, ...] = (),
    ) -> None:
        put = object.__setattr__
        put(self, "name", name)
        put(self, "hostname", hostname)
        put(self, "ordinal", ordinal)
        put(self, "addresses", addresses)
        put(self, "ports", ports)
        # By (ordinal, name, address), None last; kept, because every look sorts by it.
        order = (
            ordinal is None,
            ordinal or 0,
            name is None,
            name or "",
            address_key(addresses[0]) if name is None else (),
        )
        put(self, "_order", order)

    @property
    def address(self) -> str:
        """The first address, IPv4 where there is one and the look did not ask for IPv6."""
        return self.addresses[0]

    @property
    def port(self) -> int | None:
        """The port, or None where there are none or several."""
        return self.ports[0] if len(self.ports) == 1 else None

    def __repr__(self) -> str:
        return (
            f"Endpoint(name={self.name!r}, ordinal={self.ordinal!r}, "
            f"addresses={self.addresses!r}, ports={self.ports!r}, hostname={self.hostname!r})"
        )

    def __str__(self) -> str:
        """``hostname:port``, the address where there is no name."""
        return join_port(self.hostname or self.address, self.port)


class Snapshot(Value):
    """What one look found. Iterates over its endpoints; ``len`` counts them.

    Two snapshots are equal where service and endpoints are. There is no indexing by
    number: with mysql-0 down, ``[0]`` would be mysql-1; ask `by_ordinal`.

    Attributes:
        service: The Service asked about.
        endpoints: Sorted by ordinal, name, address; None last.
        outcome: ``"OK"``; ``"EMPTY"``: the name exists and holds no such record;
            ``"ABSENT"``: no such Service, or no ready pod, or no such port: DNS cannot
            tell these apart; ``"PARTIAL"``: a part of the look failed.
        ttl: Seconds the answer may be kept, the smallest in it; None where it said none.
        seen_at: When the answer was complete, seconds of ``time.monotonic()``.
        servers: The servers that answered, ``"address:port"``.
        dropped: Records that were refused and why, in words; see the security notes.
        unresolved: Hostnames the SRV records listed and no address was found for.
        version: 0 for a raw look; counts the published changes of a followed Service.
        problem: For ``"PARTIAL"``: which part failed and why; else None.
    """

    __slots__ = (
        "_cause",
        "dropped",
        "endpoints",
        "outcome",
        "problem",
        "seen_at",
        "servers",
        "service",
        "ttl",
        "unresolved",
        "version",
    )
    service: ServiceName
    endpoints: tuple[Endpoint, ...]
    outcome: str
    ttl: int | None
    seen_at: float
    servers: tuple[str, ...]
    dropped: tuple[str, ...]
    unresolved: tuple[str, ...]
    version: int
    problem: str | None
    _cause: tuple[str, int | None] | None

    def __init__(
        self,
        service: ServiceName,
        endpoints: Iterable[Endpoint] = (),
        *,
        outcome: str = OK,
        ttl: int | None = None,
        seen_at: float = 0.0,
        servers: tuple[str, ...] = (),
        dropped: tuple[str, ...] = (),
        unresolved: tuple[str, ...] = (),
        version: int = 0,
        problem: str | None = None,
        cause: tuple[str, int | None] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "service", service)
        put(self, "endpoints", ordered(endpoints))
        put(self, "outcome", outcome)
        put(self, "ttl", ttl)
        put(self, "seen_at", seen_at)
        put(self, "servers", servers)
        put(self, "dropped", dropped)
        put(self, "unresolved", unresolved)
        put(self, "version", version)
        put(self, "problem", problem)
        put(self, "_cause", cause)

    def _compared(self) -> tuple[Any, ...]:
        return self.service, self.endpoints

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def __len__(self) -> int:
        return len(self.endpoints)

    def __bool__(self) -> bool:
        """Whether anybody is there."""
        return bool(self.endpoints)

    def __contains__(self, item: object) -> bool:
        """Whether an endpoint, or one of that pod name (``mysql-0``) or FQDN, is listed."""
        if isinstance(item, str):
            wanted = item.lower().removesuffix(".")
            return any(wanted in (each.name, each.hostname) for each in self.endpoints)
        return item in self.endpoints

    def __repr__(self) -> str:
        return (
            f"<Snapshot of {self.service}: {self.outcome}, "
            f"{len(self.endpoints)} endpoints{': ' if self.endpoints else ''}{self._listed()}>"
        )

    def __str__(self) -> str:
        """``hostname:port`` of all endpoints, joined by commas."""
        return ",".join(map(str, self.endpoints))

    def by_ordinal(self, ordinal: int) -> Endpoint:
        """The endpoint with that number in its StatefulSet.

        Raises:
            EndpointNotFound: None has it; the message says who is listed.
            AmbiguousEndpoint: Two StatefulSets stand behind this Service.
            TypeError: Not a number.
        """
        if not isinstance(ordinal, int):
            raise TypeError(f"an ordinal is a number, not {ordinal!r}; by_name() takes names")
        found = [endpoint for endpoint in self.endpoints if endpoint.ordinal == ordinal]
        return self._the_one(found, f"ordinal {ordinal}")

    def by_name(self, name: str) -> Endpoint:
        """The endpoint of that pod name (``mysql-0``) or FQDN, in any letter case.

        Raises:
            EndpointNotFound: None has it; the message says who is listed.
        """
        wanted = name.lower().removesuffix(".")
        found = [
            endpoint for endpoint in self.endpoints if wanted in (endpoint.name, endpoint.hostname)
        ]
        return self._the_one(found, f"name {name[:260]!a}")

    def hostports(self, *, by: Literal["name", "address"] = "name") -> tuple[str, ...]:
        """``hostname:port`` of each endpoint; IPv6 in brackets, no ``:port`` without one port.

        Args:
            by: ``"name"`` (default; the address where there is none) or ``"address"``.

        Raises:
            ValueError: ``by`` is neither.
        """
        if by == "name":
            return tuple(map(str, self.endpoints))
        if by == "address":
            return tuple(join_port(each.address, each.port) for each in self.endpoints)
        raise ValueError(f"by is 'name' or 'address', not {ascii(by)[:100]}")

    def urls(self, scheme: str, *, by: Literal["name", "address"] = "name") -> tuple[str, ...]:
        """``scheme://hostname:port`` of each endpoint.

        Args:
            scheme: ``"nats"``, ``"http"``.
            by: As in `hostports`.

        Raises:
            ValueError: ``by`` is neither.
        """
        return tuple(f"{scheme}://{place}" for place in self.hostports(by=by))

    def _the_one(self, found: list[Endpoint], wanted: str) -> Endpoint:
        if len(found) == 1:
            return found[0]
        service = self.service.fqdn
        if found:
            names = ", ".join(str(endpoint.hostname) for endpoint in found)
            raise AmbiguousEndpoint(
                service, wanted, tuple(found), f"{service}: {wanted} is ambiguous: {names}"
            )
        raise EndpointNotFound(
            service,
            wanted,
            self.endpoints,
            f"{service}: no endpoint has {wanted}; {self._who_is_listed()}",
        )

    def _who_is_listed(self) -> str:
        if not self.endpoints:
            return f"none is listed ({self.outcome})"
        text = "listed: " + self._listed()
        if self.unresolved:
            return text + (
                f"; {len(self.unresolved)} names came without their addresses, because one DNS "
                "message does not hold so many: ask DNS for the pod's own name"
            )
        if all(endpoint.ordinal is None for endpoint in self.endpoints):
            text += (
                "; none has an ordinal: pods carry their hostnames only under the Service that "
                "the StatefulSet names as its serviceName"
            )
        return text

    def _listed(self) -> str:
        """The first few endpoints in words."""
        first = [each.name or each.address for each in self.endpoints[:_LISTED_AT_MOST]]
        more = len(self.endpoints) - len(first)
        return ", ".join(first) + (f" and {more} more" if more else "")


class _Ordered(tuple[Endpoint, ...]):
    """Endpoints that are sorted already."""

    __slots__ = ()


def ordered(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Endpoints by (ordinal, name, address), None last; what is ordered is left alone."""
    if type(endpoints) is _Ordered:
        return endpoints
    return _Ordered(sorted(endpoints, key=_ORDER))


def join_port(place: str, port: int | None) -> str:
    """``place:port``, IPv6 in brackets, ``:port`` left off where it is None."""
    if ":" in place:
        place = f"[{place}]"
    return place if port is None else f"{place}:{port}"
