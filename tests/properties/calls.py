"""Calls of connect over pods, driven by hand in virtual time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.core.dialling import Dialling
from headless_discovery.core.names import ServiceName
from headless_discovery.core.snapshot import Endpoint, Snapshot

if TYPE_CHECKING:
    from headless_discovery.core.selection import Selection

AT_LENGTH = os.environ.get("HEADLESS_DISCOVERY_MODEL")
EXAMPLES, STEPS = map(int, (AT_LENGTH or "100 50").split())
SERVICE = ServiceName("db.shop")
POLICY = ConnectPolicy(timeout=86400.0)
START = 1000.0
REFUSED = ConnectionRefusedError(111, "Connection refused")
QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=AT_LENGTH is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def endpoint(number: int, generation: int = 0) -> Endpoint:
    """A pod, made anew each time, at another address in each generation."""
    name = f"db-{number}"
    return Endpoint(
        addresses=(f"10.0.{generation}.{number}",),
        name=name,
        hostname=f"{name}.{SERVICE.fqdn}",
        ordinal=number,
    )


def state(version: int, endpoints: list[Endpoint]) -> Snapshot:
    """A published state."""
    return Snapshot(SERVICE, endpoints, version=version, seen_at=START + version)


class Call:
    """One call under way: it has dialled somebody, and waits."""

    def __init__(self, members: Snapshot, now: float) -> None:
        self.members = members
        self.call = Dialling(POLICY, None, None, now)
        self.call.consider(members)
        self.drawn: list[Endpoint] = []
        self.began = now

    def drawn_by(self, selection: Selection, now: float) -> Endpoint:
        """Whom it dials now."""
        chosen = self.call.next(selection, now)
        assert chosen is not None
        self.drawn.append(chosen)
        self.began = now
        return chosen
