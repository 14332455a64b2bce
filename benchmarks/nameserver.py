"""Nameserver: a real CoreDNS of the test bed, and what it spent.

In: a bed. Out: a CoreDNS process configured as kubeadm does it, with a counter of questions
and octets (its own metrics) and of CPU time (the kernel's), which followers do not see: they
know what their looks cost, and not what CoreDNS worked for it.
"""

from __future__ import annotations

import http.client
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.bed import ZONE
from tests.cluster.lookups import Variant
from tests.cluster.processes import wait_until

if TYPE_CHECKING:
    from tests.cluster.bed import Bed

__all__ = ["NameServer", "Spent"]

# What kubeadm ships, and metrics.
COREFILE = """
.:{port} {{
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{metrics}
    kubernetes {zone} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    cache 30 {{
        disable success {zone}
        disable denial {zone}
    }}
    loadbalance
}}
"""
METRIC = re.compile(r"coredns_dns_(\w+?)(?:_bytes_sum|_total)\{([^}]*)\} (\S+)")
TYPE = re.compile(r'type="(\w+)"')
PROCESS_CLOCK = 2  # the kernel's number of "time on any CPU", in nanoseconds


class Spent(NamedTuple):
    """What a server has spent since its start, or between two moments.

    Attributes:
        at: When, or for how long.
        octets: Of DNS messages, both ways.
        cpu: Seconds.
        questions: For the pods of a Service.
        hints: Questions for the serial of the zone.
    """

    at: float
    octets: float
    cpu: float
    questions: float
    hints: float

    def since(self, earlier: Spent) -> Spent:
        """The difference."""
        return Spent(*(mine - its for mine, its in zip(self, earlier, strict=True)))


class NameServer:
    """One CoreDNS of its own.

    Args:
        bed: Where; it is stopped with the bed.
        name: Of the program.
        port: Where it answers, on 127.0.0.1.
        metrics: Where it tells its metrics.
    """

    def __init__(self, bed: Bed, name: str, port: int, metrics: int) -> None:
        self._metrics = metrics
        corefile = bed.folder / f"Corefile.{name}"
        corefile.write_text(
            COREFILE.format(
                port=port, metrics=self._metrics, zone=ZONE, kubeconfig=bed.folder / "kubeconfig"
            )
        )
        self.address = f"127.0.0.1:{port}"
        self._at = Variant("127.0.0.1", port, ZONE)
        coredns = bed.programs["coredns"].command[0]
        self._program = bed.program(name, [coredns, f"-conf={corefile}"])

    def start(self) -> None:
        """Start it, and wait until it has read the cluster."""
        self._program.start()
        what = f"CoreDNS ({self._program.name}) to answer"
        wait_until(self._at.in_step, what, 60.0, [self._program])

    def spent(self) -> Spent:
        """What it has spent since its start."""
        octets = questions = hints = 0.0
        for name, labels, value in METRIC.findall(self._read()):
            if name in {"request_size", "response_size"}:
                octets += float(value)
            elif name == "requests":
                asked = TYPE.search(labels)
                if asked is not None and asked[1] == "SOA":
                    hints += float(value)
                else:
                    questions += float(value)
        cpu = time.clock_gettime(~self._program.pid << 3 | PROCESS_CLOCK)
        return Spent(time.monotonic(), octets, cpu, questions, hints)

    def _read(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._metrics, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()
