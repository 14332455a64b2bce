"""Kills ``write`` with SIGKILL while it rewrites its file, under a reader that never rests.

Two things are killed: the command itself, behind a cluster DNS whose pods change all the
time, and a loop of nothing but the writer of files, which is hit in the middle far more
often. The reader, a process of its own, opens the file as fast as it can; whatever it reads
must be one of the contents that were ever whole.

    python -m tests.soak.writing --kills 200
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headless_discovery.peerfile import PeerFile
from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headless_discovery.testing import StatefulSet

_REPOSITORY = Path(__file__).parents[2]
SIZES = range(150, 200)  # pods: some 30 KB of JSON, which is no single write's luck
_PATIENCE = 20.0


class Outcome(NamedTuple):
    """What the kills came to."""

    kills: int
    inside: int  # of these in the middle of a write: a temporary file was left
    reads: int
    contents: int  # different ones that were read
    torn: int
    empty: int
    left: int  # temporary files that the next start did not take away


# --- what is whole ------------------------------------------------------------------------


def made(number: int) -> str:
    """A content of the loop: its number, some lines, and the sum of all that."""
    body = f"{number}\n" * (1 + number * 37 % 20_000)
    return f"{body}{hashlib.sha256(body.encode()).hexdigest()}\n"


def is_made(content: bytes) -> bool:
    """Whether this is a whole content of the loop."""
    body, _, told = content.removesuffix(b"\n").rpartition(b"\n")
    return hashlib.sha256(body + b"\n").hexdigest().encode() == told


def is_document(content: bytes) -> bool:
    """Whether this is a whole document of the command, of a size there was."""
    try:
        document = json.loads(content)
    except ValueError:
        return False
    names = [each["name"] for each in document["endpoints"]]
    return content.endswith(b"}\n") and names == [f"mysql-{n}" for n in range(len(names))]


# --- the processes ------------------------------------------------------------------------


def write_for_ever(path: str) -> None:
    """The loop that is killed."""
    file = PeerFile(path)
    for number in itertools.count(random.randrange(10**6)):
        file.write(made(number))


def read_until_told(path: str, kind: str) -> None:
    """The reader; ends when its stdin does, and prints what it saw."""
    is_whole = {"made": is_made, "document": is_document}[kind]
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    reads = torn = empty = 0
    known: set[bytes] = set()
    while not over.is_set():
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - as fast as can be
                content = file.read()
        except FileNotFoundError:
            continue
        reads += 1
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        if digest in known:
            continue
        if not content:
            empty += 1
        elif is_whole(content):
            known.add(digest)
        else:
            torn += 1
    print(json.dumps([reads, len(known), torn, empty]))  # noqa: T201


class _Killer:
    """Starts a writer and kills it, again and again."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self.target = folder / "peers"
        self.inside = self.left = 0
        self._folder = folder
        self._command = command
        self._environment = {**os.environ, **environment}

    def temporary(self) -> set[str]:
        """The files beside the target."""
        return set(os.listdir(self._folder)) - {"peers"}  # noqa: PTH208

    def kill_once(self, delay: float | None) -> None:
        """Start, wait until it writes and kill it.

        Args:
            delay: Seconds after its first write; None kills at the sight of a temporary
                file.
        """
        stale, before = self.temporary(), self._stamp()
        with subprocess.Popen(
            self._command,
            cwd=_REPOSITORY,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                self._await_write(process, stale, before, at_sight=delay is None)
                if delay:
                    time.sleep(delay)
            finally:
                process.kill()
                process.communicate()
        after = self.temporary()
        self.left += len(after & stale)
        self.inside += bool(after - stale)

    def _await_write(
        self, process: subprocess.Popen[bytes], stale: set[str], before: int, *, at_sight: bool
    ) -> None:
        deadline = time.monotonic() + _PATIENCE
        while process.poll() is None:
            assert time.monotonic() < deadline, "the writer does not write"
            # The first temporary file is the one that tries the folder out; it is empty.
            if at_sight and any(self._size(name) for name in self.temporary() - stale):
                return
            if self._stamp() != before:
                return
        assert process.stderr is not None
        raise AssertionError(f"the writer ended: {process.stderr.read().decode()}")

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _stamp(self) -> int:
        try:
            return self.target.stat().st_ino
        except FileNotFoundError:
            return 0


def _reading(path: Path, kind: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.soak.writing", "--reader", kind, str(path)],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _killed(killer: _Killer, kills: int, kind: str, seed: int) -> Outcome:
    rng = random.Random(seed)
    with _reading(killer.target, kind) as reader:
        try:
            for number in range(kills):
                killer.kill_once(None if number % 2 else rng.uniform(0, 0.05))
        finally:
            told, _ = reader.communicate(timeout=_PATIENCE)
    reads, contents, torn, empty = json.loads(told)
    return Outcome(kills, killer.inside, reads, contents, torn, empty, killer.left)


def kill_loop(folder: Path, kills: int, seed: int = 1) -> Outcome:
    """Kill the loop of writes."""
    command = [sys.executable, "-m", "tests.soak.writing", "--writer", str(folder / "peers")]
    return _killed(_Killer(folder, command, {}), kills, "made", seed)


def kill_command(folder: Path, kills: int, seed: int = 1) -> Outcome:
    """Kill ``headless-discovery write``, behind a Service whose pods change all the time."""
    command = [
        *(sys.executable, "-m", "headless_discovery", "write", "my-database.shop"),
        *("--to", str(folder / "peers"), "-o", "json", "--interval", "1s"),
    ]
    with ClusterDNS(seed=seed) as dns:
        database = dns.service("my-database.shop", ports=[3306])
        mysql = dns.statefulset("mysql", service=database, replicas=SIZES[0])
        with _changing(mysql, random.Random(seed)):
            return _killed(_Killer(folder, command, dns.environment), kills, "document", seed)


class _changing:  # noqa: N801 - reads as what it does
    """Scales a StatefulSet all the time."""

    def __init__(self, workload: StatefulSet, rng: random.Random) -> None:
        self._over = threading.Event()

        def scale() -> None:
            while not self._over.wait(0.02):
                workload.scale(rng.choice(SIZES))

        self._thread = threading.Thread(target=scale)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def outcomes(kills: int, seed: int) -> Iterator[tuple[str, Outcome]]:
    """Kill both, each so many times, in a folder of its own."""
    for name, kill in (("the command", kill_command), ("a loop of writes", kill_loop)):
        with tempfile.TemporaryDirectory() as folder:
            yield name, kill(Path(folder), kills, seed)


def main() -> int:
    """Run from the command line; 0 where nothing was torn, empty or left."""
    parser = argparse.ArgumentParser(description="Kill the writer while it writes.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writer", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--reader", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.writer:
        write_for_ever(parsed.writer)
    if parsed.reader:
        kind, path = parsed.reader
        read_until_told(path, kind)
        return 0
    bad = 0
    for name, outcome in outcomes(parsed.kills, parsed.seed):
        print(f"{name}: {outcome}", flush=True)  # noqa: T201
        bad += outcome.torn + outcome.empty + outcome.left
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
