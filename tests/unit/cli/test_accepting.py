"""Who accepts connections: asked at once, in bounded time, nothing left open."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack

import pytest

from headless_discovery import Endpoint, ServiceName, Snapshot
from headless_discovery.cli import accepting
from headless_discovery.cli.accepting import those_accepting

SERVICE = ServiceName("db.shop")


def pods(*addresses: tuple[str, ...]) -> Snapshot:
    """An answer with one pod for each of these."""
    return Snapshot(
        SERVICE,
        [
            Endpoint(addresses=each, name=f"db-{n}", hostname=f"db-{n}.x", ordinal=n)
            for n, each in enumerate(addresses)
        ],
        outcome="OK",
    )


def names(snapshot: Snapshot) -> list[str | None]:
    """Who is in it."""
    return [each.name for each in snapshot]


def test_one_address_of_a_pod_is_enough() -> None:
    """A pod that refuses at one and accepts at the other counts; one that only refuses does not."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        answer = pods(("127.0.0.1",), ("127.0.0.1", "127.0.0.2"), ("127.0.0.2",), ("::1",))
        found = those_accepting(answer, port, 1.0)
    assert names(found) == ["db-1", "db-2"]
    assert found.outcome == "OK"
    assert found.service == SERVICE


@pytest.mark.parametrize("at_once", [200, 3])
def test_many_pods(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are asked at a time; no descriptor is left."""
    monkeypatch.setattr(accepting, "_AT_ONCE", at_once)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with socket.create_server(("0.0.0.0", 0), backlog=200) as server:  # noqa: S104
        port = server.getsockname()[1]
        found = those_accepting(pods(*((f"127.0.1.{n}",) for n in range(1, 11))), port, 1.0)
        assert len(found) == 10
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_those_that_say_nothing() -> None:
    """They are waited for as long as is allowed, and those that answer count."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        stack.enter_context(socket.create_server(("127.0.0.2", port)))
        for _ in range(3):  # its queue is full: it does not even refuse
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        found = those_accepting(pods(("127.0.0.1",), ("127.0.0.2",)), port, 0.1)
        assert 0.1 <= time.monotonic() - began < 0.3
        assert names(found) == ["db-1"]
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_one_limit_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many say nothing: they do not get the time once more for each of their like."""
    monkeypatch.setattr(accepting, "_AT_ONCE", 1)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        stack.enter_context(socket.create_server(("127.0.0.2", port)))
        for _ in range(3):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        silent = [("127.0.0.1",)] * 5
        began = time.monotonic()
        found = those_accepting(pods(("127.0.0.2",), *silent, ("127.0.0.2",)), port, 0.1)
        assert 0.1 <= time.monotonic() - began < 0.3
    assert names(found) == ["db-0"]  # the last one had no turn


def test_a_silent_pod_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond the first few have their turn as soon as others have answered."""
    monkeypatch.setattr(accepting, "_AT_ONCE", 2)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        stack.enter_context(socket.create_server(("127.0.0.2", port)))
        for _ in range(3):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        answering = [("127.0.0.2",), ("127.0.0.3",)] * 3
        found = those_accepting(pods(("127.0.0.1",), *answering), port, 0.2)
    assert names(found) == ["db-1", "db-3", "db-5"]


def test_nobody_to_ask() -> None:
    """An empty answer stays one, at once."""
    assert not those_accepting(Snapshot(SERVICE, outcome="ABSENT"), 1, 10.0)
