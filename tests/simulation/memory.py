"""Name servers in memory: they answer DNS messages out of a simulated world.

In: the bytes of a question and the virtual time. Out: what arrives and when. The messages
are written by hand, so that no codec of the library judges itself. What needs more than
1232 bytes is cut over UDP and comes whole over TCP.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from headless_discovery.core.questions import Broken, Question
from headless_discovery.core.snapshot import ABSENT, EMPTY, PARTIAL
from headless_discovery.core.wire import AAAA, SRV, A
from tests.unit.core.driving import SERVFAIL, a, aaaa, frame, message, soa, srv

from .cluster import SERVICE
from .forging import Forged
from .world import SILENT

if TYPE_CHECKING:
    from headless_discovery.core.questions import Ask

    from .cluster import State
    from .world import World

__all__ = ["Arrival", "MemoryServers"]

Arrival = tuple[float, bytes | Broken]  # when, and what

_UDP_AT_MOST = 1232
_NO_SUCH_NAME = 3
_TRUNCATED = 0x0200


class MemoryServers:
    """The name servers of one world.

    Args:
        world: Its cluster, replicas and faults.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        #: Messages they were sent.
        self.messages = 0

    def receive(self, ask: Ask, now: float) -> list[Arrival]:
        """A message comes in; what goes back, and when it arrives."""
        world = self._world
        self.messages += 1
        world.turn(now)
        way, kind = world.way, world.way.kind
        at = now + 0.0005 + 0.004 * self._random.random()
        payload = ask.payload[2:] if ask.tcp else ask.payload
        question = _question(payload)
        if kind == "refused":
            way.hit(now)
            return [(at, Broken("connection refused"))]
        if kind == "servfail":
            way.hit(now)
            return [(at, self._message(ask, question, rcode=SERVFAIL))]
        if kind in ("slow", *SILENT) or kind == "one timeout":
            way.hit(now)
            if kind != "slow":
                return []
            at += 2.0 * self._random.random()
        if kind == "loss" and self._random.random() < 0.1 + 0.4 * way.level:
            way.hit(now)
            return []
        number = self._number(str(ask.server))
        if world.replicas[number].dead:
            way.hit(now)
            return []
        return [(at, self._answer(ask, question, number, at))]

    def _number(self, server: str) -> int:
        names = self._world.names
        if self._world.setting.one_address:
            return int(self._random.random() * len(names))
        return names.index(server)

    def _answer(self, ask: Ask, question: Question, number: int, at: float) -> bytes:
        world = self._world
        world.cluster.advance(at)
        state, ttl = world.replicas[number].answer(at)
        kind = world.content.kind
        if question.name != SERVICE.fqdn:
            return self._of_one_pod(ask, question, state, ttl)
        if kind in ("", "frozen", "alternating"):
            forged = Forged(state.endpoints, state.outcome, ttl)
        else:
            forged = world.forger.forge(state, ttl)
            if not forged.is_good:
                world.content.hit(at)
        if not forged.endpoints or forged.outcome in (ABSENT, EMPTY):
            if forged.outcome == PARTIAL:
                return self._message(ask, question, rcode=SERVFAIL)
            rcode = _NO_SUCH_NAME if forged.outcome == ABSENT else 0
            return self._message(ask, question, authority=[_soa(forged.ttl)], rcode=rcode)
        if forged.outcome == PARTIAL and question.rdtype == AAAA:
            return self._message(ask, question, rcode=SERVFAIL)
        return self._records(ask, question, forged)

    def _records(self, ask: Ask, question: Question, forged: Forged) -> bytes:
        named = forged.endpoints[0].name is not None and forged.outcome != PARTIAL
        ttl = forged.ttl
        if question.rdtype == SRV and named:
            hosts = [(str(each.hostname), each.addresses) for each in forged.endpoints]
            hosts += [(name, ()) for name in forged.unresolved]
            if forged.dropped:
                hosts.append((SERVICE.pod("stranger-0"), ("127.0.0.1",)))
            answer = [srv(SERVICE.fqdn, host, ttl=ttl) for host, _ in hosts]
            glue = [_address(host, each, ttl) for host, found in hosts for each in found]
            return self._message(ask, question, answer, glue)
        family = {A: ".", AAAA: ":"}.get(question.rdtype)
        addresses = [each for endpoint in forged.endpoints for each in endpoint.addresses]
        answer = [
            _address(SERVICE.fqdn, each, ttl) for each in addresses if family and family in each
        ]
        return self._message(ask, question, answer, authority=[] if answer else [_soa(ttl)])

    def _of_one_pod(self, ask: Ask, question: Question, state: State, ttl: int) -> bytes:
        name = question.name.partition(".")[0]
        family = {A: ".", AAAA: ":"}.get(question.rdtype, "?")
        known = state.members.get(name)
        if known is None or self._world.content.kind == "unresolved":
            return self._message(ask, question, authority=[_soa(ttl)], rcode=_NO_SUCH_NAME)
        answer = [_address(question.name, each, ttl) for each in known if family in each]
        return self._message(ask, question, answer, authority=[] if answer else [_soa(ttl)])

    def _message(
        self,
        ask: Ask,
        question: Question,
        answer: list[bytes] | None = None,
        additional: list[bytes] | None = None,
        *,
        authority: list[bytes] | None = None,
        rcode: int = 0,
    ) -> bytes:
        payload = ask.payload[2:] if ask.tcp else ask.payload
        records = answer or [], authority or [], additional or []
        whole = message(question, *records, ident=payload[:2], rcode=rcode)
        if ask.tcp:
            return frame(whole)
        if len(whole) <= _UDP_AT_MOST:
            return whole
        return message(question, ident=payload[:2], flags=0x8400 | _TRUNCATED)


def _question(payload: bytes) -> Question:
    labels = []
    at = 12
    while length := payload[at]:
        labels.append(payload[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    (rdtype,) = struct.unpack_from("!H", payload, at + 1)
    return Question(".".join(labels).lower(), rdtype)


def _address(owner: str, address: str, ttl: int) -> bytes:
    return (aaaa if ":" in address else a)(owner, address, ttl)


def _soa(ttl: int) -> bytes:
    return soa(ttl=ttl, minimum=ttl)
