"""Services and what their EndpointSlices list.

In: the spec of a Service, the pods its selector matches, endpoints written by hand.
Out: the published slices, as the EndpointSlice controller writes and CoreDNS reads
them. Knows nothing of names in DNS messages but the label of an endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .addressing import packed
from .protocol import name_wire
from .specs import Endpoint, EndpointPort, EndpointSlice, Port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .cluster import Cluster

__all__ = ["Pod", "PublishedAddress", "PublishedPort", "PublishedSlice", "Service"]

SLICE_SIZE = 100  # the EndpointSlice controller's --max-endpoints-per-slice


class Pod(NamedTuple):
    """One pod of a workload, as it is now.

    Attributes:
        name: The pod's name, ``mysql-0``.
        addresses: One address for each family of the workload.
        ready: Whether its readiness probe succeeds.
        terminating: Whether it has been deleted and is within its grace period.
        born: Counts up over all pods: a replaced pod comes last in its Services.
        ports: Container ports by name, for Services whose targetPort is a name.
        subdomain: The governing Service's name; only there it has a hostname.
    """

    name: str
    addresses: tuple[str, ...]
    ready: bool
    terminating: bool
    born: int
    ports: Mapping[str, int]
    subdomain: str | None


class PublishedPort(NamedTuple):
    """A port as DNS sees it: ``number`` is -1 where there is none; the texts in lower case."""

    number: int
    name: bytes
    protocol: bytes


class PublishedAddress(NamedTuple):
    """A listed address: text, octets (empty for a name) and the label of its endpoint."""

    text: str
    packed: bytes
    label: bytes


class PublishedSlice(NamedTuple):
    """The listed addresses of one slice of one Service."""

    service: Service
    ports: tuple[PublishedPort, ...]
    addresses: tuple[PublishedAddress, ...]


class Service:
    """One Service. Made by `ClusterDNS.service`; changes are visible to the next question.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        external_name: Where a Service of type ExternalName points, else None.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        namespace: str,
        *,
        ports: Iterable[int | Port],
        cluster_ips: tuple[str, ...],
        external_name: str | None,
        publish_not_ready_addresses: bool,
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.external_name = external_name
        self._cluster = cluster
        self._ports = as_ports(ports)
        self._cluster_ips = cluster_ips
        self._publish = publish_not_ready_addresses
        self._written: tuple[Endpoint, ...] = ()
        self._slices: tuple[EndpointSlice, ...] = ()
        self._pods: dict[str, Pod] = {}
        self.wire = name_wire(f"{name}.{namespace}.svc")[:-1]
        self.published: tuple[PublishedSlice, ...] = ()

    @property
    def fqdn(self) -> str:
        """The full name without the last dot."""
        return f"{self.name}.{self.namespace}.svc.{self._cluster.domain}"

    @property
    def headless(self) -> bool:
        """Whether it has no cluster IP and is no ExternalName."""
        return not self._cluster_ips and self.external_name is None

    @property
    def cluster_ips(self) -> tuple[str, ...]:
        """Its virtual addresses; empty for a headless Service."""
        return self._cluster_ips

    @property
    def ports(self) -> tuple[Port, ...]:
        """Its ports."""
        return self._ports

    def set_ports(self, ports: Iterable[int | Port]) -> None:
        """Replace the ports."""
        with self._cluster.changing(self):
            self._ports = as_ports(ports)

    def set_publish_not_ready_addresses(self, publish: bool = True) -> None:
        """Set ``spec.publishNotReadyAddresses``: list pods whether they are ready or not."""
        with self._cluster.changing(self):
            self._publish = publish

    def set_endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        """Write the endpoints by hand, in slices of 100, as for a Service without selector."""
        with self._cluster.changing(self):
            self._written = tuple(endpoints)
            self._cluster.note(address for each in self._written for address in each.addresses)

    def set_slices(self, slices: Iterable[EndpointSlice]) -> None:
        """Take over EndpointSlices exactly as they are."""
        with self._cluster.changing(self):
            self._slices = tuple(slices)
            self._cluster.note(
                address
                for each in self._slices
                for endpoint in each.endpoints
                for address in endpoint.addresses
            )

    def delete(self) -> None:
        """Delete the Service and its slices; its pods stay under their other Services."""
        self._cluster.remove_service(self)

    def put_pod(self, pod: Pod) -> None:
        """A pod that the selector matches has come or changed (called by workloads)."""
        self._pods[pod.name] = pod

    def drop_pod(self, name: str) -> None:
        """A pod that the selector matched is gone (called by workloads)."""
        self._pods.pop(name, None)

    def has_pod(self, address: str) -> bool:
        """Whether an endpoint that was written here has this address and names its pod."""
        taken_over = (endpoint for each in self._slices for endpoint in each.endpoints)
        return any(
            endpoint.pod and address in endpoint.addresses
            for endpoint in (*self._written, *taken_over)
        )

    def publish(self) -> tuple[PublishedSlice, ...]:
        """What DNS lists of the slices, computed anew."""
        slices = [*self._slices, *_controlled(self._endpoints(), self._service_ports())]
        return tuple(self._published(each) for each in slices)

    def _service_ports(self) -> tuple[EndpointPort, ...]:
        """The ports of endpoints that have no say in it: a named targetPort is left out."""
        return tuple(self._port_of(port, {}) for port in self._ports if _known(port, {}))

    def _endpoints(self) -> Iterator[Endpoint]:
        for endpoint in self._written:
            yield endpoint._replace(ready=True) if self._publish else endpoint
        for pod in sorted(self._pods.values(), key=lambda pod: pod.born):
            yield Endpoint(
                pod.addresses,
                hostname=pod.name if pod.subdomain == self.name else None,
                ready=self._publish or (pod.ready and not pod.terminating),
                serving=pod.ready,
                terminating=pod.terminating,
                pod=pod.name,
                ports=tuple(
                    self._port_of(port, pod.ports)
                    for port in self._ports
                    if _known(port, pod.ports)
                ),
            )

    @staticmethod
    def _port_of(port: Port, container: Mapping[str, int]) -> EndpointPort:
        target = port.port if port.target is None else port.target
        number = container[target] if isinstance(target, str) else target
        return EndpointPort(number, port.name, port.protocol)

    def _published(self, each: EndpointSlice) -> PublishedSlice:
        ports = tuple(
            PublishedPort(
                -1 if port.port is None else port.port,
                port.name.lower().encode(),
                port.protocol.lower().encode(),
            )
            for port in each.ports
        ) or (PublishedPort(-1, b"", b""),)
        addresses = tuple(
            PublishedAddress(address, packed(address) or b"", self._label(endpoint, address))
            for endpoint in each.endpoints
            if endpoint.ready is not False
            for address in endpoint.addresses
        )
        return PublishedSlice(self, ports, addresses)

    def _label(self, endpoint: Endpoint, address: str) -> bytes:
        """The endpoint's label (CoreDNS ``endpointHostname``)."""
        label = endpoint.hostname
        if not label and self._cluster.endpoint_pod_names and len(endpoint.pod or "") < 64:
            label = endpoint.pod
        if not label:
            label = address.replace(".", "-").replace(":", "-")
            label += "0" * (":" in address and label.endswith("-"))
        return label.encode()


