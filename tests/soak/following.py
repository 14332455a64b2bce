"""Many readers, many watchers, many callbacks that raise, while the members change all the time.

The looks are made up, so that the members change a thousand times a second. The tests run a
million reads and two thousand raising callbacks; the whole is

    python -m tests.soak.following --reads 10000000 --swaps 10000 --raising 10000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from unittest import mock

from headless_discovery import Endpoint, Look, PollPolicy, ServiceName, Snapshot
from tests.scenarios.worlds import WITHIN, World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery import Change, LookupOptions
    from headless_discovery.core.following import Following
    from tests.scenarios.worlds import Followed

SERVICE = ServiceName("db.shop", cluster_domain="cluster.local")
PODS = 8
READERS = 64
PAUSE = 0.0002
MARKS = 60_000  # a mark is a port


def marked(mark: int) -> Snapshot:
    """An answer in which each pod has the same port: a reader that sees two saw it torn."""
    return Snapshot(
        SERVICE,
        [
            Endpoint(
                addresses=(f"10.0.0.{number + 1}",),
                name=f"mysql-{number}",
                hostname=SERVICE.pod(f"mysql-{number}"),
                ordinal=number,
                ports=(mark % MARKS + 1,),
            )
            for number in range(PODS)
        ],
    )


def mark_of(snapshot: Snapshot) -> int:
    """The mark of a whole answer."""
    (mark,) = {endpoint.ports for endpoint in snapshot}
    assert len(snapshot) == PODS
    return mark[0] - 1


class Looks:
    """Stands in for the look of either shell: each one has another mark."""

    def __init__(self) -> None:
        self.made = 0
        self._patches: list[Any] = [
            mock.patch("headless_discovery.sync.following.look", self._look),
            mock.patch("headless_discovery.aio.following.look", self._look_async),
        ]

    def __enter__(self) -> Self:
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()

    def next(self) -> Look:
        """Another look."""
        self.made += 1
        return Look(SERVICE, marked(self.made), (), 0.0)

    def _look(self, *_: object) -> Look:
        return self.next()

    async def _look_async(self, *_: object) -> Look:
        await asyncio.sleep(0)
        return self.next()


class Readers(NamedTuple):
    """What many readers came to."""

    reads: int
    swaps: int
    seconds: float
    seen: int  # versions that somebody read
    torn: int
    backwards: int


def read_while_it_changes(kind: str, options: LookupOptions, reads: int, swaps: int) -> Readers:
    """From many threads, while somebody else publishes: no view is torn, no version goes back."""
    world = World(kind, debug=False)
    torn: list[str] = []
    backwards: list[str] = []
    seen: set[int] = set()
    going = threading.Event()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-3)  # so that readers are interrupted at many places
    try:
        with Looks() as looks:
            service = world.service(options, poll=PollPolicy(interval=3600))
            service.open().result(WITHIN)
            following: Following = service.inner._follower.following
            each = reads // READERS

            def read() -> None:
                going.wait(WITHIN)
                try:
                    seen.update(_read(service, each, backwards, max(15, each // swaps // 15 * 15)))
                except (AssertionError, ValueError) as error:
                    torn.append(repr(error))

            threads = [threading.Thread(target=read) for _ in range(READERS)]
            for thread in threads:
                thread.start()
            began = time.monotonic()
            going.set()
            swapped = 0
            while swapped < swaps or any(thread.is_alive() for thread in threads):
                _swap(world, following, looks)
                swapped += 1
                time.sleep(PAUSE)  # the readers' turn
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - began
            assert service.members.version == swapped + 1
            assert mark_of(service.members) == looks.made % MARKS
            service.close().result(WITHIN)
    finally:
        sys.setswitchinterval(interval)
        world.close()
    reads = each * READERS
    return Readers(reads, swapped, round(seconds, 1), len(seen), len(torn), len(backwards))


def _swap(world: World, following: Following, looks: Looks) -> None:
    """A change, as a turn of a follower makes it."""
    world.call(lambda: following.looked(looks.next(), time.monotonic()))


def _read(service: Followed, reads: int, backwards: list[str], each: int) -> set[int]:
    """Alternate between what can be read; note what went back. Which versions were seen."""
    seen = set()
    inner = service.inner
    last = 0
    done = 0
    while done < reads:
        members = inner.members
        mark = mark_of(members)
        version = inner.status().version
        observed = mark_of(inner.observed)
        if not (last <= members.version <= version and members.version == mark):
            backwards.append(f"{last} {members.version} {version} {mark}")
        if observed < mark:
            backwards.append(f"observed {observed} after {mark}")
        last = members.version
        seen.add(last)
        for _ in range(12):
            found = inner.members
            if found.version < last or found.version - 1 != found.endpoints[0].ports[0] - 2:
                backwards.append(f"{last} {found.version}")
            last = found.version
        done += 15
        while done % each == 0 and inner.members.version == last:
            time.sleep(5 * PAUSE)  # for the next version: all of them shall be read
    return seen


class Callbacks(NamedTuple):
    """What many callbacks that raise came to."""

    raised: int
    counted: int
    versions: int
    missed: int


def raise_in_callbacks(kind: str, options: LookupOptions, calls: int) -> Callbacks:
    """Callbacks that raise with each change, beside one that checks what it is told."""
    world = World(kind, debug=False)
    raised: list[int] = []
    told: list[Change] = []

    def bad(change: Change) -> None:
        raised.append(change.current.version)
        raise RuntimeError("the caller's own")

    log = logging.getLogger("headless_discovery")
    before = log.level
    log.setLevel(logging.CRITICAL)  # ten thousand tracebacks
    try:
        with Looks():
            policy = PollPolicy.fast(
                interval=0.002, floor=0.001, quick_interval=0.001, return_hold=False
            )
            service = world.service(options, poll=policy)
            service.open().result(WITHIN)
            for _ in range(20):
                service.subscribe(bad)
            service.subscribe(told.append)
            until(lambda: len(raised) >= calls, seconds=WITHIN + calls / 100)
            version = service.members.version
            until(lambda: bool(told) and told[-1].current.version >= version)
            counted = service.status().callback_errors
            service.close().result(WITHIN)
            until(lambda: service.inner._follower.callback_errors == len(raised))
    finally:
        log.setLevel(before)
        world.close()
    missed = sum(composed(told) != change.current.endpoints for change in told[-1:])
    missed += sum(one.current is not two.previous for one, two in pairwise(told))
    return Callbacks(len(raised), counted, told[-1].current.version, missed)


def composed(changes: list[Change]) -> tuple[Endpoint, ...]:
    """Who is there after these changes, by what they say came, went and changed."""
    known: dict[str, Endpoint] = {}
    for change in changes:
        for gone in change.removed:
            assert known.pop(str(gone.name)) == gone
        for old, new in change.updated:
            assert known.pop(str(old.name)) == old
            known[str(new.name)] = new
        for endpoint in change.added:
            assert known.setdefault(str(endpoint.name), endpoint) is endpoint
    return Snapshot(SERVICE, known.values()).endpoints


def main() -> None:
    """Run both on threads and on asyncio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reads", type=int, default=10_000_000)
    parser.add_argument("--swaps", type=int, default=10_000)
    parser.add_argument("--raising", type=int, default=10_000)
    parsed = parser.parse_args()
    from headless_discovery import LookupOptions as Options

    options = Options(nameservers=["127.0.0.1"], cluster_domain="cluster.local")
    runs: list[Callable[[str], Any]] = [
        lambda kind: read_while_it_changes(kind, options, parsed.reads, parsed.swaps),
        lambda kind: raise_in_callbacks(kind, options, parsed.raising),
    ]
    for run in runs:
        for kind in ("threads", "asyncio"):
            outcome = run(kind)._asdict()
            sys.stdout.write(json.dumps({"world": kind, **outcome}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
