"""Drives plans and exchanges in virtual time: no socket, no clock, no waiting.

An exchange is played against a *handler*, which is told each message sent and says what
arrives and how much later. A plan is played against a table of replies. DNS messages are
written here by hand, so that no codec of the library judges itself.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.core.addresses import AddressPolicy
from headless_discovery.core.exchange import exchange
from headless_discovery.core.fallback import read_at_length
from headless_discovery.core.memory import ServerMemory
from headless_discovery.core.names import ServiceName
from headless_discovery.core.plans import PlanMemory, Request, plan
from headless_discovery.core.questions import (
    FAILED,
    NODATA,
    NXDOMAIN,
    RECORDS,
    TIMEOUT,
    Ask,
    Broken,
    Decode,
    Failure,
    Pause,
    Problem,
    Question,
    Reply,
    Server,
)
from headless_discovery.core.snapshot import Snapshot
from headless_discovery.core.wire import AAAA, CNAME, SOA, SRV, A, Message, Record, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from headless_discovery.core.questions import Exchange, Plan

SERVICE = "db.shop.svc.cluster.local"
QUESTION = Question(SERVICE, A)
ONE = Server("10.96.0.10", 53)
TWO = Server("10.96.0.11", 53)
THREE = Server("10.96.0.12", 53)
IDENT = b"\x12\x34"

NOERROR, FORMERR, SERVFAIL, NO_SUCH_NAME, NOTIMP, REFUSED = range(6)


# --- messages -----------------------------------------------------------------------------


def name_wire(name: str) -> bytes:
    """A name without compression, letter case kept; "" is the root."""
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def rr(owner: str | bytes, rdtype: int, data: bytes, *, ttl: int = 5, rdclass: int = 1) -> bytes:
    """One resource record."""
    name = owner if isinstance(owner, bytes) else name_wire(owner)
    return name + struct.pack("!HHIH", rdtype, rdclass, ttl, len(data)) + data


def a(owner: str, address: str, ttl: int = 5) -> bytes:
    """An A record."""
    return rr(owner, A, socket.inet_aton(address), ttl=ttl)


def aaaa(owner: str, address: str, ttl: int = 5) -> bytes:
    """An AAAA record."""
    return rr(owner, AAAA, socket.inet_pton(socket.AF_INET6, address), ttl=ttl)


def srv(owner: str, target: str, port: int = 3306, weight: int = 33, ttl: int = 5) -> bytes:
    """An SRV record of priority 0, as CoreDNS writes them."""
    return rr(owner, SRV, struct.pack("!HHH", 0, weight, port) + name_wire(target), ttl=ttl)


def cname(owner: str, target: str, ttl: int = 5) -> bytes:
    """A CNAME record."""
    return rr(owner, CNAME, name_wire(target), ttl=ttl)


def soa(owner: str = "cluster.local", *, ttl: int = 5, minimum: int = 5) -> bytes:
    """The SOA of a negative answer."""
    numbers = struct.pack("!IIIII", 1700000000, 7200, 1800, 86400, minimum)
    mbox = name_wire("hostmaster.cluster.local")
    return rr(owner, SOA, name_wire("ns.dns.cluster.local") + mbox + numbers, ttl=ttl)


def opt(extended_rcode: int = 0, options: bytes = b"") -> bytes:
    """The OPT pseudo record of a server that takes 1232 bytes."""
    return rr("", 41, options, ttl=extended_rcode << 24, rdclass=1232)


def message(
    question: Question = QUESTION,
    answer: Iterable[bytes] = (),
    authority: Iterable[bytes] = (),
    additional: Iterable[bytes] = (),
    *,
    ident: bytes = IDENT,
    rcode: int = 0,
    flags: int = 0x8400,
    asked: bytes | None = None,
    questions: int = 1,
) -> bytes:
    """A response; ``asked`` replaces the question section byte by byte."""
    sections = [list(answer), list(authority), list(additional)]
    section = asked
    if section is None:
        section = name_wire(question.name) + struct.pack("!HH", question.rdtype, 1)
    head = ident + struct.pack("!HHHHH", flags | rcode, questions, *map(len, sections))
    return head + section + b"".join(b"".join(records) for records in sections)


def header_only(rcode: int, ident: bytes = IDENT) -> bytes:
    """An error that repeats no question."""
    return ident + struct.pack("!HHHHH", 0x8000 | rcode, 0, 0, 0, 0)


def frame(data: bytes) -> bytes:
    """A message as TCP carries it."""
    return len(data).to_bytes(2, "big") + data


GOOD = message(answer=[a(SERVICE, "10.0.0.1")])


# --- exchanges ----------------------------------------------------------------------------


class Sent(NamedTuple):
    """One message that went out."""

    at: float
    server: Server
    tcp: bool
    payload: bytes
    until: float

    @property
    def edns(self) -> int:
        """The UDP payload size announced, 0 without EDNS."""
        data = self.payload[2:] if self.tcp else self.payload
        return int.from_bytes(data[-8:-6], "big") if data[10:12] == b"\0\1" else 0


class Played(NamedTuple):
    """What an exchange did."""

    reply: Reply
    sent: list[Sent]
    at: float
    pauses: list[float]


Arrivals = list[tuple[float, bytes | Broken]]


def play(
    steps: Exchange, handler: Callable[[Sent, int], Arrivals], *, start: float = 0.0
) -> Played:
    """Run an exchange to its end.

    Args:
        steps: The exchange.
        handler: Is told the message and how many went before it; says what arrives on
            that transport, each with the seconds after sending.
        start: The virtual time it begins at.
    """
    now = start
    sent: list[Sent] = []
    pauses: list[float] = []
    arrivals: Arrivals = []
    try:
        effect = next(steps)
        while True:
            event: bytes | Broken | Message | WireError | None = None
            if isinstance(effect, Pause):
                assert effect.until > now, "a pause that does not wait would spin"
                pauses.append(effect.until - now)
                now = effect.until
            elif isinstance(effect, Decode):
                try:
                    event = read_at_length(effect.data, effect.question, effect.in_time)
                except WireError as error:
                    event = error
            else:
                if isinstance(effect, Ask):
                    sent.append(Sent(now, effect.server, effect.tcp, effect.payload, effect.until))
                    answers = handler(sent[-1], len(sent) - 1)
                    arrivals = sorted(((now + after, what) for after, what in answers), key=_when)
                if arrivals and arrivals[0][0] <= effect.until:
                    at, event = arrivals.pop(0)
                    now = max(now, at)
                else:
                    now = max(now, effect.until)
            effect = steps.send((event, now))
    except StopIteration as stop:
        reply: Reply = stop.value
        return Played(reply, sent, now, pauses)


def _when(arrival: tuple[float, bytes | Broken]) -> float:
    return arrival[0]


def ask(
    handler: Callable[[Sent, int], Arrivals],
    *,
    question: Question = QUESTION,
    servers: tuple[Server, ...] = (ONE,),
    memory: ServerMemory | None = None,
    start: float = 0.0,
    deadline: float = 5.0,
    attempt_timeout: float = 1.0,
    max_sends: int = 6,
    edns: int = 1232,
    tcp: bool = False,
    zone: str = "",
) -> Played:
    """Play one exchange; ``deadline`` counts from ``start``."""
    steps = exchange(
        question,
        servers,
        ServerMemory() if memory is None else memory,
        start=start,
        deadline=start + deadline,
        random_id=lambda: IDENT,
        attempt_timeout=attempt_timeout,
        max_sends=max_sends,
        edns=edns,
        tcp=tcp,
        zone=zone,
    )
    return play(steps, handler, start=start)


def after(delay: float, *data: bytes | Broken) -> Callable[[Sent, int], Arrivals]:
    """A handler that answers everything in the same way."""
    return lambda _sent, _count: [(delay, each) for each in data]


def silent(_sent: Sent, _count: int) -> Arrivals:
    """A handler of servers that never answer."""
    return []


# --- plans --------------------------------------------------------------------------------

Table = "Mapping[Question, Reply]"


def pod(name: str, service: str = SERVICE) -> str:
    """A pod's hostname."""
    return f"{name}.{service}"


