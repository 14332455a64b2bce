"""Peer lists: every format, byte by byte."""

from __future__ import annotations

import json

import pytest

from headless_discovery.core.changes import change_between
from headless_discovery.core.names import ServiceName
from headless_discovery.core.peerlist import (
    FORMATS,
    change_document,
    render,
    snapshot_document,
)
from headless_discovery.core.snapshot import ABSENT, Endpoint, Snapshot

SERVICE = ServiceName("db.shop")
HOST = "mysql-0.db.shop.svc.cluster.local"
SNAPSHOT = Snapshot(
    SERVICE,
    [
        Endpoint(addresses=("10.0.0.9",)),
        Endpoint(
            addresses=("10.0.0.1", "fd00::1"),
            name="mysql-0",
            hostname=HOST,
            ordinal=0,
            ports=(80, 3306),
        ),
    ],
    ttl=5,
    seen_at=12.5,
)
CSV = f"""\
name,ordinal,hostname,addresses,ports
mysql-0,0,{HOST},10.0.0.1 fd00::1,80 3306
,,,10.0.0.9,
"""
NAMED = {
    "name": "mysql-0",
    "ordinal": 0,
    "hostname": HOST,
    "addresses": ["10.0.0.1", "fd00::1"],
    "ports": [80, 3306],
}
NAMELESS = {
    "name": None,
    "ordinal": None,
    "hostname": None,
    "addresses": ["10.0.0.9"],
    "ports": [],
}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("name", f"{HOST}\n10.0.0.9\n"),
        ("addresses", "10.0.0.1\nfd00::1\n10.0.0.9\n"),
        (
            "csv",
            CSV,
        ),
        (
            "hosts",
            f"10.0.0.1\t{HOST} mysql-0\nfd00::1\t{HOST} mysql-0\n# 10.0.0.9 has no name\n",
        ),
        (
            "env",
            f"HD_COUNT=2\nHD_NAMES={HOST},10.0.0.9\nHD_ADDRESSES=10.0.0.1,fd00::1,10.0.0.9\n",
        ),
    ],
)
def test_text_formats(form: str, text: str) -> None:
    """Each line is ended; None is left empty."""
    assert render(SNAPSHOT, form) == text


def test_json() -> None:
    """One document with a schema number; without the time, so equal content is equal text."""
    assert json.loads(render(SNAPSHOT, "json")) == {
        "schema": 1,
        "service": SERVICE.fqdn,
        "outcome": "OK",
        "ttl": 5,
        "endpoints": [NAMED, NAMELESS],
    }
    assert snapshot_document(SNAPSHOT)["endpoints"] == [NAMED, NAMELESS]


def test_jsonl() -> None:
    """One endpoint a line."""
    lines = render(SNAPSHOT, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == [NAMED, NAMELESS]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_nobody(form: str) -> None:
    """An empty snapshot is rendered in every format, ended by a newline or empty."""
    text = render(Snapshot(SERVICE, outcome=ABSENT), form)
    assert text == "" or text.endswith("\n")


def test_a_change() -> None:
    """The document that ``watch`` prints: what became different, and all that is there now."""
    moved = Endpoint(addresses=("10.0.0.7",), name="mysql-0", hostname=HOST, ordinal=0)
    new = Endpoint(addresses=("10.0.0.8",))
    now = Snapshot(SERVICE, [moved, new], version=7)
    document = change_document(change_between(SNAPSHOT, now), 1785333731.12)
    moved_document = {**NAMED, "addresses": ["10.0.0.7"], "ports": []}
    new_document = {**NAMELESS, "addresses": ["10.0.0.8"]}
    assert document == {
        "schema": 1,
        "version": 7,
        "time": "2026-07-29T14:02:11.120Z",
        "outcome": "OK",
        "added": [new_document],
        "removed": [NAMELESS],
        "updated": [{"before": NAMED, "after": moved_document}],
        "endpoints": [moved_document, new_document],
    }
    assert list(document) == [
        "schema", "version", "time", "outcome", "added", "removed", "updated", "endpoints",
    ]  # fmt: skip
