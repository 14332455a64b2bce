"""Callers: what the tests of HTTP clients share, on threads and on asyncio alike.

In come a world and a client, out go futures of answers. The servers are `https_server.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from headless_discovery import LookupOptions, PollPolicy
from tests.databases.https_server import requests_of
from tests.scenarios.worlds import WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.scenarios.worlds import Followed, World

__all__ = ["count_bodies", "followed", "shares"]


def followed(world: World, namespace: Namespace, count: int = 3, **arguments: Any) -> Followed:
    """Service ``web``, followed, all of its pods known."""
    service = world.service(
        LookupOptions(),
        f"web.{namespace.name}",
        port="https",
        poll=PollPolicy(interval=1.0),
        **arguments,
    )
    service.open().result(WITHIN)
    service.wait_for(count=count, timeout=60).result(70)
    return service


def shares(answers: Iterable[dict[str, Any]]) -> Counter[str]:
    """How often each pod has answered."""
    return Counter(each["pod"] for each in answers)


def count_bodies(folder: Path, pods: Iterable[str]) -> Counter[str]:
    """How often each body has reached any of the servers."""
    time.sleep(0.05)  # the last line is written before its answer is sent
    return Counter(seen["body"] for pod in pods for seen in requests_of(folder / pod))
