"""Further CoreDNS processes of the bed: killed, started, several replicas, with caches.

In comes a bed and what each server block shall do, out goes a `NameServers` to start and
kill. The bed's own CoreDNS stays what all tests share; who kills one has one of these.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.bed import ZONE
from tests.cluster.lookups import Variant
from tests.cluster.network import free_ports
from tests.cluster.processes import stop_all, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.cluster.bed import Bed

_BLOCK = """
.:{port} {{
    bind 127.0.0.1
    errors
    kubernetes {zone} {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl {ttl}
    }}
{cache}}}
"""


class Block(NamedTuple):
    """One way of answering, on a port of its own.

    Attributes:
        name: What tests call it.
        ttl: TTL of the records, seconds.
        cache: Seconds answers are cached at most; None without a cache. A cache answers
            no longer than the TTL says.
        keepttl: Cached answers carry the full TTL, which hides the cache.
    """

    name: str
    ttl: int = 5
    cache: int | None = None
    keepttl: bool = False

    @property
    def lifetime(self) -> float:
        """Seconds an answer may be old: the c of the formulas."""
        return 0.0 if self.cache is None else float(min(self.ttl, self.cache))


class NameServers:
    """One CoreDNS process with several server blocks.

    Args:
        bed: The bed whose API server it reads.
        name: Name of the program and of its log.
        blocks: What it serves.

    Attributes:
        program: The process; to be started from the main thread only.
        blocks: The blocks by name.
        at: Where each of them answers, by name.
    """

    def __init__(self, bed: Bed, name: str, blocks: Sequence[Block]) -> None:
        self.blocks = {block.name: block for block in blocks}
        ports = free_ports(len(blocks))
        self.at = {
            block.name: Variant("127.0.0.1", port, ZONE)
            for block, port in zip(blocks, ports, strict=True)
        }
        corefile = bed.folder / f"Corefile.{name}"
        corefile.write_text(
            "".join(
                _BLOCK.format(
                    port=self.at[block.name].port,
                    zone=ZONE,
                    kubeconfig=bed.folder / "kubeconfig",
                    ttl=block.ttl,
                    cache=_cache(block),
                )
                for block in blocks
            )
        )
        coredns = bed.programs["coredns"].command[0]
        self.program = bed.program(name, [coredns, f"-conf={corefile}"])

    def start(self) -> None:
        """Start it and wait until every block has read the cluster."""
        self.program.start()
        self.wait()

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until every block has read the cluster."""
        for name, variant in self.at.items():
            what = f"CoreDNS ({self.program.name}, {name}) to answer"
            wait_until(variant.in_step, what, timeout, [self.program])

    def nameserver(self, block: str) -> str:
        """Return `address:port` of a block, as `LookupOptions` take it."""
        return f"{self.at[block].address}:{self.at[block].port}"


@contextlib.contextmanager
def coredns(bed: Bed, name: str, *blocks: Block) -> Iterator[NameServers]:
    """Run a further CoreDNS for the length of a `with` block; it has read the cluster."""
    made = NameServers(bed, name, blocks)
    try:
        made.start()
        yield made
    finally:
        stop_all([made.program])
        del bed.programs[name]


def _cache(block: Block) -> str:
    """Return the lines of the Corefile that cache and shuffle, as clusters have them."""
    if block.cache is None:
        return ""  # nothing is shuffled either: an unchanged state has unchanged bytes
    keep = " {\n        keepttl\n    }" if block.keepttl else ""
    return f"    cache {block.cache}{keep}\n    loadbalance\n"
