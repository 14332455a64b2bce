"""Questions as bytes, sent to a server by plain sockets, and the bytes that come back.

In come a question and a transport, out goes the message as it was on the wire. Knows
neither Kubernetes nor what an answer means.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

if TYPE_CHECKING:
    from types import TracebackType

ID = 0x1234
"""The ID of every query, so that equal answers are equal bytes."""

PATIENCE = 5.0
"""Seconds to wait for an answer."""


class Question(NamedTuple):
    """One row of the table.

    Attributes:
        name: With placeholders in braces for what the control plane chooses.
        rtype: Type in text.
        reason: What the answer shows.
        rclass: Class in text.
        recursion: The RD flag.
        flags: Further header flags.
        edns_flags: Flags of the OPT record, where there is one.
        edns_version: Other than 0: an OPT record in every query, by every transport.
        cookie: A client cookie (RFC 7873) in the OPT record, where there is one.
    """

    name: str
    rtype: str
    reason: str
    rclass: str = "IN"
    recursion: bool = True
    flags: int = 0
    edns_flags: int = 0
    edns_version: int = 0
    cookie: bool = False


class Transport(NamedTuple):
    """How a question is sent: by TCP or UDP, with an EDNS payload size or without EDNS."""

    name: str
    tcp: bool = False
    payload: int | None = None


TRANSPORTS = (
    Transport("TCP", tcp=True),  # the first one: it says what the whole answer is
    Transport("UDP"),
    Transport("UDP 1232", payload=1232),
    Transport("UDP 4096", payload=4096),
)


def query(question: Question, transport: Transport) -> bytes:
    """Return the bytes of a query."""
    message = dns.message.QueryMessage(id=ID)
    message.flags = dns.flags.Flag((dns.flags.RD if question.recursion else 0) | question.flags)
    message.find_rrset(
        message.question,
        dns.name.from_text(question.name),
        dns.rdataclass.from_text(question.rclass),
        dns.rdatatype.from_text(question.rtype),
        create=True,
        force_unique=True,
    )
    payload = transport.payload
    if payload is None and (question.edns_version or question.edns_flags):
        payload = 1232
    if payload is not None:
        cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
        message.use_edns(
            question.edns_version,
            question.edns_flags,
            payload,
            options=[cookie] if question.cookie else [],
        )
    return message.to_wire()


class Asker:
    """Asks one server over and over; a context manager that holds its UDP socket.

    Args:
        address: The server's IPv4 address.
        port: Its port.
    """

    def __init__(self, address: str, port: int) -> None:
        self._at = (address, port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._udp.connect(self._at)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._udp.close()

    def ask(self, message: bytes, transport: Transport, patience: float = PATIENCE) -> bytes | None:
        """Return the answer to a query, None if there is none within `patience` seconds."""
        try:
            if transport.tcp:
                return self._by_tcp(message, patience)
            self._udp.settimeout(patience)
            self._udp.send(message)
            return self._udp.recv(65535)
        except TimeoutError:
            return None

    def _by_tcp(self, message: bytes, patience: float) -> bytes:
        deadline = time.monotonic() + patience
        with socket.create_connection(self._at, patience) as connection:
            connection.sendall(len(message).to_bytes(2) + message)
            received = b""
            while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2]):
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                part = connection.recv(1 << 17)
                if not part:
                    raise ConnectionError(f"{self._at}: closed after {len(received)} octets")
                received += part
        if len(received) != 2 + int.from_bytes(received[:2]):
            raise ConnectionError(f"{self._at}: more than one answer to one question")
        return received[2:]
