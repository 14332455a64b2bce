"""`AsyncRoles`: the primary and the replicas behind a Service, for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from .. import forking
from ..core.roles import (
    AT_ONCE,
    REPLICA,
    STILL_BUSY,
    Assignment,
    Kept,
    RoleSettings,
    Run,
    by_answers,
    by_ordinal,
    check_role,
    who_is_one_of,
    who_is_replica,
    without_replica,
)
from ..errors import ConfigError, ConnectFailed, EndpointNotFound
from ..service import CLOSE_WAITS
from .service import AsyncHeadlessService
from .transport import quiet_task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..core.snapshot import Endpoint, Snapshot

__all__ = ["AsyncRoles"]


class AsyncRoles:
    """Which pod is the primary, which are its replicas: the twin of `Roles`, awaited.

    The arguments are the same; ``probe`` is a coroutine function.
    """

    def __init__(
        self,
        service: AsyncHeadlessService,
        *,
        primary: int = 0,
        probe: Callable[[Endpoint, float], Awaitable[object]] | None = None,
        keep: float = 5.0,
        timeout: float = 1.0,
    ) -> None:
        if not isinstance(service, AsyncHeadlessService):
            raise ConfigError("service", f"{ascii(service)[:100]} is no AsyncHeadlessService")
        self._settings = RoleSettings(
            primary=primary, probe=probe, keep=keep, timeout=timeout, is_awaited=True
        )
        self._service = service
        self._kept = Kept(self._settings)
        self._busy: set[Endpoint] = set()
        forking.register(self)

    @property
    def service(self) -> AsyncHeadlessService:
        """Whose pods."""
        return self._service

    async def primary(self) -> Endpoint:
        """The primary: the twin of `Roles.primary`."""
        return (await self._assigned()).primary()

    async def replicas(self) -> tuple[Endpoint, ...]:
        """The replicas, by ordinal: the twin of `Roles.replicas`."""
        return (await self._assigned()).replicas

    async def replica(self) -> Endpoint:
        """A replica, the next one each time: the twin of `Roles.replica`."""
        is_replica = await self._demand_replicas()
        try:
            return await self._service.endpoint(to=is_replica)
        except EndpointNotFound as error:
            raise without_replica(self._settings, error) from None

    async def connect(
        self,
        dial: Callable[..., Any] | None = None,
        *,
        role: Literal["primary", "replica"] = "primary",
        **keywords: Any,
    ) -> Any:
        """Connect to the primary, or to the next replica that works: as `Roles.connect`."""
        check_role(role)
        to: Any
        if role == REPLICA:
            to = await self._demand_replicas()
        elif self._settings.probe is None:
            to = self._settings.primary
        else:
            to = await self.primary()
        try:
            return await self._service.connect(dial, to=to, **keywords)
        except ConnectFailed:
            self.forget()
            raise
        except EndpointNotFound as error:
            if role == REPLICA:
                raise without_replica(self._settings, error) from None
            raise

    def forget(self) -> None:
        """Ask everybody again at the next question, as after a read-only error."""
        self._kept.forget()

    def forked(self) -> None:
        """This is a child process: whoever asked is not here."""
        self._kept.abandon()
        self._busy = set()
        forking.register(self)  # it may have children of its own

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._service!r}, {self._settings})"

    async def _listed(self) -> Snapshot:
        """The members as `connect` sees them, also after a sleep; else what one look finds."""
        service = self._service
        if not service._is_open():  # noqa: SLF001
            return await service.lookup()
        call = service._call(None, None, None)  # noqa: SLF001
        members, _ = await service._source().members(call)  # noqa: SLF001
        return members

    async def _assigned(self) -> Assignment:
        members = await self._listed()
        if self._settings.probe is None:
            return by_ordinal(members.service.fqdn, members.endpoints, self._settings.primary)
        forgotten = self._kept.forgotten
        loop = asyncio.get_running_loop()
        while True:
            now = monotonic()
            found = self._kept.known(members, now)
            if found is not None:
                return found
            run = self._kept.under_way(now)
            if run is None or run.ended.get_loop().is_closed():
                return await self._probed(self._kept.begin(members, now, loop.create_future()))
            if run.ended.get_loop() is not loop:  # its end would be told there
                raise ConfigError("event loop", "these roles are being asked in another one")
            await asyncio.wait({run.ended})
            if run.found is not None and self._kept.is_for(run, members, forgotten):
                return run.found

    async def _probed(self, run: Run) -> Assignment:
        """Run the probe over the members."""
        found = None
        try:
            answers = await self._answers(run.members.endpoints)
            found = by_answers(run.members.service.fqdn, run.members.endpoints, answers)
        finally:
            self._kept.end(run, found)
            run.ended.set_result(None)
        return found

    async def _answers(self, endpoints: tuple[Endpoint, ...]) -> dict[Endpoint, object]:
        """What each said in time."""
        probe = self._settings.probe
        assert probe is not None  # noqa: S101 - else nobody asks
        end = monotonic() + self._settings.timeout
        busy = self._busy
        answers: dict[Endpoint, object] = {each: STILL_BUSY for each in endpoints if each in busy}
        waiting = deque(each for each in endpoints if each not in busy)

        async def work() -> None:
            while waiting and (left := end - monotonic()) > 0:
                endpoint = waiting.popleft()
                busy.add(endpoint)
                try:
                    answers[endpoint] = await probe(endpoint, left)
                except Exception as error:  # noqa: BLE001 - whatever it is, no role is known
                    answers[endpoint] = error
                finally:
                    busy.discard(endpoint)

        tasks = {quiet_task(work()) for _ in range(min(AT_ONCE, len(waiting)))}
        try:
            late = tasks and (await asyncio.wait(tasks, timeout=self._settings.timeout))[1]
        finally:
            for task in tasks:
                task.cancel()
        if late:  # one may refuse to end
            await asyncio.wait(late, timeout=CLOSE_WAITS)
        return answers

    async def _demand_replicas(self) -> Callable[[Endpoint], bool]:
        """Who is a replica.

        Raises:
            EndpointNotFound: The probe found none.
        """
        if self._settings.probe is None:
            return who_is_replica(self._settings)
        return who_is_one_of((await self._assigned()).some_replicas())
