"""``headless-discovery watch`` in a pipe: stdout is data, and stderr tells of DNS."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.unit.cli.playing import terminate, until

if TYPE_CHECKING:
    import pytest

    from headless_discovery.testing import ClusterDNS, StatefulSet
    from tests.unit.cli.playing import Play


class Told:
    """What a running command has written by now."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.out = self.errors = ""

    def lines(self) -> list[str]:
        """The lines of stderr."""
        out, errors = self._capfd.readouterr()
        self.out += out
        self.errors += errors
        return self.errors.splitlines()

    def sizes(self) -> list[int]:
        """How many members each line of stdout holds; nothing else stands there."""
        self.lines()
        return [len(json.loads(line)["endpoints"]) for line in self.out.splitlines()]


def test_dns_that_fails(
    cluster_dns: ClusterDNS, mysql: StatefulSet, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line as it begins, one as it ends; no line for a pod that comes, and none on stdout."""
    told = Told(capfd)
    code = play.run(
        "watch",
        "my-database.shop",
        steps=(
            until(lambda: told.sizes() == [2]),
            lambda: cluster_dns.set_synced(False),
            until(lambda: len(told.lines()) == 1),
            lambda: cluster_dns.set_synced(True),
            until(lambda: len(told.lines()) == 2),
            lambda: mysql.scale(3),
            until(lambda: told.sizes() == [2, 3]),
            terminate,
        ),
    )
    assert code == 143
    begin, end = told.lines()
    assert begin == (
        "headless-discovery: DNS failing: servfail: the server answered SERVFAIL; 2 members stay"
    )
    assert re.fullmatch(
        r"headless-discovery: DNS answers again after .+ and \d+ failed looks?; 2 members stayed",
        end,
    )


def test_nobody(mysql: StatefulSet, play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    """Told when DNS begins to say so, and again when it is believed."""
    told = Told(capfd)
    code = play.run(
        "watch",
        "my-database.shop",
        steps=(
            until(lambda: told.sizes() == [2]),
            lambda: mysql.scale(0),
            until(lambda: told.sizes() == [2, 0]),
            until(lambda: len(told.lines()) == 2),
            terminate,
        ),
    )
    assert code == 143
    assert told.lines() == [
        "headless-discovery: DNS lists nobody (ABSENT): 2 members stay until that has lasted",
        "headless-discovery: nobody is listed any more (ABSENT)",
    ]
