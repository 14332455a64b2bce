"""Reporting: what a followed Service writes to the log, and that writing never ends it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from headless_discovery import Endpoint, ServiceName, Snapshot
from headless_discovery.core.changes import change_between
from headless_discovery.core.outcome import Look
from headless_discovery.core.questions import Failure, Problem
from headless_discovery.reporting import Reporter

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = ServiceName("db.shop.svc.cluster.local")
LOG = logging.getLogger("headless_discovery")
FAILED = Look(NAME, Failure(Problem("timeout", "no answer in time")), (), 0.1)
ONE = Snapshot(NAME, [Endpoint(addresses=("10.0.0.1",), name="db-0")], outcome="OK", version=1)


def answer(*dropped: str) -> Look:
    """A look that refused these."""
    return Look(NAME, Snapshot(NAME, dropped=dropped), (), 0.1)


class Deaf(logging.Filter):
    """A filter with a defect."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Raise."""
        self.heard.append(record.getMessage())
        raise ValueError("a defect of the program around")


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    """Hang a filter that raises into the log."""
    level, raising = LOG.level, Deaf()
    LOG.setLevel(logging.DEBUG)
    LOG.addFilter(raising)
    yield raising
    LOG.removeFilter(raising)
    LOG.setLevel(level)


def test_a_filter_that_raises(deaf: Deaf) -> None:
    """It ends nothing, whatever is told, and what is told of next is told."""
    reporter = Reporter()
    reporter.looked(FAILED, None)
    reporter.looked(answer("a"), change_between(None, ONE))
    try:
        raise KeyError("x")  # noqa: TRY301 - is being handled
    except KeyError:
        reporter.callback_raised(print)
        reporter.defect()
    assert reporter.callback_errors == 1
    parts = (
        "looks fail",
        "again",
        "0 endpoints",
        "refused: a",
        "version 1",
        "callback",
        "a defect of",
    )
    assert len(deaf.heard) == len(parts)
    for part, heard in zip(parts, deaf.heard, strict=True):
        assert part in heard


def test_where_it_was_written(caplog: pytest.LogCaptureFixture) -> None:
    """A record names the method that told it, and carries the exception that is handled."""
    reporter = Reporter()
    try:
        raise KeyError("x")  # noqa: TRY301 - is being handled
    except KeyError:
        reporter.callback_raised(print)
        reporter.defect()
    assert [each.funcName for each in caplog.records] == ["callback_raised", "defect"]
    assert [each.levelno for each in caplog.records] == [logging.ERROR] * 2
    assert all(each.exc_info and each.exc_info[0] is KeyError for each in caplog.records)


def test_refused_records(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One WARNING with up to ten of them, at most one per 30 s; a failed look changes nothing."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    reporter = Reporter()
    for number in range(60):  # each second others
        reporter.looked(answer(*(f"{number}-{each:02}" for each in range(12))), None)
        now += 1
    now += 30
    for look in (answer("a"), FAILED, answer("a")):
        reporter.looked(look, None)
        now += 30
    refused = [each.getMessage() for each in caplog.records if "refused" in each.getMessage()]
    assert [each.rpartition(" refused: ")[2] for each in refused] == [
        "; ".join(f"0-{each:02}" for each in range(10)) + " and 2 more",
        "; ".join(f"30-{each:02}" for each in range(10)) + " and 2 more",
        "a",
    ]
