"""The long forms of the cluster tests: hundreds of changes and of kills, figures printed.

    python -m tests.cluster.long_run --seed 1 --only following replicas outages

Needs the programs of the test bed, as `make soak-cluster` gives them. Takes some 40
minutes; exits 1 where anything was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.bed import Bed
from tests.cluster.blackouts import coredns_away, coredns_unsynced
from tests.cluster.figures import (
    blackout_text,
    nobody_text,
    replicas_faults,
    replicas_table,
    storm_record,
    storm_table,
)
from tests.cluster.judging import SLACK, Bounds
from tests.cluster.nameservers import coredns
from tests.cluster.nobody import Gone
from tests.cluster.replicas import replicas
from tests.cluster.storm import BLOCKS, Plan, storm
from tests.cluster.workloads import Namespaces

PLAN = Plan(changes=500, kills=100, away=60, every=2.5, rest=85, cycles=7)
SERVICES = 15
ROUNDS = 20


def say(text: str) -> None:
    """Print with the time of day."""
    print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201 - this is a command


def following(bed: Bed, namespaces: Namespaces, seed: int) -> list[str]:
    """500 changes, 100 kills, a minute without the API server."""
    report = storm(bed, namespaces.create(), PLAN._replace(seed=seed), say)
    say("\n" + storm_table(report))
    if report.faults or any(row.verdict.unproven for row in report.rows):
        file = Path(tempfile.mkdtemp(prefix="long-run-")) / "record.json"
        file.write_text(storm_record(report))
        say(f"all that happened is in {file}")
    return report.faults


def disagreeing(bed: Bed, namespaces: Namespaces, seed: int) -> list[str]:
    """A hundred moves, additions and removals through replicas of different age."""
    changes = replicas(
        bed, namespaces.create(), services=SERVICES, rounds=ROUNDS, seed=seed, say=say
    )
    say("\n" + replicas_table(changes))
    return replicas_faults(changes)


def outages(bed: Bed, namespaces: Namespaces, _: int) -> list[str]:
    """CoreDNS away for a minute, one that has not synced, nobody there behind each cache."""
    faults: list[str] = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(coredns(bed, "caches", *BLOCKS))
        gone = {
            block: stack.enter_context(
                Gone(bed, namespaces.create(), 20, server.nameserver(block.name))
            )
            for block in BLOCKS
        }
        seen = coredns_away(bed, namespaces.create(), 60)
        say(blackout_text("CoreDNS away", seen))
        faults += seen.faults
        for block, each in gone.items():
            bounds = Bounds(block.lifetime)
            back, away = each.wait(bounds.nobody + 5)
            say(nobody_text(block.lifetime, back, away))
            late = [when for when, _ in away.changes if when - away.since > bounds.nobody + SLACK]
            if back.changes or late or [members for _, members in away.changes] != [0]:
                faults.append(f"nobody, c = {block.lifetime:.0f}: told {back} and {away}")
    seen = coredns_unsynced(bed, namespaces.create(), 60)
    say(blackout_text("CoreDNS unsynced", seen))
    return [*faults, *seen.faults]


PARTS = {"following": following, "replicas": disagreeing, "outages": outages}


def main() -> int:
    """Run the parts that were asked for, in one bed."""
    parser = argparse.ArgumentParser(description="Long runs on a real control plane.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parsed = parser.parse_args()
    logging.getLogger("headless_discovery").setLevel(logging.ERROR)  # failed looks are counted
    faults = 0
    with tempfile.TemporaryDirectory() as folder, Bed(Path(folder) / "bed") as bed:
        namespaces = Namespaces(bed.api)
        for name in parsed.only:
            say(f"{name}, seed {parsed.seed}")
            found = PARTS[name](bed, namespaces, parsed.seed)
            say(f"{name}: {len(found)} faults")
            for fault in found:
                say(f"  {fault}")
            faults += len(found)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
