"""The plugin: what CoreDNS's ``kubernetes`` plugin answers to one question.

In: a question and the content of the cluster. Out: the sections and the response code.
Follows CoreDNS 1.15 (``plugin/kubernetes``, ``plugin/backend_lookup.go``) with the
reverse zones; knows nothing of bytes on the wire and sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .addressing import packed
from .encoding import Query, Record, Response
from .protocol import (
    AAAA,
    AXFR,
    BADVERS,
    CLASS_IN,
    CNAME,
    IXFR,
    NOERROR,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    SRV,
    TXT,
    A,
    labels_of,
    name_wire,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from .cluster import Cluster
    from .services import PublishedSlice, Service

__all__ = ["Plugin"]

SCHEMA_VERSION = b"1.1.0"
SCHEMA_TTL = 28800
MAX_CHAIN = 10  # links of CNAME followed


class _NameError(Exception):
    """There is nothing of that name (CoreDNS ``errNoItems`` and its kin)."""


class _Asked(NamedTuple):
    """A question inside one of the zones: name and zone in the asker's letter case."""

    name: bytes
    labels: tuple[bytes, ...]  # lower case, without the zone
    zone: bytes
    reverse: bool


class _Item(NamedTuple):
    """One endpoint and port, or one virtual address, or one alias (CoreDNS ``msg.Service``)."""

    text: str
    packed: bytes
    port: int
    target: bytes  # the wire form of its name, without the zone


