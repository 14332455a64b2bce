"""One Kubernetes namespace in the words of the tests: Services, StatefulSets, pods.

In comes an `ApiServer`, out goes what the control plane holds. Knows no DNS: what DNS
makes of it is the other half of a test.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.api import ApiServer, Manifest

PER_SLICE = 100
"""Endpoints in one EndpointSlice, as the endpointslice controller fills them."""

MOST_ENDPOINTS = 50_000
"""What `write_slices` has addresses for."""


class Port(NamedTuple):
    """One port of a Service: `target` is what the pods listen on, a number or a name."""

    number: int
    name: str | None = None
    protocol: str = "TCP"
    target: int | str | None = None


class TruePod(NamedTuple):
    """One endpoint as the EndpointSlices of a Service hold it.

    Attributes:
        name: Name of the pod; None for one written by hand.
        hostname: The label DNS publishes the pod under; None if it has none.
        addresses: All addresses of the pod, of both families.
        ready: Whether DNS lists it; a missing condition counts as ready.
        ports: Port name (empty where unnamed), protocol, number.
    """

    name: str | None
    hostname: str | None
    addresses: frozenset[str]
    ready: bool
    ports: frozenset[tuple[str, str, int | None]]


class Namespace:
    """A namespace of the cluster and what the tests do in it.

    Objects are labelled `app: <service>`, which is also what Services select, so that a
    Service and the workload behind it find each other by the Service's name.

    Args:
        api: The API server.
        name: Name of the namespace.
    """

    def __init__(self, api: ApiServer, name: str) -> None:
        self.api = api
        self.name = name

    def service(
        self,
        name: str,
        *ports: Port | int,
        headless: bool = True,
        selector: Mapping[str, str] | None = None,
        publish_not_ready: bool = False,
        families: Sequence[str] = ("IPv4",),
    ) -> Manifest:
        """Create or change a Service.

        Args:
            name: Name of the Service.
            ports: None at all is legal for a headless Service.
            headless: False gives it a cluster IP.
            selector: `{"app": name}` when None; empty for endpoints written by hand.
            publish_not_ready: List pods before they are ready.
            families: `IPv4`, `IPv6` or both, the first one first.
        """
        spec: Manifest = {
            "ports": [_service_port(port) for port in ports],
            "publishNotReadyAddresses": publish_not_ready,
            "ipFamilies": list(families),
            "ipFamilyPolicy": "RequireDualStack" if len(families) > 1 else "SingleStack",
        }
        chosen = {"app": name} if selector is None else dict(selector)
        if chosen:
            spec["selector"] = chosen
        if headless:
            spec["clusterIP"] = "None"
        return self._apply("Service", name, {}, spec)

    def statefulset(
        self,
        name: str,
        service: str,
        replicas: int = 3,
        *,
        ports: Sequence[Port] = (),
        annotations: Mapping[str, str] | None = None,
        parallel: bool = False,
        start: int = 0,
    ) -> Manifest:
        """Create or change a StatefulSet governed by `service`.

        Args:
            name: Name of the StatefulSet; its pods are `<name>-0` and so on.
            service: Name of the governing Service.
            replicas: How many pods.
            ports: Ports of the containers; needed only for named target ports.
            annotations: Annotations of the pods, which steer them (`testbed/stages.yaml`).
            parallel: Start and end pods all at once instead of in order.
            start: The first ordinal.
        """
        spec = {
            "serviceName": service,
            "replicas": replicas,
            "podManagementPolicy": "Parallel" if parallel else "OrderedReady",
            "ordinals": {"start": start},
            **_pods_of(service, ports, annotations),
        }
        return self._apply("StatefulSet", name, {"app": service}, spec)

    def deployment(
        self,
        name: str,
        service: str,
        replicas: int = 3,
        *,
        ports: Sequence[Port] = (),
        annotations: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Create or change a Deployment whose pods `service` selects; arguments as above."""
        spec = {"replicas": replicas, **_pods_of(service, ports, annotations)}
        return self._apply("Deployment", name, {"app": service}, spec)

    def scale(self, name: str, replicas: int, kind: str = "StatefulSet") -> None:
        """Change how many pods a StatefulSet or Deployment has; does not wait."""
        self.api.patch(kind, name, {"spec": {"replicas": replicas}}, self.name)

    def wait_ready(self, name: str, kind: str = "StatefulSet", timeout: float = 30.0) -> None:
        """Wait until a workload is as it should be, and its Services know.

        That is: exactly the pods it should have, all of them ready, and the EndpointSlices
        in step with them, which the workload's own status may be ahead of.
        """

        def complete() -> bool:
            found = self.api.get(kind, name, self.name)
            status = found["status"]
            wanted: int = found["spec"]["replicas"]
            app = found["spec"]["selector"]["matchLabels"]["app"]
            ready = [pod for pod in self.pods(app) if _is_ready(pod)]
            return (
                # The status may still be that of before a pod was replaced. (Of two workloads
                # behind one Service these are the pods of both.)
                len(ready) >= wanted
                and status.get("observedGeneration", 0) >= found["metadata"]["generation"]
                and status.get("replicas", 0) == wanted
                and status.get("readyReplicas", 0) == wanted
                and self.settled(app)
            )

        self.api.wait_until(complete, f"{kind} {self.name}/{name} to be ready", timeout)

    def settled(self, app: str) -> bool:
        """Return whether the EndpointSlices say of the pods labelled `app` what these are now.

        While a pod is on its way out nothing is settled.
        """
        pods = self.pods(app)
        if any("deletionTimestamp" in pod["metadata"] for pod in pods):
            return False
        for service in self.api.list("Service", self.name):
            if service["spec"].get("selector") != {"app": app}:
                continue
            publishes_all = bool(service["spec"].get("publishNotReadyAddresses"))
            wanted = {
                pod["metadata"]["name"]: (
                    {each["ip"] for each in pod["status"]["podIPs"]},
                    publishes_all or _is_ready(pod),
                )
                for pod in pods
                if "podIPs" in pod["status"]
            }
            listed = {str(pod.name): pod for pod in self.truth(service["metadata"]["name"])}
            if listed.keys() != wanted.keys() or not all(
                pod.addresses <= wanted[name][0] and pod.ready == wanted[name][1]
                for name, pod in listed.items()
            ):
                return False
        return True

    def pods(self, service: str | None = None) -> list[Manifest]:
        """Return the pods of the namespace, or those labelled for one Service."""
        return self.api.list("Pod", self.name, {"app": service} if service else None)

    def set_ready(self, pod: str, ready: bool) -> None:
        """Make a pod pass or fail its readiness probe from now on."""
        self.annotate(pod, {"test/ready": "true" if ready else "false"})

    def annotate(self, pod: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of a pod; None takes one away."""
        self.api.patch("Pod", pod, {"metadata": {"annotations": dict(annotations)}}, self.name)

    def delete_pod(self, pod: str, delay: str | None = None) -> None:
        """Delete a pod.

        Args:
            pod: Name of the pod.
            delay: How long it stays terminating, such as `20s`; 200 ms when None.
        """
        if delay is not None:
            self.annotate(pod, {"test/delete-delay": delay})
        self.api.delete("Pod", pod, self.name)

    def endpoint_slices(self, service: str) -> list[Manifest]:
        """Return the EndpointSlices of a Service, whoever wrote them."""
        return self.api.list("EndpointSlice", self.name, {"kubernetes.io/service-name": service})

    def truth(self, service: str) -> set[TruePod]:
        """Return what the control plane holds for a Service: one entry a pod.

        A pod in several slices (one for each family) is one entry. Which endpoints belong
        together: those of the same pod, of the same hostname where there is no pod.
        """
        found: dict[str, TruePod] = {}
        for piece in self.endpoint_slices(service):
            ports = frozenset(
                (port.get("name") or "", port.get("protocol", "TCP"), port.get("port"))
                for port in piece.get("ports") or ()
            )
            for endpoint in piece.get("endpoints") or ():
                name = endpoint.get("targetRef", {}).get("name")
                hostname = endpoint.get("hostname")
                addresses = frozenset(endpoint["addresses"])
                ready = endpoint.get("conditions", {}).get("ready") is not False
                new = TruePod(name, hostname, addresses, ready, ports)
                key = name or hostname or min(addresses)
                old = found.get(key, new)
                found[key] = new._replace(
                    addresses=old.addresses | addresses, ports=old.ports | ports
                )
        return set(found.values())

    def write_slices(
        self,
        service: str,
        endpoints: int,
        *,
        prefix: str = "mysql",
        port: Port | int = 3306,
        first: int = 0,
    ) -> None:
        """Write EndpointSlices by hand, for a Service bigger than two nodes' pods.

        The Service must have no selector (`selector={}`), else the control plane takes the
        slices for its own. Endpoint i is `<prefix>-<i>` at 10.244.x.y; see `address_of`.

        Args:
            service: Name of the Service.
            endpoints: How many, up to `MOST_ENDPOINTS`.
            prefix: Hostnames begin with this.
            port: The one port of all endpoints.
            first: The first ordinal.
        """
        starts = range(first, first + endpoints, PER_SLICE)
        manifests = [
            self._slice(
                service,
                f"{service}-{start}",
                {
                    f"{prefix}-{ordinal}": address_of(ordinal)
                    for ordinal in range(start, min(start + PER_SLICE, first + endpoints))
                },
                port,
            )
            for start in starts
        ]
        with ThreadPoolExecutor(max_workers=4) as workers:
            list(workers.map(self.api.apply, manifests))

    def write_members(
        self, service: str, members: Mapping[str, str], port: Port | int = 7000
    ) -> None:
        """Write the one EndpointSlice of a Service without a selector: address by hostname."""
        self.api.apply(self._slice(service, service, members, port))

    def _slice(
        self, service: str, name: str, members: Mapping[str, str], port: Port | int
    ) -> Manifest:
        number, port_name, protocol, _ = port if isinstance(port, Port) else Port(port)
        return {
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": self.name,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "tests",
                },
            },
            "addressType": "IPv4",
            "ports": [{"name": port_name or "", "port": number, "protocol": protocol}],
            "endpoints": [
                {"addresses": [address], "hostname": hostname, "conditions": {"ready": True}}
                for hostname, address in members.items()
            ],
        }

    def _apply(
        self, kind: str, name: str, labels: Mapping[str, str], spec: Mapping[str, Any]
    ) -> Manifest:
        metadata = {"name": name, "namespace": self.name, "labels": dict(labels)}
        return self.api.apply({"kind": kind, "metadata": metadata, "spec": dict(spec)})


class Namespaces:
    """Makes namespaces that were never used before, and takes them away again.

    Args:
        api: The API server.
    """

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._numbers = count(1)

    def create(self) -> Namespace:
        """Return a new, empty namespace."""
        name = f"test-{next(self._numbers)}"
        self._api.apply({"kind": "Namespace", "metadata": {"name": name}})
        return Namespace(self._api, name)

    def delete(self, namespace: Namespace) -> None:
        """Have the control plane delete a namespace and all in it; does not wait."""
        self._api.delete("Namespace", namespace.name)


def address_of(ordinal: int) -> str:
    """Return the address of an endpoint of `write_slices`: none kwok gives to a pod."""
    if not 0 <= ordinal < MOST_ENDPOINTS:
        raise ValueError(f"ordinal {ordinal} is not in 0..{MOST_ENDPOINTS - 1}")
    # 10.244.1.0/24 and 10.244.2.0/24 are the pods of the two nodes.
    return f"10.244.{10 + ordinal // 250}.{1 + ordinal % 250}"


def _is_ready(pod: Manifest) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions", ())
    )


def _service_port(port: Port | int) -> Manifest:
    number, name, protocol, target = port if isinstance(port, Port) else Port(port)
    made: Manifest = {"port": number, "protocol": protocol, "targetPort": target or number}
    return made if name is None else {**made, "name": name}


def _pods_of(
    service: str, ports: Sequence[Port], annotations: Mapping[str, str] | None
) -> Manifest:
    """Return the part of a workload's spec that says what its pods are."""
    container: Manifest = {"name": "main", "image": "none"}
    if ports:
        container["ports"] = [
            {"containerPort": port.number, "protocol": port.protocol}
            | ({"name": port.name} if port.name else {})
            for port in ports
        ]
    labels = {"app": service}
    return {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": dict(annotations or {})},
            "spec": {"containers": [container]},
        },
    }
