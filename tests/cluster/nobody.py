"""All pods of a Service gone, for a while or for good: when is it told that nobody is there?

In comes a bed, out come observations; the tests and the long run judge them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.cluster.blackouts import Watched
from tests.cluster.network import BedError
from tests.cluster.processes import wait_until
from tests.cluster.recording import Recorder, service_questions
from tests.cluster.workloads import address_of

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace

_BOTH = ("back", "away")
_MEMBERS = {f"db-{ordinal}": address_of(ordinal) for ordinal in range(3)}


class Nobody(NamedTuple):
    """All pods of a Service were gone: when that was, and what was told.

    Attributes:
        since: From when on nobody was there.
        until: Until when.
        changes: When changes were told since, and how many members each left.
    """

    since: float
    until: float
    changes: list[tuple[float, int]]


class Gone:
    """Has all pods of two Services gone: of one for a while, of the other for good.

    EndpointSlices written by hand, so that all go and come at the same moment: pods that
    come back one after the other are rightly told to, those still missing as removed.
    What else happens in the `with` block happens meanwhile.

    Args:
        bed: The test bed.
        namespace: An empty one.
        seconds: How long the pods of the one are gone.
        where: The name server of the followers; the bed's bare CoreDNS when None.
    """

    def __init__(
        self, bed: Bed, namespace: Namespace, seconds: float, where: str | None = None
    ) -> None:
        self._server = bed.dns["bare"]
        self._where = where or f"{self._server.address}:{self._server.port}"
        self._namespace = namespace
        self._seconds = seconds
        self._watched = contextlib.ExitStack()
        self._back = threading.Timer(seconds, self._return)
        self._truth = Recorder(
            service_questions(self._server, [f"{each}.{namespace.name}" for each in _BOTH])
        )
        self._followers: dict[str, Watched] = {}

    def __enter__(self) -> Self:
        """Create the Services, follow them, and have their pods go."""
        for service in _BOTH:
            self._namespace.service(service, 7000, selector={})
            self._write(service, _MEMBERS)
            self._server.wait_for(self._namespace, service)
        self._watched.enter_context(self._truth)
        for service in _BOTH:
            watched = Watched(self._namespace, self._where, service)
            self._followers[service] = self._watched.enter_context(watched)
        for service in _BOTH:
            self._write(service, {})
        self._back.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the following."""
        self._back.cancel()
        self._back.join()
        self._watched.close()

    def _return(self) -> None:
        self._write(_BOTH[0], _MEMBERS)

    def _write(self, service: str, members: dict[str, str]) -> None:
        self._namespace.write_members(service, members)

    def wait(self, timeout: float) -> tuple[Nobody, Nobody]:
        """Wait until the one is told to be empty, and the other was looked at once more.

        Returns:
            The Service whose pods came back, and the one whose pods did not.
        """
        self._back.join()
        back, away = (self._followers[service] for service in _BOTH)
        began = time.monotonic()
        with contextlib.suppress(BedError):
            wait_until(lambda: len(away.changes) > 1, "nobody to be told", timeout)
        wait_until(lambda: any(each.began > began for each in back.looks), "one more look", 60)
        return self._seen(_BOTH[0]), self._seen(_BOTH[1])

    def _seen(self, service: str) -> Nobody:
        log = self._truth.log[f"{service}.{self._namespace.name}"]
        since = next(each.answered for each in log if each.members == {})
        until = [each.answered for each in log if each.answered > since and each.members]
        changes = self._followers[service].changes[1:]
        return Nobody(
            since,
            until[-1] if until else time.monotonic(),
            [(when, len(change.current)) for when, change in changes],
        )
