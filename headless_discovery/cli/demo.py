"""``headless-discovery demo``: the main job, live, against a cluster DNS in this process."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ..errors import EndpointNotFound, LookupFailed
from ..sync.service import HeadlessService
from . import exits
from .tables import print_endpoints

if TYPE_CHECKING:
    import argparse

    from ..testing import ClusterDNS, StatefulSet

__all__ = ["run"]

SERVICE = "my-database.shop"


def run(parsed: argparse.Namespace) -> int:
    """Show every step; ends by itself."""
    from ..testing import ClusterDNS  # noqa: PLC0415 - only the demo needs it

    _Demo(parsed.pause).run(ClusterDNS)
    return exits.FOUND


class _Demo:
    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._service: HeadlessService

    def run(self, cluster_dns: type[ClusterDNS]) -> None:
        with cluster_dns() as dns:
            database = dns.service("my-database", namespace="shop", ports=[3306])
            mysql = dns.statefulset("mysql", service=database, replicas=3)
            self._service = HeadlessService(
                SERVICE, options=dns.options.replace(timeout=1.0, attempt_timeout=0.25)
            )
            self._say(
                f"A cluster DNS is running at {dns.nameserver}, and in it a StatefulSet 'mysql'",
                "with 3 replicas behind the headless Service 'my-database' in namespace 'shop'.",
                "",
                "One question to DNS tells every pod, as "
                f"'headless-discovery list {SERVICE}' does:",
            )
            self._show()
            self._steps(dns, mysql)

    def _steps(self, dns: ClusterDNS, mysql: StatefulSet) -> None:
        pod = self._service.lookup().by_ordinal(0)
        self._say(f"Straight to an ordinal: by_ordinal(0) is {pod.hostname} at {pod.address}.")
        mysql.scale(5)
        self._say("The StatefulSet is scaled to 5: the next look has all of them.")
        self._show()
        mysql.restart(1)
        self._say("mysql-1 is replaced and comes back under a new address; its name stays.")
        self._show()
        mysql.set_ready(0, False)
        self._say("mysql-0 fails its readiness probe: DNS no longer lists it, and so do we not.")
        self._show()
        try:
            self._service.lookup().by_ordinal(0)
        except EndpointNotFound as error:
            self._say(f"by_ordinal(0) now says: {error}")
        mysql.set_ready(0, True)
        dns.set_synced(False)
        self._say("DNS breaks (SERVFAIL). That is no empty cluster, so it is an error:")
        try:
            self._service.lookup()
        except LookupFailed as failure:
            self._say(f"  LookupFailed, kind {failure.kind!r}: {failure.detail}")
        dns.set_synced(True)
        mysql.scale(0)
        self._say("DNS is back, and the StatefulSet is scaled to 0. Now DNS itself says: nobody.")
        self._say(
            f"  outcome {self._service.lookup().outcome}: no such Service or no ready pod; "
            "which of the two, DNS cannot tell."
        )
        mysql.scale(3)
        self._say("Scaled to 3 again:")
        self._show()
        self._say("That was the main job. Next: headless-discovery list --help", last=True)

    def _show(self) -> None:
        print_endpoints(self._service.lookup())
        print()

    def _say(self, *lines: str, last: bool = False) -> None:
        for line in lines:
            print(line)
        sys.stdout.flush()
        if not last and any(lines):
            time.sleep(self._pause)
