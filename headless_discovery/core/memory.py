"""Memory: what one service object remembers between questions.

In: what exchanges learned about servers and questions. Out: the same, later. All of it
only saves time; forgetting any of it costs a packet or a few microseconds, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import encode_question

if TYPE_CHECKING:
    from .questions import Question, Server

__all__ = ["ServerMemory"]

QUESTIONS_KEPT = 1024
NAMES_SPARE = 1000


class ServerMemory:
    """What one service object remembers between questions; all of it only saves time.

    Safe to share between threads: each step is one operation on a dict or set.
    """

    __slots__ = ("_encoded", "failed_until", "names", "needs_tcp", "without_edns")

    def __init__(self) -> None:
        self._encoded: dict[tuple[Question, int], tuple[bytes, bytes]] = {}
        #: Until when a server that failed is asked last.
        self.failed_until: dict[Server, float] = {}
        #: Wire names met before, with their text; see ``srvtable``.
        self.names: dict[bytes, str] = {}
        #: Questions whose answer UDP could not hold.
        self.needs_tcp: set[Question] = set()
        #: Servers that dislike EDNS.
        self.without_edns: set[Server] = set()

    def order(self, servers: tuple[Server, ...], now: float) -> tuple[Server, ...]:
        """The servers in the order to ask: those that failed a moment ago come last."""
        if not self.failed_until:
            return servers
        if all(until <= now for until in tuple(self.failed_until.values())):
            self.failed_until = {}
            return servers
        return tuple(sorted(servers, key=lambda server: self.failed_until.get(server, 0.0) > now))

    def encoded(self, question: Question, edns: int) -> tuple[bytes, bytes]:
        """`encode_question`, once for each question."""
        known = self._encoded.get((question, edns))
        if known is None:
            if len(self._encoded) >= QUESTIONS_KEPT:
                self._encoded = {}
            known = encode_question(question.name, question.rdtype, edns)
            self._encoded[question, edns] = known
        return known

    def remember_tcp(self, question: Question) -> None:
        """UDP cannot hold the answer to this question."""
        if len(self.needs_tcp) >= QUESTIONS_KEPT:
            self.needs_tcp.clear()
        self.needs_tcp.add(question)

    def forget_names(self, in_use: int) -> None:
        """Let go of names that are no longer there, before they become many."""
        if len(self.names) > 2 * in_use + NAMES_SPARE:
            self.names = {}
