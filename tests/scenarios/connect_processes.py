"""Connections of many processes: their shares, forks, signals, and one that was asleep.

    python -m tests.scenarios.connect_processes shares 200

Each is run in a process of its own and prints what it saw as JSON. The one that counts shares
does so in a network and a mount namespace of its own: there ``getaddrinfo`` asks our DNS too,
and this machine is a pod on a node, in the /24 of its own bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from headless_discovery import (
    AsyncHeadlessService,
    ConnectFailed,
    HeadlessService,
    LookupOptions,
    PollPolicy,
)
from headless_discovery.testing import ClusterDNS
from tests.faces import REPOSITORY
from tests.scenarios.forks import _child, _refused
from tests.scenarios.libc import namespaces
from tests.scenarios.pods import Pods

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = PollPolicy.fast()
PORT = 3306
NAME = "db.shop.svc.cluster.local."
OWN = "10.244.1.99"
WAYS = ("libc", "not opened", "opened")
INTERVAL = 0.3


def shares_apart(processes: int) -> dict[str, dict[str, list[int]]]:
    """The shares of the pods, the largest first: by how many pods, then by way to connect.

    Raises:
        subprocess.CalledProcessError: Namespaces cannot be had here; the output says why.
    """
    apart = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0:
        apart += ["--user", "--map-root-user"]
    module = "tests.scenarios.connect_processes"
    done = subprocess.run(
        [*apart, sys.executable, "-m", module, "shares", str(processes), *namespaces()],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        timeout=55,
        check=True,
    )
    found: dict[str, dict[str, list[int]]] = json.loads(done.stdout)
    return found


def shares(processes: str, *outside: str) -> dict[str, dict[str, list[int]]]:
    """Inside the namespaces; nothing is touched unless the caller's were left."""
    here = namespaces()
    if len(outside) != len(here) or any(map(str.__eq__, here, outside)):
        sys.exit("this runs inside namespaces of its own: use shares_apart()")
    for words in (
        "link set lo up",
        f"address add {OWN}/24 dev lo",
        "address add fe80::99/64 dev lo",  # as every interface has; glibc sorts only with one
        f"route add local 10.244.0.0/16 dev lo src {OWN} table local",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    with NamedTemporaryFile("w", suffix=".conf") as resolv_conf:
        Path(resolv_conf.name).chmod(0o644)
        resolv_conf.write("nameserver 127.0.0.1\noptions timeout:1\n")
        resolv_conf.flush()
        subprocess.run(["mount", "--bind", resolv_conf.name, "/etc/resolv.conf"], check=True)
        return {str(pods): _shares(pods, int(processes)) for pods in (3, 7)}


def _shares(count: int, processes: int) -> dict[str, list[int]]:
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(ClusterDNS(port=53, shuffle=True))  # as kubeadm's Corefile has it
        db = dns.service("db.shop", ports=[PORT])
        mysql = dns.statefulset("mysql", service=db, replicas=count)
        for each in range(count):  # one on each node; ours is that of the second
            mysql.set_address(each, f"10.244.{each}.7")
            listening = socket.create_server((mysql.address(each), PORT), backlog=4 * processes)
            stack.enter_context(listening)
        made = HeadlessService("db.shop", options=dns.options)
        made.connect().close()  # its turns have begun: no child may go on where this one is
        to_open = HeadlessService("db.shop", options=dns.options, poll=FAST)
        reader, writer = os.pipe()
        stack.callback(os.close, reader)

        def child() -> None:
            with (
                socket.create_connection((NAME, PORT), 5) as by_libc,
                made.connect() as not_opened,
                to_open,
                to_open.connect() as opened,
            ):
                peers = [each.getpeername()[0] for each in (by_libc, not_opened, opened)]
            os.write(writer, (" ".join(peers) + "\n").encode())

        for _ in range(processes):
            if words := _child(child):
                raise RuntimeError(words)
        os.close(writer)
        with os.fdopen(os.dup(reader)) as lines:
            told = [line.split() for line in lines]
    by_way = zip(WAYS, zip(*told, strict=True), strict=True)
    return {way: sorted(Counter(peers).values(), reverse=True) for way, peers in by_way}


def forked(times: str) -> list[str]:
    """Children forked while other threads connect: nobody hangs, and nobody is misled."""
    failures: list[str] = []
    over = threading.Event()
    with Pods(3) as pods:
        opened = HeadlessService("db.shop", options=pods.options, poll=FAST).open()
        made = HeadlessService("db.shop", options=pods.options)

        def work() -> None:
            while not over.is_set():
                opened.connect().close()
                made.connect().close()
                opened.endpoint()

        def child() -> None:
            for call in (opened.connect, opened.endpoint, lambda: opened.connect(to=0)):
                _refused(call)
            made.connect().close()
            if words := _child(grandchild):
                raise RuntimeError(words)
            with opened:
                opened.connect().close()

        def grandchild() -> None:
            made.connect().close()
            _refused(opened.connect)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for each in workers:
            each.start()
        for _ in range(int(times)):
            failures += filter(None, [_child(child)])
        over.set()
        for each in workers:
            each.join()
        opened.close()
        return failures + _begins_elsewhere(pods, made)


def _begins_elsewhere(pods: Pods, made: HeadlessService) -> list[str]:
    """A child's turn is not that of its siblings; a grandchild's neither."""
    reader, writer = os.pipe()

    def tell() -> None:
        with made.connect() as connected:
            os.write(writer, (pods.name_at(connected.getpeername()[0]) + "\n").encode())

    def child() -> None:
        tell()
        if words := _child(tell):
            raise RuntimeError(words)

    for _ in range(30):
        if words := _child(child):
            return [words]
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = [line.strip() for line in lines]
    first, second = Counter(told[::2]), Counter(told[1::2])
    alike = sum(one == other for one, other in zip(told[::2], told[1::2], strict=True))
    is_spread = max(first.values()) < 25 and max(second.values()) < 25 and 0 < alike < 25
    return [] if is_spread else [f"they meet: {first} {second} {alike}"]


def in_a_handler(times: str) -> list[str]:
    """A signal's handler connects in the middle of whatever the main thread does."""
    handled: list[str] = []
    with Pods(3) as pods:
        service = HeadlessService("db.shop", options=pods.options, poll=FAST).open()

        def handle(*_: object) -> None:
            handled.append(service.endpoint().address)
            service.connect(lambda pod: pod, order="ordinal" if len(handled) % 2 else None)
            service.status()
            signal.setitimer(signal.ITIMER_REAL, 0.0005)  # the next one comes soon after this

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        for number in range(int(times)):
            if number % 50 == 0:
                pods.move(0)
                service.refresh()
            service.endpoint(to=lambda _: True)
            with contextlib.suppress(ConnectFailed):
                service.connect(_moody, timeout=0.05)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        turns = Counter(service.endpoint().name for _ in range(30))
        service.close()
    told = [] if set(turns.values()) == {10} else [f"not round any more: {turns}"]
    return told + ([] if len(handled) > 20 else [f"{len(handled)} signals"])


def _moody(pod: Any) -> str:
    if time.monotonic_ns() % 4 == 0:
        raise OSError("not now")
    return str(pod.name)


def asleep(nameserver: str, kind: str, seconds: str) -> list[object]:
    """Says when it is ready, is stopped, notices that, and connects after so many seconds."""
    arguments: dict[str, Any] = {
        "options": LookupOptions(nameservers=[nameserver], allow_networks=["127.0.0.0/8"]),
        "poll": PollPolicy.fast(interval=INTERVAL),
    }
    if kind == "threads":
        with HeadlessService("db.shop", **arguments) as service:
            _between_looks(service)
            _sleep_through()
            time.sleep(float(seconds))
            began = time.monotonic()
            with service.connect(to=0) as connected:
                return [connected.getpeername()[0], time.monotonic() - began]
    return asyncio.run(_asleep(arguments, float(seconds)))


async def _asleep(arguments: dict[str, Any], seconds: float) -> list[object]:
    async with AsyncHeadlessService("db.shop", **arguments) as service:
        looks = service.status().looks
        while service.status().looks == looks:  # noqa: ASYNC110 - looks tell the status alone
            await asyncio.sleep(0.005)
        _sleep_through()  # in the middle of something of the application's
        await asyncio.sleep(seconds)
        began = time.monotonic()
        _, writer = await service.connect(to=0)
        writer.close()
        return [writer.get_extra_info("peername")[0], time.monotonic() - began]


def _between_looks(service: HeadlessService) -> None:
    looks = service.status().looks
    while service.status().looks == looks:
        time.sleep(0.005)


def _sleep_through() -> None:
    """Until this process has been stopped, and goes on."""
    last = time.monotonic()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while (now := time.monotonic()) - last < 1:
        last = now
        time.sleep(0.001)


PROGRAMS: dict[str, Callable[..., object]] = {
    "shares": shares,
    "forked": forked,
    "in_a_handler": in_a_handler,
    "asleep": asleep,
}


if __name__ == "__main__":
    socket.setdefaulttimeout(10.0)
    sys.stdout.write(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])) + "\n")
