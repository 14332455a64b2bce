"""The fuzzer: messages by the million, each held against the judge.

    python -m tests.fuzz.fuzz --messages 200000 --seed 1

Prints what it did as one line of JSON; exits with 1 when anything was found, having
saved the messages under ``findings/``, where `test_findings` takes them from then on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from random import Random

from headless_discovery.core.srvtable import read_srv_table
from headless_discovery.core.wire import HEADER_ONLY, check_reply, read_message
from tests.fuzz.generate import IDENT, SECTION, Generator, real_answers
from tests.fuzz.judge import DisagreementError, agree, short_way_agrees

FINDINGS = Path(__file__).parent / "findings"
SMALL = 1232
SMALL_SECONDS = 0.005  # of thread CPU for a message of 1,232 bytes, the best of three
LARGE_SECONDS = 0.25  # for one of 64 KiB


def examine(data: bytes, names: dict[bytes, str], rng: Random) -> Counter[str]:
    """Everything that is promised of one message.

    Args:
        data: The message.
        names: Names that `read_srv_table` has met before.
        rng: Chooses the forgery.

    Raises:
        DisagreementError: One of the promises does not hold.
    """
    did: Counter[str] = Counter(messages=1)
    if check_reply(data, IDENT, SECTION) is None:
        did["accepted"] += agree(data, SECTION)
        if not data[2] & 2:
            did["tables"] += short_way_agrees(data, SECTION, names)
        _in_time(data)
    _forged(data, rng)
    did["forgeries"] += 2
    return did


def _in_time(data: bytes) -> None:
    limit = SMALL_SECONDS if len(data) <= SMALL else LARGE_SECONDS
    if _cpu(data) > limit and min(_cpu(data) for _ in range(3)) > limit:
        raise DisagreementError(f"{len(data)} bytes took more than {limit} s to read")


def _cpu(data: bytes) -> float:
    began = time.thread_time()
    try:
        read_message(data, SECTION)
    except Exception:  # noqa: BLE001 - `agree` has judged what is raised
        return time.thread_time() - began
    return time.thread_time() - began


def _forged(data: bytes, rng: Random) -> None:
    """The same message does not count under another ID, nor with another question."""
    other = (int.from_bytes(IDENT) ^ rng.randrange(1, 0x10000)).to_bytes(2)
    if check_reply(data, other, SECTION) in (None, HEADER_ONLY):
        raise DisagreementError("accepted with another ID than the one sent")
    asked = bytearray(SECTION)
    at = rng.randrange(len(asked))
    asked[at] ^= 1 << rng.randrange(5)
    if bytes(asked).lower() != SECTION and check_reply(data, IDENT, bytes(asked)) is None:
        raise DisagreementError("accepted as the answer to another question")


def run(messages: int, seed: int) -> tuple[Counter[str], list[tuple[str, bytes]]]:
    """Examine that many messages; what was done, and what was found."""
    rng = Random(seed)
    seeds = real_answers()
    names: dict[bytes, str] = {}
    for data in seeds:
        read_srv_table(data, SECTION, names)
    generator = Generator(rng, seeds)
    did: Counter[str] = Counter()
    found: list[tuple[str, bytes]] = []
    for number in range(messages):
        data = seeds[number] if number < len(seeds) else generator.message()
        try:
            did += examine(data, names, rng)
        except Exception as error:  # noqa: BLE001 - anything foreign is a finding too
            found.append((f"{type(error).__name__}: {error}", data))
            if len(found) >= 20:
                break
    return did, found


def main() -> int:
    """Run on both cores; report, and save what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parsed = parser.parse_args()
    began = time.monotonic()
    share = -(-parsed.messages // parsed.processes)
    with ProcessPoolExecutor(parsed.processes) as pool:
        seeds = [parsed.seed * 1000 + number for number in range(parsed.processes)]
        results = list(pool.map(run, [share] * parsed.processes, seeds))
    seconds = time.monotonic() - began
    did = sum((result[0] for result in results), Counter())
    found = [each for result in results for each in result[1]]
    for why, data in found:
        path = FINDINGS / f"{sha256(data).hexdigest()[:16]}.bin"
        path.write_bytes(data)
        sys.stderr.write(f"{path.name}: {why[:2000]}\n")
    report = {
        "seed": parsed.seed,
        "seconds": round(seconds, 1),
        "per_second": round(did["messages"] / seconds),
        **did,
        "found": len(found),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
