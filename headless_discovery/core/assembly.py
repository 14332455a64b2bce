"""Assembly: endpoints of an `SrvTable`, those of the last look kept.

In: the table of an ordinary answer. Out: the same endpoints that ``gather`` makes of
its records, or None where anything about it needs a closer look; then ``gather`` has it.
Most looks find nothing new: an endpoint whose bytes are known is the object of the last
look, and a list of the same objects is the same sorted tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from .addresses import address_text
from .gather import Gathering
from .snapshot import ordered
from .wire import AAAA, SRV, A

if TYPE_CHECKING:
    from .gather import GatheringSettings
    from .snapshot import Endpoint
    from .srvtable import Addresses, SrvTable

__all__ = ["Assembly"]

_SPARE = 1000  # endpoints kept beyond twice those of the last look


class Assembly:
    """What one service object keeps of its ordinary answers; safe to share by threads."""

    __slots__ = ("_known", "_last", "_settings")

    def __init__(self) -> None:
        self._settings: tuple[Any, ...] = ()
        self._known: dict[tuple[bytes, int, Addresses | None], Endpoint] = {}
        self._last: tuple[list[Endpoint], tuple[Endpoint, ...]] = ([], ())

    def endpoints(
        self, table: SrvTable, fqdn: str, **settings: Unpack[GatheringSettings]
    ) -> tuple[Endpoint, ...] | None:
        """The endpoints in order, or None where the table is not as simple as it looks.

        Args:
            table: Of an answer about the Service ``fqdn``.
            fqdn: The Service's FQDN without the last dot.
            **settings: Those of `Gathering`.
        """
        glue = table.glue
        # A target in two rows has two ports, a target without glue has to be asked for.
        if len(glue) != len(table.rows):
            return None
        made_for = (fqdn, *settings.values())
        if self._settings != made_for:
            self._known, self._settings = {}, made_for
        known = self._known
        found: list[Endpoint] = []
        for raw, port in table.rows:
            key = (raw, port, glue.get(raw))
            endpoint = known.get(key)
            if endpoint is None:
                endpoint = _endpoint(table, raw, port, fqdn, settings)
                if endpoint is None:
                    return None
                known[key] = endpoint
            found.append(endpoint)
        last, in_order = self._last
        if found != last:
            # Names that differ in letter case only are one pod's; `Gathering` puts them together.
            if len({endpoint.name for endpoint in found}) != len(found):
                return None
            in_order = ordered(found)
            self._last = (found, in_order)
            if len(known) > 2 * len(found) + _SPARE:
                self._known = {}  # pods that are no longer there, before they become many
        return in_order


def _endpoint(
    table: SrvTable, raw: bytes, port: int, fqdn: str, settings: GatheringSettings
) -> Endpoint | None:
    """One endpoint as ``gather`` makes it, or None where it drops or leaves out anything."""
    addresses = table.glue.get(raw, ())
    texts = map(address_text, (addresses,) if isinstance(addresses, bytes) else addresses)
    name = table.names[raw]
    gathering = Gathering(fqdn, **settings)
    gathering.targets([(fqdn, SRV, 0, (0, 0, port, name))], fqdn)
    gathering.glue((name, AAAA if ":" in text else A, 0, text) for text in texts)
    found, _ = gathering.endpoints()
    return found[0] if len(found) == 1 and not gathering.dropped else None
