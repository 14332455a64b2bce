"""What the content of the cluster is written in: ports, endpoints, EndpointSlices.

Values only, in the words and with the meaning of the Kubernetes API (``v1.Service`` and
``discovery.k8s.io/v1.EndpointSlice``).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Endpoint", "EndpointPort", "EndpointSlice", "Port"]


class Port(NamedTuple):
    """A port of a Service.

    Attributes:
        port: The Service's own port, 1 to 65535: what a ClusterIP Service tells.
        name: Its name, ``""`` for the one port that needs none.
        protocol: ``"TCP"``, ``"UDP"`` or ``"SCTP"``.
        target: The pods' port (``targetPort``): a number, the *name* of a container
            port, which is then looked up pod by pod, or None for the same as ``port``.
    """

    port: int
    name: str = ""
    protocol: str = "TCP"
    target: int | str | None = None


class EndpointPort(NamedTuple):
    """A port of the endpoints of one slice; ``port`` None means every port, so no SRV."""

    port: int | None
    name: str = ""
    protocol: str = "TCP"


class Endpoint(NamedTuple):
    """One endpoint, written by hand.

    Attributes:
        addresses: IPv4 or IPv6 addresses, in text. In a slice: all of one family.
        hostname: The pod's hostname where its ``subdomain`` is the Service, else None.
        ready: The condition of that name; None counts as ready (EndpointSlice API).
        serving: The condition of that name; DNS does not look at it.
        terminating: The condition of that name; DNS does not look at it.
        pod: The name of the pod (``targetRef.name``), used with ``endpoint_pod_names``.
        ports: Its own ports; None means the Service's. Not looked at inside an
            `EndpointSlice`, which has ports for all its endpoints.
    """

    addresses: tuple[str, ...]
    hostname: str | None = None
    ready: bool | None = True
    serving: bool | None = None
    terminating: bool | None = None
    pod: str | None = None
    ports: tuple[EndpointPort, ...] | None = None


class EndpointSlice(NamedTuple):
    """One EndpointSlice as the control plane holds it: endpoints that share their ports."""

    endpoints: tuple[Endpoint, ...]
    ports: tuple[EndpointPort, ...] = ()
