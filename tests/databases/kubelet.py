"""The kubelet's part for real servers: each pod of a StatefulSet has its process.

In come the pods of the real control plane, out go running servers, and pods that are ready
once theirs answers. Knows no database: what a server is, the caller's `make` says.

kwok plays the rest of the kubelet (addresses, phases). So that it does not call a pod ready
by itself, the template of the StatefulSet carries the annotation `NOT_READY`.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from tests.cluster.api import ApiError
from tests.cluster.bed import ZONE
from tests.cluster.network import BedError
from tests.cluster.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.cluster.api import Manifest
    from tests.cluster.workloads import Namespace

NOT_READY = {"test/ready": "false"}
"""Annotations for the template of the StatefulSet: pods wait for their servers."""

_EVERY = 0.05  # seconds between two looks at the pods, and at each server
_TRIES = 5  # starts without ever answering, before it is the test that is wrong


class Pod(NamedTuple):
    """A pod that has its addresses.

    Attributes:
        name: Such as `redis-0`.
        ordinal: Such as 0.
        address: The one it is known by.
        addresses: All of both families, that one first.
        fqdn: Its name in DNS, without the last dot.
        folder: Its volume: the next pod of this name finds there what this one left.
        uid: What tells it from the next pod of this name.
    """

    name: str
    ordinal: int
    address: str
    addresses: tuple[str, ...]
    fqdn: str
    folder: Path
    uid: str


class Event(NamedTuple):
    """What became of a server: `starting`, `ready`, `died`, `stopping` or `stopped`."""

    when: float
    what: str
    pod: Pod


class Server(Protocol):
    """The process of one pod; `programs.py` has what they have in common."""

    @property
    def running(self) -> bool:
        """True until the process has ended."""

    def start(self) -> None:
        """Start it, and return before it answers."""

    def is_answering(self) -> bool:
        """Return whether it may have clients; an `OSError` counts as not yet."""

    def stop(self) -> None:
        """End it gently, and by force if that takes seconds."""

    def kill(self) -> None:
        """End it at once, as a crash does."""

    def tail(self) -> str:
        """Return the end of its log."""


class Kubelet:
    """Servers for the pods of one StatefulSet, for the length of a `with` block.

    A server that dies makes its pod not ready and is started again at once, unless it is
    held down. A pod on its way out has its server stopped.

    Args:
        namespace: Where the StatefulSet is.
        statefulset: Its name.
        make: What makes the server of a pod; called in a thread, and for each new pod.
        folder: Where each pod has its volume.
    """

    def __init__(
        self, namespace: Namespace, statefulset: str, make: Callable[[Pod], Server], folder: Path
    ) -> None:
        self._namespace = namespace
        self._statefulset = statefulset
        self._make = make
        self._folder = folder
        self._lock = threading.Lock()
        self._keepers: dict[str, _Keeper] = {}  # by uid
        self._held: set[str] = set()
        self._events: list[Event] = []
        self._errors: list[Exception] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"kubelet of {statefulset}")

    def __enter__(self) -> Self:
        """Begin to look after the pods."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop every server; raise what went wrong with one, unless the test failed itself."""
        self._stop.set()
        self._thread.join(timeout=60)
        with self._lock:
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.leave()
        for keeper in keepers:
            keeper.join(timeout=60)
        if self._errors and kind is None:
            raise self._errors[0]

    @property
    def servers(self) -> Mapping[str, Server]:
        """The servers by the names of their pods, as they are now."""
        with self._lock:
            return {
                each.pod.name: each.server
                for each in self._keepers.values()
                if each.server is not None
            }

    @property
    def pods(self) -> Mapping[str, Pod]:
        """The pods by name, as they are now: those that have an address and stay."""
        with self._lock:
            return {each.pod.name: each.pod for each in self._keepers.values() if each.stays}

    def ready(self) -> set[str]:
        """Return the names of the pods whose servers answered and run."""
        with self._lock:
            return {each.pod.name for each in self._keepers.values() if each.is_up}

    def hold(self, name: str) -> None:
        """Leave the server of a pod down when it has ended; see `release`."""
        with self._lock:
            self._held.add(name)

    def release(self, name: str) -> None:
        """Start the server of a pod again from now on when it has ended."""
        with self._lock:
            self._held.discard(name)

    def is_held(self, name: str) -> bool:
        """Return whether a server that has ended is left down."""
        with self._lock:
            return name in self._held

    def wait_ready(self, count: int, timeout: float = 60.0) -> None:
        """Wait until exactly so many pods are ready, and the EndpointSlices say so.

        Raises:
            BedError: Time is up, or a server could not be started.
        """

        def complete() -> bool:
            if self._errors:
                raise self._errors[0]
            if len(self.ready()) != count:
                return False
            app = self._namespace.api.get("StatefulSet", self._statefulset, self._namespace.name)
            return self._namespace.settled(app["spec"]["selector"]["matchLabels"]["app"])

        wait_until(complete, f"{count} servers of {self._statefulset}", timeout)

    def events(self, what: str) -> list[Event]:
        """Return what happened so far of this kind; times are monotonic."""
        return [each for each in tuple(self._events) if each.what == what]

    def happened(self, what: str, pod: Pod) -> None:
        """Keep what became of a server, for the test."""
        self._events.append(Event(time.monotonic(), what, pod))

    def failed(self, error: Exception) -> None:
        """Keep what went wrong in a thread, for the test."""
        self._errors.append(error)

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                found = {
                    pod["metadata"]["uid"]: pod
                    for pod in self._namespace.pods()
                    if self._is_ours(pod) and "podIPs" in pod.get("status", {})
                }
            except (OSError, ApiError):  # a kubelet outlives an API server that is away
                continue
            with self._lock:
                known = dict(self._keepers)
            for uid, keeper in known.items():
                if uid not in found or "deletionTimestamp" in found[uid]["metadata"]:
                    keeper.leave()
            for uid, manifest in found.items():
                if uid not in known and "deletionTimestamp" not in manifest["metadata"]:
                    self._keep(self._pod(manifest))

    def _keep(self, pod: Pod) -> None:
        with self._lock:
            # The volume and, it may be, the address are those of the one before.
            before = [each for each in self._keepers.values() if each.pod.name == pod.name]
            self._keepers = {
                uid: each
                for uid, each in self._keepers.items()
                if each.is_alive() or each.pod.name != pod.name
            }
            keeper = _Keeper(self, pod, self._make, self._mark, before)
            self._keepers[pod.uid] = keeper
        keeper.start()

    def _mark(self, pod: Pod, ready: bool) -> None:
        """Say of this very pod, not of the next one with its name, whether it is ready."""
        metadata = {
            "uid": pod.uid,
            "annotations": {"test/ready": "true" if ready else "false"},
        }
        try:
            self._namespace.api.patch("Pod", pod.name, {"metadata": metadata}, self._namespace.name)
        except ApiError as error:  # it is gone, or the next one is there
            if error.status not in {http.client.NOT_FOUND, http.client.CONFLICT}:
                raise

    def _is_ours(self, pod: Manifest) -> bool:
        owners = pod["metadata"].get("ownerReferences", ())
        return any(
            owner["kind"] == "StatefulSet" and owner["name"] == self._statefulset
            for owner in owners
        )

    def _pod(self, manifest: Manifest) -> Pod:
        name: str = manifest["metadata"]["name"]
        spec = manifest["spec"]
        addresses = tuple(each["ip"] for each in manifest["status"]["podIPs"])
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return Pod(
            name=name,
            ordinal=int(name.rpartition("-")[2]),
            address=addresses[0],
            addresses=addresses,
            fqdn=f"{spec['hostname']}.{spec['subdomain']}.{self._namespace.name}.svc.{ZONE}",
            folder=folder,
            uid=manifest["metadata"]["uid"],
        )


