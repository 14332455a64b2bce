"""Asking, for the tests of the embedded DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., dns.message.Message]


@pytest.fixture
def server() -> Iterator[ClusterDNS]:
    """A running, empty server."""
    with ClusterDNS() as dns_server:
        yield dns_server


@pytest.fixture
def ask() -> Ask:
    """``ask(server, name, type, tcp=, edns=, timeout=)`` gives the message."""

    def asking(
        server: ClusterDNS,
        name: str,
        rtype: str = "A",
        *,
        tcp: bool = False,
        edns: int | None = None,
        timeout: float = 5,
    ) -> dns.message.Message:
        query = dns.message.make_query(name, rtype)
        if edns is not None:
            query.use_edns(0, payload=edns)
        exchange = dns.query.tcp if tcp else dns.query.udp
        return exchange(query, server.host, port=server.port, timeout=timeout)

    return asking


@pytest.fixture
def look(ask: Ask) -> Callable[..., list[str]]:
    """``look(server, name, type)`` gives the data of the answer in order, or the code."""

    def looking(server: ClusterDNS, name: str, rtype: str = "A", **how: object) -> list[str]:
        answer = ask(server, name, rtype, **how)
        if answer.rcode() != dns.rcode.NOERROR:
            return [dns.rcode.to_text(answer.rcode())]
        wanted = dns.rdatatype.from_text(rtype)
        return [str(data) for rrset in answer.answer if rrset.rdtype == wanted for data in rrset]

    return looking
