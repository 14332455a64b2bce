"""Timelines: what a recording is read back as, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headless_discovery.core.timeline import (
    LONGEST_LINE,
    Outage,
    Row,
    read_recording,
    unbroken,
)
from headless_discovery.errors import ConfigError
from tests.unit.core.recordings import BEGIN, SERVICE, Recording, endpoint

A, B = ("10.0.0.1",), ("10.0.0.9",)


def stays(row: Row) -> list[tuple[float, float, tuple[str, ...], tuple[str, ...]]]:
    """The times of a row in seconds from the begin."""
    return [
        (round(begin - BEGIN, 3), round(end - BEGIN, 3), addresses, moved_from)
        for begin, end, addresses, moved_from in row.stays
    ]


def test_who_was_a_member_and_when() -> None:
    """Gaps, moves, a return at another address, members until the end."""
    timeline = (
        Recording()
        .change(1, endpoint(0), endpoint(1), endpoint(2))
        .change(3, endpoint(0, *B), endpoint(1), endpoint(2))
        .change(4, endpoint(0, *B), endpoint(2))
        .change(6, endpoint(0, *B), endpoint(1, "10.0.0.7"), endpoint(2))
        .change(7, endpoint(0, *B), endpoint(1, "10.0.0.7"), endpoint(2), endpoint(10))
        .end(9)
        .read()
    )
    assert (timeline.service, timeline.begin, timeline.end) == (SERVICE, BEGIN, BEGIN + 9)
    assert (timeline.changes, timeline.remarks) == (5, ())
    assert [row.name for row in timeline.rows] == ["db-0", "db-1", "db-2", "db-10"]
    assert stays(timeline.rows[0]) == [(1, 3, A, ()), (3, 9, B, A)]
    assert stays(timeline.rows[1]) == [
        (1, 4, ("10.0.0.2",), ()),
        (6, 9, ("10.0.0.7",), ("10.0.0.2",)),
    ]
    assert list(unbroken(timeline.rows[0])) == [(BEGIN + 1, BEGIN + 9)]
    assert len(list(unbroken(timeline.rows[1]))) == 2
    assert stays(timeline.rows[3]) == [(7, 9, ("10.0.0.11",), ())]


def test_a_return_at_the_same_address_is_no_move() -> None:
    """It is a gap, and nothing else."""
    timeline = Recording().change(1, endpoint(0)).change(2).change(3, endpoint(0)).end(4).read()
    assert stays(timeline.rows[0]) == [(1, 2, A, ()), (3, 4, A, ())]


def test_pods_without_a_number_stand_as_they_came() -> None:
    """Behind those that have one."""
    timeline = (
        Recording()
        .change(1, endpoint(5, name=None), endpoint(3))
        .change(2, endpoint(5, name=None), endpoint(3), endpoint(4, name=None))
        .end(3)
        .read()
    )
    assert [row.name for row in timeline.rows] == ["db-3", "10.0.0.6", "10.0.0.5"]


def test_an_address_that_gets_a_name_stays_one_row() -> None:
    """An update that names it is no new pod, unless that pod has a row already."""
    before, after = endpoint(0, name=None), endpoint(0)
    pair = [{"before": before, "after": after}]
    timeline = Recording().change(1, before).change(2, after, updated=pair).end(3).read()
    assert [(row.name, row.ordinal, len(row.stays)) for row in timeline.rows] == [("db-0", 0, 1)]
    again = Recording().change(1, after).change(2, before).change(3, after, updated=pair).end(4)
    assert [(row.name, len(row.stays)) for row in again.read().rows] == [
        ("db-0", 2),
        ("10.0.0.1", 1),
    ]


def test_when_dns_failed() -> None:
    """From the begin of the first look that failed to the end of the next complete one."""
    timeline = (
        Recording()
        .look(1)
        .look(5, "FAILED", "timeout", elapsed=2)
        .look(7, "PARTIAL", "partial")
        .look(8, "FAILED", "timeout")
        .look(10, "ABSENT")
        .look(12, "NOT_HEADLESS", elapsed=60)
        .end(15)
        .read()
    )
    assert timeline.outages == (
        Outage(BEGIN + 3, BEGIN + 10, 3, ("timeout", "partial")),
        Outage(BEGIN + 10, BEGIN + 12, 1, ("not headless",)),
    )
    assert [complete for _, complete in timeline.looks] == [True, False, False, False, True, False]


def test_an_outage_from_the_begin() -> None:
    """It begins no earlier than the recording."""
    timeline = Recording().look(2, "FAILED", "servfail", elapsed=3).end(4).read()
    assert timeline.outages == (Outage(BEGIN, BEGIN + 2, 1, ("servfail",)),)


def test_many_kinds_of_failure() -> None:
    """Eight are kept: an outage is no place to store a file in."""
    recording = Recording()
    for number in range(20):
        recording.look(number, "FAILED", f"kind {number}")
    assert len(recording.read().outages[0].kinds) == 8


def test_a_last_line_that_is_cut_short() -> None:
    """Is left out with a remark, wherever it is cut; whole but for its newline it counts."""
    recording = Recording().change(1, endpoint(0)).look(2)
    whole = recording.lines[-1]
    for length in range(1, len(whole) - 1):
        timeline = read_recording([*recording.lines[:-1], whole[:length]], "file")
        assert (len(timeline.looks), len(timeline.rows)) == (0, 1)
        assert "cut short" in timeline.remarks[0]
    timeline = read_recording([*recording.lines[:-1], whole[:-1]], "file")
    assert len(timeline.looks) == 1
    assert timeline.remarks == ("the recording has no end: it goes on, or its writer was killed",)


def test_a_clock_that_is_set_back() -> None:
    """Time stands still until it is caught up with; a remark says so."""
    timeline = Recording().look(10).change(4, endpoint(0)).look(12).end(13).read()
    assert stays(timeline.rows[0]) == [(10, 13, A, ())]
    assert timeline.remarks == (
        "the clock of the recording was set back (1 x); it stands still there",
    )


def test_texts_are_made_printable() -> None:
    """What a terminal would obey is written out."""
    timeline = Recording().change(1, endpoint(0, name="db\x1b[31m\u202e")).end(2).read()
    assert timeline.rows[0].name == "db\\x1b[31m\\u202e"


GOOD: dict[str, Any] = {"schema": 1, "record": "change", "time": "2026-07-29T12:00:01Z"}
LOOK = {**GOOD, "record": "look", "outcome": "OK", "elapsed": 0.1}
POD = endpoint(0)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "no JSON object"),
        ({**GOOD, "schema": 2}, "schema"),
        ({**GOOD, "schema": True}, "schema"),
        ({**GOOD, "record": "start"}, "second recording"),
        ({**GOOD, "record": None}, "none of look, change and end"),
        ({**GOOD, "record": ["look"]}, "none of look, change and end"),
        ({**LOOK, "time": None}, "'time' is no text"),
        ({**LOOK, "time": "1785326401"}, "'time': it is no time"),
        ({**LOOK, "time": "1969-12-31T23:59:59Z"}, "before 1970"),
        ({**LOOK, "time": "3000-01-01T00:00:00Z"}, "after 2999"),
        ({**LOOK, "outcome": "FINE"}, "'outcome' is none of OK"),
        ({**LOOK, "outcome": {}}, "'outcome' is none of OK"),
        ({**LOOK, "elapsed": -1}, "'elapsed'"),
        ({**LOOK, "elapsed": 10**30}, "'elapsed'"),
        ({**LOOK, "elapsed": True}, "'elapsed'"),
        ({**LOOK, "elapsed": "1"}, "'elapsed'"),
        ({**LOOK, "outcome": "FAILED", "kind": ["timeout"]}, "'kind' is no text"),
        ({**LOOK, "outcome": "FAILED", "kind": "x" * 261}, "'kind' is longer"),
        ({**GOOD, "updated": []}, "'endpoints' is no list of objects"),
        ({**GOOD, "endpoints": [1], "updated": []}, "'endpoints' is no list of objects"),
        ({**GOOD, "endpoints": [], "updated": None}, "'updated' is no list of objects"),
        ({**GOOD, "endpoints": [], "updated": [{}]}, "an endpoint is no JSON object"),
        ({**GOOD, "endpoints": [{}], "updated": []}, "'addresses'"),
        ({**GOOD, "endpoints": [{**POD, "addresses": []}], "updated": []}, "'addresses'"),
        ({**GOOD, "endpoints": [{**POD, "addresses": [1]}], "updated": []}, "an address"),
        ({**GOOD, "endpoints": [{**POD, "ordinal": -1}], "updated": []}, "'ordinal'"),
        ({**GOOD, "endpoints": [{**POD, "ordinal": 1 << 63}], "updated": []}, "'ordinal'"),
        ({**GOOD, "endpoints": [{**POD, "ordinal": False}], "updated": []}, "'ordinal'"),
        ({**GOOD, "endpoints": [{**POD, "name": ""}], "updated": []}, "'name' is no text"),
    ],
)
def test_what_cannot_be_meant(document: object, reason: str) -> None:
    """Is refused with the file, the line and the reason."""
    lines = [*Recording().lines, json.dumps(document).encode() + b"\n"]
    with pytest.raises(ConfigError) as refused:
        read_recording(lines, "file")
    assert refused.value.setting == "file:2"
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"\xff\xfe\n",
        b'{"a": NaN}\n',
        b"[" * 100_000 + b"\n",
        b"9" * 5000 + b"\n",
    ],
)
def test_what_is_no_json(line: bytes) -> None:
    """Is refused, unless it is a last line without its end."""
    with pytest.raises(ConfigError, match=r"^file:2: it is no JSON$"):
        read_recording([*Recording().lines, line], "file")
    if line.strip():
        assert read_recording([*Recording().lines, line.strip()], "file").remarks


def test_what_is_no_recording() -> None:
    """Nothing at all, another file of JSON lines, two recordings in one, a line without end."""
    with pytest.raises(ConfigError, match="file: it is empty"):
        read_recording([], "file")
    with pytest.raises(ConfigError, match="file:1: a recording begins with"):
        read_recording([json.dumps(LOOK).encode() + b"\n"], "file")
    with pytest.raises(ConfigError, match="file:3: a second recording"):
        read_recording(Recording().end(1).look(2).lines, "file")
    with pytest.raises(ConfigError, match="file:2: the line is longer"):
        read_recording([*Recording().lines, b"x" * (LONGEST_LINE + 1)], "file")
