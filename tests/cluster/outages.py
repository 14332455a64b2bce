"""The API server away and back, and how to know that name servers have caught up since.

In comes a bed. An API server that returns finds clients in the middle of their pauses: a
CoreDNS that ran all the time answers from its old set for up to a minute, several of them
for different times.
"""

from __future__ import annotations

import contextlib
from itertools import count
from typing import TYPE_CHECKING

from tests.cluster.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.cluster.bed import Bed
    from tests.cluster.lookups import Variant
    from tests.cluster.workloads import Namespace

_ENDPOINTS = 300
_PROBE = "probe"


@contextlib.contextmanager
def api_server_away(bed: Bed) -> Iterator[None]:
    """Take the API server away for the length of a `with` block.

    The controller manager goes with it: back too late it would hold the nodes for dead,
    and every pod with them. So does the scheduler, which may end itself when what it finds
    afterwards contradicts what it knew. Afterwards both and the bed's own CoreDNS are
    started anew, so that other tests find them in step.
    """
    api = bed.programs["kube-apiserver"]
    others = [bed.programs[name] for name in ("kube-controller-manager", "kube-scheduler")]
    for program in (*others, api):
        program.kill()
    bed.api.close()
    try:
        yield
    finally:
        api.start()
        bed.wait_for_api()
        for program in others:
            program.start()
        bed.programs["coredns"].kill()
        bed.programs["coredns"].start()
        bed.wait_for_dns()


class Probe:
    """Tells whether name servers know what was written just now, cached or not.

    Each question asks for a name that was never asked for before: a cache has nothing
    to say about it.

    Args:
        namespace: Where the Service that is written belongs.
    """

    def __init__(self, namespace: Namespace) -> None:
        namespace.service(_PROBE, 7000, selector={})
        self._namespace = namespace
        self._rounds = count()

    def wait(self, servers: Iterable[Variant], timeout: float = 90.0) -> None:
        """Write something and wait until each server has it."""
        prefix = f"round{next(self._rounds)}"
        self._namespace.write_slices(_PROBE, _ENDPOINTS, prefix=prefix)
        for server in servers:
            numbers = iter(range(_ENDPOINTS))

            def knows(server: Variant = server, numbers: Iterator[int] = numbers) -> bool:
                name = f"{prefix}-{next(numbers)}.{_PROBE}.{self._namespace.name}"
                return bool(server.ask(name, "A").values)

            what = f"{server.address}:{server.port} to have caught up"
            wait_until(knows, what, timeout, every=timeout / _ENDPOINTS)
