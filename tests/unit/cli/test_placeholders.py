"""Placeholders: what stands for a pod in the arguments of a command."""

from __future__ import annotations

import pytest

from headless_discovery import Endpoint
from headless_discovery.cli.placeholders import fill_in, find_fault, missing_of

POD = Endpoint(
    name="mysql-0",
    hostname="mysql-0.db.shop.svc.cluster.local",
    ordinal=0,
    addresses=("10.0.0.1", "fd00::1"),
    ports=(3306,),
)
NAMELESS = Endpoint(addresses=("fd00::1",))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("-h{hostname}", "-hmysql-0.db.shop.svc.cluster.local"),
        ("{address}:{port}", "10.0.0.1:3306"),
        ("{name}/{ordinal}/{name}", "mysql-0/0/mysql-0"),
        ("plain", "plain"),
        ("", ""),
        ("{{name}}", "{name}"),
        ("{{{name}}}", "{mysql-0}"),
        ("{{}}", "{}"),
        ('{{"port": {port}}}', '{"port": 3306}'),
        ("{{{{", "{{"),
        ("$(id) %s \\n ä", "$(id) %s \\n ä"),
    ],
)
def test_filled_in(text: str, filled: str) -> None:
    """Each placeholder is replaced, a doubled brace is one, and the rest stays as it is."""
    assert find_fault(text) is None
    assert missing_of([text], POD) is None
    assert fill_in(text, POD) == filled


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{host}", "{host} is no placeholder"),
        ("{}", "{} is no placeholder"),
        ("{HOSTNAME}", "{HOSTNAME} is no placeholder"),
        ("{port!r}", "{port!r} is no placeholder"),
        ("{name.__class__}", "{name.__class__} is no placeholder"),
        ("{print $1}", "{print $1} is no placeholder"),
        ("{name} {", "a single brace"),
        ("}", "a single brace"),
        ("{{name}", "a single brace"),
    ],
)
def test_faults(text: str, what: str) -> None:
    """What is no placeholder is named, beside those that there are."""
    told = find_fault(text)
    assert told == (
        f"{what}: there are {{hostname}}, {{address}}, {{port}}, {{name}}, {{ordinal}}; "
        "a brace that is meant as one is doubled"
    )


def test_what_a_pod_lacks() -> None:
    """It is told only where it is asked for, with what the pod does have."""
    assert missing_of(["{address}", "{{port}}"], NAMELESS) is None
    assert missing_of(["-h", "{hostname}{name}"], NAMELESS) == (
        "fd00::1 has no hostname and no name; it has {address}"
    )
    assert missing_of(["{port}"], NAMELESS) == (
        "fd00::1 has no port in DNS: say it with --port; it has {address}"
    )
    several = Endpoint(addresses=("10.0.0.1",), name="web", hostname="web.x", ports=(80, 443))
    assert missing_of(["{port}"], several) == (
        "web has the ports 80, 443: say which with --port; it has {hostname}, {address}, {name}"
    )
