"""What hostile input must not do besides: hold up an event loop, take time, be amplified."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    InvalidName,
    LookupFailed,
    ServiceName,
    discover,
)
from headless_discovery.core.peerlist import FORMATS, render
from tests.scenarios.crafting import FORGED, Flood, listed, saying, serving, wire
from tests.scenarios.rows import Row, staged
from tests.scenarios.rows_content import HOSTILE
from tests.scenarios.rows_datagrams import junk
from tests.scenarios.rows_malformed import SHAPES, chained

if TYPE_CHECKING:
    from headless_discovery import LookupOptions
    from headless_discovery.testing import ClusterDNS

STALL = 0.05
"""Seconds an event loop may be held up at most."""


async def longest_stall(options: LookupOptions, looks: int) -> float:
    """Look, and measure meanwhile how late a task that sleeps 1 ms comes back."""
    service = AsyncHeadlessService("db.shop", options=options)
    with contextlib.suppress(LookupFailed):
        await service.lookup()  # imports, and what the embedded server keeps from then on
    late = [0.0]

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            late.append(time.monotonic() - before - 0.001)

    ticking = asyncio.create_task(tick())
    for _ in range(looks):
        with contextlib.suppress(LookupFailed):
            await service.lookup()
    ticking.cancel()
    return max(late)


@pytest.mark.parametrize(
    "row",
    [
        Row(id="4090 addresses", does="", why="", replicas=4090, ports=(), timeout=5.0),
        Row(id="1000 pods", does="", why="", replicas=1000, timeout=5.0),
        Row(id="pointers", does="", why="", faults=lambda: [saying(chained)], timeout=0.2),
        Row(id="junk", does="", why="", faults=lambda: [Flood(junk)]),
    ],
    ids=lambda row: row.id,
)
def test_the_event_loop_goes_on(row: Row) -> None:
    """Other tasks of the loop have their turn every 50 ms, whatever is being read."""
    with staged(row) as stage:
        # The best of three: what other processes take of this machine is not ours.
        stalls = [asyncio.run(longest_stall(stage.options, 2)) for _ in range(3)]
    assert min(stalls) <= STALL


def test_a_flood_is_read_in_gulps() -> None:
    """What has come in while the loop was busy is not waited for packet by packet.

    A loop that goes round for each of them is slower than whoever sends them, and the good
    answer finds the socket's buffer full.
    """
    row = Row(id="", does="", why="", faults=lambda: [Flood(lambda q, _: [b"junk" + q] * 100)])

    async def look(options: LookupOptions) -> int:
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "add_reader", wraps=loop.add_reader) as waits:
            task = asyncio.create_task(AsyncHeadlessService("db.shop", options=options).lookup())
            await asyncio.sleep(0)  # the question goes out
            time.sleep(0.05)  # noqa: ASYNC251 - the loop is busy, and the flood comes in
            assert len(await task) == 3
        return waits.call_count

    with staged(row) as stage:
        assert asyncio.run(look(stage.options)) < 20


def test_a_name_of_a_mebibyte_costs_nothing() -> None:
    """It is refused within a millisecond, and the error does not repeat it."""
    taken = []
    for name in ("a" * (1 << 20), "a." * (1 << 19)):
        for _ in range(5):
            before = time.perf_counter()
            with pytest.raises(InvalidName) as raised:
                ServiceName(name, namespace="shop")
            taken.append(time.perf_counter() - before)
            assert len(str(raised.value)) < 600
        assert min(taken[-5:]) <= 0.001


@pytest.mark.parametrize("label", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_labels_alone(label: bytes) -> None:
    """An answer of nothing else is a failure whose words are harmless: printable ASCII."""
    row = Row(id="", does="", why="", faults=lambda: [serving(listed((label, FORGED)))])
    with staged(row) as stage, pytest.raises(LookupFailed) as raised:
        discover("db.shop", options=stage.options)
    for text in (str(raised.value), *raised.value.dropped):
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set('$`|&{}%<>"/')


@pytest.mark.parametrize("label", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_labels_reach_no_list(label: bytes) -> None:
    """Beside a pod in order they are in none of the formats that scripts read."""
    good = ("mysql-0", "10.244.9.1")
    row = Row(id="", does="", why="", faults=lambda: [serving(listed(good, (label, FORGED)))])
    with staged(row) as stage:
        snapshot = discover("db.shop", options=stage.options)
    assert [pod.name for pod in snapshot] == ["mysql-0"]
    for form in FORMATS:
        assert FORGED not in render(snapshot, form)


@pytest.mark.parametrize("name", ["www.example.com", "example", "db.shop.svc.other.example"])
@pytest.mark.parametrize("rdtype", [1, 28, 33, 16, 255])
def test_the_embedded_server_amplifies_nothing(
    cluster_dns: ClusterDNS, name: str, rdtype: int
) -> None:
    """Outside its zone an answer has no more octets than the question, and no records."""
    query = b"\7\7\1\0\0\1\0\0\0\0\0\0" + wire(name) + struct.pack("!HH", rdtype, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(2)
        asker.sendto(query, (cluster_dns.host, cluster_dns.port))
        answer = asker.recv(65535)
    assert len(answer) <= len(query)
    assert answer[6:12] == bytes(6)
    assert answer[3] & 15 in (2, 5)


def test_a_malformed_message_takes_no_time() -> None:
    """Each shape is refused within 5 ms, 16 kB of pointers included."""
    from headless_discovery.core.wire import WireError, encode_question, read_message

    tail, section = encode_question("db.shop.svc.cluster.local", 33, 0)
    for _, make in SHAPES.values():
        data = make(b"\7\7" + tail)
        taken = []
        for _ in range(3):
            before = time.perf_counter()
            with pytest.raises(WireError):
                read_message(data, section)
            taken.append(time.perf_counter() - before)
        assert min(taken) <= 0.005