class Plugin:
    """Answers questions from the content of a cluster.

    Args:
        cluster: The content.
        ttl: Seconds in every record, 0 to 3600.
        pods: ``"insecure"``, ``"verified"`` or ``"disabled"``, as `ClusterDNS` says.
        rng: Gives the order of slices where there are several.
    """

    def __init__(self, cluster: Cluster, *, ttl: int, pods: str, rng: Random) -> None:
        self.ttl = ttl
        self._cluster = cluster
        self._pods = pods
        self._rng = rng
        self._domain = name_wire(cluster.domain)
        # The zones by their labels: the cluster domain and both reverse zones.
        self._zones = [
            (labels_of(name_wire(zone)), zone.endswith(".arpa"))
            for zone in (cluster.domain, "in-addr.arpa", "ip6.arpa")
        ]
        self._varies = False

    def answer(self, query: Query) -> Response:
        """The answer of the server to one query."""
        refusal = _refusal(query)
        if refusal is not None:
            return Response(refusal)
        asked = self._inside(query.name)
        if asked is None:
            return Response(SERVFAIL)  # there is no upstream to ask
        if query.rtype in (AXFR, IXFR):
            return Response(REFUSED)
        with self._cluster.lock:
            self._cluster.refresh()
            self._varies = False
            try:
                records, extra = self._records(asked, query.rtype)
            except _NameError:
                rcode = NXDOMAIN if self._cluster.synced else SERVFAIL
                return Response(rcode, aa=True, authority=(self._soa(asked.zone),))
            if not records:
                return Response(NOERROR, aa=True, authority=(self._soa(asked.zone),))
            return Response(NOERROR, aa=True, answer=records, additional=extra, varies=self._varies)

    def _inside(self, name: bytes) -> _Asked | None:
        labels = labels_of(name.lower())
        for zone, reverse in self._zones:
            count = len(labels) - len(zone)
            if count >= 0 and labels[count:] == zone:
                skip = sum(len(label) + 1 for label in labels[:count])
                # A dot inside a label is escaped in CoreDNS's texts, and equal to no dot.
                left = tuple(label.replace(b".", rb"\.") for label in labels[:count])
                return _Asked(name, left, name[skip:], reverse)
        return None

    def _soa(self, zone: bytes) -> Record:
        numbers = (self._cluster.serial & 0xFFFFFFFF, 7200, 1800, 86400, self.ttl)
        return Record(
            zone,
            SOA,
            min(self.ttl, 300),
            b"",
            (b"\x02ns\x03dns" + zone, b"\x0ahostmaster" + zone),
            b"".join(number.to_bytes(4) for number in numbers),
        )

    def _records(self, asked: _Asked, rtype: int) -> tuple[Sequence[Record], Sequence[Record]]:
        """Answer and additional section; both empty where the name exists without such data."""
        if rtype == SRV:
            return self._srv(asked)
        find = {
            A: self._a,
            AAAA: self._aaaa,
            CNAME: self._cname,
            PTR: self._ptr,
            SOA: self._own_soa,
            TXT: self._txt,
        }.get(rtype, self._nothing)
        return find(asked), ()

    # --- records of one type ---------------------------------------------------------

    def _a(self, asked: _Asked) -> list[Record]:
        return self._addresses(asked, A, ())

    def _aaaa(self, asked: _Asked) -> list[Record]:
        return self._addresses(asked, AAAA, ())

    def _cname(self, asked: _Asked) -> list[Record]:
        items = self._items(asked)
        return [self._alias(asked.name, items[0].text)] if items and not items[0].packed else []

    def _own_soa(self, asked: _Asked) -> list[Record]:
        """Of other names than the zone's: no data, even of names that do not exist."""
        return [] if asked.labels else [self._soa(asked.zone)]

    def _nothing(self, asked: _Asked) -> list[Record]:
        """Other types: no data, unless the name does not exist."""
        self._items(asked)
        return []

    def _addresses(self, asked: _Asked, rtype: int, links: tuple[Record, ...]) -> list[Record]:
        """A or AAAA, through aliases that stay in the zone."""
        length = 4 if rtype == A else 16
        records: list[Record] = []
        seen = set()
        for item in self._items(asked):
            if not item.packed:
                records += self._through(asked, rtype, item.text, links)
            elif len(item.packed) == length and item.text not in seen:
                seen.add(item.text)
                records.append(Record(asked.name, rtype, self.ttl, item.packed))
        return records

    def _through(
        self, asked: _Asked, rtype: int, target: str, links: tuple[Record, ...]
    ) -> list[Record]:
        """An alias and what is behind it; nothing where a target inside has nothing."""
        alias = self._alias(asked.name, target)
        wire = alias.names[0]
        if wire.lower() == asked.name.lower() or len(links) > MAX_CHAIN:
            return []
        if any(_same(alias, link) for link in links):
            return []
        inside = self._inside(wire)
        if inside is None or inside.zone.lower() != asked.zone.lower():
            return [alias]  # there is nobody to ask about names outside
        try:
            behind = self._addresses(inside._replace(zone=asked.zone), rtype, (*links, alias))
        except _NameError:
            return []
        return [alias, *behind] if behind else []

    def _alias(self, owner: bytes, target: str) -> Record:
        return Record(owner, CNAME, self.ttl, b"", (name_wire(target),))

    def _srv(self, asked: _Asked) -> tuple[list[Record], list[Record]]:
        items = [item for item in self._items(asked) if item.packed]
        records: list[Record] = []
        extra: list[Record] = []
        seen_ports = set()
        seen_addresses = set()
        # Every item counts, also those that repeat or have no port.
        weight = max(1, 100 // len(items)) if items else 0
        numbers = b"\0\0" + weight.to_bytes(2)
        for item in items:
            if item.port == -1:
                continue
            target = item.target + asked.zone
            if (target, item.port) not in seen_ports:
                seen_ports.add((target, item.port))
                head = numbers + item.port.to_bytes(2)
                records.append(Record(asked.name, SRV, self.ttl, head, (target,)))
            if (target, item.text) not in seen_addresses:
                seen_addresses.add((target, item.text))
                rtype = A if len(item.packed) == 4 else AAAA
                extra.append(Record(target, rtype, self.ttl, item.packed))
        return records, extra

    def _txt(self, asked: _Asked) -> list[Record]:
        if asked.labels == (b"dns-version",):
            text = len(SCHEMA_VERSION).to_bytes() + SCHEMA_VERSION
            return [Record(asked.name, TXT, SCHEMA_TTL, text)]
        if not self._named(asked):
            raise _NameError
        return []

    def _ptr(self, asked: _Asked) -> list[Record]:
        address = _reversed_address(asked) if asked.reverse else None
        if address is None:
            self._named(asked)  # says whether the name exists
            return []
        names: dict[bytes, None] = {}
        service = self._cluster.service_at(address)
        if service is not None:
            names[service.wire + self._domain] = None
        else:
            for each in self._in_some_order(self._cluster.slices_at(address)):
                for listed in each.addresses:
                    if listed.packed == address:
                        names[_label(listed.label) + each.service.wire + self._domain] = None
        if not names:
            raise _NameError
        return [Record(asked.name, PTR, self.ttl, b"", (name,)) for name in names]

    # --- what a name means -----------------------------------------------------------

    def _items(self, asked: _Asked) -> list[_Item]:
        """What is behind a name; empty where the name exists and has nothing.

        Raises:
            _NameError: There is no such name.
        """
        if asked.labels == (b"ns", b"dns"):
            return []  # the server's own addresses, loopback left out
        return self._named(asked)

    def _named(self, asked: _Asked) -> list[_Item]:
        """As `_items`, for the types that do not know ``ns.dns``: PTR and TXT."""
        labels = asked.labels
        if labels in ((), (b"svc",), (b"pod",)):
            return []
        if asked.reverse or labels[-1] not in (b"svc", b"pod") or len(labels) > 5:
            raise _NameError
        namespace = labels[-2].decode("latin-1")
        if not self._cluster.has_namespace(namespace):
            raise _NameError
        if labels[-1] == b"pod":
            return self._pod(asked, namespace)
        if len(labels) == 2:
            return []
        service = self._cluster.service(namespace, labels[-3].decode("latin-1"))
        if service is None:
            raise _NameError
        return self._service_items(service, labels[:-3])

    def _service_items(self, service: Service, left: tuple[bytes, ...]) -> list[_Item]:
        """What is behind a Service, given the labels to the left of its name.

        One label is an endpoint, two are port and protocol; underscores are stripped,
        and an empty one stands for any.
        """
        endpoint = left[0] if len(left) == 1 else b""
        port, protocol = (label.removeprefix(b"_") for label in (left if left[1:] else (b"", b"")))
        if service.external_name is not None:
            if endpoint or port or protocol or packed(service.external_name) is not None:
                raise _NameError
            return [_Item(service.external_name, b"", 0, service.wire)]
        if service.headless or endpoint:
            return self._endpoint_items(service, endpoint, port, protocol)
        return self._virtual_items(service, port, protocol)

    def _endpoint_items(
        self, service: Service, endpoint: bytes, port: bytes, protocol: bytes
    ) -> list[_Item]:
        items: list[_Item] = []
        for each in self._in_some_order(service.published):
            numbers = [
                one.number
                for one in each.ports
                if port in (b"", one.name) and protocol in (b"", one.protocol)
            ]
            for listed in each.addresses if numbers else ():
                if endpoint and listed.label.lower() != endpoint:
                    continue
                target = _label(listed.label) + service.wire
                for number in numbers:
                    items.append(_Item(listed.text, listed.packed, number, target))  # noqa: PERF401
        if not items:
            raise _NameError
        return items

    @staticmethod
    def _virtual_items(service: Service, port: bytes, protocol: bytes) -> list[_Item]:
        numbers = [
            one.port
            for one in service.ports
            if port in (b"", one.name.lower().encode())
            and protocol in (b"", one.protocol.lower().encode())
        ]
        if not service.ports and not port and not protocol:
            numbers = [-1]
        if not numbers:
            raise _NameError
        return [
            _Item(address, packed(address) or b"", number, service.wire)
            for number in numbers
            for address in service.cluster_ips
        ]

    def _pod(self, asked: _Asked, namespace: str) -> list[_Item]:
        """``10-244-2-5.<namespace>.pod``: the address that is written there."""
        if self._pods == "disabled":
            raise _NameError
        if len(asked.labels) == 2:
            return []
        name = asked.labels[-3]
        dotted = name.count(b"-") == 3 and b"--" not in name
        text = name.replace(b"-", b"." if dotted else b":").decode("latin-1")
        octets = packed(text)
        real = self._pods == "insecure" or self._cluster.has_pod(namespace, text)
        if octets is None or "%" in text or not real:
            raise _NameError
        wire = _label(name) + name_wire(f"{namespace}.pod")[:-1]
        return [_Item(text, octets, 0, wire)]

    def _in_some_order(self, slices: Sequence[PublishedSlice]) -> Iterator[PublishedSlice]:
        """Slices come out of a Go map: where there are several, their order is random."""
        if sum(1 for each in slices if each.addresses) > 1:
            self._varies = True
            slices = self._rng.sample(slices, len(slices))
        return iter(slices)


def _refusal(query: Query) -> int | None:
    """The error about the query itself, None where it can be answered."""
    if query.rclass != CLASS_IN:
        return REFUSED
    if query.edns is not None and query.edns.version != 0:
        return BADVERS
    return None


def _label(label: bytes) -> bytes:
    """The wire form of a label, of several where a pod's name has dots."""
    return b"".join(len(part).to_bytes() + part for part in label.split(b"."))


def _same(one: Record, other: Record) -> bool:
    return (one.owner.lower(), one.names[0].lower()) == (
        other.owner.lower(),
        other.names[0].lower(),
    )


def _reversed_address(asked: _Asked) -> bytes | None:
    """The address in a reverse name, None where it is none."""
    parts = [label.decode("latin-1") for label in reversed(asked.labels)]
    nibbles = len(asked.zone) == len(b"\x03ip6\x04arpa\0")
    if nibbles:
        digits = "".join(parts[: len(parts) // 4 * 4])
        text = ":".join(digits[at : at + 4] for at in range(0, len(digits), 4))
    else:
        text = ".".join(parts)
    return packed(text) if nibbles or ":" not in text else None
