"""Dialling: a connection to one pod, its families raced, awaited."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from ..core.dialling import port_of
from ..core.racing import Race
from ..sockets import UNDER_WAY, begin_to_connect, family_of, not_connected
from .transport import end_tasks, quiet_task

if TYPE_CHECKING:
    from ssl import SSLContext

    from ..core.snapshot import Endpoint

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
    Trying = dict[asyncio.Task[None], tuple[socket.socket, str]]

__all__ = ["dial_streams"]

_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


async def dial_streams(
    endpoint: Endpoint, *, stagger: float, tls: SSLContext | None = None, name: str | None = None
) -> Streams:
    """Connect to an endpoint; it is the caller that ends it in time.

    Args:
        endpoint: Whom to.
        stagger: Seconds between its addresses, see `Race`.
        tls: Shake hands, too.
        name: The name the other side has to prove.

    Raises:
        OSError: It cannot be connected to, or does not prove its name.
        ConfigError: It has no port, or several.
    """
    port = port_of(endpoint)
    if len(endpoint.addresses) == 1:
        try:
            connected = await _the_one(endpoint.address, port)
        except OSError as error:
            raise not_connected(endpoint.address, error) from None
    else:
        connected = await _race(endpoint.addresses, port, stagger)
    try:
        return await asyncio.open_connection(sock=connected, ssl=tls, server_hostname=name)
    except BaseException:
        connected.close()
        raise


async def _the_one(address: str, port: int) -> socket.socket:
    """Connect to an address that stands alone: there is nothing to race."""
    attempt = socket.socket(family_of(address), _STREAM)
    try:
        code = begin_to_connect(attempt, address, port)
        if code in UNDER_WAY:
            code = await _connected(attempt, address, port)
    except BaseException:
        attempt.close()
        raise
    if code:
        attempt.close()
        raise OSError(code, os.strerror(code))
    return attempt


async def _connected(attempt: socket.socket, address: str, port: int) -> int:
    """Wait for a connection that is under way; 0, or the number of its error."""
    try:
        await asyncio.get_running_loop().sock_connect(attempt, (address, port))
    except OSError as error:
        # The loop begins it once more, and it may stand by then.
        return 0 if error.errno == errno.EISCONN else error.errno or errno.EIO
    return 0


async def _race(addresses: tuple[str, ...], port: int, stagger: float) -> socket.socket:
    trying: Trying = {}
    try:
        winner = await _first(trying, addresses, port, stagger)
        losers = [task for task in trying if task is not winner]
        if losers:
            await end_tasks(*losers)
        connected, _ = trying.pop(winner)
    finally:  # without an await: it may be cancelled once more, or its loop be closed
        for task, (attempt, _) in trying.items():
            _give_up(task, attempt)
    return connected


async def _first(
    trying: Trying, addresses: tuple[str, ...], port: int, stagger: float
) -> asyncio.Task[None]:
    """The first attempt that succeeds; it and those under way are in ``trying``."""
    loop = asyncio.get_running_loop()
    race = Race(addresses, stagger, monotonic())
    failures: list[OSError] = []
    while True:
        now = monotonic()
        while (address := race.begin(now)) is not None:
            try:
                attempt = socket.socket(family_of(address), _STREAM)
            except OSError as error:  # no such family here, or no descriptor
                failures.append(not_connected(address, error))
                race.failed(now)
                continue
            trying[quiet_task(loop.sock_connect(attempt, (address, port)))] = attempt, address
        if not trying and race.due == inf:
            raise failures[-1]
        wait = None if race.due == inf else max(0.0, race.due - now)
        done, _ = await asyncio.wait(trying, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            refused = task.exception()
            if refused is None:
                return task
            attempt, address = trying.pop(task)
            attempt.close()
            if not isinstance(refused, OSError):
                raise refused
            failures.append(not_connected(address, refused))
            race.failed(monotonic())


def _give_up(task: asyncio.Task[None], attempt: socket.socket) -> None:
    """Cancel an attempt; its socket is closed once the loop has let go of it."""

    def close(_: object) -> None:
        attempt.close()
        if not task.cancelled():
            task.exception()  # it has been seen to

    if task.done():
        close(task)
        return
    task.add_done_callback(close)
    try:
        task.cancel()
    except RuntimeError:  # the loop is closed
        attempt.close()
