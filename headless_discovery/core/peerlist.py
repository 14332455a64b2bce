"""Peer lists: endpoints as text for files, scripts and other programs.

In: a `Snapshot` or a `Change`. Out: text in one of `FORMATS`, each line ended; documents for
JSON. All of it is made of validated names and numbers, so nothing needs quoting in any of
the formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .changes import Change
    from .snapshot import Endpoint, Snapshot

__all__ = [
    "FORMATS",
    "SCHEMA",
    "change_document",
    "endpoint_document",
    "render",
    "snapshot_document",
]

SCHEMA = 1


def render(snapshot: Snapshot, form: str) -> str:
    """The snapshot as text.

    Args:
        snapshot: What to write.
        form: One of `FORMATS`.
    """
    return FORMATS[form](snapshot)


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint as the JSON formats hold it."""
    return {
        "name": endpoint.name,
        "ordinal": endpoint.ordinal,
        "hostname": endpoint.hostname,
        "addresses": list(endpoint.addresses),
        "ports": list(endpoint.ports),
    }


def snapshot_document(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as the format ``json`` holds it; ``schema`` grows when this changes."""
    return {
        "schema": SCHEMA,
        "service": snapshot.service.fqdn,
        "outcome": snapshot.outcome,
        "ttl": snapshot.ttl,
        "endpoints": [endpoint_document(endpoint) for endpoint in snapshot],
    }


def change_document(change: Change, time: float) -> dict[str, Any]:
    """A change as ``watch`` prints it and a recording holds it.

    Args:
        change: What changed.
        time: When it was published, seconds since 1970.
    """
    from .times import timestamp  # noqa: PLC0415 - a list of peers needs no times

    return {
        "schema": SCHEMA,
        "version": change.current.version,
        "time": timestamp(time),
        "outcome": change.current.outcome,
        "added": [endpoint_document(endpoint) for endpoint in change.added],
        "removed": [endpoint_document(endpoint) for endpoint in change.removed],
        "updated": [
            {"before": endpoint_document(before), "after": endpoint_document(after)}
            for before, after in change.updated
        ],
        "endpoints": [endpoint_document(endpoint) for endpoint in change.current],
    }


def _names(snapshot: Snapshot) -> str:
    return _lines(endpoint.hostname or endpoint.address for endpoint in snapshot)


def _addresses(snapshot: Snapshot) -> str:
    return _lines(address for endpoint in snapshot for address in endpoint.addresses)


def _json(snapshot: Snapshot) -> str:
    import json  # noqa: PLC0415 - only this format needs it

    return json.dumps(snapshot_document(snapshot), indent=2) + "\n"


def _jsonl(snapshot: Snapshot) -> str:
    import json  # noqa: PLC0415 - only this format needs it

    return _lines(json.dumps(endpoint_document(endpoint)) for endpoint in snapshot)


def _csv(snapshot: Snapshot) -> str:
    rows = ["name,ordinal,hostname,addresses,ports"]
    rows += [
        ",".join(
            (
                endpoint.name or "",
                "" if endpoint.ordinal is None else str(endpoint.ordinal),
                endpoint.hostname or "",
                " ".join(endpoint.addresses),
                " ".join(map(str, endpoint.ports)),
            )
        )
        for endpoint in snapshot
    ]
    return _lines(rows)


def _hosts(snapshot: Snapshot) -> str:
    return _lines(
        f"{address}\t{endpoint.hostname} {endpoint.name}"
        if endpoint.name
        else f"# {address} has no name"
        for endpoint in snapshot
        for address in endpoint.addresses
    )


def _env(snapshot: Snapshot) -> str:
    names = ",".join(endpoint.hostname or endpoint.address for endpoint in snapshot)
    addresses = ",".join(address for endpoint in snapshot for address in endpoint.addresses)
    return f"HD_COUNT={len(snapshot)}\nHD_NAMES={names}\nHD_ADDRESSES={addresses}\n"


def _lines(lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)


# name: one FQDN a line, the address where there is none; addresses: all, one a line; json:
# one document; jsonl: one endpoint a line; csv: with a header, lists joined by blanks;
# hosts: as /etc/hosts; env: HD_COUNT, HD_NAMES, HD_ADDRESSES, lists joined by commas.
FORMATS: dict[str, Callable[[Snapshot], str]] = {
    "name": _names,
    "addresses": _addresses,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "hosts": _hosts,
    "env": _env,
}
