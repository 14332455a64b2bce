"""Workloads: StatefulSets and Deployments, and what happens to their pods.

In: scaling, restarts, readiness. Out: pods in the Services that select them. Plays the
part of the controllers and of the kubelet; every change is visible to the next question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .services import Pod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .cluster import Cluster
    from .services import Service

__all__ = ["Deployment", "StatefulSet", "Workload"]

# The alphabet of apimachinery's util/rand: no vowels, nothing that looks like another.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Workload:
    """What StatefulSets and Deployments share: pods, which come and go under Services.

    Attributes:
        name: The workload's name.
        namespace: The namespace of all its Services.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        *,
        services: Sequence[Service],
        namespace: str,
        families: Sequence[int],
        ports: Mapping[str, int],
        subdomain: str | None,
    ) -> None:
        for service in services:
            if service.namespace != namespace:
                raise ValueError(
                    f"{service.fqdn} cannot select pods in namespace {namespace!r}: "
                    "a selector sees its own namespace only"
                )
        self.name = name
        self.namespace = namespace
        self._cluster = cluster
        self._services = tuple(dict.fromkeys(services))
        self._families = tuple(families)
        self._ports = dict(ports)
        self._subdomain = subdomain
        self._pods: dict[str, Pod] = {}
        cluster.add_workload(self)

    @property
    def pods(self) -> tuple[Pod, ...]:
        """The pods there are, in the order of their births."""
        with self._cluster.lock:
            return tuple(sorted(self._pods.values(), key=lambda pod: pod.born))

    @property
    def replicas(self) -> int:
        """How many pods there are, terminating ones included."""
        return len(self._pods)

    def pod(self, which: int | str) -> Pod:
        """One pod by its name or number (a StatefulSet's ordinal, else the n-th oldest).

        Raises:
            KeyError: There is none.
        """
        with self._cluster.lock:
            name = which if isinstance(which, str) else self._name_of(which)
            return self._pods[name]

    def address(self, which: int | str) -> str:
        """The first address of one pod."""
        return self.pod(which).addresses[0]

    def has_pod(self, address: str) -> bool:
        """Whether one of the pods has this address."""
        return any(address in pod.addresses for pod in self.pods)

    def set_ready(self, which: int | str, ready: bool = True) -> None:
        """Let the readiness probe of one pod succeed or fail."""
        self._change(which, ready=ready)

    def set_all_ready(self, ready: bool = True) -> None:
        """Let the readiness probes of all pods succeed or fail, at once."""
        with self._cluster.changing(*self._services):
            for pod in self.pods:
                self._put(pod._replace(ready=ready))

    def set_ports(self, which: int | str, ports: Mapping[str, int]) -> None:
        """Give one pod other named container ports, as during a rolling update."""
        self._change(which, ports=dict(ports))

    def set_address(self, which: int | str, *addresses: str) -> None:
        """Give one pod these addresses; it keeps its place and its name."""
        self._cluster.note(addresses)
        self._change(which, addresses=addresses)

    def terminate(self, which: int | str) -> None:
        """Delete one pod: within its grace period only Services that publish unready list it."""
        self._change(which, terminating=True)

    def remove(self, which: int | str) -> None:
        """End the grace period of one pod: it is gone. `restart` brings a successor."""
        with self._cluster.changing(*self._services):
            self._drop(self.pod(which).name)

    def delete(self) -> None:
        """Delete the workload with its pods."""
        with self._cluster.changing(*self._services):
            for pod in self.pods:
                self._drop(pod.name)

    def _change(self, which: int | str, **facts: object) -> None:
        with self._cluster.changing(*self._services):
            self._put(self.pod(which)._replace(**facts))  # type: ignore[arg-type]

    def _start(self, name: str, addresses: Sequence[str], ready: bool) -> None:
        self._cluster.note(addresses)
        self._put(
            Pod(
                name,
                tuple(addresses) or self._cluster.pod_addresses.take(self._families),
                ready,
                terminating=False,
                born=self._cluster.next_born(),
                ports=self._ports,
                subdomain=self._subdomain,
            )
        )

    def _put(self, pod: Pod) -> None:
        self._pods[pod.name] = pod
        for service in self._services:
            service.put_pod(pod)

    def _drop(self, name: str) -> None:
        del self._pods[name]
        for service in self._services:
            service.drop_pod(name)

    def _name_of(self, number: int) -> str:
        raise NotImplementedError


