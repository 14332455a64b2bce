"""Arguments that cannot be meant are refused before anybody is dialled."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import ConfigError, ConnectFailed, ConnectPolicy, PollPolicy
from tests.scenarios.pods import Pods, reach
from tests.scenarios.worlds import WITHIN

if TYPE_CHECKING:
    from headless_discovery import Endpoint
    from headless_discovery.testing import ClusterDNS
    from tests.scenarios.worlds import World

FAST = PollPolicy.fast()
BAD: dict[str, tuple[object, ...]] = {
    "to": (True, -1, 1.5, b"mysql-0", 10**10, ["mysql-0"], object()),
    "order": ("", "Random", 7, True, [], b"random"),
    "exclude_self": (1, 0, "yes"),
    "attempt_timeout": (0, -1, True, "1", float("nan"), float("inf"), 1e6),
    "timeout": (0, -0.1, False, "10", float("nan"), float("inf"), 90000),
    "retries": (-1, 1.0, True, "2", 1001),
    "dial": ("mysql", 7, True, object()),
    "tls_name": ("", "Pod", None, 7),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD.items() for value in values],
    ids=lambda each: repr(each)[:20],
)
def test_garbage(world: World, cluster_dns: ClusterDNS, name: str, value: object) -> None:
    """It is refused by name; nothing is asked."""
    service = world.service(cluster_dns)
    with pytest.raises(ConfigError) as raised:
        reach(service, **{name: value}).result(WITHIN)
    assert raised.value.setting.removeprefix("connect.") == name
    assert not cluster_dns.queries
    if name in ("to", "order", "exclude_self"):
        with pytest.raises(ConfigError):
            service.endpoint(**{name: value})


def test_garbage_in_a_policy() -> None:
    """It is refused there in the same words."""
    fields = {**BAD, "stagger": (0, -1, True, None), "eject_after": (-1, True, None, 1.0)}
    fields |= dict.fromkeys(("eject_for", "eject_at_most"), (0, -1, True, None, "30"))
    for name, values in fields.items():
        if name not in ("to", "dial", "tls_name"):
            for value in values:
                arguments: dict[str, Any] = {name: value}
                with pytest.raises(ConfigError, match=name):
                    ConnectPolicy(**arguments)


def test_no_port(world: World, cluster_dns: ClusterDNS) -> None:
    """DNS tells none, or several: that is said; a number, or a function that dials, needs none."""
    bare = cluster_dns.service("bare.shop", ports=[])
    cluster_dns.statefulset("bare", service=bare, replicas=2)
    many = cluster_dns.service("many.shop", ports=[1111, 2222])
    cluster_dns.statefulset("many", service=many, replicas=2)
    for name, words in (("bare.shop", "no port"), ("many.shop", "the ports 1111, 2222")):
        service = world.service(cluster_dns, name, poll=FAST)
        with service:
            with pytest.raises(ConfigError, match=words):
                reach(service).result(WITHIN)
            assert service.status().ejected == ()
        assert service.connect(lambda pod: pod.ports).result(WITHIN) in ((), (1111, 2222))
        assert world.service(cluster_dns, name, port=3306).endpoint().port == 3306


def test_tls_and_a_function(world: World, cluster_dns: ClusterDNS) -> None:
    """The function makes the connection: the context would be used by nobody."""
    service = world.service(cluster_dns)
    with pytest.raises(ConfigError, match="the function that dials"):
        service.connect(lambda pod: pod, tls=ssl.create_default_context()).result(WITHIN)
    with pytest.raises(ConfigError, match="is no ssl"):
        service.connect(tls=True).result(WITHIN)


def test_functions_that_dial(world: World) -> None:
    """Plain ones and coroutine functions; with the time left, or without."""
    with Pods(2) as pods, world.service(pods.options, poll=FAST) as service:
        times: list[float] = []

        def plain(pod: Endpoint) -> str:
            return f"plain {pod.name}"

        def timed(pod: Endpoint, seconds: float) -> str:
            times.append(seconds)
            if pod.ordinal == 0:
                raise OSError("not this one")
            return f"timed {pod.name}"

        async def awaited(pod: Endpoint) -> str:
            return f"awaited {pod.name}"

        async def awaited_timed(pod: Endpoint, seconds: float) -> str:
            return timed(pod, seconds)

        assert service.connect(plain, to=1).result(WITHIN) == "plain mysql-1"
        found = service.connect(timed, pass_timeout=True, order="ordinal", attempt_timeout=0.7)
        assert found.result(WITHIN) == "timed mysql-1"
        assert times == [0.7, 0.7]
        assert service.connect(lambda _: None).result(WITHIN) is None  # whatever it returns
        if world.kind == "asyncio":
            assert service.connect(awaited, to=1).result(WITHIN) == "awaited mysql-1"
            found = service.connect(awaited_timed, pass_timeout=True, order="ordinal", timeout=0.5)
            assert found.result(WITHIN) == "timed mysql-1"
            assert times[2] <= 0.5


@pytest.mark.parametrize("pass_timeout", [False, True])
def test_a_function_that_cannot_be_called_so(world: World, *, pass_timeout: bool) -> None:
    """That is the caller's mistake: no pod is to blame, and none is left out for it."""
    with Pods(2) as pods, world.service(pods.options, poll=FAST) as service:

        def none_of_it() -> None:
            raise AssertionError

        for _ in range(6):
            with pytest.raises(ConfigError, match=r"dial: .*pass_timeout=True.*positional"):
                service.connect(none_of_it, pass_timeout=pass_timeout).result(WITHIN)
        assert service.status().ejected == ()

        def wrong_inside(*_: object) -> None:
            len(5)  # type: ignore[arg-type]

        with pytest.raises(ConnectFailed, match="TypeError: object of type 'int'") as told:
            service.connect(wrong_inside, pass_timeout=pass_timeout).result(WITHIN)
        assert isinstance(told.value.__cause__, TypeError)


def test_the_time_left(world: World) -> None:
    """The last attempt has what is left of the whole call."""
    with Pods(2) as pods, world.service(pods.options, poll=FAST) as service:
        pods.blackhole(0)
        times: list[float] = []

        def dial(pod: Endpoint, seconds: float) -> str:
            times.append(seconds)
            if pod.ordinal == 0:
                import time

                time.sleep(0.1)
                raise OSError("not this one")
            return "done"

        found = service.connect(
            dial, pass_timeout=True, order="ordinal", attempt_timeout=5, timeout=0.5
        )
        assert found.result(WITHIN) == "done"
        assert 0.45 < times[0] <= 0.5
        assert 0.3 < times[1] <= 0.4


class Rude(Exception):  # noqa: N818
    """An error of a client that cannot even be told."""

    strerror = 7

    def __str__(self) -> str:
        raise RuntimeError("no words")

    @property
    def address(self) -> str:
        """Not to be had."""
        raise RuntimeError("no address")

    @property
    def errno(self) -> int:
        """Not to be had."""
        raise RuntimeError("no number")


def test_errors_that_are_rude(world: World) -> None:
    """Whatever the caller's function raises is a failed attempt, and listed as it came."""
    with Pods(2) as pods, world.service(pods.options, poll=FAST) as service:

        def dial(_: Endpoint) -> None:
            raise Rude

        error = service.connect(dial).exception(WITHIN)
        assert isinstance(error, ConnectFailed)
        assert [type(each.error) for each in error.attempts] == [Rude, Rude]
        assert str(error).count("Rude") == 2
