"""A real HTTPS server for each pod of a StatefulSet, with the pod's own certificate.

In come a pod and a certificate authority, out goes a running server (`https_program.py`) at
the pod's address. What the certificate holds is the test's to say.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.workloads import Port
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Pod

PORT = 8443
PROGRAM = Path(__file__).with_name("https_program.py")


class HttpsServer(ProgramServer):
    """One HTTPS server.

    Args:
        pod: Whose it is.
        authority: What signs its certificate.
        names: What that holds.
    """

    def __init__(self, pod: Pod, authority: Authority, names: Iterable[str]) -> None:
        certificate = authority.issue(*names)
        arguments = [pod.address, str(PORT), pod.name, *map(str, certificate)]
        super().__init__(pod, [sys.executable, str(PROGRAM), *arguments])
        self._context = authority.client_context()
        self._context.check_hostname = False  # it is asked by its address

    def is_answering(self) -> bool:
        """Return whether it takes a connection; that is no request."""
        connection = http.client.HTTPSConnection(
            self.pod.address, PORT, timeout=1, context=self._context
        )
        try:
            connection.connect()
        finally:
            connection.close()
        return True

    def requests(self) -> list[dict[str, Any]]:
        """Return what has reached a server of this name, in order."""
        return requests_of(self.pod.folder)


def requests_of(folder: Path) -> list[dict[str, Any]]:
    """Return what has reached the servers of a pod with this volume."""
    file = folder / "requests.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def https_statefulset(
    namespace: Namespace,
    authority: Authority,
    folder: Path,
    replicas: int = 3,
    *,
    names: Callable[[Pod], tuple[str, ...]] = lambda pod: (pod.fqdn,),
) -> Kubelet:
    """Create Service and StatefulSet `web`, and return what gives the pods their servers.

    Args:
        namespace: Where.
        authority: What signs the pods' certificates.
        folder: Where the pods have their volumes.
        replicas: How many pods.
        names: What the certificate of a pod holds; default: its FQDN.
    """
    namespace.service("web", Port(443, "https", target=PORT))
    namespace.statefulset("web", "web", replicas, annotations=NOT_READY, parallel=True)

    def make(pod: Pod) -> HttpsServer:
        return HttpsServer(pod, authority, names(pod))

    return Kubelet(namespace, "web", make, folder)


def with_service(pod: Pod) -> tuple[str, ...]:
    """The pod's FQDN and the Service's."""
    return pod.fqdn, pod.fqdn.partition(".")[2]


def as_web_0(pod: Pod) -> tuple[str, ...]:
    """The FQDN of the first pod, whoever it is."""
    return (f"web-0.{pod.fqdn.partition('.')[2]}",)
