"""aiohttp over real HTTPS servers: rotation, TLS, a dead pod, a new one, other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from headless_discovery import AsyncHeadlessService, PollPolicy
from headless_discovery.integrations.aiohttp import Resolver
from tests.databases.callers import count_bodies, shares
from tests.databases.https_server import (
    PORT,
    HttpsServer,
    as_web_0,
    https_statefulset,
    with_service,
)
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet


@pytest.fixture
def web(namespace: Namespace, authority: Authority, tmp_path: Path) -> Iterator[Kubelet]:
    """Return three HTTPS servers behind Service ``web``, which can prove its name, too."""
    with https_statefulset(namespace, authority, tmp_path, names=with_service) as kubelet:
        kubelet.wait_ready(3)
        yield kubelet


class Caller:
    """A session of aiohttp and the Service it resolves.

    Args:
        service: The Service.
        session: The session.
    """

    def __init__(self, service: AsyncHeadlessService, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.session = session

    async def ask(self, path: str = "/", *, pod: str = "", body: str = "") -> dict[str, Any]:
        """What the server saw of a request to the Service, or to one pod by its name."""
        host = f"{pod}.{self.service.name.fqdn}".removeprefix(".")
        async with self.session.post(f"https://{host}:{PORT}{path}", data=body) as answer:
            assert answer.status == 200
            seen: dict[str, Any] = await answer.json()
        assert seen["host"] == f"{host}:{PORT}"
        return seen

    async def ask_often(self, times: int, **arguments: Any) -> Counter[str]:
        """How often each pod answered."""
        return shares([await self.ask(**arguments) for _ in range(times)])

    async def see(self, count: int) -> None:
        """Wait for so many members."""
        await self.service.wait_for(predicate=lambda seen: len(seen) == count, timeout=60)
        async for change in self.service.watch():  # a wait may see it one answer earlier
            if len(change.current) == count:
                return


@contextlib.asynccontextmanager
async def calling(
    namespace: Namespace, context: ssl.SSLContext, count: int = 3, **arguments: Any
) -> AsyncIterator[Caller]:
    """A caller of Service ``web``; each request has a connection of its own."""
    policy = PollPolicy(interval=1.0)
    async with AsyncHeadlessService(f"web.{namespace.name}", port="https", poll=policy) as service:
        await service.wait_for(count=count, timeout=60)
        connector = aiohttp.TCPConnector(
            resolver=Resolver(service, **arguments),
            ssl=context,
            use_dns_cache=False,
            force_close=True,
        )
        timeout = aiohttp.ClientTimeout(total=20, sock_connect=0.3)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield Caller(service, session)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of its own."""
    asyncio.run(asyncio.wait_for(work, 110))


def test_connections_take_turns(namespace: Namespace, web: Kubelet, authority: Authority) -> None:
    """By the Service's name each pod has its exact share; a pod's name leads to it alone."""

    async def work() -> None:
        async with calling(namespace, authority.client_context()) as caller:
            assert await caller.ask_often(30) == dict.fromkeys(web.pods, 10)
            for pod in web.pods:
                assert await caller.ask_often(3, pod=pod) == {pod: 3}
            with pytest.raises(aiohttp.ClientConnectorDNSError, match="web-7"):
                await caller.ask(pod="web-7")

    run(work())


def test_a_pod_dies_and_one_comes(namespace: Namespace, web: Kubelet, authority: Authority) -> None:
    """A killed pod costs no request, nor does its return; one that is added has its share."""

    async def work() -> None:
        async with calling(namespace, authority.client_context()) as caller:
            await caller.ask_often(9)
            web.hold("web-1")
            web.servers["web-1"].kill()
            alive = await caller.ask_often(30)
            assert set(alive) == {"web-0", "web-2"}
            await caller.see(2)
            assert await caller.ask_often(10) == {"web-0": 5, "web-2": 5}
            web.release("web-1")
            await caller.see(3)
            assert await caller.ask_often(9) == dict.fromkeys(web.pods, 3)
            await asyncio.to_thread(namespace.scale, "web", 4)
            await caller.see(4)
            assert await caller.ask_often(40) == dict.fromkeys(web.pods, 10)

    run(work())


