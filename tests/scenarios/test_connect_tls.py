"""TLS to a pod: the address is dialled, the name is verified, and nothing else passes."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from headless_discovery import ConfigError, ConnectFailed, ConnectPolicy, PollPolicy
from tests.databases.certificates import Authority
from tests.scenarios.tls_pods import SERVICE, Shop
from tests.scenarios.worlds import WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.worlds import Followed, World

TIMES = 20
SHARED = f"*.{SERVICE}"


class Met(NamedTuple):
    """Who was connected to: what it said, which name was verified, at which address."""

    said: str
    verified: str
    address: str


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that the pods and their clients trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    """Return what a client verifies by."""
    return authority.client_context()


def pod(ordinal: int) -> str:
    """The FQDN of a pod."""
    return f"web-{ordinal}.{SERVICE}"


def follow(world: World, shop: Shop, **arguments: Any) -> Followed:
    """The Service, not open yet. A server is never left out, however often it fails.

    In quick time: each call of which all attempts failed waits for a look.
    """
    policy = ConnectPolicy(eject_after=0)
    poll = PollPolicy.fast()
    return world.service(shop.options, "web.shop", poll=poll, connect_policy=policy, **arguments)


def meet(world: World, service: Followed, **keywords: Any) -> Met:
    """Connect by TLS, tell who is there, and end the connection."""
    return world.begin(_meeting(world, service, keywords)).result(WITHIN)  # type: ignore[no-any-return]


def _meeting(world: World, service: Followed, keywords: dict[str, Any]) -> Callable[[], Any]:
    def by_thread() -> Met:
        with service.inner.connect(**keywords) as secured:
            assert isinstance(secured, ssl.SSLSocket)
            secured.sendall(b"?")
            with secured.makefile("rb") as lines:
                said = lines.readline().decode().strip()
            return Met(said, str(secured.server_hostname), secured.getpeername()[0])

    async def by_task() -> Met:
        reader, writer = await service.inner.connect(**keywords)
        try:
            writer.write(b"?")
            said = (await reader.readline()).decode().strip()
            secured = writer.get_extra_info("ssl_object")
            return Met(said, secured.server_hostname, writer.get_extra_info("peername")[0])
        finally:
            writer.close()
            await writer.wait_closed()

    return by_thread if world.kind == "threads" else by_task


@pytest.mark.parametrize("names", [(), (SHARED,)], ids=["a certificate each", "a wildcard"])
def test_accepted(
    world: World, authority: Authority, context: ssl.SSLContext, names: tuple[str, ...]
) -> None:
    """The address is dialled, and the pod's own certificate, or a wildcard, holds its name."""
    with Shop(3) as shop:
        for ordinal in range(3):
            shop.serve(ordinal, authority.issue(*(names or (pod(ordinal),))))
        with follow(world, shop) as service:
            met = [meet(world, service, tls=context) for _ in range(3 * TIMES)]
        expected = {Met(f"web-{each}", pod(each), shop.address(each)) for each in range(3)}
        assert set(met) == expected
        assert [met.count(each) for each in expected] == [TIMES] * 3


def test_to_an_ordinal(world: World, authority: Authority, context: ssl.SSLContext) -> None:
    """``to=`` verifies the pod that was asked for; a service object that is not open, too."""
    with Shop(2) as shop:
        for ordinal in range(2):
            shop.serve(ordinal, authority.issue(pod(ordinal)))
        service = follow(world, shop)
        assert meet(world, service, tls=context, to=1).verified == pod(1)
        assert meet(world, service, tls=context, to="web-0").verified == pod(0)


OTHERS: dict[str, tuple[str, ...]] = {
    "of another pod": (pod(1),),
    "of a pod of another Service": ("web-0.other.shop.svc.cluster.local",),
    "of the pod in another namespace": ("web-0.web.bank.svc.cluster.local",),
    "for the pod's name alone": ("web-0",),
    "for short names": ("web-0.web", "web-0.web.shop", "web-0.web.shop.svc"),
    "for the address alone": ("127.1.0.2",),
    "for the Service alone": (SERVICE,),
    "for a wildcard one level up": ("*.shop.svc.cluster.local",),
}


