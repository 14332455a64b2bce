"""The types that plans, exchanges and the shells share: questions, replies, effects.

A *plan* yields tuples of `Question` and is sent tuples of `Reply`: what to ask. An
*exchange* yields effects and is sent what came of them: how to ask. The shells perform
effects and wait; they decide nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

from .values import Value
from .wire import AAAA, CNAME, NS, PTR, SOA, SRV, A, Message, Record, WireError

if TYPE_CHECKING:
    from .snapshot import Snapshot
    from .srvtable import SrvTable

__all__ = [
    "Ask",
    "Attempt",
    "Broken",
    "Decode",
    "Effect",
    "Event",
    "Exchange",
    "Failure",
    "Listen",
    "Pause",
    "Plan",
    "Problem",
    "Question",
    "Reply",
    "Server",
    "type_name",
]

_TYPE_NAMES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", AAAA: "AAAA", SRV: "SRV"}

# The kinds of failure; public as `LookupFailed.kind`.
TIMEOUT = "timeout"
NETWORK = "network"
SERVFAIL = "servfail"
REFUSED = "refused"
BAD_RESPONSE = "bad response"
TRUNCATED = "truncated"
TOO_LARGE = "too large"
INTERNAL = "internal"
NOT_HEADLESS = "not headless"

# What a reply says.
RECORDS = "records"
NODATA = "nodata"
NXDOMAIN = "nxdomain"
FAILED = "failed"


def type_name(rdtype: int) -> str:
    """A record type as text: ``SRV``, or ``TYPE99`` (RFC 3597) for one without a name here."""
    return _TYPE_NAMES.get(rdtype) or f"TYPE{rdtype}"


class Question(NamedTuple):
    """One DNS question; the name is validated, lower-case, without the last dot."""

    name: str
    rdtype: int

    def __str__(self) -> str:
        return f"{self.name}. {type_name(self.rdtype)}"


class Server(NamedTuple):
    """A name server."""

    address: str
    port: int

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


class Problem(NamedTuple):
    """Why an attempt or a whole question failed."""

    kind: str
    detail: str
    rcode: int | None = None


class Attempt(Value):
    """One message sent, and what came of it: what ``--explain`` prints.

    Attributes:
        question: ``"name. TYPE"``.
        server: ``"address:port"``.
        transport: ``"UDP"`` or ``"TCP"``.
        outcome: ``"NOERROR"``, ``"NXDOMAIN"``, ``"truncated"``, or the problem in words.
        size: Bytes of the reply, 0 where none came.
        seconds: From sending to the outcome.
        ignored: Why packets were ignored meanwhile, and how many.
    """

    __slots__ = ("ignored", "outcome", "question", "seconds", "server", "size", "transport")
    question: str
    server: str
    transport: str
    outcome: str
    size: int
    seconds: float
    ignored: tuple[tuple[str, int], ...]

    def __init__(
        self,
        question: str,
        server: str,
        transport: str,
        outcome: str,
        size: int,
        seconds: float,
        ignored: tuple[tuple[str, int], ...] = (),
    ) -> None:
        put = object.__setattr__
        put(self, "question", question)
        put(self, "server", server)
        put(self, "transport", transport)
        put(self, "outcome", outcome)
        put(self, "size", size)
        put(self, "seconds", seconds)
        put(self, "ignored", ignored)


class Reply(NamedTuple):
    """What one question came to; a value, whatever happened."""

    question: Question
    status: str  # RECORDS, NODATA, NXDOMAIN or FAILED
    answer: list[Record]
    additional: list[Record]
    ttl: int | None  # smallest TTL in seconds; of a negative answer RFC 2308's
    truncated: bool  # cut even over TCP
    problem: Problem | None
    server: Server | None
    at: float  # when it was decided, monotonic seconds
    attempts: tuple[Attempt, ...]
    table: SrvTable | None = None  # the content instead of records, see ``srvtable``
    keep: bool = False  # the connection it came over can be used for another question


class Failure(NamedTuple):
    """A look that came to nothing: nobody is known to be there or not to be there."""

    problem: Problem
    question: Question | None = None
    servers: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()  # NOT_HEADLESS: the virtual ones
    ports: tuple[int, ...] = ()


class Ask(NamedTuple):
    """Send ``payload`` to ``server``, then wait for bytes.

    By UDP over a new socket; by TCP over a connection that was kept, if there is one and
    none ``is_fresh`` is wanted, else over a new one.
    """

    server: Server
    tcp: bool
    payload: bytes
    until: float
    is_fresh: bool = False


class Listen(NamedTuple):
    """Wait for more bytes on the transport of the last `Ask`."""

    until: float


class Pause(NamedTuple):
    """Wait without listening."""

    until: float


class Decode(NamedTuple):
    """Have a large or unusual message read by ``fallback.read_at_length``, off an event loop."""

    data: bytes
    question: bytes
    in_time: bool  # whether there is time for dnspython
    until: float


class Broken(NamedTuple):
    """The transport failed: refused, unreachable, closed by the server.

    ``was_kept``: it was a connection of an earlier question, and nothing came over it yet.
    """

    reason: str
    was_kept: bool = False


Effect = Ask | Listen | Pause | Decode
# What an exchange is sent: bytes that arrived, None when the time ran out, a broken
# transport, or what came of a `Decode`; and the time at which it happened.
Event = tuple[bytes | Broken | Message | WireError | None, float]
Exchange = Generator[Effect, Event, Reply]
Plan = Generator[tuple[Question, ...], tuple[Reply, ...], "Snapshot | Failure"]
