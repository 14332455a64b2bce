"""Rows: answers that were cut, TCP that is refused, silent, slow, cut or lying; many pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headless_discovery import discover
from headless_discovery.testing import (
    Drip,
    Drop,
    Endpoint,
    LyingLength,
    Raw,
    RefuseTcp,
    Truncate,
)
from tests.scenarios.crafting import FORGED, CutEverywhere, address, asked, message
from tests.scenarios.rows import Row, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headless_discovery.testing import Fault

QUICK = {"timeout": 0.5, "attempt": 0.2}


def poisoned_cut() -> Iterable[Fault]:
    """Over UDP an answer that was cut and holds a forged address; TCP is good."""
    return [
        Raw(
            lambda query, _good, _: [
                message(query, [address(asked(query)[0], FORGED)], first=0x87)
            ],
            transport="udp",
        )
    ]


def cut_everywhere(stage: Stage) -> None:
    """As many looks as the answer has octets; the last one gets all of them."""
    sizes: list[int] = []
    dns = stage.servers[0]

    def measure(_query: bytes, good: bytes, _transport: str) -> list[bytes]:
        sizes.append(len(good))
        return [good]

    with dns.fault(Raw(measure)):
        discover("db.shop", options=stage.options)
    dns.queries.clear()
    stage.looks = sizes[0] + 2 + 1
    dns.faults.add(CutEverywhere())


def written(v4: int, v6: int) -> list[Endpoint]:
    """Endpoints written by hand."""
    return [
        *(Endpoint((f"10.244.{number // 250}.{number % 250 + 1}",)) for number in range(v4)),
        *(Endpoint((f"fd00:244::{number + 1:x}",)) for number in range(v6)),
    ]


def members(v4: int, v6: int) -> dict[str, tuple[str, ...]]:
    """Those endpoints as a look finds them; a name that is none stands for each address."""
    return {f"?{each.addresses[0]}": each.addresses for each in written(v4, v6)}


def with_members(stage: Stage, v4: int, v6: int) -> None:
    """Replace the pods by endpoints without names."""
    stage.mysql[0].scale(0)
    stage.services[0].set_endpoints(written(v4, v6))


def cut_rows() -> list[Row]:
    """Answers that UDP cannot hold."""
    rows = [
        Row(
            id=f"cut-answer-of-{pods}-addresses",
            does=f"has {pods:,} pods without ports, and cuts the UDP answer; TCP is good",
            why="A cut answer is no answer; the whole one comes by TCP.",
            replicas=pods,
            ports=(),
            timeout=5.0,
            pods="nameless",
            sends=5,
            plain_srv=False,
            libc=pods == 74,
        )
        for pods in (29, 74, 1000, 4000, 4090)
    ]
    return [
        *rows,
        Row(
            id="cut-answer-of-100-pods",
            does="has 100 pods, and cuts the UDP answer; TCP is good",
            why="The same with names.",
            replicas=100,
            sends=2,
        ),
        Row(
            id="cut-over-tcp-too",
            does="has 1,000 pods: more SRV records than one DNS message holds, by TCP too",
            why="The part that did fit is no smaller Service: A and AAAA tell the whole.",
            replicas=1000,
            timeout=5.0,
            pods="addresses",
            unresolved=None,  # names beyond the cut are unknown, and how many that is varies
            sends=5,
        ),
    ]


ROWS = [
    *cut_rows(),
    Row(
        id="cut-and-cut-by-tcp",
        does="sets TC on every answer, by TCP too",
        why="Beyond some 4,090 addresses DNS cannot tell the whole; a part must not pass for it.",
        faults=lambda: [Truncate()],
        outcome="truncated",
        sends=6,
        libc=True,
    ),
    Row(
        id="5000-pods",
        does="has 5,000 pods without ports: more than one DNS message holds, by TCP too",
        why="Nobody sees from the addresses that hundreds are missing.",
        replicas=5000,
        ports=(),
        timeout=5.0,
        outcome="truncated",
        words=("more than one DNS message (64 KiB) holds",),
        sends=4,
        plain_srv=False,
        libc=True,
    ),
    Row(
        id="nothing-of-a-cut-answer",
        does="puts 6.6.6.6 into the UDP answer that it marks as cut; TCP is good",
        why="What a cut answer holds is never used.",
        faults=poisoned_cut,
        libc=True,
        sends=2,
    ),
    Row(
        id="cut-and-tcp-refused",
        does="cuts the UDP answer (40 pods) and refuses TCP",
        why="The pods that did fit are not all pods.",
        replicas=40,
        faults=lambda: [RefuseTcp()],
        **QUICK,  # type: ignore[arg-type]
        outcome="truncated",
        words=("the answer was cut and TCP failed: connection refused",),
        sends=4,
        libc=True,
    ),
    Row(
        id="cut-and-tcp-refused-by-one",
        does="cuts the UDP answer and refuses TCP; the second server is good",
        why="The next server may have TCP.",
        replicas=40,
        servers=2,
        faults=lambda: [RefuseTcp()],
        sends=3,
    ),
    Row(
        id="tcp-silent",
        does="cuts the UDP answer, accepts TCP and says nothing",
        why="A half-open connection ends with the deadline.",
        faults=lambda: [Truncate(transport="udp"), Drop(transport="tcp")],
        **QUICK,  # type: ignore[arg-type]
        outcome="truncated",
        sends=4,
    ),
    Row(
        id="tcp-drips",
        does="sends one byte every 250 ms by TCP",
        why="The deadline counts from the beginning, not from the last byte.",
        faults=lambda: [Drip(0.25)],
        **QUICK,  # type: ignore[arg-type]
        options={"tcp": True},
        outcome="timeout",
        sends=3,
        plain="",
    ),
    Row(
        id="tcp-cut-at-every-byte",
        does="closes the TCP connection after 0, 1, 2 ... bytes of a small answer",
        why="Wherever it ends, it is a failure at once, and never a hang or a smaller set.",
        arrange=cut_everywhere,
        replicas=1,
        options={"tcp": True, "max_sends": 1},
        earlier="network",
        plain="",
    ),
    *(
        Row(
            id=f"tcp-length-{length}",
            does=f"says by TCP that its answer has {length:,} bytes",
            why="The length is a claim; what never comes is waited for until the deadline only.",
            faults=lambda length=length: [  # type: ignore[misc]
                Truncate(transport="udp"),
                LyingLength(length),
            ],
            **QUICK,  # type: ignore[arg-type]
            outcome="truncated",
            sends=4,
        )
        for length in (0, 1, 65535)
    ),
    Row(
        id="4096-members",
        does="lists 4,096 addresses, 2,048 of each family",
        why="That is what max_members allows.",
        ports=(),
        arrange=lambda stage: with_members(stage, 2048, 2048),
        timeout=5.0,
        pods=members(2048, 2048),
        sends=5,
        plain="",
    ),
    Row(
        id="4097-members",
        does="lists 4,097 addresses",
        why="One too many is a loud failure and not a list without its end.",
        ports=(),
        arrange=lambda stage: with_members(stage, 2049, 2048),
        timeout=5.0,
        outcome="too large",
        words=("4097 endpoints, more than max_members=4096",),
        sends=5,
        plain="",
    ),
]
