"""Recordings for tests: made line by line, times in seconds from a fixed begin."""

from __future__ import annotations

import json
from typing import Any

from headless_discovery.core.timeline import Timeline, read_recording
from headless_discovery.core.times import timestamp

BEGIN = 1785326400.0  # 2026-07-29T12:00:00Z
SERVICE = "db.shop.svc.cluster.local"


def endpoint(number: int, *addresses: str, name: str | None = "") -> dict[str, Any]:
    """An endpoint as the formats hold it, by default ``db-<number>``."""
    name = f"db-{number}" if name == "" else name
    return {
        "name": name,
        "ordinal": number if name else None,
        "hostname": name and f"{name}.{SERVICE}",
        "addresses": list(addresses) or [f"10.0.0.{number + 1}"],
        "ports": [3306],
    }


class Recording:
    """Grows line by line; ends itself at ``until`` where that is given."""

    def __init__(self) -> None:
        self.lines = [_line("start", 0, service=SERVICE, interval=5.0)]

    def look(
        self,
        time: float,
        outcome: str = "OK",
        kind: str | None = None,
        elapsed: float = 0.0,
    ) -> Recording:
        """A look ended."""
        self.lines.append(_line("look", time, outcome=outcome, elapsed=elapsed, kind=kind))
        return self

    def change(
        self, time: float, *endpoints: dict[str, Any], updated: list[Any] | None = None
    ) -> Recording:
        """The members are these now."""
        self.lines.append(_line("change", time, updated=updated or [], endpoints=list(endpoints)))
        return self

    def end(self, time: float) -> Recording:
        """The end."""
        self.lines.append(_line("end", time, reason="duration"))
        return self

    def read(self) -> Timeline:
        """What it is read back as."""
        return read_recording(self.lines, "file")


def _line(record: str, time: float, **fields: Any) -> bytes:
    document = {"schema": 1, "record": record, "time": timestamp(BEGIN + time), **fields}
    return json.dumps(document).encode() + b"\n"