class StatefulSet(Workload):
    """Pods named ``<name>-<ordinal>``, with hostnames under the governing Service only.

    Made by `ClusterDNS.statefulset`.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        *,
        governing: Service | None,
        services: Sequence[Service],
        namespace: str,
        families: Sequence[int],
        ports: Mapping[str, int],
        start: int,
    ) -> None:
        super().__init__(
            cluster,
            name,
            services=services,
            namespace=namespace,
            families=families,
            ports=ports,
            subdomain=governing.name if governing is not None else None,
        )
        self.start = start

    def scale(self, replicas: int, *, ready: bool = True) -> None:
        """Have this many replicas: new pods at the upper end, or the highest ordinals gone.

        Args:
            replicas: 0 or more. Ordinals that are missing below are filled again.
            ready: Whether the new pods are ready at once.
        """
        wanted = [self._name_of(self.start + offset) for offset in range(_count(replicas))]
        with self._cluster.changing(*self._services):
            for pod in self.pods:
                if pod.name not in wanted:
                    self._drop(pod.name)
            for name in wanted:
                if name not in self._pods:
                    self._start(name, (), ready)

    def restart(self, ordinal: int, *addresses: str, ready: bool = True) -> None:
        """Replace one pod: the same name at a new address, last in the order of answers.

        Args:
            ordinal: Which. A pod that was removed comes back.
            addresses: Its addresses, by default the next unused ones.
            ready: Whether the successor is ready at once.
        """
        name = self._name_of(ordinal)
        with self._cluster.changing(*self._services):
            if name in self._pods:
                self._drop(name)
            self._start(name, addresses, ready)

    def _name_of(self, number: int) -> str:
        return f"{self.name}-{number}"


class Deployment(Workload):
    """Pods named ``<name>-<hash>-<5 characters>``, which DNS knows by their addresses.

    Made by `ClusterDNS.deployment`.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        *,
        services: Sequence[Service],
        namespace: str,
        families: Sequence[int],
        ports: Mapping[str, int],
    ) -> None:
        super().__init__(
            cluster,
            name,
            services=services,
            namespace=namespace,
            families=families,
            ports=ports,
            subdomain=None,
        )
        self._hash = self._letters(10)

    def scale(self, replicas: int, *, ready: bool = True) -> None:
        """Have this many replicas: new pods, or the youngest ones gone.

        Args:
            replicas: 0 or more.
            ready: Whether the new pods are ready at once.
        """
        with self._cluster.changing(*self._services):
            for pod in self.pods[_count(replicas) :]:
                self._drop(pod.name)
            while len(self._pods) < replicas:
                self._start(self._new_name(), (), ready)

    def restart(self, which: int | str, *addresses: str, ready: bool = True) -> None:
        """Replace one pod by another one: new name, new address.

        Args:
            which: The pod's name, or its number from the oldest, from 0.
            addresses: Its addresses, by default the next unused ones.
            ready: Whether the successor is ready at once.
        """
        with self._cluster.changing(*self._services):
            self._drop(self.pod(which).name)
            self._start(self._new_name(), addresses, ready)

    def _new_name(self) -> str:
        return f"{self.name}-{self._hash}-{self._letters(5)}"

    def _letters(self, count: int) -> str:
        return "".join(self._cluster.rng.choices(_ALPHABET, k=count))

    def _name_of(self, number: int) -> str:
        pods = self.pods
        if not 0 <= number < len(pods):
            raise KeyError(f"{self.name} has {len(pods)} pods, no number {number}")
        return pods[number].name


def _count(replicas: int) -> int:
    if replicas < 0:
        raise ValueError(f"replicas is 0 or more, not {replicas}")
    return replicas