def test_a_silent_pod_is_skipped(
    namespace: Namespace, web: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """One that never shakes hands costs ``sock_connect``, and no request is lost on it."""

    async def work() -> None:
        silent = web.servers["web-0"]
        assert isinstance(silent, HttpsServer)
        silent.pause()
        try:
            async with calling(namespace, authority.client_context()) as caller:
                assert set(await caller.ask_often(9, body="x")) == {"web-1", "web-2"}
        finally:
            silent.resume()

    run(work())
    assert count_bodies(tmp_path, web.pods) == {"x": 9}


def test_the_url_host_is_verified(
    namespace: Namespace, authority: Authority, tmp_path: Path
) -> None:
    """A certificate that does not hold the URL's host is refused, the Service's or a pod's."""
    with https_statefulset(namespace, authority, tmp_path, 2, names=as_web_0) as web:
        web.wait_ready(2)

        async def work() -> None:
            async with calling(namespace, authority.client_context(), 2) as caller:
                assert await caller.ask_often(10, pod="web-0", body="x") == {"web-0": 10}
                for host in ("web-1", ""):
                    for _ in range(10):
                        with pytest.raises(aiohttp.ClientConnectorCertificateError):
                            await caller.ask(pod=host, body="y")

        run(work())
        assert count_bodies(tmp_path, web.pods) == {"x": 10}


class Elsewhere(AbstractResolver):
    """Resolves every other host to one address."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Note it."""
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host, host="192.0.2.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


def test_hosts(namespace: Namespace, web: Kubelet) -> None:
    """Every form of the Service's name with its namespace, its pods; others elsewhere."""
    ns = namespace.name
    forms = [f"web.{ns}", f"web.{ns}.svc", f"WEB.{ns}.svc.cluster.local", f"web.{ns}.svc."]
    others = [f"web.{ns}.org", f"theweb.{ns}", "web", f"other.{ns}.svc.cluster.local"]
    everybody = {pod.address for pod in web.pods.values()}

    async def work() -> None:
        elsewhere = Elsewhere()
        async with calling(namespace, web_context(), others=elsewhere) as caller:
            resolver = Resolver(caller.service, others=elsewhere)
            for form in forms:
                found = await resolver.resolve(form, 80, socket.AF_UNSPEC)
                assert {each["host"] for each in found} == everybody
                assert {(each["port"], each["family"]) for each in found} == {(80, socket.AF_INET)}
                (one,) = await resolver.resolve(f"web-1.{form}", 80)
                assert one["host"] == web.pods["web-1"].address
                with pytest.raises(OSError, match="family"):
                    await resolver.resolve(form, 80, socket.AF_INET6)
            assert not elsewhere.asked
            for other in others:
                (one,) = await resolver.resolve(other, 80, socket.AF_INET)
                assert one["host"] == "192.0.2.1"
            assert elsewhere.asked == others
        with pytest.raises(OSError, match="closed"):
            await resolver.resolve(forms[0], 80)
        await resolver.close()
        assert elsewhere.is_closed

    run(work())


def web_context() -> ssl.SSLContext:
    """A context for who makes no connection."""
    import ssl as module

    return module.create_default_context()


def test_example(namespace: Namespace, web: Kubelet, authority: Authority) -> None:
    """The program that the page shows reaches each pod twice, and one by its name."""
    program = REPOSITORY / "examples" / "integrations" / "aiohttp_client.py"
    done = subprocess.run(
        [sys.executable, str(program), f"web.{namespace.name}", str(authority.ca_file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *turns, last = done.stdout.splitlines()
    assert Counter(line.split()[0] for line in turns) == dict.fromkeys(web.pods, 2)
    assert last == "web-0 was asked for"
