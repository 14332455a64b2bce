"""One query in, the packets that answer it out: what happens in the server's thread.

In: the bytes of a query. Out: packets. Puts the plugins, the encoding, the log and the
faults in a row, and keeps finished answers while nothing changes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .caching import shuffled
from .encoding import Malformed, encode, read_query
from .packets import LoggedQuery, Packet
from .protocol import name_text, type_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from .answers import Plugin
    from .caching import Cache
    from .cluster import Cluster
    from .encoding import Query, Response
    from .faults import Faults

__all__ = ["Responder"]

_LOG = logging.getLogger(__name__)

_KEPT_ANSWERS = 4096
_KEPT_QUERIES = 100_000


class Responder:
    """Answers queries.

    Args:
        cluster: The content, for its version.
        plugin: What gives fresh answers.
        cache: What keeps them, or None.
        shuffle: The source of chance for the order of addresses, or None to keep it.
        faults: What can go wrong.
        log: Gets every query that was understood, at most the last 100,000.
        family: 4 or 6, of the transport.
    """

    def __init__(
        self,
        cluster: Cluster,
        plugin: Plugin,
        *,
        cache: Cache | None,
        shuffle: Random | None,
        faults: Faults,
        log: list[LoggedQuery],
        family: int,
    ) -> None:
        self._cluster = cluster
        self._plugin = plugin
        self._cache = cache
        self._shuffle = shuffle
        self._faults = faults
        self._log = log
        self._family = family
        # Finished answers by the bytes of the query without its ID: most of what a test
        # asks it asks thousands of times.
        self._kept: dict[tuple[bytes, str], tuple[LoggedQuery, bytes]] = {}
        self._version = -1

    def respond(self, data: bytes, transport: str) -> Sequence[Packet]:
        """The packets that answer one query; none where CoreDNS is silent."""
        version = self._cluster.current()
        if version != self._version or len(self._kept) >= _KEPT_ANSWERS:
            self._kept.clear()
            self._version = version
        kept = self._kept.get((data[2:], transport))
        if kept is None:
            try:
                query = read_query(data)
            except Malformed as malformed:
                _LOG.debug("malformed query of %d octets by %s", len(data), transport)
                return [] if malformed.reply is None else [Packet(malformed.reply)]
            seen = _seen(query, transport)
            response = self._answer(query)
            answer = encode(query, response, tcp=transport == "tcp", family=self._family)
            if not response.varies and version == self._cluster.version:
                self._kept[data[2:], transport] = (seen, answer[2:])
        else:
            seen, answer = kept[0], data[:2] + kept[1]
        self._log.append(seen)
        if len(self._log) > _KEPT_QUERIES:
            del self._log[0]
        return self._faults.apply(seen, data, answer)

    def _answer(self, query: Query) -> Response:
        if self._cache is None:
            response = self._plugin.answer(query)
        else:
            response = self._cache.answer(query, self._plugin.answer)
        return response if self._shuffle is None else shuffled(response, self._shuffle)


def _seen(query: Query, transport: str) -> LoggedQuery:
    payload = query.edns.payload if query.edns is not None else None
    return LoggedQuery(name_text(query.name), type_text(query.rtype), transport, payload)
