"""Choosing: what the commands that go to one pod share: waiting for it, and why there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.connectpolicy import ConnectPolicy
from ..core.snapshot import PARTIAL
from ..errors import (
    ConfigError,
    ConnectFailed,
    DiscoveryError,
    EndpointNotFound,
    InvalidName,
    LookupFailed,
    NotHeadless,
)
from . import exits
from .asking import meaning_of, service_of
from .live import say
from .signals import Ended
from .wait import until

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TypeVar

    from ..core.outcome import Look
    from ..sync.service import HeadlessService
    from .signals import Signals

    Chosen = TypeVar("Chosen")

__all__ = ["chosen"]


_LONGEST = 86400.0  # seconds that a call may take; who waits may do so for longer


def chosen(
    parsed: argparse.Namespace,
    signals: Signals,
    choose: Callable[[HeadlessService], Chosen],
) -> tuple[int, Chosen | None]:
    """Wait for the pod where that is wanted, then choose; what goes wrong is told.

    Args:
        parsed: Which pod, and how to ask.
        signals: Those that end it.
        choose: Does it, with a service object that is not followed.

    Returns:
        The exit code, and what ``choose`` returned where that is `exits.FOUND`.

    Raises:
        InvalidName, ConfigError: An argument is not usable.
    """
    began = time.monotonic()
    if parsed.wait:
        code = until(parsed, _condition(parsed.pod), signals)
        if code != exits.FOUND:
            return code, None
    left = max(0.001, parsed.timeout - (time.monotonic() - began))
    parsed.look_timeout = min(parsed.look_timeout, left)
    looks: list[Look] = []
    service = service_of(
        parsed,
        looks.append,
        connect_policy=ConnectPolicy(
            attempt_timeout=parsed.attempt_timeout,
            timeout=min(left, _LONGEST),
            exclude_self=parsed.exclude_self,
        ),
    )
    try:
        with signals.raising():
            return exits.FOUND, choose(service)
    except Ended:
        say(f"{signals.name}; was looking for {_words(parsed.pod)}")
        return signals.code, None
    except (InvalidName, ConfigError):
        raise
    except DiscoveryError as error:
        found = looks[-1].snapshot if looks else None
        if found is not None and found.outcome == PARTIAL and isinstance(error, EndpointNotFound):
            # Who is missing may be in the part that nobody has answered.
            say(f"{error}; DNS failed in part: {found.problem}")
            return exits.DNS_FAILED, None
        if found is not None and not found:
            say(f"{found.service}: {found.outcome}: {meaning_of(found, parsed)}")
            return exits.NONE_FOUND, None
        return _told(error, service.name.fqdn), None


def _told(error: DiscoveryError, service: str) -> int:
    """Tell why there is no pod, or no connection to one; the exit code of it."""
    if isinstance(error, LookupFailed):
        say(f"DNS failed: {error}")
        for dropped in error.dropped:
            say(f"dropped: {dropped}")
        return exits.DNS_FAILED
    if isinstance(error, ConnectFailed):
        for attempt in error.attempts:
            if isinstance(attempt.error, ConfigError):  # the others were told as they ended
                say(str(attempt))
        if error.timeout is None:
            say(f"{service}: no connection")
            return exits.NO_CONNECTION
        say(f"{service}: no connection within {error.timeout:.3g} s")
        return exits.TIMED_OUT
    say(str(error))
    return exits.NOT_HEADLESS if isinstance(error, NotHeadless) else exits.NONE_FOUND


def _condition(pod: int | str | None) -> str:
    """What ``wait --for`` takes, for the pod of ``--to``.

    Raises:
        ConfigError: It is an address.
    """
    if pod is None:
        return "count=1"
    if isinstance(pod, str) and (":" in pod or pod.replace(".", "").isdigit()):
        raise ConfigError("--wait", f"it waits for an ordinal or a name, and {pod} is an address")
    return f"ordinals={pod}" if isinstance(pod, int) else f"names={pod}"


def _words(pod: int | str | None) -> str:
    if pod is None:
        return "a pod"
    return f"ordinal {pod}" if isinstance(pod, int) else pod