def refused(world: World, service: Followed, **keywords: Any) -> ConnectFailed:
    """It does not connect, because the certificate does not verify."""
    with pytest.raises(ConnectFailed) as raised:
        meet(world, service, **keywords)
    for attempt in raised.value.attempts:
        assert isinstance(attempt.error, ssl.SSLCertVerificationError), attempt
    return raised.value


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS)
def test_other_names_are_refused(
    world: World, authority: Authority, context: ssl.SSLContext, names: tuple[str, ...]
) -> None:
    """A certificate that does not hold the pod's FQDN is refused each time."""
    with Shop(1) as shop:
        server = shop.serve(0, authority.issue(*names))
        with follow(world, shop) as service:
            for _ in range(TIMES):
                failure = refused(world, service, tls=context)
                (attempt,) = failure.attempts
                assert attempt.endpoint.name == "web-0"
                assert attempt.address == "127.1.0.2"
        assert server.dialled == TIMES
        assert server.accepted == 0


def test_expired_is_refused(world: World, authority: Authority, context: ssl.SSLContext) -> None:
    """So is the pod's own certificate once it has expired."""
    with Shop(1) as shop:
        past = datetime.now(UTC) - timedelta(days=1)
        server = shop.serve(0, authority.issue(pod(0), not_after=past))
        with follow(world, shop) as service:
            for _ in range(TIMES):
                assert "expired" in str(refused(world, service, tls=context))
        assert server.accepted == 0


def test_unknown_authority_is_refused(
    world: World, stranger: Authority, context: ssl.SSLContext
) -> None:
    """So is the right name, signed by somebody else."""
    with Shop(1) as shop:
        server = shop.serve(0, stranger.issue(pod(0)))
        with follow(world, shop) as service:
            for _ in range(TIMES):
                refused(world, service, tls=context)
        assert server.accepted == 0


def test_a_wrong_pod_is_passed_over(
    world: World, authority: Authority, context: ssl.SSLContext
) -> None:
    """A pod that cannot prove who it is is skipped as a dead one is; the others serve."""
    with Shop(3) as shop:
        for ordinal, name in enumerate((pod(0), pod(0), pod(2))):
            shop.serve(ordinal, authority.issue(name))
        with follow(world, shop) as service:
            met = {meet(world, service, tls=context).said for _ in range(TIMES)}
        assert met == {"web-0", "web-2"}
        assert shop.servers[1].dialled > 0


def test_an_address_taken_over_is_refused(
    world: World, authority: Authority, context: ssl.SSLContext
) -> None:
    """DNS says web-0 where web-1 answers: refused each time, until DNS is right."""
    with Shop(1) as shop:
        shop.serve(0, authority.issue(pod(0)))
        other = shop.serve(1, authority.issue(pod(1)))
        shop.pods.set_address(0, other.address)
        service = follow(world, shop)
        for _ in range(TIMES):
            (attempt,) = refused(world, service, tls=context, to=0).attempts
            assert attempt.address == other.address
        assert other.accepted == 0
        shop.pods.set_address(0, shop.address(0))
        assert meet(world, service, tls=context, to=0).said == "web-0"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"check_hostname": False}, "check_hostname"),
        ({"check_hostname": False, "verify_mode": ssl.CERT_NONE}, "verify_mode"),
        ({"check_hostname": False, "verify_mode": ssl.CERT_OPTIONAL}, "verify_mode"),
    ],
    ids=["names not checked", "nothing verified", "verified where there is one"],
)
def test_contexts_that_verify_nothing(
    world: World,
    authority: Authority,
    context: ssl.SSLContext,
    change: dict[str, Any],
    reason: str,
) -> None:
    """A context that would let anybody pass is refused, with the reason; nobody is dialled."""
    with Shop(1) as shop:
        server = shop.serve(0, authority.issue(pod(0)))
        for name, value in change.items():
            setattr(context, name, value)
        with follow(world, shop) as service, pytest.raises(ConfigError, match=reason):
            meet(world, service, tls=context)
        assert server.dialled == 0


