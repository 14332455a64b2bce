"""Trying: one connection to a pod that is closed as soon as it stands; no byte is sent.

In: endpoints. Out: what came of each, as a value. A failure is told when it happens.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ..core.connectpolicy import STAGGER
from ..core.dialling import ConnectAttempt, in_words
from ..errors import ConfigError
from ..sync.dialling import dial_socket
from .live import say

if TYPE_CHECKING:
    import ssl

    from ..core.snapshot import Endpoint

__all__ = ["Tls", "Trial", "Tried"]


class Tls(NamedTuple):
    """How to shake hands.

    Attributes:
        context: Whom to trust.
        service: The Service's own name, where that one is to be verified; None: the pod's.
    """

    context: ssl.SSLContext
    service: str | None


class Tried(NamedTuple):
    """What came of dialling one pod.

    Attributes:
        endpoint: Who.
        address: Where.
        seconds: How long it took, the handshake included.
        error: How it failed, None where it is connected.
        verified: The name that the certificate holds, None without TLS.
        protocol: ``"TLSv1.3"``; None without TLS.
        expires: When the certificate does, seconds since 1970; None without TLS.
    """

    endpoint: Endpoint
    address: str
    seconds: float
    error: str | None = None
    verified: str | None = None
    protocol: str | None = None
    expires: int | None = None


class Trial:
    """Dials endpoints; by any number of threads at once.

    Args:
        tls: How to shake hands; None: not at all.
    """

    def __init__(self, tls: Tls | None = None) -> None:
        #: Everything tried, in the order it ended.
        self.tried: list[Tried] = []
        self._tls = tls

    def dial(self, endpoint: Endpoint, seconds: float) -> Tried:
        """Connect and close.

        Raises:
            OSError: It cannot be connected to, or does not prove its name.
            ConfigError: It has no port, or several; or no name to be verified.
        """
        if endpoint.port is None:
            raise ConfigError("--port", _which_port(endpoint))
        began = time.monotonic()
        try:
            made = self._dial(endpoint, seconds)
        except ConfigError:  # it was not dialled
            raise
        except Exception as error:
            attempt = ConnectAttempt(
                endpoint=endpoint,
                address=getattr(error, "address", endpoint.address),
                error=error,
                seconds=time.monotonic() - began,
            )
            say(str(attempt))
            tried = Tried(endpoint, attempt.address, attempt.seconds, error=in_words(error))
            self.tried.append(tried)
            raise
        self.tried.append(made)
        return made

    def _dial(self, endpoint: Endpoint, seconds: float) -> Tried:
        began = time.monotonic()
        context = name = None
        if self._tls is not None:
            from ..tls import server_name  # noqa: PLC0415 - loads ssl

            context, name = self._tls.context, server_name(endpoint, self._tls.service)
        made = dial_socket(endpoint, seconds, stagger=STAGGER, check=_go_on, tls=context, name=name)
        with made as connected:
            passed = time.monotonic() - began
            address = connected.getpeername()[0]
            if context is None:
                return Tried(endpoint, address, passed)
            return _verified(connected, Tried(endpoint, address, passed, verified=name))


def _verified(connected: object, tried: Tried) -> Tried:
    """With what TLS tells of the connection."""
    import ssl  # noqa: PLC0415 - only where it is wanted

    assert isinstance(connected, ssl.SSLSocket)  # noqa: S101 - a context was given
    certificate = connected.getpeercert() or {}
    expires = certificate.get("notAfter")
    return tried._replace(
        protocol=connected.version(),
        expires=ssl.cert_time_to_seconds(expires) if isinstance(expires, str) else None,
    )


def _which_port(endpoint: Endpoint) -> str:
    name = endpoint.name or endpoint.address
    if not endpoint.ports:
        return f"DNS tells no port of {name}: say its number"
    return f"{name} has the ports {', '.join(map(str, endpoint.ports))}: say which"


def _go_on() -> None:
    """A signal ends it, and nothing else."""
