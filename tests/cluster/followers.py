"""Followers under test, on threads and on asyncio, and logs of all they told.

In come a Service and a name server, out come the changes and looks with their times.
Judges nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from headless_discovery import AsyncHeadlessService, HeadlessService, LookupOptions, PollPolicy
from tests.cluster.judging import Published
from tests.cluster.recovering import Looked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headless_discovery import Change, Endpoint, Look, Snapshot

Told = dict[str, frozenset[str]]


class Follower:
    """One service object that is followed for the length of a `with` block.

    Args:
        service: `name.namespace`.
        nameserver: `address:port`.
        poll: How; the default policy when None.
        name: What reports call it.

    Attributes:
        told: Every change, as it was told.
        looks: Every look.
        answers: What each complete look held, with its time: what a program without
            damping would take for the truth.
        sends: How many messages were sent.
    """

    world = "threads"

    def __init__(
        self, service: str, nameserver: str, *, poll: PollPolicy | None = None, name: str = ""
    ) -> None:
        self.name = name or service
        self.service = service
        self.told: list[Published] = []
        self.looks: list[Looked] = []
        self.answers: list[tuple[float, Told]] = []
        self.sends = 0
        self._options = LookupOptions(nameservers=[nameserver])
        self._poll = poll or PollPolicy()
        self._thread = threading.Thread(target=self._run, name=f"follower {self.name}")
        self._failed: BaseException | None = None
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Begin to follow; the members are known within moments."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a follower that died raises what it died of."""
        self.stop()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def members(self) -> Told | None:
        """What was told last; None before the first change."""
        return dict(self.told[-1].members) if self.told else None

    def _run(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - raised where the test can see it
            self._failed = error

    def _follow(self) -> None:
        with HeadlessService(
            self.service, options=self._options, poll=self._poll, on_lookup=self._looked
        ) as service:
            for change in service.watch(stop=self._stop):
                self._changed(change)

    def _looked(self, look: Look) -> None:
        ended = time.monotonic()
        self.looks.append(Looked(ended - look.elapsed, ended, look.error is None))
        self.sends += len(look.attempts)
        if look.snapshot is not None and look.error is None:
            self.answers.append((ended, told_of(look.snapshot)))

    def _changed(self, change: Change) -> None:
        self.told.append(
            Published(
                time.monotonic(),
                change.current.version,
                told_of(change.current),
                added=told_of(change.added),
                removed=told_of(change.removed),
                updated={
                    _name(after): (frozenset(before.addresses), frozenset(after.addresses))
                    for before, after in change.updated
                },
            )
        )


class AsyncFollower(Follower):
    """The same on asyncio, with a loop of its own."""

    world = "asyncio"

    def __init__(
        self, service: str, nameserver: str, *, poll: PollPolicy | None = None, name: str = ""
    ) -> None:
        super().__init__(service, nameserver, poll=poll, name=name)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def stop(self) -> None:
        """Ask it to end."""
        super().stop()
        if self._loop is not None and self._ended is not None:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)

    def _follow(self) -> None:
        asyncio.run(self._follow_on_loop())

    async def _follow_on_loop(self) -> None:
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stop.is_set():
            return
        async with AsyncHeadlessService(
            self.service, options=self._options, poll=self._poll, on_lookup=self._looked
        ) as service:
            async for change in service.watch(stop=self._ended):
                self._changed(change)


def told_of(endpoints: Snapshot | Iterable[Endpoint]) -> Told:
    """Addresses by name."""
    return {_name(endpoint): frozenset(endpoint.addresses) for endpoint in endpoints}


def _name(endpoint: Endpoint) -> str:
    return endpoint.name or endpoint.address
