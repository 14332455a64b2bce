"""Loops: a process that goes on looking at one Service, as `clients.py` looks once.

Arguments and commands are those of ``clients.py``; ``run K`` lets it look K times. Each
loop does the same: it waits a millisecond, looks, compares the set of pods with the one
before. Nothing changes behind it. Wall times are mostly waiting and mean nothing, CPU does.

Where one message does not hold all pods, ``show`` tells addresses only: names come and go.
"""

from __future__ import annotations

import sys
import threading
from time import perf_counter_ns, process_time_ns, sleep
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path[0] += "/.."  # without pathlib, which would be measured too

from benchmarks.clients import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.clients import Client, Pods
    from headless_discovery import (
        AsyncHeadlessService,
        HeadlessService,
        Look,
        LookupOptions,
        PollPolicy,
    )

PERIOD = 0.001


class Gate:
    """Lets a follower look as often as it is told; it stands still in between.

    Its `looked` is the ``on_lookup`` of a service object, which the follower waits for.
    """

    def __init__(self) -> None:
        self._left: int | None = None  # as many as it likes, until it is known to work
        self._may_go = threading.Event()
        self._stands = threading.Event()
        self._error: Exception | None = None

    def let(self, count: int) -> None:
        """That many looks, no more.

        Raises:
            LookupFailed: One failed: nobody wants a benchmark of failures.
        """
        self._stands.clear()
        self._left = count
        self._may_go.set()
        self._stands.wait()
        if self._error is not None:
            raise self._error

    def looked(self, look: Look) -> None:
        """A look ended."""
        self._error = self._error or look.error
        if self._left is None:
            return
        self._left -= 1
        if self._left == 0:
            self._may_go.clear()
            self._stands.set()
            self._may_go.wait()


class Followed:
    """A service object that is open.

    Args:
        service: It.
        gate: Its callback.
    """

    def __init__(self, service: HeadlessService | AsyncHeadlessService, gate: Gate) -> None:
        self._service = service
        self._gate = gate
        gate.let(1)

    def show(self) -> Pods:
        """See `Client`."""
        members = self._service.members
        return _named([(pod.address, pod.hostname or "", pod.port or 0) for pod in members])

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`."""
        cpu, start = process_time_ns(), perf_counter_ns()
        self._gate.let(count)
        return (perf_counter_ns() - start) // count, (process_time_ns() - cpu) // count


def _following(port: int, name: str) -> Client:
    from headless_discovery import HeadlessService  # noqa: PLC0415

    gate = Gate()
    options, policy = _settings(port)
    service = HeadlessService(name, options=options, poll=policy, on_lookup=gate.looked)
    return Followed(service.open(), gate)


def _following_async(port: int, name: str) -> Client:
    import asyncio  # noqa: PLC0415 - the others do without

    from headless_discovery import AsyncHeadlessService  # noqa: PLC0415

    gate = Gate()
    options, policy = _settings(port)
    service = AsyncHeadlessService(name, options=options, poll=policy, on_lookup=gate.looked)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(service.open(), loop).result()
    return Followed(service, gate)


class Dnspython:
    """What one would write instead: a resolver, a pause, two sets."""

    def __init__(self, port: int, name: str) -> None:
        self._look = _dnspython(port, name)
        self._known = frozenset(self._look())

    def show(self) -> Pods:
        """See `Client`."""
        return _named(list(self._known))

    def run(self, count: int) -> tuple[int, int]:
        """See `Client`."""
        cpu, start = process_time_ns(), perf_counter_ns()
        for _ in range(count):
            sleep(PERIOD)
            found = frozenset(self._look())
            if found != self._known:
                self._known = found
        return (perf_counter_ns() - start) // count, (process_time_ns() - cpu) // count


def _settings(port: int) -> tuple[LookupOptions, PollPolicy]:
    from headless_discovery import LookupOptions, PollPolicy  # noqa: PLC0415

    policy = PollPolicy.fast(interval=PERIOD, floor=PERIOD, quick_for=0)
    return LookupOptions(nameservers=[f"127.0.0.1:{port}"]), policy


def _named(pods: Pods) -> Pods:
    """The pods; their addresses only where names are not complete."""
    if all(hostname for _, hostname, _ in pods):
        return pods
    return [(address, "", 0) for address, _, _ in pods]


def _dnspython(port: int, name: str) -> Callable[[], Pods]:
    import dns.flags  # noqa: PLC0415
    import dns.rdatatype  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    a_record, srv_record = dns.rdatatype.A, dns.rdatatype.SRV
    aaaa_record = dns.rdatatype.AAAA

    def look() -> Pods:
        answer = resolver.resolve(name + ".", srv_record)
        addresses = {
            rrset.name: rrset[0].address
            for rrset in answer.response.additional
            if rrset.rdtype == a_record
        }
        pods = [
            (addresses[record.target], record.target.to_text(omit_final_dot=True), record.port)
            for record in answer
            if record.target in addresses
        ]
        if answer.response.flags & dns.flags.TC:  # more than one message holds
            named = set(addresses.values())
            for rdtype in (a_record, aaaa_record):
                rest = resolver.resolve(name + ".", rdtype, raise_on_no_answer=False)
                pods += [(each.address, "", 0) for each in rest if each.address not in named]
        return pods

    return look


LOOPS: dict[str, Callable[[int, str], Client]] = {
    "following": _following,
    "following, asyncio": _following_async,
    "dnspython loop": Dnspython,
}


if __name__ == "__main__":
    try:
        serve(LOOPS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]), sys.stdin)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the other end reports it
        print(f"error {type(problem).__name__}: {problem}", flush=True)
        raise SystemExit(1) from None
