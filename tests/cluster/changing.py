"""A cluster in motion: one change after the other, drawn from a seed.

In comes a namespace, out go changes of its workloads as an operator and a kubelet make
them: scaled, restarted one pod after the other, a pod replaced, readiness lost and found
again. Knows no DNS; that a change was asked for is all that is known here.
"""

from __future__ import annotations

import http.client
import random
import time
from typing import TYPE_CHECKING

from tests.cluster.api import ApiError

if TYPE_CHECKING:
    from tests.cluster.workloads import Namespace

DATABASE, QUEUE, APP = "db", "mq", "app"
"""The Services: a StatefulSet whose pods come together, one whose pods come in order, and a
Deployment, whose pods are named after their addresses."""

SERVICES = (DATABASE, QUEUE, APP)

_REPLICAS = {DATABASE: (2, 8), QUEUE: (1, 5), APP: (2, 8)}
_KINDS = {DATABASE: "StatefulSet", QUEUE: "StatefulSet", APP: "Deployment"}
_WEIGHTS = {"scale": 30, "readiness": 45, "replacement": 20, "restart": 3}


class Changes:
    """Makes changes in a namespace of its own.

    Args:
        namespace: An empty one.
        seed: Of what is changed.

    Attributes:
        made: What was done, with its time.
    """

    def __init__(self, namespace: Namespace, seed: int) -> None:
        self.made: list[tuple[float, str]] = []
        self._namespace = namespace
        self._chance = random.Random(seed)
        self._replicas = {DATABASE: 5, QUEUE: 3, APP: 5}
        self._unready: dict[str, list[str]] = {service: [] for service in SERVICES}

    def begin(self) -> None:
        """Create the workloads and wait until all of them are ready."""
        for service in SERVICES:
            self._namespace.service(service, 7000)
        self._namespace.statefulset(DATABASE, DATABASE, self._replicas[DATABASE], parallel=True)
        self._namespace.statefulset(QUEUE, QUEUE, self._replicas[QUEUE])
        self._namespace.deployment(APP, APP, self._replicas[APP])
        for service in SERVICES:
            self._namespace.wait_ready(service, _KINDS[service], timeout=60)

    def make(self, kind: str | None = None) -> None:
        """Make the next change; does not wait until it has happened.

        Args:
            kind: `scale`, `readiness`, `replacement` or `restart`; drawn when None.
        """
        service = self._chance.choice(SERVICES)
        if kind is None:
            kind = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind == "readiness":
            self._flip(service)
            return
        if self._unready[service]:
            # They would hold up what comes in order. Nothing else at the same time: a pod
            # that is ready for a blink is seen by one asker and missed by another.
            self._all_ready(service)
            return
        if kind == "scale":
            least, most = _REPLICAS[service]
            others = [n for n in range(least, most + 1) if n != self._replicas[service]]
            self._replicas[service] = self._chance.choice(others)
            self._namespace.scale(service, self._replicas[service], _KINDS[service])
            self._note(f"{service} scaled to {self._replicas[service]}")
        elif kind == "replacement":
            pod = self._a_pod(service)
            if pod is not None:
                self._namespace.delete_pod(pod)
                self._note(f"{pod} replaced")
        else:
            self._restart(service)
            self._note(f"{service} restarted")

    def _note(self, what: str) -> None:
        self.made.append((time.monotonic(), what))

    def _flip(self, service: str) -> None:
        unready = self._unready[service]
        if unready and self._chance.random() < 0.5:
            self._set(service, unready[0], ready=True)
            return
        pod = self._a_pod(service)
        # One at least stays: that nobody is left is another test's.
        if pod is None or len(unready) >= self._replicas[service] - 1:
            self._all_ready(service)
        else:
            self._set(service, pod, ready=False)

    def _all_ready(self, service: str) -> None:
        for pod in list(self._unready[service]):
            self._set(service, pod, ready=True)

    def _set(self, service: str, pod: str, *, ready: bool) -> None:
        if ready:
            self._unready[service].remove(pod)
        else:
            self._unready[service].append(pod)
        try:
            self._namespace.set_ready(pod, ready)
        except ApiError as error:
            if error.status != http.client.NOT_FOUND:  # it was replaced meanwhile
                raise
        else:
            self._note(f"{pod} {'ready' if ready else 'unready'}")

    def _restart(self, service: str) -> None:
        """Replace the pods one after the other, as `kubectl rollout restart` does."""
        template = {"metadata": {"annotations": {"test/restarted": str(len(self.made))}}}
        spec = {"spec": {"template": template}}
        self._namespace.api.patch(_KINDS[service], service, spec, self._namespace.name)

    def _a_pod(self, service: str) -> str | None:
        """Return a pod that runs and is ready."""
        names = [
            str(pod["metadata"]["name"])
            for pod in self._namespace.pods(service)
            if "deletionTimestamp" not in pod["metadata"]
            and pod["status"].get("podIP")
            and pod["metadata"]["name"] not in self._unready[service]
        ]
        return self._chance.choice(sorted(names)) if names else None
