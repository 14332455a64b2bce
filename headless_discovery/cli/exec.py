"""``headless-discovery exec``: become a command that is told which pod to go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exits
from .choosing import chosen
from .live import say
from .placeholders import fill_in, missing_of
from .program import become, cannot_start
from .signals import Signals

if TYPE_CHECKING:
    import argparse

    from ..core.snapshot import Endpoint
    from ..sync.service import HeadlessService

__all__ = ["run"]


def run(parsed: argparse.Namespace) -> int:
    """Choose a pod and become the command; returns only where there is none."""
    command, *arguments = parsed.program
    if (code := cannot_start(command)) is not None:
        return code

    def choose(service: HeadlessService) -> Endpoint:
        if parsed.check:
            from .trying import Trial  # noqa: PLC0415 - most commands dial themselves

            tried = service.connect(Trial().dial, to=parsed.pod, pass_timeout=True)
            return tried.endpoint
        return service.endpoint(to=parsed.pod)

    with Signals() as signals:
        code, endpoint = chosen(parsed, signals, choose)
        if signals.is_set():
            return signals.code
        if endpoint is None:
            return code
        missing = missing_of(arguments, endpoint)
        if missing is not None:
            say(missing)
            return exits.USAGE
        signals.back_to_default()
        return become([command, *(fill_in(each, endpoint) for each in arguments)])
