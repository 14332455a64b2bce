"""From parsed arguments to a service object, shared by the commands that ask DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.options import LookupOptions
from ..core.policy import PollPolicy
from ..core.snapshot import EMPTY
from ..sync.service import HeadlessService

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ..core.connectpolicy import ConnectPolicy
    from ..core.outcome import Look
    from ..core.snapshot import Snapshot

__all__ = ["leave_the_talk_to_the_command", "meaning_of", "poll_of", "service_of"]


def service_of(
    parsed: argparse.Namespace,
    on_lookup: Callable[[Look], object] | None = None,
    connect_policy: ConnectPolicy | None = None,
) -> HeadlessService:
    """The service object that the arguments describe.

    Raises:
        InvalidName, ConfigError: An argument is not usable.
    """
    poll = poll_of(parsed)
    if poll is not None:
        leave_the_talk_to_the_command()
    return HeadlessService(
        parsed.service,
        namespace=parsed.namespace,
        port=parsed.port,
        protocol=parsed.protocol,
        statefulset=parsed.statefulset,
        options=LookupOptions(
            nameservers=parsed.nameserver or (),
            # In commands that wait, --timeout is the limit of the waiting.
            timeout=parsed.look_timeout if "look_timeout" in parsed else parsed.timeout,
            family=parsed.family,
            tcp=parsed.tcp,
            allow_networks=parsed.allow_network or (),
            cluster_domain=parsed.cluster_domain,
        ),
        poll=poll,
        connect_policy=connect_policy,
        on_lookup=on_lookup,
    )


def poll_of(parsed: argparse.Namespace) -> PollPolicy | None:
    """How to follow, where the command does.

    Raises:
        ConfigError: A flag says what cannot be meant.
    """
    if "interval" in parsed:
        return PollPolicy(interval=parsed.interval, hint=parsed.hint)
    return PollPolicy() if "wait" in parsed and parsed.wait else None


def meaning_of(snapshot: Snapshot, parsed: argparse.Namespace) -> str:
    """What it can mean that an answer lists nobody."""
    if snapshot.outcome == EMPTY:
        if parsed.family is not None:
            return f"the name exists, but with no IPv{parsed.family} address"
        return "the name exists in DNS and holds no such record"
    meaning = "no such Service, or none of its pods is ready"
    if parsed.port and not parsed.port.isdigit():
        meaning += f", or it has no {parsed.protocol or 'tcp'} port named {parsed.port!r}"
    return f"{meaning}; DNS cannot tell these apart (asked {', '.join(snapshot.servers)})"


def leave_the_talk_to_the_command() -> None:
    """Of what a followed Service logs, show only what should not happen.

    The commands tell in their own words that looks fail and who comes and goes.
    """
    import logging  # noqa: PLC0415 - a single look needs none of it

    logger = logging.getLogger("headless_discovery")
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setLevel(logging.ERROR)
        logger.addHandler(handler)
