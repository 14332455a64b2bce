"""`Roles`: the primary and the replicas behind a Service, for threads."""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
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
from .service import HeadlessService

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.snapshot import Endpoint, Snapshot

__all__ = ["Roles"]


class Roles:
    """Which pod behind a Service is the primary, and which are its replicas.

    Without a probe that is told by the ordinal. With one, all members are asked at the same
    time, and what they say is believed for ``keep`` seconds, while the members stay the
    same, and until `forget`. Where there is not exactly one primary it is believed for at
    most 0.25 s. Any number of threads may ask; there is one run of the probe at a time.

    Args:
        service: Whose pods; open, or looked at with each question.
        primary: The ordinal of the primary where there is no probe; the others that have an
            ordinal are replicas. Default 0.
        probe: Called as ``probe(endpoint, timeout)`` in a thread of its own, with the
            seconds it has; returns ``"primary"`` or ``"replica"``. A pod whose probe raises,
            returns anything else or takes too long has no known role, and gets no
            connections. A probe that goes on after its time is not started again for the
            same pod until it has ended.
        keep: Seconds for which the answers are believed, default 5.
        timeout: Seconds one run of the probe may take, all members together, default 1. A
            connection that has to ask first takes so much longer.

    Raises:
        ConfigError: A value that cannot be meant.
    """

    def __init__(
        self,
        service: HeadlessService,
        *,
        primary: int = 0,
        probe: Callable[[Endpoint, float], object] | None = None,
        keep: float = 5.0,
        timeout: float = 1.0,
    ) -> None:
        if not isinstance(service, HeadlessService):
            raise ConfigError("service", f"{ascii(service)[:100]} is no HeadlessService")
        self._settings = RoleSettings(
            primary=primary, probe=probe, keep=keep, timeout=timeout, is_awaited=False
        )
        self._service = service
        self._kept = Kept(self._settings)
        self._busy: set[Endpoint] = set()
        self._lock = threading.RLock()  # a signal's handler may call us, too
        forking.register(self)

    @property
    def service(self) -> HeadlessService:
        """Whose pods."""
        return self._service

    def primary(self) -> Endpoint:
        """The primary.

        Raises:
            EndpointNotFound: There is none; the message says what each pod is.
            AmbiguousEndpoint: Two or more say that they are it; the error names them.
            NotYetKnown: The Service is followed, and nothing is known of it.
            LookupFailed, NotHeadless: It is not followed, and the one look said so.
        """
        return self._assigned().primary()

    def replicas(self) -> tuple[Endpoint, ...]:
        """The replicas, by ordinal; empty where there are none.

        Raises:
            NotYetKnown, LookupFailed, NotHeadless: as `primary`.
        """
        return self._assigned().replicas

    def replica(self) -> Endpoint:
        """A replica, the next one each time.

        Raises:
            EndpointNotFound: There is none; the message says what each pod is.
            NotYetKnown, LookupFailed, NotHeadless: as `primary`.
        """
        is_replica = self._demand_replicas()
        try:
            return self._service.endpoint(to=is_replica)
        except EndpointNotFound as error:
            raise without_replica(self._settings, error) from None

    def connect(
        self,
        dial: Callable[..., Any] | None = None,
        *,
        role: Literal["primary", "replica"] = "primary",
        **keywords: Any,
    ) -> Any:
        """Connect to the primary, or to the next replica that works.

        Args:
            dial: As `HeadlessService.connect`.
            role: ``"primary"`` (default) or ``"replica"``.
            **keywords: As `HeadlessService.connect`, but for ``to``.

        Returns:
            As `HeadlessService.connect`.

        Raises:
            EndpointNotFound, AmbiguousEndpoint: as `primary` and `replica`.
            ConnectFailed: Nobody of that role could be dialled.
        """
        check_role(role)
        to: Any
        if role == REPLICA:
            to = self._demand_replicas()
        elif self._settings.probe is None:
            to = self._settings.primary
        else:
            to = self.primary()
        try:
            return self._service.connect(dial, to=to, **keywords)
        except ConnectFailed:
            self.forget()
            raise
        except EndpointNotFound as error:
            if role == REPLICA:
                raise without_replica(self._settings, error) from None
            raise

    def forget(self) -> None:
        """Ask everybody again at the next question, as after a read-only error."""
        with self._lock:
            self._kept.forget()

    def forked(self) -> None:
        """This is a child process: whoever asked is not here."""
        self._lock = threading.RLock()
        self._kept.abandon()
        self._busy = set()
        forking.register(self)  # it may have children of its own

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._service!r}, {self._settings})"

    def _listed(self) -> Snapshot:
        """The members as `connect` sees them, also after a sleep; else what one look finds."""
        service = self._service
        if not service._is_open():  # noqa: SLF001
            return service.lookup()
        call = service._call(None, None, None)  # noqa: SLF001
        members, _ = service._source().members(call)  # noqa: SLF001
        return members

    def _assigned(self) -> Assignment:
        members = self._listed()
        if self._settings.probe is None:
            return by_ordinal(members.service.fqdn, members.endpoints, self._settings.primary)
        forgotten = self._kept.forgotten
        while True:
            with self._lock:
                now = monotonic()
                found = self._kept.known(members, now)
                if found is not None:
                    return found
                run = self._kept.under_way(now)
                is_ours = run is None
                if run is None:
                    run = self._kept.begin(members, now, threading.Event())
            if is_ours:
                return self._probed(run)
            run.ended.wait(self._kept.longest)
            if run.found is not None and self._kept.is_for(run, members, forgotten):
                return run.found

    def _probed(self, run: Run) -> Assignment:
        """Run the probe over the members."""
        found = None
        try:
            answers = self._answers(run.members.endpoints)
            found = by_answers(run.members.service.fqdn, run.members.endpoints, answers)
        finally:
            with self._lock:
                self._kept.end(run, found)
            run.ended.set()
        return found

    def _answers(self, endpoints: tuple[Endpoint, ...]) -> dict[Endpoint, object]:
        """What each said in time."""
        probe = self._settings.probe
        assert probe is not None  # noqa: S101 - else nobody asks
        end = monotonic() + self._settings.timeout
        busy = self._busy
        answers: dict[Endpoint, object] = {each: STILL_BUSY for each in endpoints if each in busy}
        waiting = deque(each for each in endpoints if each not in busy)
        told: SimpleQueue[tuple[Endpoint, object]] = SimpleQueue()

        def work() -> None:
            while waiting and (left := end - monotonic()) > 0:
                try:
                    endpoint = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                busy.add(endpoint)
                answer: object
                try:
                    answer = probe(endpoint, left)
                except BaseException as error:  # noqa: BLE001 - whatever it is, no role is known
                    answer = error
                busy.discard(endpoint)
                told.put((endpoint, answer))

        for number in range(min(AT_ONCE, len(waiting))):
            thread = threading.Thread(target=work, name="headless_discovery-probe", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # this process may start no more threads
                if not number:
                    return dict.fromkeys(endpoints, error)
                break
        while len(answers) < len(endpoints):
            try:
                endpoint, answer = told.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                break
            answers[endpoint] = answer
        return answers

    def _demand_replicas(self) -> Callable[[Endpoint], bool]:
        """Who is a replica.

        Raises:
            EndpointNotFound: The probe found none.
        """
        if self._settings.probe is None:
            return who_is_replica(self._settings)
        return who_is_one_of(self._assigned().some_replicas())
