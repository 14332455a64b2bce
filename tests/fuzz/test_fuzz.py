"""A short run of the fuzzer, what longer runs once found, and proof that it would notice."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from random import Random

import pytest

from headless_discovery.core import srvtable, wire
from headless_discovery.core.wire import Unusual, WireError, check_reply, read_message
from tests.fuzz import judge
from tests.fuzz.fuzz import FINDINGS, LARGE_SECONDS, examine, run
from tests.fuzz.generate import IDENT, SECTION, real_answers

SHARE = 5_000
RECORDED = Path(__file__).parents[1] / "unit/testing/coredns-1.15.0.json"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_run_finds_nothing(seed: int) -> None:
    """Thousands of messages; real work is done on them: many accepted, some of them tables."""
    did, found = run(SHARE, seed)
    assert found == []
    assert did["messages"] == SHARE
    assert did["accepted"] > SHARE / 20
    assert did["tables"] > SHARE / 50


@pytest.mark.parametrize("path", sorted(FINDINGS.glob("*.bin")), ids=lambda path: Path(path).stem)
def test_findings(path: Path) -> None:
    """What was found once is judged rightly from then on."""
    examine(path.read_bytes(), {}, Random(1))


def test_what_coredns_really_answers() -> None:
    """Hundreds of answers recorded from CoreDNS 1.15: the same records by ours and the judge."""
    recorded = json.loads(RECORDED.read_text())
    answers = [bytes.fromhex(each[4]) for each in recorded if isinstance(each[4], str)]
    accepted = 0
    for data in answers:
        end = 12
        while data[4:6] == b"\0\1" and data[end]:
            end += 1 + data[end]
        section = data[12 : end + 5].lower()
        if check_reply(data, data[:2], section) is None:
            accepted += judge.agree(data, section)
            if not data[2] & 2:
                judge.short_way_agrees(data, section, {})
    assert accepted > 300


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (wire, "MAX_POINTERS", 40),
        (wire, "MAX_WIRE_NAME", 400),
        (wire, "MAX_TTL", 0xFFFFFFFF),
        (srvtable, "MAX_TTL", 0xFFFFFFFF),
        (srvtable, "plain_name", lambda raw: "x" if raw else None),
    ],
)
def test_a_wrong_reader_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, wrong: object
) -> None:
    """With one check taken away or made wrong the same run finds disagreements."""
    monkeypatch.setattr(module, name, wrong)
    assert run(SHARE, seed=1)[1]


def _full(record: bytes, before: bytes = b"") -> bytes:
    """A message of 64 KiB: something, then as many of one record as there is room for."""
    head = IDENT + b"\x84\0\0\1" + bytes(6) + SECTION + before
    count = (65535 - len(head)) // len(record)
    data = bytearray(head + record * count)
    data[6:8] = (count + (1 if before else 0)).to_bytes(2)
    return bytes(data)


def _deep_name() -> bytes:
    """A CNAME record whose target has as many labels as a name can have."""
    name = b"\1a" * 126 + b"\0"
    return b"\xc0\x0c\0\5\0\1\0\0\0\5" + len(name).to_bytes(2) + name


def _everywhere() -> bytes:
    """Owners that point into each label of a deep name, each of them another name."""
    head = len(IDENT) + 10 + len(SECTION) + 12
    owners = [(0xC000 | head + 2 * (n % 126)).to_bytes(2) for n in range(4000)]
    records = b"".join(owner + b"\0\1\0\1\0\0\0\5\0\4\n\0\0\1" for owner in owners)
    data = bytearray(IDENT + b"\x84\0\0\1" + bytes(6) + SECTION + _deep_name() + records)
    data[6:8] = (4001).to_bytes(2)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        _full(b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\n\0\0\1"),
        _full(b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\n\0\0\1", _deep_name()),
        _full(b"\1a" * 126 + b"\0\0\1\0\1\0\0\0\5\0\4\n\0\0\1"),
        _full(b"\1\0" * 126 + b"\0\0\1\0\1\0\0\0\5\0\4\n\0\0\1"),
        _full(b"\xc0\x0c\0\x1c\0\1\0\0\0\5\0\x10" + bytes(range(16))),
        _everywhere(),
    ],
    ids=["addresses", "behind a deep name", "deep owners", "zero labels", "ipv6", "everywhere"],
)
def test_the_largest_messages_are_read_in_time(data: bytes) -> None:
    """64 KiB of the costliest records take less than 250 ms of this thread's CPU."""
    seconds = []
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(WireError, Unusual):
            read_message(data, SECTION)
        seconds.append(time.thread_time() - began)
    assert min(seconds) < LARGE_SECONDS


def test_a_forgery_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that does not look at the ID fails the run at once."""
    good = real_answers()[0]
    examine(good, {}, Random(1))
    monkeypatch.setattr("tests.fuzz.fuzz.check_reply", lambda *_: None)
    with pytest.raises(judge.DisagreementError, match="another ID"):
        examine(good, {}, Random(1))
