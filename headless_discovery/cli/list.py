"""``headless-discovery list``: look once and print every pod."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..core.peerlist import FORMATS, render
from ..errors import LookupFailed, NotHeadless
from . import exits
from .asking import meaning_of, service_of
from .tables import print_endpoints

if TYPE_CHECKING:
    import argparse

    from ..core.outcome import Look
    from ..core.snapshot import Snapshot

__all__ = ["run"]


def run(parsed: argparse.Namespace) -> int:
    """Look once; the exit code tells the outcome."""
    service = service_of(parsed, _explain if parsed.explain else None)
    try:
        snapshot = service.lookup()
    except LookupFailed as failure:
        _say(f"DNS failed: {failure}")
        for dropped in failure.dropped:
            _say(f"dropped: {dropped}")
        return exits.DNS_FAILED
    except NotHeadless as error:
        _say(str(error))
        return exits.NOT_HEADLESS
    if parsed.output in FORMATS:
        sys.stdout.write(render(snapshot, parsed.output))
    elif snapshot:
        print_endpoints(snapshot, wide=parsed.output == "wide")
    for dropped in snapshot.dropped:
        _say(f"dropped: {dropped}")
    if not snapshot:
        _say(f"{snapshot.service}: {snapshot.outcome}: {meaning_of(snapshot, parsed)}")
        return exits.NONE_FOUND
    _remark(snapshot, parsed)
    return exits.FOUND


def _remark(snapshot: Snapshot, parsed: argparse.Namespace) -> None:
    """What one should know about the endpoints printed."""
    nameless = sum(endpoint.name is None for endpoint in snapshot)
    if nameless and snapshot.unresolved:
        _say(
            f"{nameless} endpoints are listed without name and port: one DNS message does not "
            "hold the names and addresses of so many"
        )
    elif snapshot.unresolved:
        _say(f"listed without an address: {', '.join(snapshot.unresolved)}")
    if parsed.statefulset and all(endpoint.ordinal is None for endpoint in snapshot):
        _say(f"no pod of a StatefulSet {parsed.statefulset!r} is among them")


def _explain(look: Look) -> None:
    """Each message sent, and what came of it."""
    for attempt in look.attempts:
        _say(
            f"{attempt.question} -> {attempt.server} {attempt.transport}: {attempt.outcome}, "
            f"{attempt.size} B, {attempt.seconds * 1000:.1f} ms"
        )
        for reason, count in attempt.ignored:
            _say(f"  ignored: {reason} ({count} x)")
    found = look.snapshot
    if found is not None:
        _say(
            f"{found.outcome}: {_count(len(found), 'endpoint')}, "
            f"{_count(len(look.attempts), 'message')}, {look.elapsed * 1000:.1f} ms"
            + ("" if found.ttl is None else f", may be kept {found.ttl} s")
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _say(text: str) -> None:
    sys.stdout.flush()  # in one pipe, data and talk shall come in their order
    print(text, file=sys.stderr)
