"""Running: a row carried out by one face of the library, by dnspython, and what is said of it.

In: a `Row` and a face. Out: what each look came to, and one line of words for the table.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.nameserver
import dns.resolver

from headless_discovery.errors import DiscoveryError, LookupFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headless_discovery import Look, Snapshot
    from tests.faces import Face
    from tests.scenarios.rows import Row, Stage

SLACK = 0.05
"""Seconds a call may take beyond its deadline."""


class Outcome(NamedTuple):
    """What one look came to.

    Attributes:
        outcome: ``OK``, ``ABSENT`` ..., the kind of a failure, or the name of another error.
        found: (name, addresses, ports) of each endpoint.
        dropped: What was dropped, in words.
        unresolved: Hostnames without address.
        ttl: Of the snapshot.
        sends: How many messages were sent.
        ignored: How many packets were ignored, by reason.
        seconds: How long it took.
        words: What was said about a failure.
    """

    outcome: str
    found: tuple[tuple[str | None, tuple[str, ...], tuple[int, ...]], ...]
    dropped: tuple[str, ...]
    unresolved: tuple[str, ...]
    ttl: int | None
    sends: int
    ignored: Mapping[str, int]
    seconds: float
    words: str


class Plain(NamedTuple):
    """What dnspython's resolver or ``getaddrinfo`` came to.

    Attributes:
        addresses: What it returned.
        error: The exception, ``""`` without one.
        seconds: How long the longest of its questions took.
    """

    addresses: frozenset[str]
    error: str
    seconds: float


def run(row: Row, stage: Stage, face: Face) -> list[Outcome]:
    """All looks of a row, one after the other, by one service object."""
    outcomes: list[Outcome] = []
    looks: list[Look] = []
    call = None
    while len(outcomes) < stage.looks:
        if outcomes:
            row.between(stage, len(outcomes))
        looks.clear()
        began = time.monotonic()
        error: DiscoveryError | None = None
        snapshot: Snapshot | None = None
        try:
            call = call or face.caller(row.service, stage.options, looks.append)
            began = time.monotonic() if stage.looks > 1 else began
            snapshot = call()
        except DiscoveryError as raised:
            error = raised
        seconds = time.monotonic() - began
        outcomes.append(_outcome(snapshot, error, looks, seconds))
    return outcomes


def _outcome(
    snapshot: Snapshot | None, error: DiscoveryError | None, looks: list[Look], seconds: float
) -> Outcome:
    dropped: tuple[str, ...] = ()
    if isinstance(error, LookupFailed):
        outcome, dropped, snapshot = error.kind, error.dropped, error.snapshot
    elif snapshot is not None:
        outcome = snapshot.outcome
    else:
        outcome = type(error).__name__
    ignored: dict[str, int] = {}
    attempts = [attempt for look in looks for attempt in look.attempts]
    for attempt in attempts:
        for reason, count in attempt.ignored:
            ignored[reason] = ignored.get(reason, 0) + count
    return Outcome(
        outcome,
        tuple((each.name, each.addresses, each.ports) for each in snapshot or ()),
        dropped if snapshot is None else snapshot.dropped,
        () if snapshot is None else snapshot.unresolved,
        None if snapshot is None else snapshot.ttl,
        len(attempts),
        ignored,
        seconds,
        "" if error is None else str(error),
    )


def expected(row: Row, stage: Stage) -> set[tuple[str | None, tuple[str, ...]]]:
    """Names and addresses of the endpoints the last look must find, no more and no fewer."""
    wanted = row.pods or ("all" if row.outcome == "OK" else "none")
    if wanted == "none":
        return set()
    if wanted == "all":
        return set(stage.pods.items())
    if wanted in ("nameless", "addresses"):
        return {(None, addresses) for addresses in stage.pods.values()}
    assert not isinstance(wanted, str)
    return {
        (None if name.startswith("?") else name, addresses) for name, addresses in wanted.items()
    }


def true_addresses(row: Row, stage: Stage) -> frozenset[str]:
    """The addresses of the pods that are there, whether they can be found or not."""
    pods = stage.pods.values() if isinstance(row.pods, str) else row.pods.values()
    return frozenset(address for addresses in pods for address in addresses)


def check(row: Row, stage: Stage, outcomes: list[Outcome]) -> None:
    """Hold what looks came to against the row."""
    *earlier, last = outcomes
    failures = [each for each in earlier if each.outcome != row.earlier]
    assert len(failures) <= row.failures, failures
    if row.failures and last.outcome != row.outcome and len(failures) < row.failures:
        return
    assert last.outcome == row.outcome, last
    nameless = row.pods == "addresses"
    found = [(None if nameless else name, addresses) for name, addresses, _ in last.found]
    assert set(found) == expected(row, stage)
    assert len(found) == len(expected(row, stage)), "somebody is there twice"
    if row.found_ports is not None:
        assert {ports for _, _, ports in last.found} == {row.found_ports}
    assert last.sends <= row.sends, last
    assert len(last.dropped) == len(row.dropped), last.dropped
    for text, part in zip(last.dropped, row.dropped, strict=True):
        assert part in text
        assert text.isascii()
        assert text.isprintable()
    assert row.unresolved is None or last.unresolved == row.unresolved
    assert row.ttl is None or last.ttl == row.ttl
    for reason, count in row.ignored.items():
        assert last.ignored.get(reason, 0) >= count, last.ignored
    for part in row.words:
        assert part in last.words


def late(row: Row, outcomes: list[Outcome]) -> str:
    """Which look took longer than it may, in words; "" where none did."""
    for number, each in enumerate(outcomes):
        if each.seconds > row.timeout + SLACK:
            return f"look {number} ended {each.seconds - row.timeout:.3f} s after its deadline"
    if row.at_most is not None and outcomes[-1].seconds > row.at_most:
        return f"the last look took {outcomes[-1].seconds:.3f} s, more than {row.at_most} s"
    return ""


def ask_dnspython(row: Row, stage: Stage) -> Plain:
    """SRV, then the address of each target; the address of the Service where there is none."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [
        dns.nameserver.Do53Nameserver(each.host, each.port) for each in stage.servers
    ]
    resolver.lifetime = row.timeout
    resolver.timeout = row.timeout * 2 / 5  # the proportion of its defaults
    name = f"{row.service}.svc.cluster.local."
    addresses: set[str] = set()
    error = ""
    longest = 0.0
    began = time.monotonic()
    try:
        targets = [name]
        if row.plain_srv:
            targets = [each.target for each in resolver.resolve(name, "SRV")]
        for target in targets:
            longest = max(longest, time.monotonic() - began)
            began = time.monotonic()
            answer = resolver.resolve(target, row.plain, raise_on_no_answer=False)
            addresses.update(each.address for each in answer.rrset or ())
    except dns.exception.DNSException as raised:
        error = type(raised).__name__
    except Exception as raised:  # noqa: BLE001 - what leaves it is what is recorded
        error = f"{type(raised).__name__} (no DNSException)"
    return Plain(frozenset(addresses), error, max(longest, time.monotonic() - began))


