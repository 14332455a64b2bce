"""A real redis-server for each pod of a StatefulSet: ordinal 0 is primary, the others replicas.

In come a pod and a certificate authority, out goes a running server at the pod's address,
in the clear on one port and by TLS, with the pod's own certificate, on the next. Nothing is
kept on disk: a primary that is started again is empty, and its replicas become so.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.cluster.network import tool
from tests.cluster.workloads import Port
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

PORT, TLS_PORT = 6379, 6380
PORTS = (Port(PORT, "redis"), Port(TLS_PORT, "redis-tls"))
"""What the Service has."""


class RedisServer(ProgramServer):
    """One redis-server.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        linked: Whether a replica is ready only once it has the data of the primary.
    """

    def __init__(self, pod: Pod, authority: Authority, *, linked: bool = True) -> None:
        certificate = authority.issue(pod.fqdn)
        settings = {
            "bind": pod.address,
            "port": PORT,
            "tls-port": TLS_PORT,
            "tls-cert-file": certificate.cert_file,
            "tls-key-file": certificate.key_file,
            "tls-ca-cert-file": authority.ca_file,
            "tls-auth-clients": "no",
            "protected-mode": "no",
            "dir": pod.folder,
            "save": '""',
            "appendonly": "no",
            # A replica has all of it within moments, and no file is written for it.
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": 0,
            "repl-diskless-load": "swapdb",
            "replica-announce-ip": pod.fqdn,
        }
        if pod.ordinal > 0:
            first = pod.name.rpartition("-")[0] + "-0"
            settings["replicaof"] = f"{first}.{pod.fqdn.partition('.')[2]} {PORT}"
        file = pod.folder / "redis.conf"
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        super().__init__(pod, [tool("redis-server"), str(file)])
        self._linked = linked

    def is_answering(self) -> bool:
        """Return whether it answers PING, and as a replica has the data of the primary."""
        if self.ask("PING") != "+PONG\r\n":
            return False
        replication = self.ask("INFO", "replication")
        return not self._linked or "role:master" in replication or "link_status:up" in replication

    def ask(self, *words: str) -> str:
        """Return the raw answer to a command: one line, or all of a bulk string.

        Raises:
            OSError: There is none.
        """
        with socket.create_connection((self.pod.address, PORT), timeout=1) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            with connection.makefile("rb") as answer:
                line = answer.readline()
                size = int(line[1:]) if line.startswith(b"$") else 0
                return (line + answer.read(max(0, size))).decode()


def redis_statefulset(
    namespace: Namespace,
    authority: Authority,
    folder: Path,
    replicas: int = 3,
    *,
    name: str = "redis",
    make: Callable[[Pod], RedisServer] | None = None,
) -> Kubelet:
    """Create Service and StatefulSet, and return what gives the pods their servers.

    Args:
        namespace: Where.
        authority: What signs the pods' certificates.
        folder: Where the pods have their volumes.
        replicas: How many pods.
        name: Name of both.
        make: What makes the server of a pod; a plain `RedisServer` when None.
    """
    namespace.service(name, *PORTS)
    namespace.statefulset(name, name, replicas, annotations=NOT_READY)

    def plain(pod: Pod) -> RedisServer:
        return RedisServer(pod, authority)

    return Kubelet(namespace, name, make or plain, folder)
