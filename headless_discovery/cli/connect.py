"""``headless-discovery connect``: does a pod accept a connection, and is it who it should be?"""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import TYPE_CHECKING

from ..core.conditions import is_own
from ..core.peerlist import SCHEMA, endpoint_document
from ..core.snapshot import join_port, ordered
from ..errors import ConfigError, NoEndpoints
from . import exits
from .choosing import chosen
from .live import say
from .signals import Signals
from .tables import print_table
from .trying import Tls, Trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from ..core.snapshot import Endpoint
    from ..sync.service import HeadlessService
    from .trying import Tried

__all__ = ["run"]

_GRACE = 0.05  # seconds; what was begun ends with the time that it has
_AT_ONCE = 64  # pods being dialled at a time; each is a thread for a moment


def run(parsed: argparse.Namespace) -> int:
    """Connect, close and tell; the exit code tells what came of it."""
    until = time.monotonic() + parsed.timeout
    check = _Check(parsed)
    with Signals() as signals:
        code, _ = chosen(parsed, signals, lambda service: check.run(service, until))
        if signals.is_set():
            return signals.code
    code = check.code if code == exits.FOUND else code
    check.print(code)
    return code


class _Check:
    """The check of one command.

    Raises:
        ConfigError: The file of ``--ca-file`` is of no use.
    """

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.code = exits.FOUND
        self._parsed = parsed
        self._service: str | None = None
        self._context = _context(parsed.ca_file) if parsed.tls else None
        self._trial = Trial()

    def run(self, service: HeadlessService, until: float) -> None:
        """Dial one pod that accepts, or all of them, until then (monotonic)."""
        self._service = service.name.fqdn
        if self._context is not None:
            whose = self._service if self._parsed.tls_name == "service" else None
            self._trial = Trial(Tls(self._context, whose))
        if self._parsed.all:
            self.code = self._dial_all(self._everybody(service), until)
        else:
            service.connect(self._trial.dial, to=self._parsed.pod, pass_timeout=True)

    def print(self, code: int) -> None:
        """Tell what was tried, on stdout; nothing, as ``list``, where DNS told nothing."""
        tried = list(self._trial.tried)
        if self._parsed.all:
            tried = _sorted(tried)
        if self._parsed.output == "json":
            if self._service is not None and code not in (exits.DNS_FAILED, exits.NOT_HEADLESS):
                print(json.dumps(_document(self._service, tried), indent=2))
            return
        if not self._parsed.all:  # those that failed before it are told on stderr
            tried = [each for each in tried if each.error is None]
        if tried:
            _print_table(tried, with_tls=self._context is not None)

    def _everybody(self, service: HeadlessService) -> tuple[Endpoint, ...]:
        found = service.lookup()
        if not found:
            raise NoEndpoints(found.service.fqdn, found.outcome)
        if not self._parsed.exclude_self:
            return found.endpoints
        own = service.own_pod()
        others = tuple(each for each in found if not is_own(each, own))
        if not others:
            raise NoEndpoints(found.service.fqdn, found.outcome, "only this pod itself is listed")
        return others

    def _dial_all(self, endpoints: Sequence[Endpoint], until: float) -> int:
        waiting: queue.SimpleQueue[Endpoint] = queue.SimpleQueue()
        ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        for each in endpoints:
            waiting.put(each)

        def work() -> None:
            while (left := until - time.monotonic()) > 0:
                try:
                    endpoint = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    self._trial.dial(endpoint, min(self._parsed.attempt_timeout, left))
                except Exception as error:  # noqa: BLE001 - judged by the main thread
                    ended.put(error)
                else:
                    ended.put(None)

        for _ in range(min(_AT_ONCE, len(endpoints))):
            threading.Thread(target=work, daemon=True).start()
        return self._judged(ended, len(endpoints), until)

    def _judged(self, ended: queue.SimpleQueue[Exception | None], count: int, until: float) -> int:
        failed = 0
        limit = f"{self._parsed.timeout:g} s"
        for number in range(count):
            try:
                error = ended.get(timeout=max(0.0, until - time.monotonic()) + _GRACE)
            except queue.Empty:
                rest = f"{count - number} of {count} pods not tried"
                say(f"{self._service}: {limit} have passed; {rest}")
                return exits.TIMED_OUT
            if isinstance(error, ConfigError):
                raise error
            failed += error is not None
        if not failed:
            return exits.FOUND
        is_late = time.monotonic() >= until
        late = f" within {limit}" if is_late else ""
        say(f"{self._service}: no connection to {failed} of {count} pods{late}")
        return exits.TIMED_OUT if is_late else exits.NO_CONNECTION


def _context(ca_file: str | None) -> Any:
    """A context that verifies certificates and names."""
    import ssl  # noqa: PLC0415 - only where it is wanted

    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        # ssl.SSLError is one, too: a file without a certificate.
        reason = error.strerror or str(error)
        raise ConfigError("--ca-file", f"{ca_file!a} cannot be used: {reason}") from None


def _print_table(tried: Sequence[Tried], *, with_tls: bool) -> None:
    head = ["POD", "ADDRESS", "RESULT", "MS"]
    if with_tls:
        head += ["VERIFIED", "EXPIRES"]
    rows = [_row(each)[: len(head)] for each in tried]
    styles = {row[2]: "green" if row[2] == "connected" else "red" for row in rows}
    print_table(head, rows, styles)


def _row(tried: Tried) -> list[str]:
    endpoint = tried.endpoint
    return [
        endpoint.name or "-",
        join_port(tried.address, endpoint.port),
        tried.error or "connected",
        f"{tried.seconds * 1000:.1f}",
        tried.verified or "-",
        "-" if tried.expires is None else _moment(tried.expires)[:10],
    ]


def _document(service: str, tried: Sequence[Tried]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "service": service,
        "attempts": [_attempt_document(each) for each in tried],
    }


def _attempt_document(tried: Tried) -> dict[str, Any]:
    return {
        "endpoint": endpoint_document(tried.endpoint),
        "address": tried.address,
        "port": tried.endpoint.port,
        "connected": tried.error is None,
        "error": tried.error,
        "seconds": round(tried.seconds, 6),
        "verified": tried.verified,
        "protocol": tried.protocol,
        "expires": None if tried.expires is None else _moment(tried.expires),
    }


def _moment(seconds: float) -> str:
    from ..core.times import timestamp  # noqa: PLC0415 - only where TLS tells one

    return timestamp(seconds)


def _sorted(tried: Sequence[Tried]) -> list[Tried]:
    """As DNS was sorted: by ordinal, name, address."""
    every = ordered(each.endpoint for each in tried)
    places = {endpoint: place for place, endpoint in enumerate(every)}
    return sorted(tried, key=lambda each: places[each.endpoint])
