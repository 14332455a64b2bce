"""``headless-discovery list``: look once and print every pod."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..core.peerlist import FORMATS, render
from ..errors import LookupFailed, NotHeadless
from . import exits
from .asking import service_of
from .tables import print_endpoints

if TYPE_CHECKING:
    import argparse

    from ..core.outcome import Look
    from ..core.snapshot import Snapshot

__all__ = ["run"]

_MEANING = {
    "EMPTY": "the name exists in DNS and holds no such record",
    "ABSENT": "no such Service, or none of its pods is ready, or it has no such port; "
    "DNS cannot tell these apart",
}


def run(parsed: argparse.Namespace) -> int:
    """Look once; the exit code tells the outcome."""
    service = service_of(parsed, _explain if parsed.explain else None)
    try:
        snapshot = service.lookup()
    except LookupFailed as failure:
        _say(f"DNS failed: {failure}")
        return exits.DNS_FAILED
    except NotHeadless as error:
        _say(f"not headless: {error}")
        return exits.NOT_HEADLESS
    if parsed.output in FORMATS:
        sys.stdout.write(render(snapshot, parsed.output))
    elif snapshot:
        print_endpoints(snapshot, wide=parsed.output == "wide")
    for dropped in snapshot.dropped:
        _say(f"dropped: {dropped}")
    if snapshot.unresolved:
        _say(f"{len(snapshot.unresolved)} of the names listed have no address under that name")
    if not snapshot:
        _say(f"{snapshot.service}: {snapshot.outcome}: {_meaning(snapshot)}")
        return exits.NONE_FOUND
    return exits.FOUND


def _meaning(snapshot: Snapshot) -> str:
    return _MEANING[snapshot.outcome]


def _explain(look: Look) -> None:
    """Each message sent, and what came of it."""
    for attempt in look.attempts:
        transport = "TCP" if attempt.tcp else "UDP"
        _say(
            f"{attempt.question} -> {attempt.server} {transport}: {attempt.outcome}, "
            f"{attempt.size} B, {attempt.seconds * 1000:.1f} ms"
        )
        for reason, count in attempt.ignored:
            _say(f"  ignored: {reason} ({count} x)")
    found = look.snapshot
    if found is None:
        for dropped in getattr(look.error, "dropped", ()):
            _say(f"dropped: {dropped}")
        return
    _say(
        f"{found.outcome}: {len(found)} endpoints, {len(look.attempts)} messages, "
        f"{look.elapsed * 1000:.1f} ms, may be kept {found.ttl} s"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
