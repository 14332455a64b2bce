"""Pods: behind one Service of the test's DNS, real sockets at addresses of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

from headless_discovery.testing import Endpoint, Port

if TYPE_CHECKING:
    import ssl

    from headless_discovery.testing import ClusterDNS, Service

__all__ = ["FQDN", "NAME", "Pods"]

NAME = "local.shop"
FQDN = f"{NAME}.svc.cluster.local"


class Pods:
    """``local-0`` at 127.0.2.1, ``local-1`` at 127.0.2.2 and so on, all at one port.

    Args:
        dns: Where they are listed.
        count: How many; none of them listens yet.
    """

    def __init__(self, dns: ClusterDNS, count: int) -> None:
        self._stack = contextlib.ExitStack()
        self._dns = dns
        with socket.create_server(("127.0.2.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.service: Service = dns.service(NAME, ports=[Port(self.port, "db")])
        self.list(*range(count))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def address(number: int) -> str:
        """Where a pod is."""
        return f"127.0.2.{number + 1}"

    def place(self, number: int) -> str:
        """Where a pod is, with its port."""
        return f"{self.address(number)}:{self.port}"

    @staticmethod
    def hostname(number: int) -> str:
        """What a pod's certificate has to hold."""
        return f"local-{number}.{FQDN}"

    def list(self, *numbers: int) -> None:
        """These are the pods that DNS lists."""
        self.service.set_endpoints(
            [Endpoint((self.address(each),), hostname=f"local-{each}") for each in numbers]
        )

    def accept(self, *numbers: int, context: ssl.SSLContext | None = None) -> None:
        """These pods accept connections from now on, with TLS where there is a context."""
        for each in numbers:
            server = socket.create_server((self.address(each), self.port))
            self._stack.callback(server.close)
            if context is not None:
                thread = threading.Thread(target=_shake_hands, args=(server, context))
                thread.start()
                self._stack.callback(thread.join)
                self._stack.callback(server.shutdown, socket.SHUT_RDWR)

    def swallow(self, *numbers: int) -> None:
        """These pods neither accept nor refuse: their queues are full."""
        for each in numbers:
            place = (self.address(each), self.port)
            self._stack.enter_context(socket.create_server(place, backlog=0))
            for _ in range(3):
                knocking = self._stack.enter_context(socket.socket())
                knocking.setblocking(False)
                knocking.connect_ex(place)


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    """Shake hands with one after the other, until the socket is shut."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.settimeout(5)
        with contextlib.suppress(OSError), connection:
            context.wrap_socket(connection, server_side=True).close()
