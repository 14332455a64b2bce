"""What name servers said, and when: the truth the followers are judged by.

In come servers and names, out come logs of what changed in their answers. Reads the
answers with dnspython and not with the library under test. A server that is asked every
20 ms and never fails is the truth; one that is killed is asked too, to know when it was
away.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import dns.message
import dns.rcode
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.lookups import Variant

Members = dict[str, frozenset[str]]
"""Addresses by name: the first label of an SRV target."""

_PAYLOAD = 4096  # enough for the sets of these tests; loopback takes it whole
_PATIENCE = 0.25


class Reading(NamedTuple):
    """One answer that differs from the one before.

    Attributes:
        asked: When it was asked for, monotonic seconds.
        answered: When it was there.
        members: What it held; None where there was no answer, or an error.
    """

    asked: float
    answered: float
    members: Members | None


class Question(NamedTuple):
    """What is asked, again and again.

    Attributes:
        server: Whom.
        name: Relative to `svc.<zone>`.
        kind: `SRV`, or `A`, whose addresses all belong to the member without a name.
    """

    server: Variant
    name: str
    kind: str = "SRV"


class Recorder(threading.Thread):
    """Asks a few questions in turn for as long as its `with` block lasts.

    Args:
        questions: What to ask, by any key.
        every: Seconds between two rounds.

    Attributes:
        log: What changed, by key; the first entry is the first answer.
        blind: Times between two answers to the same question that lie further apart than
            three rounds, by key: what came and went meanwhile is not known.
    """

    def __init__(self, questions: Mapping[str, Question], every: float = 0.02) -> None:
        super().__init__(daemon=True)
        self.log: dict[str, list[Reading]] = {key: [] for key in questions}
        self.blind: dict[str, list[tuple[float, float]]] = {key: [] for key in questions}
        self._asking = {key: _Asking(question) for key, question in questions.items()}
        self._every = every
        self._ended = threading.Event()
        self._rounds = threading.Semaphore(0)

    def __enter__(self) -> Self:
        """Begin, and wait for the first round."""
        self.start()
        self._rounds.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self.join()
        for asking in self._asking.values():
            asking.close()

    def run(self) -> None:
        """Ask until told to stop."""
        last: dict[str, float] = {}
        while not self._ended.is_set():
            began = time.monotonic()
            for key, asking in self._asking.items():
                reading = asking.ask()
                log = self.log[key]
                if not log or log[-1].members != reading.members:
                    log.append(reading)
                before = last.get(key, reading.asked)
                if reading.answered - before > 3 * self._every:
                    self.blind[key].append((before, reading.answered))
                last[key] = reading.answered
            self._rounds.release()
            self._ended.wait(max(0.0, began + self._every - time.monotonic()))

    def now(self, key: str) -> Members | None:
        """Return what the last answer held."""
        return self.log[key][-1].members

    def outages(self, key: str, end: float) -> list[tuple[float, float]]:
        """Return from when to when there was no good answer, until `end` at most.

        From the last good answer that can have been: the moment is not known better.
        """
        found: list[tuple[float, float]] = []
        since: float | None = None
        for reading in list(self.log[key]):
            if reading.members is None and since is None:
                since = reading.asked - self._every
            elif reading.members is not None and since is not None:
                found.append((since, reading.answered))
                since = None
        return found if since is None else [*found, (since, end)]


class _Asking:
    """One question on one connected socket."""

    def __init__(self, question: Question) -> None:
        name = f"{question.name}.svc.{question.server.zone}."
        query = dns.message.make_query(name, question.kind, use_edns=0, payload=_PAYLOAD)
        self._tail = query.to_wire()[2:]
        self._number = 0
        self._where = (question.server.address, question.server.port)
        self._socket = self._fresh()
        self._bytes: bytes | None = None
        self._members: Members | None = None

    def ask(self) -> Reading:
        """Ask once."""
        asked = time.monotonic()
        try:
            answer = self._exchange()
        except OSError:  # refused, or silent: a late answer must not meet the next question
            self._socket.close()
            self._socket = self._fresh()
            return Reading(asked, time.monotonic(), None)
        answered = time.monotonic()
        if answer != self._bytes:  # an unchanged set has unchanged bytes, mostly
            self._bytes, self._members = answer, _members_of(b"\0\0" + answer)
        return Reading(asked, answered, self._members)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _exchange(self) -> bytes:
        self._number = (self._number + 1) & 0xFFFF
        number = self._number.to_bytes(2)
        self._socket.send(number + self._tail)
        while True:
            answer = self._socket.recv(65535)
            if answer[:2] == number:
                return answer[2:]

    def _fresh(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.settimeout(_PATIENCE)
        with contextlib.suppress(OSError):
            made.connect(self._where)
        return made


def _members_of(answer: bytes) -> Members | None:
    """Return what an answer holds; None for an error and for one that was cut."""
    message = dns.message.from_wire(answer)
    if message.rcode() == dns.rcode.NXDOMAIN:
        return {}
    if message.rcode() != dns.rcode.NOERROR or message.flags & dns.flags.TC:
        return None
    records = [rrset for rrset in (*message.answer, *message.additional) if rrset]
    addresses: dict[str, set[str]] = {}
    targets: set[str] = set()
    asked = str(message.question[0].name).lower()
    for rrset in records:
        if rrset.rdtype == dns.rdatatype.SRV:
            targets |= {str(record.target).lower() for record in rrset}
        elif rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            owner = str(rrset.name).lower()
            addresses.setdefault(owner, set()).update(record.address for record in rrset)
    if message.question[0].rdtype != dns.rdatatype.SRV:
        return {"": frozenset(addresses.get(asked, ()))} if addresses else {}
    return {target.partition(".")[0]: frozenset(addresses.get(target, ())) for target in targets}


def service_questions(server: Variant, services: Sequence[str]) -> dict[str, Question]:
    """Return the SRV question of each Service (`name.namespace`), by its name."""
    return {service: Question(server, service) for service in services}
