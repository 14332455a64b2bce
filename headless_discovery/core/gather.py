"""Gather: from the records of replies to endpoints, with everything suspicious left out.

In: replies that count. Out: endpoints, and what was dropped in words. One pod is one
endpoint with all its addresses and ports; its identity is its name. A record that could
not have come from the Kubernetes DNS schema is dropped and named, never repaired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from .addresses import address_key, normalise
from .names import is_pod_label, ordinal_of
from .snapshot import Endpoint
from .wire import AAAA, CNAME, SRV, A

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .addresses import AddressPolicy
    from .wire import Record

__all__ = ["Gathering", "GatheringSettings", "follow_cnames"]

MAX_CNAMES = 8


def follow_cnames(answer: list[Record], start: str, cluster_domain: str) -> tuple[str, str | None]:
    """The name at the end of the CNAME chain inside one answer.

    Args:
        answer: The records of the answer section.
        start: The name that was asked.
        cluster_domain: The chain must stay inside ``svc.<cluster domain>``.

    Returns:
        The last name, and None; or the name up to which the chain is good, and in
        words what was dropped.
    """
    links = {record[0]: record[3] for record in answer if record[1] == CNAME}
    zone = f".svc.{cluster_domain}"
    name = start
    for _ in range(MAX_CNAMES):
        target = links.get(name)
        if target is None:
            return name, None
        if not target.endswith(zone):
            return name, f"CNAME to {target}: it leaves svc.{cluster_domain}"
        name = target
    if name in links:
        return name, f"CNAME chain of more than {MAX_CNAMES} links from {start}"
    return name, None


class GatheringSettings(TypedDict):
    """The keywords of `Gathering`: what a look was asked to keep."""

    policy: AddressPolicy
    family: int | None
    port: int | None
    statefulset: str | None


class Gathering:
    """Collects targets and addresses of one look and makes endpoints of them.

    Args:
        service: The FQDN all targets must be one label before, without the last dot.
        policy: Which addresses may be a pod's.
        family: 4 or 6 keeps only that family.
        port: A number replaces the ports DNS gave.
        statefulset: Only pods of this StatefulSet have ordinals.
    """

    def __init__(
        self,
        service: str,
        policy: AddressPolicy,
        *,
        family: int | None,
        port: int | None,
        statefulset: str | None,
    ) -> None:
        self._service = service
        self._policy = policy
        self._family = family
        self._port = port
        self._statefulset = statefulset
        self._ports: dict[str, set[int]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._nameless: set[str] = set()
        self._dropped: set[str] = set()

    @property
    def dropped(self) -> tuple[str, ...]:
        """What was dropped, in words, sorted."""
        return tuple(sorted(self._dropped))

    def drop(self, what: str) -> None:
        """Note something that was refused."""
        self._dropped.add(what)

    def targets(self, answer: list[Record], owner: str) -> None:
        """Take the SRV records of ``owner``."""
        suffix = "." + self._service
        cut = -len(suffix)
        for name, rdtype, _, value in answer:
            if rdtype != SRV or name != owner:
                continue
            target, port = value[3], value[2]
            known = self._ports.get(target)
            if known is not None:
                known.add(port)
            elif not target.endswith(suffix) or not is_pod_label(target[:cut]):
                self._dropped.add(
                    f"SRV target {target or '.'}: it is not one label before {self._service}"
                )
            else:
                self._ports[target] = {port}
                self._addresses[target] = set()

    def glue(self, records: Iterable[Record]) -> None:
        """Take the address records of targets already known, and no others."""
        for name, rdtype, _, address in records:
            if rdtype in (A, AAAA):
                known = self._addresses.get(name)
                if known is not None:
                    self._keep(known, address, name)

    def nameless(self, answer: list[Record], owner: str) -> None:
        """Take the addresses of the Service itself; those of named pods are known already."""
        for name, rdtype, _, address in answer:
            if rdtype in (A, AAAA) and name == owner:
                self._keep(self._nameless, address, owner)

    def without_glue(self) -> list[str]:
        """Targets that nobody gave an address for, sorted.

        A target whose addresses are of the family not asked for, or were refused, has been
        answered for: it is not among them.
        """
        return sorted(name for name, known in self._addresses.items() if not known)

    def leave_out(self, targets: Iterable[str]) -> None:
        """Mark targets as answered for: the family asked for is not theirs."""
        for name in targets:
            self._addresses[name].add("")

    def endpoints(self) -> tuple[list[Endpoint], tuple[str, ...]]:
        """The endpoints, and the hostnames still without any address."""
        found: list[Endpoint] = []
        unresolved: list[str] = []
        cut = -len(self._service) - 1
        fixed = None if self._port is None else (self._port,)
        named: set[str] = set()
        for hostname, marked in self._addresses.items():
            if not marked:
                unresolved.append(hostname)
                continue
            addresses = _ordered(marked)
            if not addresses:
                continue
            named.update(addresses)
            name = hostname[:cut]
            found.append(
                Endpoint(
                    name=name,
                    hostname=hostname,
                    ordinal=ordinal_of(name, addresses, self._statefulset),
                    addresses=addresses,
                    ports=fixed or tuple(sorted(self._ports[hostname])),
                )
            )
        found.extend(
            Endpoint(addresses=(address,), ports=fixed or ())
            for address in self._nameless - named
            if address
        )
        return found, tuple(sorted(unresolved))

    def _keep(self, known: set[str], address: str, name: str) -> None:
        """Add an address that may be a pod's; leave the mark "" where one was not kept."""
        address = normalise(address)
        if self._family is not None and (":" in address) != (self._family == 6):
            known.add("")
            return
        objection = self._policy.objection(address)
        if objection is not None:
            self._dropped.add(f"address {address} of {name}: {objection}")
            known.add("")
            return
        known.add(address)


def _ordered(marked: set[str]) -> tuple[str, ...]:
    if len(marked) == 1:
        (address,) = marked
        return (address,) if address else ()
    return tuple(sorted(marked - {""}, key=address_key))
