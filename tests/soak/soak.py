"""Soak: a great many lookups under packet loss, on threads and on asyncio.

``make soak`` runs a million on each; the tests run twenty thousand. Counted are looks
that fail although they had six tries, looks that end late, and what is left open: file
descriptors, threads, tasks, memory. The server is a process of its own, so that both
sides have a core.

    python -m tests.soak.soak --world asyncio --lookups 1000000 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery import AsyncHeadlessService, HeadlessService, LookupFailed, LookupOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "my-database.shop"
PODS = 3
LOSS = 0.2
SENDS = 6
ATTEMPT = 0.01
TIMEOUT = 5.0
GRACE = 0.05  # a call may end this much after its deadline

_SERVER = """
import sys
from headless_discovery.testing import ClusterDNS, Drop
with ClusterDNS(seed=int(sys.argv[1])) as dns:
    db = dns.service("my-database.shop", ports=[3306])
    dns.statefulset("mysql", service=db, replicas=3)
    dns.faults.add(Drop(share=float(sys.argv[2]), transport="udp"))
    print(dns.nameserver, flush=True)
    while sys.stdin.readline():
        dns.queries.clear()
"""


class Outcome(NamedTuple):
    """What a soak came to."""

    world: str
    lookups: int
    seed: int
    seconds: float
    right: int
    failed: int  # all six sends lost
    wrong: int  # another set than the one there is
    late: int  # ended after the deadline and its grace
    descriptors: tuple[int, int]  # after the warm-up, at the end
    threads: tuple[int, int]
    tasks: int  # left at the end
    memory: tuple[int, int]  # resident KiB after the warm-up, at the end


class _Tally:
    """Counts looks; shared by all workers, each of which asks for its next look here."""

    def __init__(self, lookups: int) -> None:
        self._left = lookups
        self._lock = threading.Lock()
        self.right = self.failed = self.wrong = self.late = 0

    def take(self) -> bool:
        """Whether there is another look to make."""
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def note(self, endpoints: int | None, seconds: float) -> None:
        """One look came to that many endpoints, None where it failed."""
        with self._lock:
            if endpoints is None:
                self.failed += 1
            elif endpoints == PODS:
                self.right += 1
            else:
                self.wrong += 1
            if seconds > TIMEOUT + GRACE:
                self.late += 1


def on_threads(options: LookupOptions, lookups: int, workers: int = 16) -> _Tally:
    """Look from many threads that share four service objects."""
    tally = _Tally(lookups)
    services = [HeadlessService(SERVICE, options=options) for _ in range(4)]

    def work(service: HeadlessService) -> None:
        while tally.take():
            began = time.monotonic()
            try:
                found: int | None = len(service.lookup())
            except LookupFailed:
                found = None
            tally.note(found, time.monotonic() - began)

    threads = [threading.Thread(target=work, args=(services[n % 4],)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


async def on_asyncio(options: LookupOptions, lookups: int, workers: int = 64) -> _Tally:
    """Look from many tasks that share four service objects."""
    tally = _Tally(lookups)
    services = [AsyncHeadlessService(SERVICE, options=options) for _ in range(4)]

    async def work(service: AsyncHeadlessService) -> None:
        while tally.take():
            began = time.monotonic()
            try:
                found: int | None = len(await service.lookup())
            except LookupFailed:
                found = None
            tally.note(found, time.monotonic() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(work(services[number % 4]))
    return tally


def soak(world: str, lookups: int, seed: int) -> Outcome:
    """Run one soak, after a warm-up of two thousand looks that are not counted."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(seed), str(LOSS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        options = LookupOptions(
            nameservers=[server.stdout.readline().strip()],
            attempt_timeout=ATTEMPT,
            timeout=TIMEOUT,
            max_sends=SENDS,
        )
        stop = threading.Event()
        keeper = threading.Thread(target=_keep_log_short, args=(server, stop))
        keeper.start()
        try:
            with asyncio.Runner() as runner:
                return _measured(world, options, lookups, seed, runner)
        finally:
            stop.set()
            keeper.join()
    finally:
        server.kill()
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()


def _measured(
    world: str, options: LookupOptions, lookups: int, seed: int, runner: asyncio.Runner
) -> Outcome:
    def run(count: int) -> _Tally:
        if world == "threads":
            return on_threads(options, count)
        return runner.run(on_asyncio(options, count))

    run(2000)
    before = _left_open()
    began = time.monotonic()
    tally = run(lookups)
    seconds = time.monotonic() - began
    after = _left_open()
    tasks = len(asyncio.all_tasks(runner.get_loop()))
    return Outcome(
        world,
        lookups,
        seed,
        round(seconds, 1),
        tally.right,
        tally.failed,
        tally.wrong,
        tally.late,
        (before[0], after[0]),
        (before[1], after[1]),
        tasks,
        (before[2], after[2]),
    )


def _left_open() -> tuple[int, int, int]:
    """Descriptors, threads, resident memory in KiB of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    return len(os.listdir("/proc/self/fd")), threading.active_count(), pages * page  # noqa: PTH208


def _keep_log_short(server: subprocess.Popen[str], stop: threading.Event) -> None:
    """The server keeps a log of queries; over millions it must not grow."""
    assert server.stdin is not None
    while not stop.wait(5):
        server.stdin.write("\n")
        server.stdin.flush()


def _arguments() -> Iterator[tuple[str, int, int]]:
    parser = argparse.ArgumentParser(description="A great many lookups under packet loss.")
    parser.add_argument("--world", choices=("threads", "asyncio", "both"), default="both")
    parser.add_argument("--lookups", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parsed = parser.parse_args()
    worlds = ("threads", "asyncio") if parsed.world == "both" else (parsed.world,)
    for world in worlds:
        yield world, parsed.lookups, parsed.seed


if __name__ == "__main__":
    for arguments in _arguments():
        print(json.dumps(soak(*arguments)._asdict()), flush=True)  # noqa: T201
