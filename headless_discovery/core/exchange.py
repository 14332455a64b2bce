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

from .objections import objection, rcode_name, rcode_problem
from .questions import (
    BAD_RESPONSE,
    FAILED,
    NETWORK,
    NODATA,
    NXDOMAIN,
    RECORDS,
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
from .srvtable import SrvTable, read_srv_table
from .wire import (
    HEADER_ONLY,
    SOA,
    SRV,
    Message,
    Unusual,
    WireError,
    check_reply,
    read_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .memory import ServerMemory
    from .questions import Effect, Event, Exchange, Question, Server

__all__ = ["exchange"]

HEADER_ONLY_GRACE = 0.1
ERROR_PAUSE = 0.25
FAILED_SERVER_LAST = 5.0
READ_AT_ONCE = 16384  # bytes; more keeps an event loop waiting
READ_LATE = 1232  # bytes; what comes after the deadline and is larger is not read any more
LARGE_TAKES = 0.03  # seconds for 64 KiB
UNUSUAL_TAKES = 0.3  # dnspython's import and 64 KiB at its speed

_EDNS_DISLIKED = (1, 4, 16)
TOO_LATE = "the answer came too late to be read"
# A cut answer over UDP: what is in it is never used, so it is not even read.
_CUT = Message(0, True, [], [], [])


class _Send(NamedTuple):
    """One message on its way, and what a reply to it is held against."""

    server: Server
    query: bytes
    section: bytes  # the question section
    names: dict[bytes, str] | None  # wire names met before, where an `SrvTable` will do
    until: float
    deadline: float
    ignored: dict[str, int]  # why packets were ignored, and how many


class _Verdict(NamedTuple):
    """What one attempt came to: content, or a problem."""

    content: Message | SrvTable | None
    problem: Problem | None
    size: int
    now: float
    is_clean: bool = False  # nothing is left on the connection: it can be used again


def exchange(
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
    zone: str = "",
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
        zone: The cluster domain; a negative answer of another zone is not believed. "" is
            any.
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
        tail, section = memory.encoded(question, payload)
        send = _Send(
            server,
            random_id() + tail,
            section,
            memory.names if question.rdtype == SRV else None,
            min(deadline, now + attempt_timeout * (2 if failures[server] else 1)),
            deadline,
            {},
        )
        began = now
        verdict = yield from (_by_tcp if needs_tcp else _by_udp)(send)
        content, problem, size, now, is_clean = verdict
        if problem is None and isinstance(content, Message):
            problem = objection(content, question, needs_tcp, zone)
        is_cut = isinstance(content, Message) and content.truncated
        if problem is None and is_cut and not needs_tcp:
            needs_tcp = cut = True
            memory.remember_tcp(question)
            attempts.append(_attempt(question, send, False, size, now - began, "truncated"))
            continue
        if problem is None:
            assert content is not None  # noqa: S101 - a verdict has one or the other
            attempts.append(
                _attempt(question, send, needs_tcp, size, now - began, _outcome(content))
            )
            memory.failed_until.pop(server, None)
            if send.names is not None:  # it grew, whether or not the answer was ordinary
                memory.forget_names(len(content.rows) if isinstance(content, SrvTable) else 0)
            if needs_tcp and not tcp and size <= (payload or 512):
                memory.needs_tcp.discard(question)
            reply = _reply(question, content, server, now, tuple(attempts))
            return reply._replace(keep=True) if is_clean else reply
        attempts.append(_attempt(question, send, needs_tcp, size, now - began, problem.detail))
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
    if len(order) == 1:
        return order[0]
    turn = [order[(position + step) % len(order)] for step in range(len(order))]
    for server in turn:
        if ready[server] <= now:
            return server
    return min(turn, key=ready.__getitem__)


def _by_udp(send: _Send) -> Generator[Effect, Event, _Verdict]:
    """One datagram out; listen until a reply counts, ignoring everything else."""
    error: bytes | None = None
    until = send.until
    event, now = yield Ask(send.server, False, send.query, until)
    while True:
        if isinstance(event, bytes):
            reason = check_reply(event, send.query[:2], send.section)
            if reason is None:
                if event[2] & 2 and not event[3] & 15:
                    return _Verdict(_CUT, None, len(event), now)
                return _read(event, send, now) or (yield from _read_at_length(event, send, now))
            if reason == HEADER_ONLY and error is None:
                # Such an error is easily forged, and the good answer may be right behind.
                error = event
                until = min(until, now + HEADER_ONLY_GRACE)
            send.ignored[reason] = send.ignored.get(reason, 0) + 1
        elif isinstance(event, Broken):
            return _Verdict(None, Problem(NETWORK, event.reason), 0, now)
        if event is None or now >= until:
            if error is not None:
                return _Verdict(None, rcode_problem(error[3] & 15), len(error), now)
            return _Verdict(None, Problem(TIMEOUT, "no answer in time"), 0, now)
        event, now = yield Listen(until)


def _by_tcp(send: _Send) -> Generator[Effect, Event, _Verdict]:
    """One query on a connection; frames of RFC 1035, 4.2.2 are cut here."""
    received = bytearray()
    query = len(send.query).to_bytes(2, "big") + send.query
    event, now = yield Ask(send.server, True, query, send.until)
    while True:
        if isinstance(event, Broken):
            if (
                event.was_kept and now < send.until
            ):  # servers close what is idle: CoreDNS after 10 s
                event, now = yield Ask(send.server, True, query, send.until, is_fresh=True)
                continue
            return _Verdict(None, Problem(NETWORK, event.reason), 0, now)
        if isinstance(event, bytes):
            received += event
            while len(received) >= 2:
                end = 2 + int.from_bytes(received[:2], "big")
                if len(received) < end:
                    break
                frame = bytes(received[2:end])
                del received[:end]
                reason = check_reply(frame, send.query[:2], send.section)
                if reason is None:
                    verdict = _read(frame, send, now)
                    if verdict is None:
                        verdict = yield from _read_at_length(frame, send, now)
                    return verdict._replace(is_clean=not received)
                if reason == HEADER_ONLY:
                    return _Verdict(None, rcode_problem(frame[3] & 15), len(frame), now)
                send.ignored[reason] = send.ignored.get(reason, 0) + 1
        if event is None or now >= send.until:
            return _Verdict(None, Problem(TIMEOUT, "no whole answer in time"), 0, now)
        event, now = yield Listen(send.until)


def _read(data: bytes, send: _Send, now: float) -> _Verdict | None:
    """The content of a reply that counts; None where reading it takes long."""
    if now >= send.deadline and len(data) > READ_LATE:
        return _Verdict(None, Problem(TIMEOUT, TOO_LATE), len(data), now)
    if send.names is not None and not data[2] & 2:
        table = read_srv_table(data, send.section, send.names)
        if table is not None:
            return _Verdict(table, None, len(data), now)
    if len(data) > READ_AT_ONCE:
        return None
    try:
        return _Verdict(read_message(data, send.section), None, len(data), now)
    except WireError as error:
        return _Verdict(None, Problem(BAD_RESPONSE, f"malformed: {error}"), len(data), now)
    except Unusual:
        return None


def _read_at_length(data: bytes, send: _Send, now: float) -> Generator[Effect, Event, _Verdict]:
    """Have a large or unusual message read, the latter where there is time for it."""
    left = send.deadline - now
    if left < (LARGE_TAKES if len(data) > READ_AT_ONCE else UNUSUAL_TAKES):
        return _Verdict(None, Problem(TIMEOUT, TOO_LATE), len(data), now)
    event, now = yield Decode(data, send.section, left >= UNUSUAL_TAKES, send.deadline)
    if isinstance(event, Message):
        return _Verdict(event, None, len(data), now)
    if event is None:
        return _Verdict(None, Problem(TIMEOUT, TOO_LATE), len(data), now)
    return _Verdict(None, Problem(BAD_RESPONSE, f"malformed: {event!s}"), len(data), now)


def _outcome(content: Message | SrvTable) -> str:
    """What ``--explain`` says of an answer."""
    if not isinstance(content, Message):
        return "NOERROR"
    return rcode_name(content.rcode) + (", truncated" if content.truncated else "")


def _reply(
    question: Question,
    content: Message | SrvTable,
    server: Server,
    now: float,
    attempts: tuple[Attempt, ...],
) -> Reply:
    if not isinstance(content, Message):
        ttl = content.ttl
        return Reply(question, RECORDS, [], [], ttl, False, None, server, now, attempts, content)
    if content.rcode == 3 or not (content.answer or content.truncated):
        status = NXDOMAIN if content.rcode == 3 else NODATA
        # RFC 2308 section 5: a negative answer lives for the smaller of these two.
        ttls = [min(each[2], each[3][1]) for each in content.authority if each[1] == SOA]
    else:
        status = RECORDS
        ttls = [record[2] for record in content.answer + content.additional]
    return Reply(
        question,
        status,
        content.answer,
        content.additional,
        min(ttls, default=None),
        content.truncated,
        None,
        server,
        now,
        attempts,
    )


def _attempt(
    question: Question, send: _Send, tcp: bool, size: int, seconds: float, outcome: str
) -> Attempt:
    return Attempt(
        str(question),
        str(send.server),
        "TCP" if tcp else "UDP",
        outcome,
        size,
        seconds,
        tuple(send.ignored.items()),
    )
