"""Ask a real CoreDNS for the answers in ``coredns-1.15.0.json``.

    python -m tests.unit.testing.record_coredns path/to/coredns

CoreDNS gets the content of ``content.py`` from a stand-in for the API server, which
lists it once and keeps the watches open. ``Corefile``: ``kubernetes cluster.local
in-addr.arpa ip6.arpa { pods insecure; ttl 5 }`` and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message
import dns.query

from .content import NAMESPACES, SIZES, ZONE, services

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Path(__file__).with_name("coredns-1.15.0.json")
DNS_PORT, API_PORT = 21153, 21180
OTHER_NAMES = """
cluster.local svc.cluster.local lab.svc.cluster.local nobody.svc.cluster.local
nobody.lab.svc.cluster.local 10-1-2-3.shop.pod.cluster.local web.shop.cluster.local
10-1-2-3.nobody.pod.cluster.local fd00--1.shop.pod.cluster.local example.com
dns-version.cluster.local ns.dns.cluster.local 50.0.96.10.in-addr.arpa
1.6.244.10.in-addr.arpa 9.9.9.9.in-addr.arpa in-addr.arpa
8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa
_WEB._tCp.WeB.sHoP.SvC.cLuStEr.LoCaL inside.shop.svc.CLUSTER.local
"""
KINDS = {
    "namespaces": ("v1", "Namespace"),
    "services": ("v1", "Service"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
}


def objects() -> dict[str, list[dict[str, Any]]]:
    """The content as the API server would hold it."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    found["namespaces"] = [{"metadata": {"name": name}} for name in NAMESPACES]
    for arguments, slices in services():
        name, namespace = arguments["name"].split(".")
        where = {"name": name, "namespace": namespace, "resourceVersion": "1"}
        spec: dict[str, Any] = {}
        if "external_name" in arguments:
            spec = {"type": "ExternalName", "externalName": arguments["external_name"]}
        else:
            ips = arguments.get("cluster_ip", "None")
            ips = [ips] if isinstance(ips, str) else list(ips)
            spec = {"type": "ClusterIP", "clusterIP": ips[0], "clusterIPs": ips, "ports": []}
            for port in arguments.get("ports", ()):
                number, label, protocol = (port, "", "TCP") if isinstance(port, int) else port[:3]
                spec["ports"].append({"port": number, "name": label, "protocol": protocol})
        found["services"].append({"metadata": where, "spec": spec})
        for number, each in enumerate(slices):
            endpoints = []
            for endpoint in each.endpoints:
                conditions = {
                    key: getattr(endpoint, key)
                    for key in ("ready", "serving", "terminating")
                    if getattr(endpoint, key) is not None
                }
                one: dict[str, Any] = {"addresses": endpoint.addresses, "conditions": conditions}
                if endpoint.hostname:
                    one["hostname"] = endpoint.hostname
                if endpoint.pod:
                    one["targetRef"] = {"kind": "Pod", "name": endpoint.pod}
                endpoints.append(one)
            labels = {"kubernetes.io/service-name": name}
            found["endpointslices"].append(
                {
                    "metadata": {**where, "name": f"{name}-{number}", "labels": labels},
                    "endpoints": endpoints,
                    "ports": [port._asdict() for port in each.ports],
                }
            )
    return found


class ApiServer(BaseHTTPRequestHandler):
    """Answers the watches of CoreDNS with everything there is, then keeps them open."""

    protocol_version = "HTTP/1.1"
    content: dict[str, list[dict[str, Any]]]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A watch with initial events (streaming list)."""
        kind = urllib.parse.urlparse(self.path).path.rpartition("/")[2]
        if kind not in KINDS or "watch=true" not in self.path:
            self.send_error(404)
            return
        version, name = KINDS[kind]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        head = {"apiVersion": version, "kind": name}
        for each in self.content[kind]:
            self._event("ADDED", {**head, **each})
        end = {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}
        self._event("BOOKMARK", {**head, "metadata": end})
        threading.Event().wait(600)

    def _event(self, what: str, thing: dict[str, Any]) -> None:
        line = json.dumps({"type": what, "object": thing}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()


def questions() -> Iterator[tuple[str, str, int | None, bool]]:
    """Name, type, EDNS payload size, TCP."""
    for arguments, slices in services():
        if arguments["name"].endswith(".scale"):
            continue
        base = f"{arguments['name']}.{ZONE}"
        for rtype in ("A", "AAAA", "SRV", "CNAME", "TXT"):
            yield base, rtype, None, False
        yield base, "SRV", 1232, False
        for prefix in ("_web._tcp", "_http._tcp", "_._tcp", "_tcp", "_80._tcp", "web.TCP", "*"):
            yield f"{prefix}.{base}", "SRV", None, False
        for endpoint in slices[0].endpoints[:2] if slices else ():
            dashed = endpoint.addresses[0].replace(".", "-").replace(":", "-")
            for label in (endpoint.hostname, dashed):
                if label:
                    yield f"{label}.{base}", "A", None, False
                    yield f"{label}.{base}", "SRV", None, False
    for name in OTHER_NAMES.split():
        for rtype in ("A", "SRV", "PTR", "TXT", "SOA", "NS", "ANY", "AXFR", "HTTPS"):
            yield name, rtype, None, False
        yield name, "AAAA", 4096, True
    for size in SIZES:
        for name, rtype in ((f"n{size}", "A"), (f"_mysql._tcp.n{size}", "SRV")):
            for payload, tcp in ((None, False), (1232, False), (4096, False), (None, True)):
                yield f"{name}.scale.{ZONE}", rtype, payload, tcp


def main(coredns: str) -> None:
    """Start both, ask everything, write the file."""
    ApiServer.content = objects()
    api = ThreadingHTTPServer(("127.0.0.1", API_PORT), ApiServer)
    api.daemon_threads = True
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kubeconfig").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {"name": "c", "cluster": {"server": f"http://127.0.0.1:{API_PORT}"}}
                    ],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )
        Path(folder, "Corefile").write_text(
            f".:{DNS_PORT} {{\n bind 127.0.0.1\n kubernetes cluster.local in-addr.arpa ip6.arpa "
            f"{{\n kubeconfig {folder}/kubeconfig\n pods insecure\n ttl 5\n }}\n}}\n"
        )
        server = subprocess.Popen([coredns, "-conf", f"{folder}/Corefile"])
        try:
            TARGET.write_text("[\n" + ",\n".join(map(json.dumps, asked())) + "\n]\n")
        finally:
            server.terminate()
            server.wait()


def asked() -> Iterator[list[object]]:
    """Every question with the answer: in hex, or its size and counts where it is long."""
    time.sleep(8)
    for name, rtype, payload, tcp in questions():
        query = dns.message.make_query(name, rtype, id=1)
        if payload is not None:
            query.use_edns(0, payload=payload)
        ask = dns.query.tcp if tcp else dns.query.udp
        answer = ask(query, "127.0.0.1", port=DNS_PORT, timeout=5)
        wire = answer.wire
        assert wire is not None
        yield [name, rtype, payload, tcp, wire.hex() if len(wire) <= 600 else summary(wire)]


def summary(wire: bytes) -> list[int]:
    """Size, flags and the four counts of a long answer, and the sum of its octets."""
    counts = [int.from_bytes(wire[at : at + 2]) for at in range(2, 12, 2)]
    return [len(wire), *counts, sum(wire)]


if __name__ == "__main__":
    main(sys.argv[1])
