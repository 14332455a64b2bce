"""Dialling: a connection to one pod, its families raced, with blocking waits."""

from __future__ import annotations

import select
import socket
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from ..core.dialling import port_of
from ..core.racing import Race
from ..sockets import UNDER_WAY, NotConnected, begin_to_connect, family_of, not_connected

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from ..core.snapshot import Endpoint

__all__ = ["dial_socket"]

_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
_SLICE = 0.05  # seconds after which a closed service object is noticed


def dial_socket(
    endpoint: Endpoint,
    seconds: float,
    *,
    stagger: float,
    check: Callable[[], None],
    tls: SSLContext | None = None,
    name: str | None = None,
) -> socket.socket:
    """Connect to an endpoint.

    Args:
        endpoint: Whom to.
        seconds: How long it may take.
        stagger: Seconds between its addresses, see `Race`.
        check: Raises where this is to end; called every 50 ms.
        tls: Shake hands, too.
        name: The name the other side has to prove.

    Returns:
        A blocking socket, with the default timeout of the module ``socket``.

    Raises:
        OSError: It cannot be connected to, or does not prove its name.
        ConfigError: It has no port, or several.
    """
    port = port_of(endpoint)
    deadline = monotonic() + seconds
    connected = _race(endpoint.addresses, port, deadline, stagger, check)
    try:
        if tls is not None:
            connected = _shake_hands(connected, tls, name, deadline, check)
        connected.settimeout(socket.getdefaulttimeout())
    except BaseException:
        connected.close()
        raise
    return connected


def _race(
    addresses: tuple[str, ...],
    port: int,
    deadline: float,
    stagger: float,
    check: Callable[[], None],
) -> socket.socket:
    now = began = monotonic()
    race = Race(addresses, stagger, now)
    poller = select.poll()
    trying: dict[int, tuple[socket.socket, str]] = {}
    failures: list[NotConnected] = []
    try:
        while True:
            while (address := race.begin(now)) is not None:
                try:
                    attempt = socket.socket(family_of(address), _STREAM)
                except OSError as error:  # no such family here, or no descriptor
                    failures.append(not_connected(address, error))
                    race.failed(now)
                    continue
                code = begin_to_connect(attempt, address, port)
                if not code:
                    return attempt
                if code in UNDER_WAY:
                    trying[attempt.fileno()] = attempt, address
                    poller.register(attempt, select.POLLOUT)
                else:
                    attempt.close()
                    failures.append(not_connected(address, OSError(code, "")))
                    race.failed(now)
            if not trying and race.due > deadline:
                raise failures[-1]
            for fileno, _ in poller.poll(_milliseconds(min(race.due, deadline) - monotonic())):
                code = trying[fileno][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return trying.pop(fileno)[0]
                poller.unregister(fileno)
                failures.append(_failed(trying, fileno, code))
                race.failed(monotonic())
            check()
            now = monotonic()
            if now >= deadline:
                last = next(reversed(trying.values()))[1] if trying else failures[-1].address
                raise NotConnected(last, f"no connection within {now - began:.2g} s")
    finally:
        for attempt, _ in trying.values():
            attempt.close()


def _failed(trying: dict[int, tuple[socket.socket, str]], fileno: int, code: int) -> NotConnected:
    attempt, address = trying.pop(fileno)
    attempt.close()
    return not_connected(address, OSError(code, ""))


def _shake_hands(
    connected: socket.socket,
    tls: SSLContext,
    name: str | None,
    deadline: float,
    check: Callable[[], None],
) -> socket.socket:
    import ssl  # noqa: PLC0415 - whoever gives a context has it loaded

    connected.setblocking(False)
    wrapped = tls.wrap_socket(connected, server_hostname=name, do_handshake_on_connect=False)
    try:
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            else:
                return wrapped
            _wait(wrapped, wanted, deadline, check)
    except BaseException:
        wrapped.close()
        raise


def _wait(shaking: socket.socket, wanted: int, deadline: float, check: Callable[[], None]) -> None:
    poller = select.poll()
    poller.register(shaking, wanted)
    check()
    while not poller.poll(_milliseconds(deadline - monotonic())):
        check()
        if monotonic() >= deadline:
            raise TimeoutError("it accepted, and did not shake hands in time")


def _milliseconds(seconds: float) -> int:
    return ceil(min(max(0.0, seconds), _SLICE) * 1000)
