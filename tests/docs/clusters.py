"""Clusters: what the pages talk about, inside an embedded cluster DNS.

In: manifests of a page, or nothing. Out: Services and workloads under the names that hidden
steps use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.message
import dns.query
import dns.rcode

from headless_discovery.testing import ClusterDNS, Port

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["apply", "ask", "check_manifests", "usual"]

Manifest = dict[str, Any]


def usual(dns: ClusterDNS) -> dict[str, Any]:
    """The cluster of a page that shows no manifests.

    ``my-database.shop``: StatefulSet ``mysql``, 3 pods, port 3306 named ``mysql``.
    ``web.shop``: Deployment ``web``, 2 pods, Service port 80, target port 8080.
    ``my-database-read.shop``: a ClusterIP Service over the same pods as the first.
    """
    database = dns.service("my-database.shop", ports=[Port(3306, "mysql")])
    read = dns.service("my-database-read.shop", ports=[Port(3306, "mysql")], cluster_ip=True)
    mysql = dns.statefulset("mysql", service=database, replicas=3, also=[read])
    front = dns.service("web.shop", ports=[Port(80, "http", target=8080)])
    web = dns.deployment("web", services=[front], replicas=2)
    return {"database": database, "mysql": mysql, "web": web}


def ask(dns_server: ClusterDNS, name: str, rtype: str) -> str:
    """What a table says of one question: the rcode, "no data", or the sorted records."""
    query = dns.message.make_query(f"{name}.svc.{dns_server.cluster_domain}.", rtype)
    reply = dns.query.tcp(query, dns_server.host, port=dns_server.port, timeout=5)
    if reply.rcode():
        return dns.rcode.to_text(reply.rcode())
    return ", ".join(sorted(str(item) for answer in reply.answer for item in answer)) or "no data"


def check_manifests(documents: Iterable[Manifest]) -> None:
    """What has to hold in every manifest we show.

    Raises:
        AssertionError: A manifest that the API server, or a reader, would stumble over.
    """
    documents = list(documents)
    services = {_key(each): each["spec"] for each in documents if each["kind"] == "Service"}
    for each in documents:
        assert each["apiVersion"], each
        assert each["metadata"]["name"], each
        if each["kind"] == "StatefulSet":
            _check_workload(each, services)
            governing = services[_namespace(each), each["spec"]["serviceName"]]
            assert governing["clusterIP"] == "None", "the governing Service is headless"


def _check_workload(manifest: Manifest, services: dict[tuple[str, str], Manifest]) -> None:
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert manifest["spec"]["selector"]["matchLabels"].items() <= labels.items(), manifest
    for (namespace, _), spec in services.items():
        if namespace != _namespace(manifest) or not _selects(spec, labels):
            continue
        open_ports = _container_ports(manifest)
        for port in spec["ports"]:
            target = port.get("targetPort", port["port"])
            assert target in open_ports or target in open_ports.values(), port


def apply(dns: ClusterDNS, documents: Iterable[Manifest], made: dict[str, Any]) -> None:
    """Make what the manifests say, as ``kubectl apply`` does.

    Args:
        dns: Where.
        documents: Services before the workloads they select.
        made: What was made so far by its name with ``_`` for ``-``; is added to.
    """
    for each in documents:
        name, namespace, spec = each["metadata"]["name"], _namespace(each), each.get("spec", {})
        if each["kind"] == "Namespace":
            dns.namespace(name)
        elif each["kind"] == "Service":
            service = dns.service(
                name,
                namespace=namespace,
                ports=[
                    Port(
                        port["port"],
                        port.get("name", ""),
                        port.get("protocol", "TCP"),
                        port.get("targetPort"),
                    )
                    for port in spec["ports"]
                ],
                cluster_ip=spec.get("clusterIP") != "None",
                publish_not_ready_addresses=spec.get("publishNotReadyAddresses", False),
            )
            made[name.replace("-", "_")] = service
            made.setdefault("specs", {})[namespace, name] = (service, spec)
        elif each["kind"] == "StatefulSet":
            labels = spec["template"]["metadata"]["labels"]
            specs = made["specs"]
            made[name.replace("-", "_")] = dns.statefulset(
                name,
                service=specs[namespace, spec["serviceName"]][0],
                also=[
                    service
                    for (where, _), (service, other) in specs.items()
                    if where == namespace and _selects(other, labels)
                ],
                replicas=spec["replicas"],
                ports=_container_ports(each),
            )
        else:
            raise AssertionError(f"no test knows what a {each['kind']} does")


def _selects(service: Manifest, labels: dict[str, str]) -> bool:
    selector: dict[str, str] = service["selector"]
    return selector.items() <= labels.items()


def _container_ports(manifest: Manifest) -> dict[str, int]:
    return {
        port.get("name", str(port["containerPort"])): port["containerPort"]
        for container in manifest["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }


def _namespace(manifest: Manifest) -> str:
    namespace: str = manifest["metadata"].get("namespace", "default")
    return namespace


def _key(manifest: Manifest) -> tuple[str, str]:
    return _namespace(manifest), manifest["metadata"]["name"]
