"""What the service objects for threads and for asyncio share, before anything is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    ConfigError,
    Endpoint,
    HeadlessService,
    Look,
    NotYetKnown,
    PollPolicy,
)

if TYPE_CHECKING:
    from headless_discovery.service import ServiceObject

KINDS = (HeadlessService, AsyncHeadlessService)


@pytest.mark.parametrize("kind", KINDS)
def test_not_open(kind: type[ServiceObject]) -> None:
    """Reading what nobody follows says so, with the Service's name as far as it is known."""
    service = kind("db.shop.svc.corp.example")
    with pytest.raises(NotYetKnown, match=r"^db\.shop\.svc\.corp\.example: .*not open"):
        _ = service.members
    assert repr(kind("db")) == f"{kind.__name__}('db')"
    assert repr(kind("db.shop")) == f"{kind.__name__}('db.shop')"


def test_a_dial_that_nobody_would_await() -> None:
    """In threads a coroutine function would hand out a coroutine for a connection."""

    async def dial(endpoint: Endpoint) -> None:
        raise AssertionError(endpoint)

    with pytest.raises(ConfigError, match=r"dial: .*must be awaited"):
        _ = HeadlessService("db.shop").connect(dial)


@pytest.mark.parametrize(
    "arguments", [{"tls_name": "service"}, {"pass_timeout": True}], ids=["tls_name", "pass_timeout"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_arguments_that_would_say_nothing(
    kind: type[ServiceObject], arguments: dict[str, Any]
) -> None:
    """Whoever verifies a name wants TLS, and whoever passes the seconds wants them passed."""

    async def call() -> None:
        done = kind("db.shop").connect(**arguments)  # type: ignore[attr-defined]
        await done

    with pytest.raises(ConfigError, match=next(iter(arguments))):
        asyncio.run(call())


@pytest.mark.parametrize("kind", KINDS)
def test_callbacks_that_nobody_would_await(kind: type[ServiceObject]) -> None:
    """``on_lookup`` is a plain function: a coroutine function would never run."""

    async def slow(look: Look) -> None:
        raise AssertionError(look)

    for callback in (slow, "print"):
        with pytest.raises(ConfigError, match="on_lookup"):
            kind("db.shop", on_lookup=callback)  # type: ignore[arg-type]
    kind("db.shop", on_lookup=print)


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_in_force(kind: type[ServiceObject], monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval is the policy's, else the environment's, else five seconds."""
    monkeypatch.delenv("HEADLESS_DISCOVERY_INTERVAL", raising=False)
    assert kind("db.shop").policy.interval == 5.0
    monkeypatch.setenv("HEADLESS_DISCOVERY_INTERVAL", "1m")
    assert kind("db.shop").policy.interval == 60.0
    assert kind("db.shop", poll=PollPolicy(interval=7, floor=2)).policy.interval == 7.0
    assert kind("db.shop", poll=PollPolicy(floor=2)).policy == PollPolicy(interval=60, floor=2)
    with pytest.raises(ConfigError, match="poll"):
        kind("db.shop", poll=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_times_that_are_none(kind: type[ServiceObject]) -> None:
    """A wait's times are numbers of seconds; only ``timeout`` may be left out."""
    service: Any = kind("db.shop")

    def wait(**times: object) -> None:
        waiting = service.wait_for(count=1, **times)
        if isinstance(waiting, Coroutine):
            asyncio.run(waiting)

    for times in ({"stable": None}, {"stable": True}, {"timeout": True}, {"timeout": -1}):
        with pytest.raises(ConfigError, match=next(iter(times))):
            wait(**times)