def srv_records(
    names: Iterable[str], *, owner: str = SERVICE, service: str | None = None, port: int = 3306
) -> list[Record]:
    """SRV records of pods by name."""
    return [(owner, SRV, 5, (0, 33, port, pod(each, service or SERVICE))) for each in names]


def records(
    question: Question,
    answer: Iterable[Record],
    additional: Iterable[Record] = (),
    *,
    truncated: bool = False,
    ttl: int | None = 5,
    at: float = 0.5,
) -> Reply:
    """A reply that holds records."""
    return Reply(
        question, RECORDS, list(answer), list(additional), ttl, truncated, None, ONE, at, ()
    )


def nodata(question: Question, *, at: float = 0.5) -> Reply:
    """A reply that says: the name exists, nothing of that type."""
    return Reply(question, NODATA, [], [], 5, False, None, ONE, at, ())


def nxdomain(question: Question) -> Reply:
    """A reply that says: no such name."""
    return Reply(question, NXDOMAIN, [], [], 5, False, None, ONE, 0.5, ())


def failed(question: Question, problem: Problem | None = None) -> Reply:
    """A question that came to nothing."""
    problem = problem or Problem(TIMEOUT, "no answer in time")
    return Reply(question, FAILED, [], [], None, False, problem, None, 5.0, ())


class Looked(NamedTuple):
    """What a plan did."""

    result: Snapshot | Failure
    batches: list[tuple[Question, ...]]

    @property
    def questions(self) -> list[Question]:
        """Everything asked, in order."""
        return [question for batch in self.batches for question in batch]

    @property
    def snapshot(self) -> Snapshot:
        """The result, which must be a snapshot."""
        assert isinstance(self.result, Snapshot), self.result
        return self.result

    @property
    def failure(self) -> Failure:
        """The result, which must be a failure."""
        assert isinstance(self.result, Failure), self.result
        return self.result


def request(
    service: str = SERVICE, *, allow_networks: tuple[str, ...] = (), **settings: object
) -> Request:
    """A request for the one Service of these tests."""
    policy = AddressPolicy(allow_networks)
    return Request(ServiceName(service), policy, **settings)  # type: ignore[arg-type]


def play_plan(steps: Plan, answer: Callable[[Question], Reply]) -> Looked:
    """Run a plan to its end, each question answered by ``answer``."""
    batches: list[tuple[Question, ...]] = []
    try:
        questions = next(steps)
        while True:
            batches.append(questions)
            assert questions, "a batch without questions would loop"
            questions = steps.send(tuple(answer(each) for each in questions))
    except StopIteration as stop:
        result: Snapshot | Failure = stop.value
        return Looked(result, batches)


def look(
    table: Mapping[Question, Reply],
    *,
    memory: PlanMemory | None = None,
    now: float = 0.0,
    **settings: object,
) -> Looked:
    """Play one look; a question that the table does not hold fails the test."""
    steps = plan(request(**settings), memory or PlanMemory(), now)  # type: ignore[arg-type]
    return play_plan(steps, table.__getitem__)


def table(*replies: Reply) -> dict[Question, Reply]:
    """Replies by their questions."""
    return {each.question: each for each in replies}
