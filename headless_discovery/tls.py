"""TLS: whom a connection must prove to be.

The pod's address is dialled and its name verified: addresses are reused within seconds, and
a stranger's certificate does not hold the name. Certificates hold the FQDN without the last
dot, and no other form verifies.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from .errors import ConfigError

if TYPE_CHECKING:
    from .core.snapshot import Endpoint

__all__ = ["check_context", "server_name"]


def check_context(context: object) -> None:
    """Demand a context that verifies, and what it verifies.

    Raises:
        ConfigError: It does not.
    """
    if not isinstance(context, ssl.SSLContext):
        raise ConfigError("tls", f"{ascii(context)[:100]} is no ssl.SSLContext")
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ConfigError("tls", "the context is a server's: make it for Purpose.SERVER_AUTH")
    if context.verify_mode != ssl.CERT_REQUIRED:
        raise ConfigError(
            "tls", "the context does not verify certificates: set verify_mode = CERT_REQUIRED"
        )
    if not context.check_hostname:
        raise ConfigError(
            "tls",
            "the context does not check names: set check_hostname = True, else any certificate "
            "of the same authority passes for any pod",
        )


def server_name(endpoint: Endpoint, service: str | None) -> str:
    """The name to verify.

    Args:
        endpoint: Who is dialled.
        service: The Service's own name, where that one was chosen.

    Raises:
        ConfigError: The endpoint has no name.
    """
    if service is not None:
        return service
    if endpoint.hostname is None:
        raise ConfigError(
            "tls",
            f"the endpoint {endpoint.address} has no name that could be verified; "
            "tls_name='service' verifies the Service's own",
        )
    return endpoint.hostname
