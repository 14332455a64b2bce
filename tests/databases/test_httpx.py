"""httpx over real HTTPS servers: rotation, TLS, a dead pod, a new one, nothing sent twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from headless_discovery import ConfigError, ConnectFailed
from headless_discovery.integrations.httpx import AsyncTransport, Transport
from tests.databases.callers import count_bodies, followed, shares
from tests.databases.https_server import HttpsServer, https_statefulset
from tests.docs.pages import REPOSITORY
from tests.scenarios.worlds import WITHIN, World, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.workloads import Namespace
    from tests.databases.certificates import Authority
    from tests.databases.kubelet import Kubelet
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

    def __init__(self, world: World, service: Followed, **arguments: Any) -> None:
        self._world = world
        self._url = f"https://{service.inner.name.fqdn}"
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
    lie = {"web-1": f"web-0.web.{namespace.name}.svc.cluster.local"}
    with https_statefulset(namespace, authority, tmp_path, 2, names=lie) as web:
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


def test_whom_and_which_name(
    world: World, namespace: Namespace, web: Kubelet, authority: Authority
) -> None:
    """``to=``, ``order=`` and ``tls_name=`` are those of ``connect``."""
    service = followed(world, namespace)
    context = authority.client_context()
    with Client(world, service, tls=context, to=1) as client:
        assert shares(client.ask() for _ in range(5)) == {"web-1": 5}
    with Client(world, service, tls=context, order="ordinal") as client:
        assert shares(client.ask() for _ in range(5)) == {"web-0": 5}
    with Client(world, service, tls=context, tls_name="service") as client:
        assert shares(client.ask() for _ in range(6)) == dict.fromkeys(web.pods, 2)
    with Client(world, service, tls=context, to=7) as client, pytest.raises(httpx.ConnectError):
        client.ask()


def test_contexts(world: World, namespace: Namespace, web: Kubelet, authority: Authority) -> None:
    """One that verifies nothing is refused, and so are two; the default trusts no stranger."""
    del web
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