class _Keeper(threading.Thread):
    """Looks after the server of one pod from its start until the pod goes.

    A thread each: a database takes seconds to come up, and the others must not wait for it.
    The process dies with this thread (`processes.py`), whatever becomes of the test.
    """

    def __init__(
        self,
        kubelet: Kubelet,
        pod: Pod,
        make: Callable[[Pod], Server],
        mark: Callable[[Pod, bool], None],
        before: list[_Keeper],
    ) -> None:
        super().__init__(name=f"keeper of {pod.name}", daemon=True)
        self.pod = pod
        self.server: Server | None = None
        self.ready = False
        self._kubelet = kubelet
        self._make = make
        self._mark = mark
        self._before = before
        self._leave = threading.Event()
        self._starts = 0

    @property
    def stays(self) -> bool:
        """False once the pod is on its way out."""
        return not self._leave.is_set()

    @property
    def is_up(self) -> bool:
        """True while the pod stays, is ready and has a running server."""
        return self.stays and self.ready and self.server is not None and self.server.running

    def leave(self) -> None:
        """Have the server stopped; does not wait."""
        self._leave.set()

    def run(self) -> None:
        """Keep the server up."""
        for keeper in self._before:
            keeper.join()
        try:
            server = self._make(self.pod)
            try:
                self._start(server)
                self.server = server
                while not self._leave.wait(_EVERY):
                    with contextlib.suppress(OSError):
                        self._look(server)
            finally:
                self._happened("stopping")
                server.stop()
                self._happened("stopped")
        except Exception as error:  # noqa: BLE001 - told to the test, in its own thread
            self._kubelet.failed(error)
        finally:
            self.ready = False

    def _look(self, server: Server) -> None:
        """Do what the state of the server asks for.

        Raises:
            OSError: It does not answer yet, or the API server is away; to be tried again.
        """
        if server.running:
            if not self.ready and server.is_answering():
                self._mark(self.pod, True)
                self.ready = True
                self._starts = 0
                self._happened("ready")
        elif self.ready:
            self._mark(self.pod, False)
            self.ready = False
            self._happened("died")
        elif not self._kubelet.is_held(self.pod.name):
            self._start(server)

    def _start(self, server: Server) -> None:
        if self._starts == _TRIES:
            raise BedError(
                f"{self.pod.name} ended {_TRIES} times before it answered\n{server.tail()}"
            )
        self._starts += 1
        self._happened("starting")
        server.start()

    def _happened(self, what: str) -> None:
        self._kubelet.happened(what, self.pod)
