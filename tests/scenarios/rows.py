"""Rows: what one row of the table of misbehaving servers holds, and the stage it plays on.

In: nothing. Out: `Row`, the data; `Stage`, real servers on loopback that a row arranges.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headless_discovery import LookupOptions
from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from headless_discovery.testing import Fault, Service, StatefulSet

POD_NETWORK = "10.244.0.0/16"


def default_fault() -> Iterable[Fault]:
    """No fault."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing a server can do, and what a look must come to.

    Attributes:
        id: What the test is called.
        does: What the server does, in one line.
        why: Why that matters, in one line.
        faults: Makes the faults of the first server.
        arrange: Does everything else, before the first look.
        between: Called before each look but the first, with its number from 1.
        replicas: Pods of the StatefulSet ``mysql`` behind the Service ``db.shop``.
        ports: Of the Service; none means there are no SRV records.
        servers: How many servers there are, with the same content.
        timeout: Seconds a look may take.
        attempt: Seconds of one attempt.
        options: Other fields of `LookupOptions`.
        service: What is looked for.
        looks: How many looks, one after the other, with one service object.
        outcome: What the last look comes to.
        earlier: What all looks before it come to.
        failures: How many of the earlier looks may fail in spite of that.
        pods: What the last look finds: ``"all"`` pods under their names, ``"nameless"``:
            the addresses of all without names, ``"addresses"``: those of all, with or
            without names, ``"none"``, or addresses by pod name.
        sends: Messages the last look sends at most.
        found_ports: The ports of every endpoint found, where they are looked at.
        dropped: For each dropped record a part of its description, in order.
        unresolved: Pods that were listed without an address; None: not looked at.
        ttl: The snapshot's, where it is looked at.
        ignored: How many packets of each kind were ignored in the last look, at least.
        words: Parts of what is said about a failure.
        at_most: Seconds the last look takes at most, where that is less than the timeout.
        plain: The address type dnspython is asked for behind SRV; ``""``: not asked.
        plain_srv: Whether it is asked for SRV first.
        libc: Whether ``getaddrinfo`` is asked.
    """

    id: str
    does: str
    why: str
    faults: Callable[[], Iterable[Fault]] = default_fault
    arrange: Callable[[Stage], object] = lambda _: None
    between: Callable[[Stage, int], object] = lambda _stage, _number: None
    replicas: int = 3
    ports: tuple[int, ...] = (3306,)
    servers: int = 1
    timeout: float = 2.0
    attempt: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    service: str = "db.shop"
    looks: int = 1
    outcome: str = "OK"
    earlier: str = ""
    failures: int = 0
    pods: str | Mapping[str, tuple[str, ...]] = ""
    found_ports: tuple[int, ...] | None = None
    sends: int = 1
    dropped: tuple[str, ...] = ()
    unresolved: tuple[str, ...] | None = ()
    ttl: int | None = None
    ignored: Mapping[str, int] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    at_most: float | None = None
    plain: str = "A"
    plain_srv: bool = True
    libc: bool = False


class Stage:
    """Running servers for one row.

    Attributes:
        servers: The embedded servers, in the order they are asked.
        services: The Service of each.
        mysql: The StatefulSet of each.
        options: How the look asks.
        looks: How many looks.
        plain: Whether it is dnspython's turn.
        context: Undone when the row is over.
    """

    def __init__(
        self, row: Row, context: contextlib.ExitStack, *, standard_port: bool = False
    ) -> None:
        self.context = context
        self.plain = False
        self.looks = row.looks
        self.servers: list[ClusterDNS] = []
        self.services: list[Service] = []
        self.mysql: list[StatefulSet] = []
        for number in range(row.servers):
            at: dict[str, Any] = (
                {"host": f"127.0.0.{number + 1}", "port": 53} if standard_port else {}
            )
            self.add_server(row, seed=number, **at)
        first = self.servers[0]
        first.faults.add(*row.faults())
        settings: dict[str, Any] = {
            "nameservers": [each.nameserver for each in self.servers],
            "cluster_domain": first.cluster_domain,
            "timeout": row.timeout,
            "attempt_timeout": row.attempt,
        }
        self.options = LookupOptions(**{**settings, **row.options})
        row.arrange(self)

    def add_server(self, row: Row, *, replicas: int | None = None, **server: Any) -> ClusterDNS:
        """Start another server with the row's content, or with another number of pods."""
        dns = self.context.enter_context(ClusterDNS(pod_network=POD_NETWORK, **server))
        service = dns.service("db.shop", ports=row.ports)
        count = row.replicas if replicas is None else replicas
        self.services.append(service)
        self.mysql.append(dns.statefulset("mysql", service=service, replicas=count))
        self.servers.append(dns)
        return dns

    @property
    def pods(self) -> dict[str, tuple[str, ...]]:
        """Addresses by name of the pods that are really there."""
        return {pod.name: tuple(pod.addresses) for pod in self.mysql[-1].pods}


@contextlib.contextmanager
def staged(row: Row, *, standard_port: bool = False) -> Iterator[Stage]:
    """Set a row up, and take it down.

    Args:
        row: The row.
        standard_port: Put servers on port 53 of 127.0.0.1, 127.0.0.2 and so on.
    """
    with contextlib.ExitStack() as context:
        yield Stage(row, context, standard_port=standard_port)
