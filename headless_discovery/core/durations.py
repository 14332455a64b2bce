"""Durations as text: ``500ms``, ``5s``, ``2m``, ``1h``, or plain seconds."""

from __future__ import annotations

__all__ = ["LONGEST", "parse_duration"]

LONGEST = 3600 * 24 * 365
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}  # "ms" first: it ends like "s"


def parse_duration(text: str) -> float | None:
    """Seconds, or None where the text is none, or is more than a year."""
    number = text.strip().lower()
    if not number.isascii() or "_" in number:  # float() takes more than people mean
        return None
    factor = 1.0
    for unit, seconds in _UNITS.items():
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), seconds
            break
    try:
        found = float(number) * factor
    except ValueError:
        return None
    return found if 0 <= found <= LONGEST else None
