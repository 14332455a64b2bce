"""From parsed arguments to a service object, shared by the commands that ask DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.options import LookupOptions
from ..sync.service import HeadlessService

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ..core.outcome import Look

__all__ = ["service_of"]


def service_of(
    parsed: argparse.Namespace, on_lookup: Callable[[Look], object] | None = None
) -> HeadlessService:
    """The service object that the arguments describe.

    Raises:
        InvalidName, ConfigError: An argument is not usable.
    """
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
        on_lookup=on_lookup,
    )
