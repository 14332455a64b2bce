"""Exchange: how one question is asked until it is answered or given up.

In: a question, the servers, what is remembered of them, one deadline. Out: effects for
a shell to perform, and in the end a `Reply`. It decides which server is next, UDP or
TCP, which packets count and when to stop; it never reads a clock.

The figures are those of the promises page: 1 s an attempt (2 s from the second round),
at most 6 sends, a server that answered with an error is asked again after 250 ms at the
earliest, an error without the question waits 100 ms for the good answer behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .questions import (
    BAD_RESPONSE,
    FAILED,
    NETWORK,
    NODATA,
    NXDOMAIN,
    RECORDS,
    REFUSED,
    SERVFAIL,
    TIMEOUT,
    TRUNCATED,
    Ask,
    Attempt,
    Broken,
    Decode,
    Listen,
    Pause,
    Problem,
    Reply,
)
from .wire import (
    CNAME,
    HEADER_ONLY,
    NS,
    SOA,
    Message,
    Unusual,
    WireError,
    check_reply,
    encode_question,
    read_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .questions import Effect, Event, Exchange, Question, Server

__all__ = ["RCODES", "ServerMemory", "exchange", "rcode_name"]

HEADER_ONLY_GRACE = 0.1
ERROR_PAUSE = 0.25
FAILED_SERVER_LAST = 5.0
UNUSUAL_TAKES = 0.3  # dnspython's import and 64 KiB at its speed

RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    16: "BADVERS",
}
_EDNS_DISLIKED = (1, 4, 16)


def rcode_name(rcode: int) -> str:
    """A response code as text: ``SERVFAIL``, or ``RCODE11`` for one without a name here."""
    return RCODES.get(rcode) or f"RCODE{rcode}"


class ServerMemory:
    """What one service object remembers between questions; all of it only saves time.

    Safe to share between threads: each step is one operation on a dict or set.
    """

    __slots__ = ("failed_until", "needs_tcp", "without_edns")

    def __init__(self) -> None:
        self.failed_until: dict[Server, float] = {}
        self.needs_tcp: set[Question] = set()
        self.without_edns: set[Server] = set()

    def order(self, servers: tuple[Server, ...], now: float) -> tuple[Server, ...]:
        """The servers in the order to ask: those that failed a moment ago come last."""
        if not self.failed_until:
            return servers
        return tuple(sorted(servers, key=lambda server: self.failed_until.get(server, 0.0) > now))


class _Verdict(NamedTuple):
    """What one attempt came to: a message, or a problem."""

    message: Message | None
    problem: Problem | None
    size: int
    now: float


def exchange(  # noqa: PLR0915 - one table of decisions, read from top to bottom
    question: Question,
    servers: tuple[Server, ...],
    memory: ServerMemory,
    *,
    start: float,
    deadline: float,
    random_id: Callable[[], bytes],
    attempt_timeout: float = 1.0,
    max_sends: int = 6,
    edns: int = 1232,
    tcp: bool = False,
) -> Exchange:
    """Ask one question.

    Args:
        question: What to ask.
        servers: At least one, in order of preference.
        memory: Shared with the other questions of the same service object.
        start: Now, monotonic seconds.
        deadline: When to give up, monotonic seconds.
        random_id: Gives two unpredictable bytes for each message.
        attempt_timeout: Seconds a server gets in the first round, twice that later.
        max_sends: Messages sent at most.
        edns: UDP payload size announced, 0 for no EDNS.
        tcp: Never ask by UDP.
    """
    now = start
    order = memory.order(servers, now)
    failures = dict.fromkeys(order, 0)
    ready = dict.fromkeys(order, start)  # when a server may be asked (again)
    attempts: list[Attempt] = []
    last: Problem | None = None
    cut = False
    position = 0
    needs_tcp = tcp or question in memory.needs_tcp
    while len(attempts) < max_sends and now < deadline:
        server = _next_server(order, position, ready, now)
        if ready[server] > now:
            if ready[server] >= deadline:
                break
            _, now = yield Pause(ready[server])
            continue
        payload = 0 if server in memory.without_edns else edns
        tail, section = encode_question(question.name, question.rdtype, payload)
        query = random_id() + tail
        ignored: dict[str, int] = {}
        until = min(deadline, now + attempt_timeout * (2 if failures[server] else 1))
        began = now
        if needs_tcp:
            verdict = yield from _by_tcp(server, query, section, until, deadline, ignored)
        else:
            verdict = yield from _by_udp(server, query, section, until, deadline, ignored)
        message, problem, size, now = verdict
        if message is not None and problem is None:
            problem = _objection(message, question)
        if message is not None and problem is None and message.truncated and not needs_tcp:
            needs_tcp = cut = True
            if len(memory.needs_tcp) >= 4096:
                memory.needs_tcp.clear()
            memory.needs_tcp.add(question)
            attempts.append(
                _attempt(question, server, False, size, now - began, "truncated", ignored)
            )
            continue
        if problem is None:
            assert message is not None  # noqa: S101 - a verdict has one or the other
            outcome = rcode_name(message.rcode) + (", truncated" if message.truncated else "")
            attempts.append(
                _attempt(question, server, needs_tcp, size, now - began, outcome, ignored)
            )
            memory.failed_until.pop(server, None)
            if needs_tcp and not tcp and size <= (payload or 512):
                memory.needs_tcp.discard(question)
            return _reply(question, message, server, now, tuple(attempts))
        attempts.append(
            _attempt(question, server, needs_tcp, size, now - began, problem.detail, ignored)
        )
        if problem.rcode in _EDNS_DISLIKED and edns:
            memory.without_edns.add(server)
        failures[server] += 1
        memory.failed_until[server] = now + FAILED_SERVER_LAST
        if problem.kind != TIMEOUT:
            ready[server] = now + ERROR_PAUSE
        if last is None or problem.kind != TIMEOUT:
            last = problem
        position = order.index(server) + 1
    # Where TCP is shut off, remembering it would outlive the day the answer fits UDP again.
    memory.needs_tcp.discard(question)
    if cut:
        last = Problem(
            TRUNCATED,
            f"the answer was cut and TCP failed: {last.detail if last else 'no time left'}",
        )
    last = last or Problem(TIMEOUT, "no time left")
    return Reply(question, FAILED, [], [], None, False, last, None, now, tuple(attempts))


def _next_server(
    order: tuple[Server, ...], position: int, ready: dict[Server, float], now: float
) -> Server:
    """The next server in the round that may be asked now, else the first to become so."""
    turn = [order[(position + step) % len(order)] for step in range(len(order))]
    for server in turn:
        if ready[server] <= now:
            return server
    return min(turn, key=ready.__getitem__)


def _by_udp(
    server: Server,
    query: bytes,
    section: bytes,
    until: float,
    deadline: float,
    ignored: dict[str, int],
) -> Generator[Effect, Event, _Verdict]:
    """One datagram out; listen until a reply counts, ignoring everything else."""
    error: bytes | None = None
    event, now = yield Ask(server, False, query, until)
    while True:
        if isinstance(event, Broken):
            return _Verdict(None, Problem(NETWORK, event.reason), 0, now)
        if isinstance(event, bytes):
            reason = check_reply(event, query[:2], section)
            if reason is None:
                if event[2] & 2 and not event[3] & 15:
                    # Cut: what is there is never used, so it is not even read.
                    return _Verdict(Message(0, True, [], [], []), None, len(event), now)
                return (yield from _read(event, section, now, deadline))
            if reason == HEADER_ONLY and error is None:
                # Such an error is easily forged, and the good answer may be right behind.
                error = event
                until = min(until, now + HEADER_ONLY_GRACE)
            ignored[reason] = ignored.get(reason, 0) + 1
        if event is None or now >= until:
            if error is not None:
                return _Verdict(None, _rcode_problem(error[3] & 15), len(error), now)
            return _Verdict(None, Problem(TIMEOUT, "no answer in time"), 0, now)
        event, now = yield Listen(until)


def _by_tcp(
    server: Server,
    query: bytes,
    section: bytes,
    until: float,
    deadline: float,
    ignored: dict[str, int],
) -> Generator[Effect, Event, _Verdict]:
    """One query on a connection of its own; frames of RFC 1035, 4.2.2 are cut here."""
    received = bytearray()
    event, now = yield Ask(server, True, len(query).to_bytes(2, "big") + query, until)
    while True:
        if isinstance(event, Broken):
            return _Verdict(None, Problem(NETWORK, event.reason), 0, now)
        if isinstance(event, bytes):
            received += event
            while len(received) >= 2:
                end = 2 + int.from_bytes(received[:2], "big")
                if len(received) < end:
                    break
                frame = bytes(received[2:end])
                del received[:end]
                reason = check_reply(frame, query[:2], section)
                if reason is None:
                    return (yield from _read(frame, section, now, deadline))
                if reason == HEADER_ONLY:
                    return _Verdict(None, _rcode_problem(frame[3] & 15), len(frame), now)
                ignored[reason] = ignored.get(reason, 0) + 1
        if event is None or now >= until:
            return _Verdict(None, Problem(TIMEOUT, "no whole answer in time"), 0, now)
        event, now = yield Listen(until)


def _read(
    data: bytes, section: bytes, now: float, deadline: float
) -> Generator[Effect, Event, _Verdict]:
    """The bytes of a reply that counts, as a message; dnspython reads the unusual ones."""
    try:
        return _Verdict(read_message(data, section), None, len(data), now)
    except WireError as error:
        return _Verdict(None, Problem(BAD_RESPONSE, f"malformed: {error}"), len(data), now)
    except Unusual:
        if now > deadline - UNUSUAL_TAKES:
            detail = "an unusual answer came too late to be read"
            return _Verdict(None, Problem(TIMEOUT, detail), len(data), now)
    event, now = yield Decode(data)
    if isinstance(event, Message):
        return _Verdict(event, None, len(data), now)
    return _Verdict(None, Problem(BAD_RESPONSE, f"malformed: {event!s}"), len(data), now)


def _rcode_problem(rcode: int) -> Problem:
    kind = {2: SERVFAIL, 5: REFUSED}.get(rcode, BAD_RESPONSE)
    return Problem(kind, f"the server answered {rcode_name(rcode)}", rcode)


def _objection(message: Message, question: Question) -> Problem | None:
    """Why a well-formed message is no answer to go by, or None."""
    if message.rcode not in (0, 3):
        return _rcode_problem(message.rcode)
    if message.truncated:
        return None  # what is there does not matter, or is judged by the plan
    if message.rcode == 3:
        if message.answer:
            return Problem(BAD_RESPONSE, "NXDOMAIN that carries answers", 3)
        return None
    if not message.answer:
        types = {record[1] for record in message.authority}
        if NS in types and SOA not in types:
            return Problem(BAD_RESPONSE, "a referral to other servers instead of an answer", 0)
        return None
    wanted = (question.rdtype, CNAME)
    if any(record[0] == question.name and record[1] in wanted for record in message.answer):
        return None
    return Problem(BAD_RESPONSE, "the answer is about other names than the one asked", 0)


def _reply(
    question: Question, message: Message, server: Server, now: float, attempts: tuple[Attempt, ...]
) -> Reply:
    ttl: int | None = None
    if message.rcode == 3:
        status = NXDOMAIN
    elif message.answer or message.truncated:
        status = RECORDS
        records = message.answer + message.additional
        ttl = min((record[2] for record in records), default=None)
    else:
        status = NODATA
    if status is not RECORDS:
        # RFC 2308 section 5: a negative answer lives for the smaller of these two.
        soas = [record for record in message.authority if record[1] == SOA]
        ttl = min((min(record[2], record[3][1]) for record in soas), default=None)
    return Reply(
        question,
        status,
        message.answer,
        message.additional,
        ttl,
        message.truncated,
        None,
        server,
        now,
        attempts,
    )


def _attempt(
    question: Question,
    server: Server,
    tcp: bool,
    size: int,
    seconds: float,
    outcome: str,
    ignored: dict[str, int],
) -> Attempt:
    return Attempt(question, server, tcp, size, seconds, outcome, tuple(ignored.items()))
