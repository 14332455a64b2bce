"""What must not end the following, and where it cannot be used."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from headless_discovery import AsyncHeadlessService, ConfigError, NotYetKnown, PollPolicy
from headless_discovery.core import following
from tests.scenarios.worlds import WITHIN, until

if TYPE_CHECKING:
    from headless_discovery import Change, Look
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import World

FAST = PollPolicy.fast()


@pytest.mark.usefixtures("mysql")
def test_a_callback_that_exits(world: World, cluster_dns: ClusterDNS) -> None:
    """``sys.exit()`` in ``on_lookup`` is one more callback that raised."""
    world.expected.append("the callback")

    def leave(_: Look) -> None:
        sys.exit(3)

    service = world.service(cluster_dns, poll=FAST, on_lookup=leave)
    service.open().result(WITHIN)
    until(lambda: service.status().looks > 3)
    assert service.status().callback_errors > 2
    assert len(service.members) == 3


def test_a_subscriber_that_exits(world: World, cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """``sys.exit()`` in a subscriber is told, and the next change comes to it all the same."""
    world.expected.append("the callback")
    versions: list[int] = []

    def leave(change: Change) -> None:
        versions.append(change.current.version)
        sys.exit(3)

    service = world.service(cluster_dns, poll=FAST)
    service.open().result(WITHIN)
    service.subscribe(leave)
    until(lambda: versions == [1])
    mysql.scale(4)
    until(lambda: versions == [1, 2])


@pytest.mark.usefixtures("mysql")
def test_a_logging_filter_that_raises(world: World, cluster_dns: ClusterDNS) -> None:
    """What the application does to log records does not end the looks."""

    def refuse(_: logging.LogRecord) -> bool:
        raise ZeroDivisionError

    log = logging.getLogger("headless_discovery")
    log.addFilter(refuse)
    try:
        service = world.service(cluster_dns, poll=FAST)
        service.open().result(WITHIN)
        until(lambda: service.status().looks > 3)
    finally:
        log.removeFilter(refuse)


@pytest.mark.usefixtures("mysql")
def test_a_defect_says_so(
    world: World, cluster_dns: ClusterDNS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken membership ends it, and readers are told that, not that somebody closed it."""
    world.expected.append("defect")
    service = world.service(cluster_dns, poll=FAST)
    service.open().result(WITHIN)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(following, "reduce", broken)

    def says_why() -> bool:
        try:
            service.status()
        except NotYetKnown as error:
            return "defect" in str(error)
        return False

    until(says_why)


@pytest.mark.usefixtures("mysql")
def test_another_event_loop(cluster_dns: ClusterDNS) -> None:
    """Futures cross no loops: who watches or waits in another one is told so at once."""
    service = AsyncHeadlessService("db.shop", options=cluster_dns.options, poll=FAST)

    async def elsewhere() -> None:
        with pytest.raises(ConfigError, match="event loop"):
            await anext(service.watch())
        with pytest.raises(ConfigError, match="event loop"):
            await service.wait_for(count=1, timeout=1)

    async def main() -> None:
        async with service:
            await asyncio.to_thread(asyncio.run, elsewhere())

            def call(change: Change) -> None:
                raise AssertionError(change)

            def subscribe() -> None:
                with pytest.raises(ConfigError, match="event loop"):
                    service.subscribe(call)

            await asyncio.to_thread(subscribe)
            assert len(service.members) == 3

    asyncio.run(main())
