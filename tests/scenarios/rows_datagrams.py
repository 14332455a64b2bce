"""Rows: datagrams that are no answer, forged answers, lost, late and doubled ones."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING
from unittest import mock

from headless_discovery.testing import Delay, Drop, Duplicate, Fault, Garbage, HeaderOnly, Raw
from tests.scenarios.crafting import Flood, Spoof, asked, forged, message, saying, wire
from tests.scenarios.rows import Row, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUICK = {"timeout": 0.5, "attempt": 0.2}


def junk(query: bytes, _good: bytes) -> list[bytes]:
    """A thousand datagrams without sense, short, long, some with the right ID."""
    return [
        (query[:2] if number % 3 == 0 else b"\xa5\x5a") + bytes(range(number % 97))
        for number in range(1000)
    ]


def wrong_ids(query: bytes, _good: bytes) -> list[bytes]:
    """A forged answer under every ID but the right one."""
    lie, ident = forged(query)[2:], int.from_bytes(query[:2])
    return [(ident ^ wrong).to_bytes(2) + lie for wrong in range(1, 0x10000)]


def wrong_questions(query: bytes, _good: bytes) -> list[bytes]:
    """Eight shapes of a question that is not ours, each with six response codes."""
    name, rdtype, own = asked(query)
    kind = rdtype.to_bytes(2)
    shapes: tuple[Sequence[bytes], ...] = (
        [],
        [own, own],
        [wire("cb.shop.svc.cluster.local") + own[len(name) :]],
        [b"\1x" + own],
        [name + b"\0\x10" + own[-2:]],
        [name + kind + b"\0\3"],
        [b"\0" + own[len(name) :]],
        [own[:-5] + b"\1x\0" + own[len(name) :]],
    )
    return [forged(query, questions=shape, rcode=rcode) for shape in shapes for rcode in range(6)]


def other_case(_query: bytes, good: bytes, _transport: str) -> list[bytes]:
    """The good answer, the question in it in capitals."""
    end = good.index(b"\0", 12)
    return [good[:12] + good[12:end].upper() + good[end:]]


def in_front(make: Callable[[bytes], bytes]) -> Callable[[], list[Fault]]:
    """One datagram in front of the good answer."""
    return lambda: [saying(make, keep=True)]


def echo_rows() -> list[Row]:
    """Replies whose header or question is not that of an answer to us."""
    shapes: list[tuple[str, str, Callable[[bytes], bytes]]] = [
        (
            "query-echoed",
            "sends the query back, with an answer in it",
            lambda q: forged(q, first=1),
        ),
        ("other-opcode", "answers with another opcode", lambda q: forged(q, first=0x91)),
        (
            "two-questions",
            "repeats the question and adds another one",
            lambda q: forged(q, questions=[asked(q)[2], wire("a.b") + b"\0\1\0\1"]),
        ),
    ]
    return [
        Row(
            id=name,
            does=f"{does}; the good answer follows",
            why="Only a response to our own question counts.",
            faults=in_front(make),
            ignored={
                "wrong number of questions" if "two" in name else "not a response to a query": 1
            },
        )
        for name, does, make in shapes
    ]


def spoofing(stage: Stage) -> None:
    """Ten thousand forged answers from a socket that was never asked."""
    first = stage.servers[0]
    first.faults.add(Spoof(10_000, [each.port for each in stage.servers]))


def wall_clock(stage: Stage) -> None:
    """In the middle of the first question the wall clock is set back."""
    real, offset = time.time, [0.0]
    stage.context.enter_context(mock.patch("time.time", side_effect=lambda: real() + offset[0]))

    def set_back(query: bytes, _good: bytes, _transport: str) -> list[bytes]:
        # dnspython waits for as long as the clock was set back: it gets less.
        offset[0] = -1.4 if stage.plain else -3600.0
        return [b"junk" + query]

    stage.servers[0].faults.add(Raw(set_back))


def late(stage: Stage, _number: int) -> None:
    """Other pods before the next look, while the old answer is on its way."""
    stage.mysql[0].scale(5)


def loss_rows() -> list[Row]:
    """Random loss, from a seed."""
    return [
        Row(
            id=f"loss-{percent}-percent",
            does=f"is behind a network that loses {percent} % of all packets (20 looks)",
            why="A lost packet costs an attempt; all six are lost once in 64 looks at 50 %.",
            faults=lambda share=percent / 100: [Drop(share=share, transport="udp")],  # type: ignore[misc]
            looks=20,
            attempt=0.06,
            earlier="OK",
            failures=failures,
            sends=6,
            plain="",
        )
        for percent, failures in ((10, 0), (30, 1), (50, 3))
    ]


def every_second() -> list[Fault]:
    """Every second packet is lost, beginning with the first."""
    turn = itertools.cycle((True, False))
    return [Drop(transport="udp", match=lambda _: next(turn))]


ROWS = [
    Row(
        id="junk-before-the-answer",
        does="sends 1,000 senseless datagrams before the answer",
        why="Whoever can send packets must not be able to end a question.",
        faults=lambda: [Flood(junk)],
        pods="all",
    ),
    Row(
        id="wrong-id",
        does="sends forged answers under all 65,535 wrong IDs, then the good one",
        why="The ID is what a blind forger has to guess.",
        faults=lambda: [Flood(wrong_ids, burst=100, pause=0.003)],
        timeout=8.0,
        attempt=8.0,
        ignored={"wrong ID": 30_000},  # some find the socket's buffer full
        plain="",
    ),
    Row(
        id="wrong-question",
        does="answers 8 other questions than ours, each with 6 response codes, then ours",
        why="An answer to another question says nothing, whatever its response code.",
        faults=lambda: [Flood(wrong_questions)],
        ignored={"wrong question": 36, "wrong number of questions": 12},
    ),
    Row(
        id="wrong-question-only",
        does="never answers anything but another question",
        why="Without a good answer nothing of it may be taken in its place.",
        faults=lambda: [
            Raw(lambda query, good, _: wrong_questions(query, good), transport="udp"),
        ],
        **QUICK,  # type: ignore[arg-type]
        outcome="timeout",
        sends=3,
    ),
    Row(
        id="question-in-capitals",
        does="repeats the question in capital letters",
        why="Names are compared without case (RFC 4343); such an answer is good.",
        faults=lambda: [Raw(other_case)],
        pods="all",
    ),
    Row(
        id="spoofed-source",
        does="is good, while 10,000 forged answers with the right ID come from another port",
        why="Only the server that was asked may answer.",
        arrange=spoofing,
        plain="",
    ),
    Row(
        id="header-only-servfail-first",
        does="sends SERVFAIL without the question, then the good answer",
        why="Twelve bytes are easily forged; they must not beat the answer behind them.",
        faults=lambda: [HeaderOnly("SERVFAIL", keep=True)],
        ignored={"an error without the question": 1},
        libc=True,
    ),
    Row(
        id="header-only-servfail",
        does="sends nothing but SERVFAIL without the question; the second server is good",
        why="Where nothing better comes within 100 ms, it is a failure and the next one is asked.",
        faults=lambda: [HeaderOnly("SERVFAIL")],
        servers=2,
        sends=2,
        at_most=0.5,
    ),
    *echo_rows(),
    Row(
        id="every-second-packet-lost",
        does="is behind a network that loses every second packet (6 looks)",
        why="A race in conntrack does that; it must not cost the 5 s it costs libc.",
        faults=every_second,
        looks=6,
        timeout=0.5,
        attempt=0.1,
        earlier="OK",
        sends=2,
        at_most=0.4,
    ),
    *loss_rows(),
    Row(
        id="answers-doubled",
        does="is behind a network that doubles packets (5 looks)",
        why="A second copy is nobody's answer.",
        faults=lambda: [Duplicate(3)],
        looks=5,
        earlier="OK",
    ),
    Row(
        id="answers-reordered",
        does="answers A and AAAA in random order, up to 20 ms late (5 looks)",
        why="Questions asked at once are told apart by their sockets.",
        faults=lambda: [Delay(0.02, share=0.5), Delay(0.01, share=0.5)],
        ports=(),
        looks=5,
        earlier="OK",
        pods="nameless",
        sends=3,
        plain_srv=False,
    ),
    Row(
        id="late-answer",
        does="answers 300 ms late, when the question has been given up; then pods change",
        why="A late answer must not be taken for the answer to the next question.",
        faults=lambda: [Delay(0.3, times=1)],
        between=late,
        looks=2,
        attempt=0.1,
        earlier="OK",
        plain="",
    ),
    Row(
        id="silent",
        does="never answers",
        why="The deadline is the whole look's, not that of an attempt.",
        faults=lambda: [Drop()],
        **QUICK,  # type: ignore[arg-type]
        outcome="timeout",
        sends=3,
        libc=True,
    ),
    Row(
        id="answers-too-late",
        does="answers 2 s late, always",
        why="That is as good as silence.",
        faults=lambda: [Delay(2.0)],
        **QUICK,  # type: ignore[arg-type]
        outcome="timeout",
        sends=3,
    ),
    Row(
        id="only-garbage",
        does="sends nothing but garbage",
        why="Packets that do not count do not prolong anything either.",
        faults=lambda: [Garbage()],
        **QUICK,  # type: ignore[arg-type]
        outcome="timeout",
        sends=3,
    ),
    Row(
        id="wall-clock-set-back",
        does="sends junk while the wall clock is set back by an hour (dnspython: by 1.4 s)",
        why="A deadline is kept on the monotonic clock, or it is none.",
        arrange=wall_clock,
        **QUICK,  # type: ignore[arg-type]
        outcome="timeout",
        sends=3,
    ),
    Row(
        id="tail-of-the-question",
        does="answers with a question section cut short",
        why="A message may end anywhere; that must end nothing but itself.",
        faults=in_front(lambda q: message(q)[:20]),
        ignored={"wrong question": 1},
    ),
]
