"""One question to the embedded cluster DNS, one answer as bytes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from headless_discovery.core.wire import encode_question

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS


def answer_of(dns: ClusterDNS, name: str, rdtype: int, *, edns: int, tcp: bool) -> bytes:
    """The bytes of the answer, without the length prefix of TCP."""
    query = b"\0\0" + encode_question(name, rdtype, edns)[0]
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as asker:
        asker.settimeout(5)
        asker.connect((dns.host, dns.port))
        if not tcp:
            asker.send(query)
            return asker.recv(65535)
        asker.sendall(len(query).to_bytes(2) + query)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2]):
            data += asker.recv(65535)
        return data[2:]
