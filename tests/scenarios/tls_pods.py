"""TLS pods: pods on loopback addresses, each with a TLS server and a certificate of its own.

Inside a `Shop` DNS says where pods are, and servers answer there; which certificate a server
shows is the test's to say. The servers are real: sockets, threads, ``ssl``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self

from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from headless_discovery import LookupOptions
    from tests.databases.certificates import Certificate

__all__ = ["SERVICE", "Shop", "TlsServer"]

SERVICE = "web.shop.svc.cluster.local"
NETWORK = "127.1.0.0/16"


class TlsServer:
    """Says its name to everybody who trusts its certificate, then ends the connection.

    Args:
        address: Where.
        port: Where; 0: any that is free.
        name: What it says.
        certificate: What it shows. None: it never answers the handshake.
        text: Whether it speaks plain text, and no TLS.
        drips: Whether its answer to the handshake comes octet by octet and never ends.
    """

    def __init__(
        self,
        address: str,
        port: int,
        name: str,
        certificate: Certificate | None,
        *,
        text: bool = False,
        drips: bool = False,
    ) -> None:
        self.address = address
        self.name = name
        #: Connections whose handshake the client completed.
        self.accepted = 0
        #: Connections of any kind.
        self.dialled = 0
        self._text = text
        self._drips = drips
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]
        self._ended = False
        self._silent: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name=f"server of {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, and every connection."""
        self._ended = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join()
        for each in (self._socket, *self._silent):
            each.close()

    def _serve(self) -> None:
        while not self._ended:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.dialled += 1
            if self._text:
                with client:
                    client.sendall(self.name.encode() + b"\n")
            elif self._drips:
                self._drip(client)
            elif self._context is None:
                self._silent.append(client)
            else:
                self._greet(client, self._context)

    def _drip(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")  # a long ServerHello begins
            while not self._ended:
                client.sendall(b"\x03")
                time.sleep(0.01)

    def _greet(self, client: socket.socket, context: ssl.SSLContext) -> None:
        client.settimeout(5)
        with (
            client,
            contextlib.suppress(OSError),
            context.wrap_socket(client, server_side=True) as secured,
        ):
            # A client of TLS 1.3 refuses a certificate after the server's handshake is over:
            # who sends a first byte has accepted it.
            if secured.recv(1):
                self.accepted += 1
                secured.sendall(self.name.encode() + b"\n")


class Shop:
    """Service ``web.shop`` and what stands behind it.

    Args:
        replicas: How many pods ``web-0``, ``web-1``.
        nameless: Whether DNS tells no names: the Service has no ports.
    """

    def __init__(self, replicas: int, *, nameless: bool = False) -> None:
        self._dns = ClusterDNS(pod_network=NETWORK)
        self._dns.start()
        with socket.create_server(("127.1.0.2", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        service = self._dns.service("web.shop", ports=[] if nameless else [self.port])
        self.pods = self._dns.statefulset("web", service=service, replicas=replicas)
        self.servers: list[TlsServer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.servers:
            each.close()
        self._dns.close()

    @property
    def options(self) -> LookupOptions:
        """How to ask its DNS."""
        return self._dns.options

    @staticmethod
    def address(ordinal: int) -> str:
        """Where DNS puts a pod at first."""
        return f"127.1.0.{ordinal + 2}"

    def serve(self, ordinal: int, certificate: Certificate | None, **arguments: bool) -> TlsServer:
        """Start the server of a pod; arguments as of `TlsServer`."""
        where = self.address(ordinal)
        made = TlsServer(where, self.port, f"web-{ordinal}", certificate, **arguments)
        self.servers.append(made)
        return made
