"""httpx over real HTTPS servers: rotation, TLS, a dead pod, a new one, nothing sent twice."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from headless_discovery import ConfigError, ConnectFailed
from headless_discovery.integrations.httpx import AsyncTransport, Transport
from headless_discovery.testing import ClusterDNS
from tests.databases.callers import count_bodies, followed, shares
from tests.databases.https_server import (
    HttpsServer,
    as_web_0,
    https_statefulset,
    with_service,
)
from tests.docs.pages import REPOSITORY
from tests.scenarios.worlds import WITHIN, World, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet, Pod
    from tests.scenarios.worlds import Followed

EXAMPLES = ("httpx_client.py", "httpx_async_client.py")


@pytest.fixture(params=["threads", "asyncio"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return threads, then asyncio; nothing of them is left."""
    made = World(request.param)
    yield made
    made.close()


@pytest.fixture
def web(namespace: Namespace, authority: Authority, tmp_path: Path) -> Iterator[Kubelet]:
    """Return three HTTPS servers behind Service ``web``."""
    with https_statefulset(namespace, authority, tmp_path) as kubelet:
        kubelet.wait_ready(3)
        yield kubelet


class Client:
    """An httpx client whose requests go to the pods; keywords as of `Transport`."""

    def __init__(
        self, world: World, service: Followed, *, scheme: str = "https", **arguments: Any
    ) -> None:
        self._world = world
        self._url = f"{scheme}://{service.inner.name.fqdn}"
        transport: Any
        if world.kind == "threads":
            transport = Transport(service.inner, **arguments)
            self._client: Any = httpx.Client(transport=transport)
        else:
            transport = AsyncTransport(service.inner, **arguments)
            self._client = httpx.AsyncClient(transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        close = self._client.close if self._world.kind == "threads" else self._client.aclose
        self._world.begin(close).result(WITHIN)

    def ask(self, path: str = "/", body: str | None = None) -> dict[str, Any]:
        """GET, or POST what is given; what the server saw."""
        method = "GET" if body is None else "POST"

        def request() -> Any:
            return self._client.request(method, self._url + path, content=body)

        response = self._world.begin(request).result(WITHIN)
        assert response.status_code == 200
        assert str(response.request.url) == self._url + path
        seen: dict[str, Any] = response.json()
        return seen


def test_requests_take_turns(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority
) -> None:
    """Each pod has its exact share, over one kept connection; the host is the URL's."""
    service = followed(world, namespace)
    with Client(world, service, tls=authority.client_context()) as client:
        answers = [client.ask("/a?b=c") for _ in range(30)]
    assert shares(answers) == dict.fromkeys(web.pods, 10)
    assert len({tuple(each["client"]) for each in answers}) == 3
    assert {each["host"] for each in answers} == {service.inner.name.fqdn}
    assert {each["path"] for each in answers} == {"/a?b=c"}


def test_a_pod_dies_and_one_comes(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority
) -> None:
    """A killed pod costs no request, nor does its return; one that is added has its share."""
    service = followed(world, namespace)
    with Client(world, service, tls=authority.client_context()) as client:
        assert shares(client.ask() for _ in range(9)) == dict.fromkeys(web.pods, 3)
        web.hold("web-1")
        web.servers["web-1"].kill()
        alive = shares(client.ask() for _ in range(60))
        assert set(alive) == {"web-0", "web-2"}
        assert abs(alive["web-0"] - alive["web-2"]) <= 6
        # Killed it is left out; gone from the members and back it is as good as new.
        until(lambda: len(service.members) == 2, "web-1 to go", 60)
        assert shares(client.ask() for _ in range(4)) == {"web-0": 2, "web-2": 2}
        web.release("web-1")
        service.wait_for(count=3, timeout=60).result(70)
        assert shares(client.ask() for _ in range(9)) == dict.fromkeys(web.pods, 3)

        namespace.scale("web", 4)
        service.wait_for(count=4, timeout=60).result(70)
        assert shares(client.ask() for _ in range(40)) == dict.fromkeys(web.pods, 10)


def test_nothing_is_sent_twice(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """A server that ends the connection has had the request: no other gets it."""
    service = followed(world, namespace)
    with Client(world, service, tls=authority.client_context()) as client:
        for number in range(9):
            with pytest.raises(httpx.TransportError) as raised:
                client.ask("/drop", str(number))
            assert not isinstance(raised.value, httpx.ConnectError)
    assert count_bodies(tmp_path, web.pods) == {str(number): 1 for number in range(9)}
    assert not service.status().ejected  # each of them had been connected to


def test_nothing_is_sent_twice_while_a_pod_dies(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """Of 400 requests from 8 threads none reaches two servers, and most are answered."""
    service = followed(world, namespace)
    answered: Counter[str] = Counter()
    failed: list[Exception] = []

    def ask(number: int) -> None:
        if number == 100:
            web.servers["web-2"].kill()
        try:
            answered[client.ask("/", str(number))["body"]] += 1
        except httpx.TransportError as error:
            failed.append(error)

    with (
        Client(world, service, tls=authority.client_context()) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(ask, range(400)))
    assert not [each for each in failed if isinstance(each, httpx.ConnectError)]
    reached = count_bodies(tmp_path, web.pods)
    assert set(reached.values()) == {1}
    assert answered.keys() <= reached.keys()
    assert len(answered) >= 380


def test_a_silent_pod_is_skipped(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """One that accepts and never shakes hands costs an attempt's time, five times."""
    service = followed(world, namespace)
    silent = web.servers["web-0"]
    assert isinstance(silent, HttpsServer)
    silent.pause()
    try:
        context = authority.client_context()
        with Client(world, service, tls=context, attempt_timeout=0.3) as client:
            answers = shares(client.ask("/", "silent") for _ in range(30))
        assert set(answers) == {"web-1", "web-2"}
        assert [each.endpoint.name for each in service.status().ejected] == ["web-0"]
    finally:
        silent.resume()
    assert count_bodies(tmp_path, web.pods) == {"silent": 30}


def test_a_pod_that_cannot_prove_its_name(
    world: World, namespace: Namespace, authority: Authority, tmp_path: Path
) -> None:
    """It is never spoken to: each request goes to another, and one to it alone fails."""
    with https_statefulset(namespace, authority, tmp_path, 2, names=as_web_0) as web:
        web.wait_ready(2)
        service = followed(world, namespace, 2)
        context = authority.client_context()
        with Client(world, service, tls=context) as client:
            assert shares(client.ask("/", "x") for _ in range(20)) == {"web-0": 20}
        with Client(world, service, tls=context, to="web-1") as client:
            for _ in range(5):
                with pytest.raises(httpx.ConnectError, match="certificate") as raised:
                    client.ask("/", "y")
                assert isinstance(raised.value.__cause__, ConnectFailed)
        assert count_bodies(tmp_path, web.pods) == {"x": 20}


@pytest.mark.usefixtures("web")
def test_whom_and_whether_open(world: World, namespace: Namespace, authority: Authority) -> None:
    """``to=`` and ``order=`` are those of ``connect``; the service object need not be open."""
    service = followed(world, namespace)
    context = authority.client_context()
    with Client(world, service, tls=context, to=1) as client:
        assert shares(client.ask() for _ in range(5)) == {"web-1": 5}
    with Client(world, service, tls=context, order="ordinal") as client:
        assert shares(client.ask() for _ in range(5)) == {"web-0": 5}
    with Client(world, service, tls=context, to=7) as client, pytest.raises(httpx.ConnectError):
        client.ask()
    service.close().result(WITHIN)
    with Client(world, service, tls=context, to=lambda pod: pod.ordinal != 1) as client:
        assert shares(client.ask() for _ in range(6)) == {"web-0": 3, "web-2": 3}


def test_the_name_of_the_service(
    world: World, namespace: Namespace, authority: Authority, tmp_path: Path
) -> None:
    """By choice it is verified instead of the pod's, and the other way round it is refused."""
    context = authority.client_context()

    def only_service(pod: Pod) -> tuple[str, ...]:
        return with_service(pod)[1:]

    with https_statefulset(namespace, authority, tmp_path, 2, names=only_service) as web:
        web.wait_ready(2)
        service = followed(world, namespace, 2)
        with Client(world, service, tls=context, tls_name="service") as client:
            assert shares(client.ask() for _ in range(6)) == dict.fromkeys(web.pods, 3)
        with Client(world, service, tls=context) as client, pytest.raises(httpx.ConnectError):
            client.ask()
    with pytest.raises(ConfigError, match="tls_name"):
        Client(world, service, tls=context, tls_name="web-0")


def test_a_connection_nobody_wants(
    namespace: Namespace, web: Kubelet, authority: Authority, tmp_path: Path
) -> None:
    """With asyncio nothing is sent before ``connect`` has said that this is the pod."""
    world = World("asyncio")
    try:
        service = followed(world, namespace)
        connect = service.inner.connect

        async def give_up(*arguments: Any, **keywords: Any) -> None:
            await connect(*arguments, **keywords)  # there is a connection
            await asyncio.sleep(0.1)
            raise ConnectFailed("web", ())

        with Client(world, service, tls=authority.client_context()) as client:
            service.inner.connect = give_up
            with pytest.raises(httpx.ConnectError):
                client.ask("/", "never")
            service.inner.connect = connect
            client.ask("/", "once")
    finally:
        world.close()
    assert count_bodies(tmp_path, web.pods) == {"once": 1}


class OnIPv6(ThreadingHTTPServer):
    """An HTTP server on ``::1``."""

    address_family = socket.AF_INET6


class Greeter(BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_GET(self) -> None:
        """Answer."""
        body = b'{"pod": "on ::1"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_addresses_of_a_pod(world: World) -> None:
    """A pod that refuses at one of its addresses is connected to at another."""
    with ClusterDNS() as dns, OnIPv6(("::1", 0), Greeter) as server:
        listed = dns.service("web.shop", ports=[server.server_port])
        dns.statefulset("web", service=listed, replicas=1).set_address(0, "127.9.9.9", "::1")
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            service = world.service(dns, "web.shop")
            with service, Client(world, service, scheme="http") as client:
                assert len(service.members.by_ordinal(0).addresses) == 2
                assert client.ask()["pod"] == "on ::1"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.usefixtures("web")
def test_contexts(world: World, namespace: Namespace, authority: Authority) -> None:
    """One that verifies nothing is refused, and so are two; the default trusts no stranger."""
    service = followed(world, namespace)
    kind = Transport if world.kind == "threads" else AsyncTransport
    loose = authority.client_context()
    loose.check_hostname = False
    with pytest.raises(ConfigError, match="check_hostname"):
        kind(service.inner, tls=loose)
    inner = httpx.HTTPTransport(verify=authority.client_context())
    with inner, pytest.raises(ConfigError, match="context"):
        kind(service.inner, tls=authority.client_context(), transport=inner)
    with Client(world, service) as client, pytest.raises(httpx.ConnectError, match="certificate"):
        client.ask()


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: str, namespace: Namespace, web: Kubelet, authority: Authority) -> None:
    """The programs that the page shows reach each pod twice."""
    program = REPOSITORY / "examples" / "integrations" / example
    done = subprocess.run(
        [sys.executable, str(program), f"web.{namespace.name}", str(authority.ca_file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Counter(line.split()[0] for line in done.stdout.splitlines()) == dict.fromkeys(
        web.pods, 2
    )
