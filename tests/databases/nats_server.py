"""A real nats-server for each pod of a StatefulSet.

In comes a pod, out goes a running server at the pod's address. The servers know nothing of
each other: a client learns who is there from nobody but us.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.cluster.network import tool
from tests.databases.kubelet import NOT_READY, Kubelet
from tests.databases.programs import ProgramServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.kubelet import Pod

PORT = 4222


class NatsServer(ProgramServer):
    """One nats-server.

    Args:
        pod: Whose it is.
    """

    def __init__(self, pod: Pod) -> None:
        command = [tool("nats-server"), "--addr", pod.address, "--port", str(PORT)]
        super().__init__(pod, [*command, "--name", pod.name])

    def is_answering(self) -> bool:
        """Return whether it tells who it is."""
        with socket.create_connection((self.pod.address, PORT), timeout=1) as connection:
            return connection.recv(5) == b"INFO "


def nats_statefulset(namespace: Namespace, folder: Path, replicas: int = 3) -> Kubelet:
    """Create Service and StatefulSet `nats`, and return what gives the pods their servers.

    Args:
        namespace: Where.
        folder: Where the pods have their volumes.
        replicas: How many pods.
    """
    namespace.service("nats", PORT)
    namespace.statefulset("nats", "nats", replicas, annotations=NOT_READY, parallel=True)
    return Kubelet(namespace, "nats", NatsServer, folder)
