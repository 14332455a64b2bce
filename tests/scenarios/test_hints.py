"""The change hint over real sockets: it adds looks, and never delays or replaces one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from headless_discovery import PollPolicy, awatch
from headless_discovery.testing import Delay, Drop
from tests.scenarios.worlds import WITHIN, until

if TYPE_CHECKING:
    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.scenarios.worlds import World

PERIOD = 0.05


def hinting(interval: float) -> PollPolicy:
    """Looks every so often, and asks for the serial in between."""
    return PollPolicy.fast(interval=interval, hint=PERIOD, jitter=0.0, quick_for=0.0)


def is_hint(name: str, rdtype: str) -> bool:
    """Whether a query asks for the serial."""
    return rdtype == "SOA" and name.startswith("cluster.local")


def asked(cluster_dns: ClusterDNS, rdtype: str) -> int:
    """How many queries of that type there were."""
    return sum(query.type == rdtype for query in cluster_dns.queries)


def drop_hints(cluster_dns: ClusterDNS) -> None:
    """Nobody answers for the serial."""
    cluster_dns.faults.add(Drop(match=lambda query: is_hint(query.name, query.type)))


@pytest.mark.usefixtures("mysql")
def test_a_refresh_does_not_wait_for_a_hint(world: World, cluster_dns: ClusterDNS) -> None:
    """A question for the serial that nobody answers gives way at once."""
    drop_hints(cluster_dns)
    service = world.service(cluster_dns, poll=hinting(60.0))
    service.open().result(WITHIN)
    for _ in range(3):
        hints, looks = asked(cluster_dns, "SOA"), service.status().looks
        until(lambda hints=hints: asked(cluster_dns, "SOA") > hints)  # type: ignore[misc]
        began = time.monotonic()
        service.refresh()
        until(lambda looks=looks: service.status().looks > looks)  # type: ignore[misc]
        assert time.monotonic() - began < 0.5, "it waited for the hint's own second"


@pytest.mark.usefixtures("mysql")
def test_a_look_is_never_late_for_a_hint(world: World, cluster_dns: ClusterDNS) -> None:
    """Looks go on at their interval while every question for the serial is lost."""
    drop_hints(cluster_dns)
    ended: list[float] = []
    service = world.service(
        cluster_dns, poll=hinting(0.2), on_lookup=lambda _: ended.append(time.monotonic())
    )
    service.open().result(WITHIN)
    until(lambda: len(ended) >= 8)
    gaps = sorted(after - before for before, after in pairwise(ended[2:]))
    assert gaps[len(gaps) // 2] < 0.5, gaps  # an attempt of a hint would take a second
    assert asked(cluster_dns, "SOA") > 0


def test_steps_that_are_cancelled_do_not_ask_again(
    cluster_dns: ClusterDNS, mysql: StatefulSet
) -> None:
    """Whoever waits for each step a moment only asks no more often than one who waits long."""
    del mysql
    cluster_dns.faults.add(Delay(0.3, match=lambda query: is_hint(query.name, query.type)))
    policy = PollPolicy.fast(interval=60.0, hint=0.5, quick_for=0.0)

    async def main() -> None:
        async with awatch("db.shop", options=cluster_dns.options, poll=policy) as watch:
            await anext(watch)
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(anext(watch), 0.02)

    asyncio.run(main())
    assert 2 <= asked(cluster_dns, "SOA") <= 5


def test_two_tasks_on_one_watch_are_one_poller(cluster_dns: ClusterDNS, mysql: StatefulSet) -> None:
    """However many tasks await its next change, there is one look at a time."""
    del mysql
    policy = PollPolicy.fast(interval=0.1, jitter=0.0, floor=0.08, quick_for=0.0)

    async def main() -> None:
        async with awatch("db.shop", options=cluster_dns.options, poll=policy) as watch:
            await anext(watch)
            waiting = [asyncio.ensure_future(anext(watch)) for _ in range(4)]
            await asyncio.sleep(1.0)
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(main())
    assert asked(cluster_dns, "SRV") <= 14
