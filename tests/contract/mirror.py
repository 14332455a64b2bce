"""What the API server holds, put into an embedded cluster DNS.

In come Services and EndpointSlices as the API lists them, out goes a `ClusterDNS` for
each way CoreDNS runs in the bed. Takes over what is written, and interprets nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from headless_discovery.testing import ClusterDNS, Endpoint, EndpointPort, EndpointSlice, Port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.api import ApiServer, Manifest

_SERVICE_NAME = "kubernetes.io/service-name"

SETTINGS: dict[str, dict[str, Any]] = {
    "bare": {"ttl": 5},
    "kubeadm": {"ttl": 30, "shuffle": True},
    "cached": {"ttl": 5, "cache": 30, "shuffle": True},
    "podnames": {"ttl": 5, "endpoint_pod_names": True, "pods": "verified"},
}
"""What `tests/cluster/testbed/Corefile` says, in the words of `ClusterDNS`."""


class Content(NamedTuple):
    """What the API server holds.

    Attributes:
        namespaces: Names of all namespaces.
        services: The Services of the namespaces asked for.
        slices: The EndpointSlices by namespace and Service, in the API's order.
    """

    namespaces: list[str]
    services: list[Manifest]
    slices: dict[tuple[str, str], list[Manifest]]

    @property
    def in_random_order(self) -> frozenset[str]:
        """Names of the Services whose several slices CoreDNS puts in a random order."""
        return frozenset(
            f"{service}.{namespace}.svc.cluster.local."
            for (namespace, service), slices in self.slices.items()
            if len(slices) > 1
        )


def content(api: ApiServer, namespaces: Sequence[str]) -> Content:
    """Read the Services and EndpointSlices of some namespaces, and the names of all."""
    slices: dict[tuple[str, str], list[Manifest]] = {}
    for namespace in namespaces:
        for each in api.list("EndpointSlice", namespace):
            service = each["metadata"].get("labels", {}).get(_SERVICE_NAME, "")
            slices.setdefault((namespace, service), []).append(each)
    return Content(
        [each["metadata"]["name"] for each in api.list("Namespace")],
        [service for namespace in namespaces for service in api.list("Service", namespace)],
        slices,
    )


def embedded(variant: str, content: Content) -> ClusterDNS:
    """Return an embedded cluster DNS with that content, run as one variant of CoreDNS."""
    made = ClusterDNS(**SETTINGS[variant])
    for namespace in content.namespaces:
        made.namespace(namespace)
    for manifest in content.services:
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        spec = manifest["spec"]
        addresses = [each for each in spec.get("clusterIPs", ()) if each != "None"]
        service = made.service(
            name,
            namespace=namespace,
            ports=[
                Port(port["port"], port.get("name", ""), port["protocol"])
                for port in spec.get("ports", ())
            ],
            cluster_ip=addresses or False,
            external_name=spec.get("externalName"),
        )
        made.slices(service, map(_slice, content.slices.get((namespace, name), ())))
    return made


def _slice(manifest: Manifest) -> EndpointSlice:
    return EndpointSlice(
        tuple(map(_endpoint, manifest.get("endpoints") or ())),
        tuple(
            EndpointPort(port.get("port"), port.get("name") or "", port.get("protocol") or "TCP")
            for port in manifest.get("ports") or ()
        ),
    )


def _endpoint(manifest: Manifest) -> Endpoint:
    conditions = manifest.get("conditions", {})
    return Endpoint(
        tuple(manifest["addresses"]),
        manifest.get("hostname"),
        conditions.get("ready"),
        conditions.get("serving"),
        conditions.get("terminating"),
        manifest.get("targetRef", {}).get("name"),
    )
