"""The three faces of one look: threads, asyncio, the command. One test body runs on all.

Each face takes the same arguments and tells what it saw in the same words, so a test
compares outcomes and never cares which face it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from headless_discovery import (
    AsyncHeadlessService,
    HeadlessService,
    LookupFailed,
    LookupOptions,
    NotHeadless,
)
from headless_discovery.core.peerlist import endpoint_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery import Look, Snapshot

REPOSITORY = Path(__file__).parents[1]
EXITS = {0: "OK", 1: "none", 3: "failed", 5: "not headless"}


class Seen(NamedTuple):
    """What one look came to.

    Attributes:
        outcome: ``OK``, ``EMPTY``, ``ABSENT``, ``not headless``, or the kind of failure.
        endpoints: As the JSON formats hold them.
        sends: How many messages were sent.
        words: What was said about a failure.
    """

    outcome: str
    endpoints: list[dict[str, Any]]
    sends: int
    words: str = ""

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses of all endpoints."""
        return frozenset(address for each in self.endpoints for address in each["addresses"])

    @property
    def names(self) -> frozenset[str | None]:
        """The names of all endpoints."""
        return frozenset(each["name"] for each in self.endpoints)

    @property
    def ordinals(self) -> list[int | None]:
        """The ordinals in the order of the endpoints."""
        return [each["ordinal"] for each in self.endpoints]


class Face:
    """One way to look.

    Args:
        kind: ``sync``, ``asyncio`` or ``cli``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def look(self, service: str, options: LookupOptions, **arguments: Any) -> Seen:
        """Look once; ``arguments`` are those of `HeadlessService`."""
        if self.kind == "cli":
            return _by_command(service, options, arguments)
        looks: list[Look] = []
        return _seen(self.caller(service, options, looks.append, **arguments), looks)

    def caller(
        self,
        service: str,
        options: LookupOptions,
        on_lookup: Callable[[Look], object],
        **arguments: Any,
    ) -> Callable[[], Snapshot]:
        """One service object of threads or of asyncio, as a function that looks once."""
        if self.kind == "sync":
            return HeadlessService(
                service, options=options, on_lookup=on_lookup, **arguments
            ).lookup
        built = AsyncHeadlessService(service, options=options, on_lookup=on_lookup, **arguments)
        return lambda: asyncio.run(built.lookup())


def _seen(call: Callable[[], Snapshot], looks: list[Look]) -> Seen:
    endpoints: list[dict[str, Any]] = []
    words = ""
    try:
        snapshot = call()
    except LookupFailed as failure:
        outcome, words = failure.kind, str(failure)
    except NotHeadless as error:
        outcome, words = "not headless", str(error)
    else:
        outcome = snapshot.outcome
        endpoints = [endpoint_document(endpoint) for endpoint in snapshot]
    return Seen(outcome, endpoints, sum(len(look.attempts) for look in looks), words)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``headless-discovery`` in a process of its own, its output in pipes."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith("HEADLESS_DISCOVERY_")
    }
    return subprocess.run(
        [sys.executable, "-m", "headless_discovery", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=REPOSITORY,
        env={**kept, **environment},
        check=False,
    )


def _by_command(service: str, options: LookupOptions, arguments: dict[str, Any]) -> Seen:
    flags = ["list", service, "-o", "json", "--explain", "--timeout", str(options.timeout)]
    for server in options.nameservers:
        flags += ["--nameserver", server]
    for network in options.allow_networks:
        flags += ["--allow-network", network]
    if options.cluster_domain is not None:
        flags += ["--cluster-domain", options.cluster_domain]
    if options.family is not None:
        flags.append(f"-{options.family}")
    if options.tcp:
        flags.append("--tcp")
    for name, value in arguments.items():
        flags += [f"--{name}", str(value)]
    done = command(*flags)
    outcome = EXITS[done.returncode]
    sends = sum(" -> " in line for line in done.stderr.splitlines())
    if outcome in ("failed", "not headless"):
        assert not done.stdout
        if outcome == "failed":
            (line,) = [x for x in done.stderr.splitlines() if x.startswith("DNS failed: ")]
            outcome = line.split(": ")[2]
        return Seen(outcome, [], sends, done.stderr)
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert (outcome == "OK") == (document["outcome"] == "OK")
    return Seen(document["outcome"], document["endpoints"], sends, done.stderr)