def as_ports(ports: Iterable[int | Port]) -> tuple[Port, ...]:
    """Ports as `Port`, a bare number being an unnamed TCP port."""
    return tuple(_checked_port(Port(port) if isinstance(port, int) else port) for port in ports)


def _checked_port(port: Any) -> Port:
    """A port as Kubernetes would accept it; a slip in a test shall not pass for an empty Service.

    Raises:
        ValueError: It would not.
    """
    number: Any = port.port if isinstance(port, Port) else None
    name: Any = port.name if isinstance(port, Port) else None
    if (
        not isinstance(number, int)
        or not 0 < number <= 65535
        or not isinstance(name, str)
        or port.protocol not in ("TCP", "UDP", "SCTP")
    ):
        raise ValueError(
            f"{port!r} is no port: a number from 1 to 65535, or "
            "Port(number, name, protocol, target)"
        )
    checked: Port = port
    return checked


def _known(port: Port, container: Mapping[str, int]) -> bool:
    """Whether a named targetPort exists; the controller leaves out one that does not."""
    return not isinstance(port.target, str) or port.target in container


def _controlled(
    endpoints: Iterable[Endpoint], ports: tuple[EndpointPort, ...]
) -> Iterator[EndpointSlice]:
    """Slices as the controller makes them: one family, the same ports, at most 100."""
    groups: dict[tuple[bool, tuple[EndpointPort, ...]], list[Endpoint]] = {}
    for endpoint in endpoints:
        own = ports if endpoint.ports is None else endpoint.ports
        for v6 in (False, True):
            addresses = tuple(text for text in endpoint.addresses if (":" in text) is v6)
            if addresses:
                groups.setdefault((v6, own), []).append(endpoint._replace(addresses=addresses))
    for (_, own), group in groups.items():
        for start in range(0, len(group), SLICE_SIZE):
            yield EndpointSlice(tuple(group[start : start + SLICE_SIZE]), own)
