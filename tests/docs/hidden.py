"""Hidden steps: what a page has done to its cluster, and in what time, unseen by a reader."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from headless_discovery import PollPolicy, target
from tests.docs.pages import PageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from headless_discovery.testing.workloads import Workload
    from tests.docs.running import Shell

__all__ = ["Hidden"]

FOLLOWERS = "headless_discovery "  # how the names of the threads of followers begin


class Hidden:
    """What hidden steps of a page may call, besides the objects of its cluster.

    Args:
        name: What errors call the page.
        monkeypatch: For what is undone after the page.
        shell: The shell of the page.
    """

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> None:
        self._name = name
        self._monkeypatch = monkeypatch
        self._shell = shell
        self._threads: list[threading.Thread] = []
        self._errors: list[Exception] = []
        self._listening: list[socket.socket] = []

    def hurry(self) -> None:
        """From here on a Service is followed in quick time.

        In the Python of the page a second becomes 20 ms where it says no policy, in its
        shell the interval is 1 s: the pages are about seconds, and there are many of them.
        """
        self._monkeypatch.setattr(target, "PollPolicy", PollPolicy.fast)
        self._shell.run("export HEADLESS_DISCOVERY_INTERVAL=1")

    def meanwhile(self, *steps: float | Callable[[], object]) -> None:
        """Do something to the cluster while the next block runs.

        Args:
            *steps: Numbers are seconds to wait, anything else is called.
        """

        def work() -> None:
            try:
                for step in steps:
                    if isinstance(step, int | float):
                        time.sleep(step)
                    else:
                        step()
            except Exception as error:  # noqa: BLE001 - told to the test, in its own thread
                self._errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def until(self, condition: Callable[[], object]) -> Callable[[], None]:
        """A step of `meanwhile` that waits, at most 20 s, until something holds."""

        def wait() -> None:
            end = time.monotonic() + 20
            while not condition():
                if time.monotonic() > end:
                    raise PageError(f"{self._name}: a hidden step waited in vain")
                time.sleep(0.01)

        return wait

    def accept(self, workload: Workload, port: int) -> dict[str, socket.socket]:
        """Move a workload's pods to loopback addresses and have each accept there.

        Returns:
            The listening sockets by the name of the pod; to close one is to kill the pod.
        """
        self._monkeypatch.setenv("HEADLESS_DISCOVERY_ALLOW_NETWORKS", "127.0.0.0/8")
        self._shell.run("export HEADLESS_DISCOVERY_ALLOW_NETWORKS=127.0.0.0/8")
        listening = {}
        for number, pod in enumerate(workload.pods, 1):
            address = f"127.8.0.{number}"
            listening[pod.name] = socket.create_server((address, port))
            workload.set_address(pod.name, address)
        self._listening += listening.values()
        return listening

    def close(self) -> None:
        """No pod accepts any more."""
        for each in self._listening:
            each.close()

    def finish(self) -> None:
        """All of it must have been done.

        Raises:
            PageError: A step raised or has not ended, or a Service is still followed.
        """
        for thread in self._threads:
            thread.join(timeout=10)
            if thread.is_alive():
                raise PageError(f"{self._name}: a hidden step goes on after the end of the page")
        if self._errors:
            raise PageError(f"{self._name}: a hidden step raised {self._errors[0]!r}")
        left = [each.name for each in threading.enumerate() if each.name.startswith(FOLLOWERS)]
        if left:
            raise PageError(f"{self._name}: the page leaves open {', '.join(left)}")