@pytest.mark.parametrize("wrong", [True, "yes", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
def test_no_context_of_a_client(world: World, wrong: object) -> None:
    """Neither is what is no context, or a server's, taken for one."""
    with Shop(1) as shop, follow(world, shop) as service, pytest.raises(ConfigError, match="tls"):
        meet(world, service, tls=wrong)


def test_no_name_to_verify(world: World, authority: Authority, context: ssl.SSLContext) -> None:
    """TLS to an endpoint without a name is refused, unless the Service's own was chosen."""
    with Shop(1, nameless=True) as shop:
        server = shop.serve(0, authority.issue(SERVICE))
        with follow(world, shop, port=shop.port) as service:
            (endpoint,) = service.members
            assert endpoint.hostname is None
            with pytest.raises(ConfigError, match="tls_name='service'"):
                meet(world, service, tls=context)
            assert server.dialled == 0
            met = meet(world, service, tls=context, tls_name="service")
        assert met == Met("web-0", SERVICE, "127.1.0.2")


def test_the_name_of_the_service(
    world: World, authority: Authority, context: ssl.SSLContext
) -> None:
    """By choice the Service's name is verified, and then no other."""
    with Shop(2) as shop:
        shop.serve(0, authority.issue(SERVICE))
        shop.serve(1, authority.issue(pod(1), SHARED))
        with follow(world, shop) as service:
            for _ in range(TIMES):
                met = meet(world, service, tls=context, tls_name="service", to=0)
                assert met == Met("web-0", SERVICE, "127.1.0.2")
                refused(world, service, tls=context, tls_name="service", to=1)
        assert shop.servers[1].accepted == 0


def test_a_name_nobody_knows(world: World, context: ssl.SSLContext) -> None:
    """``tls_name`` is one of two words."""
    with Shop(1) as shop, follow(world, shop) as service, pytest.raises(ConfigError) as raised:
        meet(world, service, tls=context, tls_name="web-0")
    assert raised.value.setting == "tls_name"


def test_silence_in_the_handshake(
    world: World, authority: Authority, context: ssl.SSLContext
) -> None:
    """A pod that accepts and says nothing has the time of an attempt, and no more."""
    with Shop(2) as shop:
        shop.serve(0, None)
        shop.serve(1, authority.issue(pod(1)))
        with follow(world, shop) as service:
            began = time.monotonic()
            with pytest.raises(ConnectFailed) as raised:
                meet(world, service, tls=context, to=0, attempt_timeout=0.3)
            assert 0.25 < time.monotonic() - began < 1.0
            (attempt,) = raised.value.attempts
            assert isinstance(attempt.error, TimeoutError)
            assert 0.25 < attempt.seconds < 0.8

            began = time.monotonic()
            met = meet(world, service, tls=context, order="ordinal", attempt_timeout=0.3)
            assert met.said == "web-1"
            assert 0.25 < time.monotonic() - began < 1.0


def test_a_handshake_drop_by_drop(world: World, context: ssl.SSLContext) -> None:
    """Nor has a pod more time whose handshake never ends though something always comes."""
    with Shop(1) as shop:
        shop.serve(0, None, drips=True)
        with follow(world, shop) as service:
            began = time.monotonic()
            with pytest.raises(ConnectFailed):
                meet(world, service, tls=context, attempt_timeout=0.3)
            assert 0.25 < time.monotonic() - began < 1.0


def test_no_tls_at_the_other_end(
    world: World, authority: Authority, context: ssl.SSLContext
) -> None:
    """A pod that speaks no TLS is skipped; nothing is ever said to it in the clear."""
    with Shop(2) as shop:
        shop.serve(0, None, text=True)
        shop.serve(1, authority.issue(pod(1)))
        with follow(world, shop) as service:
            assert meet(world, service, tls=context, order="ordinal").said == "web-1"
            with pytest.raises(ConnectFailed) as raised:
                meet(world, service, tls=context, to=0)
        (attempt,) = raised.value.attempts
        assert isinstance(attempt.error, ssl.SSLError | ConnectionError)