def ours_in_words(row: Row, stage: Stage, last: Outcome) -> str:
    """What the table says of us."""
    addresses = frozenset(address for _, addresses, _ in last.found for address in addresses)
    if last.outcome in ("InvalidName", "ConfigError"):
        return f"`{last.outcome}` before any question"
    if last.outcome == "OK":
        text = _set_in_words(addresses, true_addresses(row, stage))
    elif last.outcome == "partial":
        text = "failure: `partial`" + (f", which holds {len(last.found)}" if last.found else "")
    else:
        text = f"failure: `{last.outcome}`"
    if last.dropped:
        text += f"; {len(last.dropped)} dropped, and named"
    if last.unresolved and row.unresolved is not None:
        text += f"; {len(last.unresolved)} named as unresolved"
    return text


def plain_in_words(row: Row, stage: Stage, seen: Plain) -> str:
    """What the table says of dnspython and of ``getaddrinfo``."""
    if seen.error:
        text = f"`{seen.error}`"
        if seen.addresses:
            text += f" after {_set_in_words(seen.addresses, true_addresses(row, stage))}"
    else:
        text = _set_in_words(seen.addresses, true_addresses(row, stage))
    if seen.seconds > row.timeout + 1:
        text += f", after {round(seen.seconds)} s instead of {row.timeout:g} s"
    return text


def _set_in_words(found: frozenset[str], true: frozenset[str]) -> str:
    """How a set of addresses compares to the pods that are there."""
    strangers = sorted(found - true)
    missing = len(true - found)
    if not found:
        return "nobody"
    if not strangers and not missing:
        return f"all {len(true):,}" if len(true) > 1 else "the pod"
    text = f"{len(true) - missing:,} of {len(true):,}" if missing else f"all {len(true):,}"
    if missing == len(true):
        text = "none of the pods"
    if strangers:
        text += f", and `{'`, `'.join(strangers)}` as a pod"
    return text
