"""Placeholders: what stands for a pod in the arguments of a command.

In: an argument, an `Endpoint`. Out: the argument with what the pod has in place of
``{hostname}`` and the like. A brace that is meant as one is doubled. What fills them is
validated names and numbers, and no shell reads the result.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..core.snapshot import Endpoint

__all__ = ["fill_in", "find_fault", "missing_of"]

_VALUES: dict[str, Callable[[Endpoint], str | int | None]] = {
    "hostname": lambda endpoint: endpoint.hostname,
    "address": lambda endpoint: endpoint.address,
    "port": lambda endpoint: endpoint.port,
    "name": lambda endpoint: endpoint.name,
    "ordinal": lambda endpoint: endpoint.ordinal,
}
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def find_fault(text: str) -> str | None:
    """Why an argument cannot be filled in, whatever the pod; None where it can."""
    for found in _BRACES.finditer(text):
        name = found[1]
        if name in _VALUES or found[0] in ("{{", "}}"):
            continue
        what = "a single brace" if name is None else f"{{{name[:40]}}} is no placeholder"
        return f"{what}: there are {_listed(_VALUES)}; a brace that is meant as one is doubled"
    return None


def missing_of(texts: Iterable[str], endpoint: Endpoint) -> str | None:
    """Which placeholder this pod cannot fill, and what it can; None where it fills all."""
    wanted = {found[1] for text in texts for found in _BRACES.finditer(text)}
    missing = [name for name in _VALUES if name in wanted and _VALUES[name](endpoint) is None]
    if not missing:
        return None
    has = [name for name in _VALUES if _VALUES[name](endpoint) is not None]
    reason = f"no {' and no '.join(missing)}"
    if "port" in missing and endpoint.ports:
        reason = f"the ports {', '.join(map(str, endpoint.ports))}: say which with --port"
    elif "port" in missing:
        reason = f"{reason} in DNS: say it with --port"
    return f"{endpoint.name or endpoint.address} has {reason}; it has {_listed(has)}"


def fill_in(text: str, endpoint: Endpoint) -> str:
    """The argument for this pod, which `missing_of` has said nothing against."""

    def value(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else str(_VALUES[found[1]](endpoint))

    return _BRACES.sub(value, text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
