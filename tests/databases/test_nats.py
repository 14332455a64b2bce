"""The recipe for NATS against real servers: it stays connected while pods go and come."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from examples.integrations.nats_client import connect
from headless_discovery import AsyncHeadlessService, PollPolicy
from tests.databases.nats_server import nats_statefulset
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nats.aio.client import Client

    from tests.cluster.workloads import Namespace
    from tests.databases.kubelet import Kubelet


@pytest.fixture
def servers(namespace: Namespace, tmp_path: Path) -> Iterator[Kubelet]:
    """Return two NATS servers behind Service ``nats``."""
    with nats_statefulset(namespace, tmp_path, 2) as kubelet:
        kubelet.wait_ready(2)
        yield kubelet


def pod_of(client: Client) -> str:
    """The pod it is connected to."""
    assert client.connected_url is not None
    return str(client.connected_url.hostname).partition(".")[0]


def test_moves_to_a_pod_that_came_later(namespace: Namespace, servers: Kubelet) -> None:
    """Two more pods come, the first two die: it is connected to one of the new ones."""

    async def greet(client: Client) -> str:
        """What a message to oneself comes back as, whenever it does."""
        async with asyncio.timeout(30):
            while True:
                try:
                    greetings = await client.subscribe("greetings")
                    await client.publish("greetings", b"hello")
                    message = await greetings.next_msg(timeout=0.5)
                except (TimeoutError, ConnectionError):  # it is moving
                    continue
                return message.data.decode()

    async def work() -> None:
        policy = PollPolicy(interval=1.0)
        async with AsyncHeadlessService(f"nats.{namespace.name}", poll=policy) as service:
            client = await connect(service)
            try:
                assert await greet(client) == "hello"
                assert pod_of(client) in ("nats-0", "nats-1")
                await asyncio.to_thread(namespace.scale, "nats", 4)
                await service.wait_for(count=4, timeout=60)
                for name in ("nats-0", "nats-1"):
                    servers.hold(name)
                    servers.servers[name].kill()
                assert await greet(client) == "hello"
                assert pod_of(client) in ("nats-2", "nats-3")
            finally:
                await client.close()

    asyncio.run(asyncio.wait_for(work(), 110))


@pytest.mark.usefixtures("servers")
def test_example(namespace: Namespace) -> None:
    """The program that the page shows gets its own greeting."""
    program = REPOSITORY / "examples" / "integrations" / "nats_client.py"
    done = subprocess.run(
        [sys.executable, str(program), f"nats.{namespace.name}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)
