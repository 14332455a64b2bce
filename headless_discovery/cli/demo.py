"""``headless-discovery demo``: the main job, live, against a cluster DNS in this process."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from ..core.policy import PollPolicy
from ..core.timeline import read_recording
from ..sync.service import HeadlessService
from . import exits
from .asking import leave_the_talk_to_the_command
from .output import Output
from .recording import Recorder, open_recording
from .screen import Screen
from .tables import print_endpoints
from .timeline import print_chart
from .watch import Relay

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ..core.changes import Change
    from ..core.outcome import Look
    from ..core.snapshot import Snapshot
    from ..testing import ClusterDNS, StatefulSet

__all__ = ["run"]

SERVICE = "my-database.shop"
REPLICAS = 3
_AT_MOST = 10.0  # seconds that any step is waited for
# The defaults with every second made a tenth of one.
_TENFOLD = PollPolicy.fast(
    interval=0.5,
    floor=0.1,
    quick_interval=0.1,
    quick_for=3.0,
    ttl_max=3.0,
    backoff=0.1,
    backoff_max=2.5,
    nothing_hold=3.0,
    answer_gap=0.1,
    drop_hold=3.0,
    ttl_trusted=30.0,
)


def run(parsed: argparse.Namespace) -> int:
    """Show every step; ends by itself."""
    from ..testing import ClusterDNS  # noqa: PLC0415 - only the demo needs it

    leave_the_talk_to_the_command()
    with contextlib.ExitStack() as stack:
        lines: list[bytes] = []
        keep: list[Callable[[str], object]] = [lambda line: lines.append(line.encode("ascii"))]
        if parsed.record is not None:
            keep.append(stack.enter_context(open_recording(parsed.record)).write)
        dns = stack.enter_context(ClusterDNS())
        database = dns.service("my-database", namespace="shop", ports=[3306])
        mysql = dns.statefulset("mysql", service=database, replicas=REPLICAS)
        _introduce(dns)
        recorder = Recorder(lambda line: [write(line) for write in keep])
        _Demo(parsed.pause, dns, mysql).run(recorder)
    print()
    print_chart(read_recording(lines, "the demo's recording"))
    print(
        "\nEach bar is a pod, each mark a new address. While DNS was silent nobody was removed."
        "\nRecord a Service of your own:  headless-discovery watch SERVICE --record FILE"
        f"\nand draw it:  headless-discovery timeline {parsed.record or 'FILE'} -o svg > pods.svg"
    )
    return exits.FOUND


def _introduce(dns: ClusterDNS) -> None:
    print(f"A cluster DNS is running at {dns.nameserver}, and in it a StatefulSet 'mysql'")
    print(
        f"with {REPLICAS} replicas behind the headless Service 'my-database' in namespace 'shop'."
        f"\n\nOne question to DNS tells every pod, as 'headless-discovery list {SERVICE}' does:\n"
    )
    print_endpoints(HeadlessService(SERVICE, options=dns.options).lookup())
    print(
        f"\nFrom here on it is followed, as by 'headless-discovery watch {SERVICE}',"
        "\nonly ten times as fast. + is a new pod, - one that is gone, ~ one that changed."
        "\nTimes are UTC.",
        flush=True,
    )


class _Demo:
    """The script, and the thread that follows meanwhile."""

    def __init__(self, pause: float, dns: ClusterDNS, mysql: StatefulSet) -> None:
        self._pause = pause
        self._dns = dns
        self._mysql = mysql
        self._over = threading.Event()
        self._relay = Relay(self._over.is_set)
        self._latest = _Latest()
        options = dns.options.replace(timeout=0.6, attempt_timeout=0.2)
        self._service = HeadlessService(
            SERVICE, options=options, poll=_TENFOLD, on_lookup=self._relay.looked
        )
        self._screen = Screen(Output(self._over.is_set))

    def run(self, recorder: Recorder) -> None:
        """Every step."""
        recorder.start(time.time(), self._service.name.fqdn, _TENFOLD.interval)
        self._relay.listeners += [recorder, self._screen, self._latest]
        thread = threading.Thread(target=self._follow, name="demo", daemon=True)
        try:
            with self._screen:
                thread.start()
                self._steps()
        finally:
            self._over.set()
            thread.join(2.0)
        recorder.end(time.time(), "stopped")

    def _follow(self) -> None:
        """What a program does: ``for change in service.watch(): ...``."""
        with contextlib.suppress(OSError):  # nobody reads us any more; the script finds out too
            for change in self._service.watch(stop=self._relay):
                self._relay.changed(change)

    def _steps(self) -> None:
        mysql, until = self._mysql, self._until
        until(lambda seen: len(seen) == REPLICAS)
        self._say("The StatefulSet is scaled to 5.")
        mysql.scale(5)
        until(lambda seen: len(seen) == 5)
        self._say(
            "A rolling restart, from the highest ordinal down. A pod that is missing from one",
            "answer stays a member; one that is missing from two in a row goes.",
        )
        for ordinal in reversed(range(5)):
            self._restart(ordinal)
        self._say(
            "DNS goes silent, and mysql-1 gets a new address meanwhile. 'Cannot see' is not",
            "'not there': everybody stays, and the new address is known as soon as DNS is back.",
        )
        self._outage()
        self._say("The StatefulSet is scaled to 4: mysql-4 is truly gone.")
        mysql.scale(4)
        until(lambda seen: len(seen) == 4)
        time.sleep(self._pause)

    def _restart(self, ordinal: int) -> None:
        name = f"mysql-{ordinal}"
        self._mysql.remove(ordinal)
        self._until(lambda seen: all(pod.name != name for pod in seen))
        time.sleep(self._pause / 2)
        self._mysql.restart(ordinal)
        self._until(lambda seen: any(pod.name == name for pod in seen))

    def _outage(self) -> None:
        from ..testing import Drop  # noqa: PLC0415 - only the demo needs it

        with self._dns.fault(Drop()):
            self._latest.wait_for_failures(2, _AT_MOST)
            self._mysql.restart(1)
            time.sleep(2 * self._pause)
        address = self._mysql.address(1)
        self._until(lambda seen: any(pod.address == address for pod in seen))

    def _until(self, holds: Callable[[Snapshot], bool]) -> None:
        seen = self._latest.wait_for(holds, _AT_MOST)
        self._relay.check()
        if not seen:
            self._screen.say(f"(Not seen within {_AT_MOST:.0f} s: this machine is busy.)")

    def _say(self, *lines: str) -> None:
        time.sleep(self._pause)
        self._screen.say("\n" + "\n".join(lines))
        time.sleep(self._pause / 2)


class _Latest:
    """What the following knows, for the script to wait on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._members: Snapshot | None = None
        self._failures = 0

    def looked(self, _time: float, look: Look) -> None:
        """Count the failures in a row."""
        with self._changed:
            self._failures = 0 if look.error is None else self._failures + 1
            self._changed.notify_all()

    def changed(self, _time: float, change: Change) -> None:
        """Note the members."""
        with self._changed:
            self._members = change.current
            self._changed.notify_all()

    def wait_for(self, holds: Callable[[Snapshot], bool], timeout: float) -> bool:
        """Wait until the members are such; whether they are."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._members is not None and holds(self._members), timeout
            )

    def wait_for_failures(self, count: int, timeout: float) -> None:
        """Wait until so many looks in a row have failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._failures >= count, timeout)
