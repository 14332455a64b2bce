"""`ClusterDNS`: the embedded cluster DNS, its content and its server in one object.

In: what the cluster holds, in the words of Kubernetes. Out: a name server on a loopback
port, and the options and environment that point an application at it.
"""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, Self

from ..core.names import check_domain, check_label, split_service
from ..core.options import LookupOptions
from .answers import Plugin
from .caching import Cache
from .cluster import Cluster
from .faults import Fault, Faults
from .responder import Responder
from .server import Server
from .services import Service
from .workloads import Deployment, StatefulSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from .packets import LoggedQuery
    from .specs import Endpoint, EndpointSlice, Port

__all__ = ["ClusterDNS"]

POD_NETWORKS = ("10.244.0.0/16", "fd00:244::/32")
SERVICE_NETWORKS = ("10.96.0.0/16", "fd00:10:96::/112")


class ClusterDNS:
    """A cluster DNS in this process, which answers as CoreDNS's ``kubernetes`` plugin does.

    ``with ClusterDNS() as dns:`` serves UDP and TCP on one free port of the loopback
    interface, bound before the block begins. Services and workloads may be made before
    and inside the block; every change is visible to the next question.

    Args:
        namespace: Where Services are made that name none, default ``default``.
        cluster_domain: Default ``cluster.local``.
        ttl: Seconds in every record, 0 to 3600, default 5 (the plugin's default;
            kubeadm sets 30).
        shuffle: Shuffle addresses (CoreDNS ``loadbalance``); default False.
        cache: Keep answers this many seconds at most (CoreDNS ``cache``), positive and
            negative; default None, not at all.
        endpoint_pod_names: Name endpoints without a hostname after their pods instead
            of their addresses; default False.
        pods: ``"insecure"`` (default) answers any address under ``pod.<cluster domain>``
            as kubeadm's Corefile does, ``"verified"`` those of pods in that namespace
            (an endpoint written by hand is one if it names its pod), ``"disabled"`` none.
        synced: Whether the server has got its content from the API server, default True.
        pod_network: Where pods get their addresses: a network in CIDR form, or one for
            each family. Default 10.244.0.0/16 and fd00:244::/32.
        families: The families of the pods of workloads that name none, default ``(4,)``.
        host: The address to bind, default 127.0.0.1. Others are bound only if said here.
        port: The port to bind, default 0: any that is free.
        seed: Of everything random, default 0, so that runs are alike.

    Raises:
        ValueError: A value that cannot be meant; `InvalidName` for names.
    """

    def __init__(
        self,
        *,
        namespace: str = "default",
        cluster_domain: str = "cluster.local",
        ttl: int = 5,
        shuffle: bool = False,
        cache: int | None = None,
        endpoint_pod_names: bool = False,
        pods: str = "insecure",
        synced: bool = True,
        pod_network: str | Sequence[str] = POD_NETWORKS,
        families: Sequence[int] = (4,),
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        if not 0 <= ttl <= 3600:
            raise ValueError(f"ttl is 0 to 3600 seconds, not {ttl}")
        if cache is not None and cache < 1:
            raise ValueError(f"cache is 1 second or more, or None, not {cache}")
        if pods not in ("insecure", "verified", "disabled"):
            raise ValueError(f"pods is 'insecure', 'verified' or 'disabled', not {pods!r}")
        rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self.namespace_name = check_label(namespace, "namespace")
        self.cluster_domain = check_domain(cluster_domain)
        #: Every query that was understood, oldest first (the last 100,000).
        self.queries: list[LoggedQuery] = []
        self._families = tuple(families)
        self._offset = 0.0
        self._cluster = Cluster(
            domain=self.cluster_domain,
            pod_network=(pod_network,) if isinstance(pod_network, str) else pod_network,
            service_network=SERVICE_NETWORKS,
            endpoint_pod_names=endpoint_pod_names,
            rng=rng,
        )
        self._cluster.synced = synced
        for name in ("default", "kube-system", self.namespace_name):
            self._cluster.add_namespace(name)
        #: The faults that are at work, see `headless_discovery.testing.faults`.
        self.faults = Faults(rng, self._faults_changed)
        self._cache = None if cache is None else Cache(cache, self._clock)
        responder = Responder(
            self._cluster,
            Plugin(self._cluster, ttl=ttl, pods=pods, rng=rng),
            cache=self._cache,
            shuffle=rng if shuffle else None,
            faults=self.faults,
            log=self.queries,
            family=6 if ":" in host else 4,
        )
        self._server = Server(responder.respond, host, port)

    # --- the server ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Bind and serve; no harm if it does. After `stop`: on the same port again.

        Raises:
            OSError: The port is taken.
        """
        self._server.start()

    def stop(self) -> None:
        """Close the port: questions are refused (ICMP, TCP reset). `start` opens it again.

        A cache is lost, as in a server that is restarted; the content stays.
        """
        self._server.stop()
        if self._cache is not None:
            self._cache.clear()

    close = stop

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped inside the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @property
    def host(self) -> str:
        """The address it is bound to."""
        return self._server.host

    @property
    def port(self) -> int:
        """The port of UDP and TCP.

        Raises:
            RuntimeError: It was never started.
        """
        if not self._server.port:
            raise RuntimeError("the cluster DNS has no port yet: enter it with 'with', or start()")
        return self._server.port

    @property
    def nameserver(self) -> str:
        """``"127.0.0.1:40123"``; an IPv6 address is in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def options(self) -> LookupOptions:
        """What a lookup needs to ask this server and to believe its addresses."""
        return LookupOptions(
            nameservers=(self.nameserver,),
            cluster_domain=self.cluster_domain,
            allow_networks=self._cluster.refused_networks(),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point an unchanged application at this server."""
        variables = {
            "HEADLESS_DISCOVERY_NAMESERVERS": self.nameserver,
            "HEADLESS_DISCOVERY_NAMESPACE": self.namespace_name,
            "HEADLESS_DISCOVERY_CLUSTER_DOMAIN": self.cluster_domain,
        }
        allowed = self._cluster.refused_networks()
        if allowed:
            variables["HEADLESS_DISCOVERY_ALLOW_NETWORKS"] = ",".join(allowed)
        return variables

    def resolv_conf(self, namespace: str | None = None) -> str:
        """The resolv.conf that the kubelet gives a pod of that namespace.

        Its ``nameserver`` line has no port, as the format has none: it fits a server
        made with ``port=53``.
        """
        domain = self.cluster_domain
        namespace = self.namespace_name if namespace is None else namespace
        return (
            f"search {namespace}.svc.{domain} svc.{domain} {domain}\n"
            f"nameserver {self.host}\n"
            "options ndots:5\n"
        )

    # --- the content -----------------------------------------------------------------------

    def namespace(self, name: str) -> str:
        """Make an empty namespace; Services make theirs by themselves."""
        self._cluster.add_namespace(check_label(name, "namespace"))
        return name

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace with its Services; no harm if there is none."""
        self._cluster.remove_namespace(name)

    def service(
        self,
        name: str,
        *,
        namespace: str | None = None,
        ports: Iterable[int | Port] = (),
        cluster_ip: bool | str | Sequence[str] = False,
        external_name: str | None = None,
        publish_not_ready_addresses: bool = False,
    ) -> Service:
        """Make a Service, headless unless said otherwise.

        Args:
            name: ``db`` or ``db.shop``.
            namespace: Default: in the name, else this server's.
            ports: Numbers (unnamed TCP ports) or `Port`. None at all: no SRV records.
            cluster_ip: True: the next free virtual address; or the address, or one for
                each family. False (default): headless.
            external_name: Makes it an alias (type ExternalName) of this name.
            publish_not_ready_addresses: List pods whether they are ready or not.

        Raises:
            InvalidName: Not the name of a Service.
            ValueError: It exists.
        """
        parts = split_service(name, namespace=namespace, cluster_domain=self.cluster_domain)
        if cluster_ip is True:
            cluster_ips = self._cluster.service_addresses.take((4,))
        elif cluster_ip is False:
            cluster_ips = ()
        else:
            cluster_ips = (cluster_ip,) if isinstance(cluster_ip, str) else tuple(cluster_ip)
        service = Service(
            self._cluster,
            parts.service,
            parts.namespace or self.namespace_name,
            ports=ports,
            cluster_ips=cluster_ips,
            external_name=external_name,
            publish_not_ready_addresses=publish_not_ready_addresses,
        )
        self._cluster.add_service(service)
        return service

    def statefulset(
        self,
        name: str,
        *,
        service: Service | None,
        replicas: int = 0,
        start: int = 0,
        also: Sequence[Service] = (),
        namespace: str | None = None,
        families: Sequence[int] | None = None,
        ports: Mapping[str, int] | None = None,
        ready: bool = True,
    ) -> StatefulSet:
        """Make a StatefulSet with its pods ``<name>-<start>``, and so on.

        Args:
            name: Its name.
            service: The governing Service (``serviceName``), where pods have hostnames;
                None for one that does not exist.
            replicas: How many pods.
            start: The first ordinal (``spec.ordinals.start``).
            also: Other Services that select the pods, under dashed addresses.
            namespace: Default: the Services'.
            families: 4, 6 or both: the addresses of each pod.
            ports: Container ports by name, for named targetPorts.
            ready: Whether the pods are ready at once.

        Raises:
            ValueError: A Service of another namespace.
        """
        services = [*([service] if service is not None else ()), *also]
        workload = StatefulSet(
            self._cluster,
            check_label(name, "StatefulSet name"),
            governing=service,
            services=services,
            namespace=self._namespace_of(services, namespace),
            families=self._families if families is None else families,
            ports=ports or {},
            start=start,
        )
        workload.scale(replicas, ready=ready)
        return workload

    def deployment(
        self,
        name: str,
        *,
        services: Sequence[Service],
        replicas: int = 0,
        namespace: str | None = None,
        families: Sequence[int] | None = None,
        ports: Mapping[str, int] | None = None,
        ready: bool = True,
    ) -> Deployment:
        """Make a Deployment; the arguments are those of `statefulset`.

        Raises:
            ValueError: A Service of another namespace.
        """
        workload = Deployment(
            self._cluster,
            check_label(name, "Deployment name"),
            services=services,
            namespace=self._namespace_of(services, namespace),
            families=self._families if families is None else families,
            ports=ports or {},
        )
        workload.scale(replicas, ready=ready)
        return workload

    def endpoints(self, service: Service, endpoints: Iterable[Endpoint]) -> None:
        """Replace the endpoints of a Service that were written by hand, in slices of 100."""
        service.set_endpoints(endpoints)

    def slices(self, service: Service, slices: Iterable[EndpointSlice]) -> None:
        """Replace EndpointSlices that were taken over from a real cluster, as they are."""
        service.set_slices(slices)

    def at_once(self) -> contextlib.AbstractContextManager[object]:
        """No question is answered inside the block: several changes become one."""
        return self._cluster.lock

    def set_synced(self, synced: bool) -> None:
        """False: SERVFAIL for every name, as from a server that has not seen the API server."""
        self._cluster.set_synced(synced)

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass for the cache."""
        self._offset += seconds

    @contextlib.contextmanager
    def fault(self, *faults: Fault) -> Iterator[Faults]:
        """These faults are at work inside the block."""
        self.faults.add(*faults)
        try:
            yield self.faults
        finally:
            self.faults.remove(*faults)

    def _clock(self) -> float:
        return time.monotonic() + self._offset

    def _faults_changed(self) -> None:
        self._server.set_accepting(not self.faults.refuses_tcp)

    def _namespace_of(self, services: Sequence[Service], namespace: str | None) -> str:
        if namespace is not None:
            return check_label(namespace, "namespace")
        return services[0].namespace if services else self.namespace_name
