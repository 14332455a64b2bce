"""What CoreDNS says, read by dnspython and not by the library under test.

In come a server's address and names, out come plain values. Knows no Kubernetes beyond
how its DNS names are put together (kubernetes/dns specification).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.IN.SRV

from tests.cluster.processes import wait_until

if TYPE_CHECKING:
    from tests.cluster.workloads import Namespace


class Srv(NamedTuple):
    """One SRV record without its weight, which carries no meaning here."""

    target: str
    port: int


class Answer(NamedTuple):
    """One answer: the rcode as text, whether it was cut short, the values asked for."""

    rcode: str
    truncated: bool
    values: frozenset[str]
    srv: frozenset[Srv] = frozenset()


class Variant:
    """One DNS server.

    Args:
        address: Where it listens.
        port: Its port, for UDP and TCP.
        zone: The cluster domain, without the last dot.
    """

    def __init__(self, address: str, port: int, zone: str) -> None:
        self.address = address
        self.port = port
        self.zone = zone

    def ask(self, name: str, kind: str, timeout: float = 2.0) -> Answer:
        """Ask one question by TCP.

        Args:
            name: Relative to `svc.<zone>`, such as `my-database.shop`, or with a last dot.
            kind: `A`, `AAAA` or `SRV`.
            timeout: Seconds.

        Raises:
            OSError: There is no answer in time.
        """
        full = name if name.endswith(".") else f"{name}.svc.{self.zone}."
        question = dns.message.make_query(full, kind)
        try:
            reply = dns.query.tcp(question, self.address, timeout=timeout, port=self.port)
        except (dns.exception.DNSException, EOFError) as error:
            raise ConnectionError(
                f"{full} {kind} at {self.address}:{self.port}: {error!r}"
            ) from error
        rdtype = dns.rdatatype.from_text(kind)
        records = [rdata for rrset in reply.answer if rrset.rdtype == rdtype for rdata in rrset]
        return Answer(
            rcode=dns.rcode.to_text(reply.rcode()),
            truncated=bool(reply.flags & dns.flags.TC),
            values=frozenset(record.to_text() for record in records),
            srv=frozenset(
                Srv(record.target.to_text(omit_final_dot=True).lower(), record.port)
                for record in records
                if isinstance(record, dns.rdtypes.IN.SRV.SRV)
            ),
        )

    def in_step(self) -> bool:
        """Return whether the server has read the cluster's Services."""
        return bool(self.ask("kubernetes.default", "A", timeout=1.0).values)

    def addresses(self, name: str) -> frozenset[str]:
        """Return the addresses of both families of a Service or pod."""
        return self.ask(name, "A").values | self.ask(name, "AAAA").values

    def shows(self, namespace: Namespace, service: str) -> bool:
        """Return whether the answers for a headless Service are what the API server holds.

        An answer cut short (beyond 64 KiB: some 4,000 addresses) must hold nothing wrong,
        and every hundredth pod is asked for by its name instead.
        """
        ready = [pod for pod in namespace.truth(service) if pod.ready]
        name = f"{service}.{namespace.name}"
        wanted = frozenset(address for pod in ready for address in pod.addresses)
        answers = [self.ask(name, kind) for kind in ("A", "AAAA")]
        seen = answers[0].values | answers[1].values
        if not any(answer.truncated for answer in answers):
            return seen == wanted
        named = sorted((pod for pod in ready if pod.hostname), key=lambda pod: str(pod.hostname))
        return seen <= wanted and all(
            self.addresses(f"{pod.hostname}.{name}") == pod.addresses for pod in named[::100]
        )

    def wait_for(self, namespace: Namespace, service: str, timeout: float = 10.0) -> None:
        """Wait until `shows` holds; a cached variant may need as long as its ttl."""
        wait_until(
            lambda: self.shows(namespace, service),
            f"{self.address}:{self.port} to show {service}.{namespace.name}",
            timeout,
        )
