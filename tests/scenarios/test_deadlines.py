"""Every look ends within its deadline, whatever happens between its questions."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import AsyncHeadlessService, LookupFailed, adiscover
from headless_discovery.testing import Delay, Raw
from tests.faces import Face, command

if TYPE_CHECKING:
    from headless_discovery import LookupOptions
    from headless_discovery.testing import ClusterDNS

GRACE = 0.05
FACES = [Face("sync"), Face("asyncio")]


def test_no_time_at_all(cluster_dns: ClusterDNS, face: Face) -> None:
    """A deadline that is over before the first packet is a timeout like any other."""
    seen = face.look("db.shop", cluster_dns.options.replace(timeout=1e-9))
    assert seen.outcome == "timeout"


def test_the_deadline_falls_between_two_questions(cluster_dns: ClusterDNS, face: Face) -> None:
    """SRV without data comes at the last moment, and A and AAAA have no time left."""
    db = cluster_dns.service("db.shop")
    cluster_dns.statefulset("mysql", service=db, replicas=3)
    outcomes = set()
    for left in (0.0, 0.0005, 0.001, 0.002, 0.004):
        cluster_dns.faults.clear()
        cluster_dns.faults.add(Delay(0.1 - left, types="SRV"))
        began = time.monotonic()
        outcomes.add(face.look("db.shop", cluster_dns.options.replace(timeout=0.1)).outcome)
        assert time.monotonic() - began < 0.1 + GRACE + 0.1  # and the loop's own start
    assert outcomes <= {"timeout", "partial", "OK"}


def test_the_command_never_says_nobody_for_it(cluster_dns: ClusterDNS) -> None:
    """Out of time is exit 3, not a traceback and not exit 1."""
    db = cluster_dns.service("db.shop")
    cluster_dns.statefulset("mysql", service=db, replicas=3)
    cluster_dns.faults.add(Delay(0.0995, types="SRV"))
    for _ in range(5):
        done = command("list", "db.shop", "--timeout", "100ms", **cluster_dns.environment)
        assert done.returncode in (0, 3), done.stderr
        assert "Traceback" not in done.stderr


def _large(_: bytes, good: bytes, __: str) -> list[bytes]:
    """A UDP answer of 3,500 addresses for the name that was asked."""
    owner = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\n"
    records = b"".join(owner + number.to_bytes(3) for number in range(1, 3501))
    end = 12
    while good[end]:
        end += 1 + good[end]
    head = good[:2] + b"\x84\0\0\1" + (3500).to_bytes(2) + b"\0\0\0\0"
    return [head + good[12 : end + 5] + records]


def _without_glue(_: bytes, good: bytes, __: str) -> list[bytes]:
    import dns.message

    message = dns.message.from_wire(good)
    message.additional.clear()
    return [message.to_wire()]


def test_many_large_answers_at_the_last_moment(cluster_dns: ClusterDNS, face: Face) -> None:
    """Sixty-four answers of 56 KiB each just before the deadline do not hold a look up."""
    db = cluster_dns.service("db.shop", ports=[3306])
    cluster_dns.statefulset("mysql", service=db, replicas=32)
    cluster_dns.faults.add(Raw(_without_glue, types="SRV"))
    cluster_dns.faults.add(Raw(_large, types=("A", "AAAA")), Delay(0.25, types=("A", "AAAA")))
    options = cluster_dns.options.replace(timeout=0.4, edns=4096)
    late = []
    for _ in range(3):  # a busy machine may hold us up once
        began = time.monotonic()
        face.look("db.shop", options)
        late.append(time.monotonic() - began - 0.4 - GRACE)
    assert min(late) < 0


def test_a_busy_executor_does_not_matter(cluster_dns: ClusterDNS) -> None:
    """The application may keep the loop's own threads busy; a large answer is read anyway."""
    db = cluster_dns.service("db.shop")
    cluster_dns.statefulset("mysql", service=db, replicas=1500)

    async def look(options: LookupOptions) -> int:
        loop = asyncio.get_running_loop()
        blockers = [loop.run_in_executor(None, time.sleep, 1.5) for _ in range(40)]
        try:
            found = len(await adiscover("db.shop", options=options))
            assert not any(blocker.done() for blocker in blockers)
        finally:
            for blocker in blockers:
                blocker.cancel()
        return found

    assert asyncio.run(look(cluster_dns.options.replace(timeout=1.4))) == 1500


def test_a_loop_held_up_past_the_deadline(cluster_dns: ClusterDNS) -> None:
    """Whoever blocks the loop gets an answer or a LookupFailed, nothing else."""
    db = cluster_dns.service("db.shop")
    cluster_dns.statefulset("mysql", service=db, replicas=3)
    service = AsyncHeadlessService("db.shop", options=cluster_dns.options.replace(timeout=0.1))

    async def look() -> None:
        task = asyncio.ensure_future(service.lookup())
        for _ in range(3):
            await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251 - that is the point
        with pytest.raises(LookupFailed):
            await task

    asyncio.run(look())
