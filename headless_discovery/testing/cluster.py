"""The content of the cluster: namespaces, Services, the time of the last change.

In: changes in the words of Kubernetes. Out: what the DNS plugin sees: Services with
their published endpoints, by name and by address. Plays the part of the API server;
knows nothing of DNS messages.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from .addressing import Pool, packed, refused_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from .services import PublishedSlice, Service
    from .workloads import Workload

__all__ = ["Cluster"]


class Cluster:
    """Everything the cluster DNS knows, behind one lock.

    Args:
        domain: The cluster domain.
        pod_network: Where pods get their addresses, a network for each family.
        service_network: The same for cluster IPs.
        endpoint_pod_names: Name endpoints without hostname after their pods.
        rng: Makes the names of Deployment pods.
    """

    def __init__(
        self,
        *,
        domain: str,
        pod_network: Iterable[str],
        service_network: Iterable[str],
        endpoint_pod_names: bool,
        rng: Random,
    ) -> None:
        self.domain = domain
        self.endpoint_pod_names = endpoint_pod_names
        self.rng = rng
        self.lock = threading.RLock()
        self.pod_addresses = Pool(pod_network)
        self.service_addresses = Pool(service_network)
        self.synced = True
        self.version = 0  # changes whenever an answer may
        self._serial = int(time.time())
        self._namespaces: set[str] = set()
        self._services: dict[tuple[str, str], Service] = {}
        self._workloads: list[Workload] = []
        self._changed: dict[Service, int] = {}
        self._refused: set[str] = set()
        self._reverse: tuple[int, dict[bytes, list[PublishedSlice]]] = (-1, {})
        self._born = 0

    # --- changes ---------------------------------------------------------------------

    def changing(self, *services: Service) -> _Change:
        """The lock, after which these Services are published anew."""
        return _Change(self, services)

    def touch(self, services: Iterable[Service]) -> None:
        """Remember that these Services changed now, and perhaps pods under none."""
        now = int(time.time())
        self.version += 1
        for service in services:
            if self._services.get((service.namespace, service.name)) is service:
                self._changed[service] = now

    def add_namespace(self, name: str) -> None:
        """Create a namespace; no harm if it exists."""
        with self.lock:
            self._namespaces.add(name)
            self.version += 1

    def remove_namespace(self, name: str) -> None:
        """Delete a namespace with all its Services."""
        with self.lock:
            for service in [each for each in self._services.values() if each.namespace == name]:
                self.remove_service(service)
            self._namespaces.discard(name)
            self.version += 1

    def add_service(self, service: Service) -> None:
        """Create a Service and its namespace.

        Raises:
            ValueError: There is one of that name.
        """
        key = (service.namespace, service.name)
        with self.lock:
            if key in self._services:
                raise ValueError(f"Service {service.name} exists in namespace {service.namespace}")
            self._namespaces.add(service.namespace)
            self._services[key] = service
            self.note(service.cluster_ips)
            self.touch([service])
            self._bump(int(time.time()))

    def remove_service(self, service: Service) -> None:
        """Delete a Service; no harm if it is gone."""
        key = (service.namespace, service.name)
        with self.lock:
            if self._services.get(key) is service:
                del self._services[key]
                self._changed.pop(service, None)
                self._bump(int(time.time()))

    def add_workload(self, workload: Workload) -> None:
        """Know a workload, so that its pods are known where no Service selects them."""
        with self.lock:
            self._workloads.append(workload)

    def set_synced(self, synced: bool) -> None:
        """Whether the DNS server has got the content from the API server."""
        with self.lock:
            self.synced = synced
            self.version += 1

    def next_born(self) -> int:
        """The next number in the order of births."""
        self._born += 1
        return self._born

    def note(self, addresses: Iterable[str]) -> None:
        """Remember networks that a client must be told to allow."""
        self._refused.update(filter(None, map(refused_range, addresses)))

    def _bump(self, serial: int) -> None:
        self._serial = max(self._serial, serial)
        self.version += 1

    # --- what DNS sees; the caller holds the lock --------------------------------------

    def refresh(self) -> None:
        """Publish what changed; a change that alters nothing leaves the serial alone."""
        while self._changed:
            service, when = self._changed.popitem()
            published = service.publish()
            if _differs(published, service.published):
                self._bump(when)
            service.published = published
            self.version += 1

    def current(self) -> int:
        """The version of the content, after publishing what changed; takes the lock."""
        with self.lock:
            self.refresh()
            return self.version

    @property
    def serial(self) -> int:
        """The unix time of the last change of a Service or its endpoints; 0 before sync."""
        return self._serial if self.synced else 0

    def has_namespace(self, name: str) -> bool:
        """Whether the namespace exists, as far as the server knows."""
        return self.synced and name in self._namespaces

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service, as far as the server knows."""
        return self._services.get((namespace, name)) if self.synced else None

    def has_pod(self, namespace: str, address: str) -> bool:
        """Whether a pod in that namespace has the address, be it ready, terminating or not."""
        workloads = (each for each in self._workloads if each.namespace == namespace)
        services = (each for each in self._services.values() if each.namespace == namespace)
        return any(workload.has_pod(address) for workload in workloads) or any(
            service.has_pod(address) for service in services
        )

    def service_at(self, address: bytes) -> Service | None:
        """The Service with that cluster IP."""
        if self.synced:
            for service in self._services.values():
                if any(packed(text) == address for text in service.cluster_ips):
                    return service
        return None

    def slices_at(self, address: bytes) -> list[PublishedSlice]:
        """The slices that list an address."""
        if not self.synced:
            return []
        version, index = self._reverse
        if version != self.version:
            index = {}
            for service in self._services.values():
                for each in service.published:
                    for octets in dict.fromkeys(listed.packed for listed in each.addresses):
                        index.setdefault(octets, []).append(each)
            self._reverse = (self.version, index)
        return index.get(address, [])

    def refused_networks(self) -> tuple[str, ...]:
        """What a client must allow to take these endpoints (``allow_networks``)."""
        with self.lock:
            return tuple(dict.fromkeys([*self.pod_addresses.refused(), *sorted(self._refused)]))


class _Change:
    """Holds the lock while something changes, then says what it was."""

    def __init__(self, cluster: Cluster, services: Sequence[Service]) -> None:
        self._cluster = cluster
        self._services = services

    def __enter__(self) -> None:
        self._cluster.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._cluster.touch(self._services)
        self._cluster.lock.release()


def _differs(one: tuple[PublishedSlice, ...], other: tuple[PublishedSlice, ...]) -> bool:
    return [each[1:] for each in one] != [each[1:] for each in other]
