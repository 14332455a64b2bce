"""Events: what happened to a followed Service, in words."""

from __future__ import annotations

import pytest

from headless_discovery.cli.events import Event, Narrator
from headless_discovery.core.changes import change_between
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.questions import Failure, Problem
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL, Endpoint, Snapshot

SERVICE = ServiceName("db.shop.svc.cluster.local")
BEGIN = 1785326400.0  # 2026-07-29T12:00:00Z


def pod(number: int, *addresses: str, ports: tuple[int, ...] = (3306,)) -> Endpoint:
    """``db-<number>``."""
    return Endpoint(
        addresses=addresses or (f"10.0.0.{number + 1}",),
        name=f"db-{number}",
        hostname=f"db-{number}.{SERVICE.fqdn}",
        ordinal=number,
        ports=ports,
    )


class Story:
    """A narrator, and what it is told: seconds from the begin."""

    def __init__(self) -> None:
        self.narrator = Narrator()
        self._members: Snapshot | None = None

    def look(
        self, time: float, *endpoints: Endpoint, outcome: str = OK, dropped: tuple[str, ...] = ()
    ) -> list[str]:
        """A look found these."""
        problem = "the AAAA part: timeout" if outcome == PARTIAL else None
        found = Snapshot(SERVICE, endpoints, outcome=outcome, dropped=dropped, problem=problem)
        return self._said(self.narrator.looked(BEGIN + time, Look(SERVICE, found, (), 0.1)))

    def fail(self, time: float, kind: str = "timeout", detail: str = "no answer") -> list[str]:
        """A look failed."""
        failure = Failure(Problem(kind, detail))
        return self._said(self.narrator.looked(BEGIN + time, Look(SERVICE, failure, (), 0.1)))

    def change(self, time: float, *endpoints: Endpoint, outcome: str = OK) -> list[str]:
        """The members are these now."""
        version = 1 if self._members is None else self._members.version + 1
        now = Snapshot(SERVICE, endpoints, outcome=outcome, version=version)
        change = change_between(self._members, now)
        self._members = now
        return self._said(self.narrator.changed(BEGIN + time, change))

    def summary(self, time: float) -> str:
        """How things stand."""
        return self.narrator.summary(BEGIN + time)

    @staticmethod
    def _said(events: list[Event]) -> list[str]:
        return [str(event) for event in events]


@pytest.fixture
def story() -> Story:
    """Return a story that begins with two members."""
    story = Story()
    assert story.look(0, pod(0), pod(1)) == []
    assert story.change(0, pod(0), pod(1)) == [
        "+ 12:00:00.000  db-0  10.0.0.1  there at the start",
        "+ 12:00:00.000  db-1  10.0.0.2  there at the start",
    ]
    return story


def test_who_comes(story: Story) -> None:
    """In columns that grow with what stands in them."""
    assert story.change(61.12, pod(0), pod(1), pod(10, "10.0.10.10")) == [
        "+ 12:01:01.120  db-10  10.0.10.10  added"
    ]
    assert story.change(62, pod(0), pod(1), pod(2), pod(10, "10.0.10.10")) == [
        "+ 12:01:02.000  db-2   10.0.0.3    added"
    ]


def test_who_goes_and_why(story: Story) -> None:
    """The answers in a row that a member was missing from, as they were seen."""
    story.look(5, pod(0))
    story.fail(6)
    story.look(7, pod(0), outcome=PARTIAL)
    story.look(8.5, pod(0))
    assert story.change(8.5, pod(0)) == [
        "- 12:00:08.500  db-1  10.0.0.2  removed: missing from 2 answers over 3.5 s"
    ]
    assert story.summary(8.5) == "1 member  version 2  looked 0 s ago"


def test_being_seen_ends_the_row(story: Story) -> None:
    """Answers before that are no evidence."""
    story.look(5, pod(0))
    story.look(6, pod(0), pod(1))
    story.look(7, pod(0))
    assert story.change(7, pod(0))[0].endswith("removed: missing from 1 answer")


def test_an_address_without_its_name_is_not_missing(story: Story) -> None:
    """A cut answer lists addresses only."""
    story.look(5, pod(0), Endpoint(addresses=("10.0.0.2",)))
    assert story.summary(5) == "2 members  version 1  looked 0 s ago"
    assert story.change(5, pod(0))[0].endswith("  removed")


def test_who_changes(story: Story) -> None:
    """Another address, one more, one less, other ports, a name."""
    assert story.change(1, pod(0, "10.0.0.9"), pod(1)) == [
        "~ 12:00:01.000  db-0  10.0.0.1 -> 10.0.0.9  new address"
    ]
    assert story.change(2, pod(0, "10.0.0.9", "fd00::9"), pod(1)) == [
        "~ 12:00:02.000  db-0  10.0.0.9 -> 10.0.0.9,fd00::9  one address more"
    ]
    assert story.change(3, pod(0, "10.0.0.9"), pod(1)) == [
        "~ 12:00:03.000  db-0  10.0.0.9,fd00::9 -> 10.0.0.9  an address less"
    ]
    (line,) = story.change(4, pod(0, "10.0.0.9", ports=()), pod(1))
    assert line.endswith("  ports 3306 -> none")
    nameless = Endpoint(addresses=("10.0.0.7",), ports=(3306,))
    (line,) = story.change(5, pod(0, "10.0.0.9", ports=()), pod(1), nameless)
    assert line.startswith("+ 12:00:05.000  -     10.0.0.7")
    named = pod(7, "10.0.0.7")
    (line,) = story.change(6, pod(0, "10.0.0.9", ports=()), pod(1), named)
    assert line.startswith("~ 12:00:06.000  db-7  10.0.0.7")
    assert line.endswith("  has a name now")


def test_dns_fails_and_answers_again(story: Story) -> None:
    """One line for the begin of a streak, one for its end, whatever failed in between."""
    assert story.fail(10) == ["! 12:00:10.000  DNS failing: timeout: no answer; 2 members stay"]
    assert story.fail(12, "servfail", "the server answered SERVFAIL") == []
    assert story.summary(22.9) == (
        "2 members  version 1  looked 10 s ago  "
        "DNS failing for 13 s: servfail: the server answered SERVFAIL"
    )
    assert story.look(14, pod(0), outcome=PARTIAL) == []
    assert story.look(22, pod(0), pod(1)) == [
        "! 12:00:22.000  DNS answers again after 12 s and 3 failed looks; 2 members stayed"
    ]
    assert story.summary(22) == "2 members  version 1  looked 0 s ago"
    assert "a part of the look failed" in story.look(23, pod(0), outcome=PARTIAL)[0]


def test_dns_that_fails_from_the_begin() -> None:
    """Nobody stays where nobody is known."""
    story = Story()
    assert story.summary(0) == "the members are not known yet"
    assert story.fail(1) == ["! 12:00:01.000  DNS failing: timeout: no answer"]
    assert story.look(3, pod(0))[0].endswith("DNS answers again after 2.1 s and 1 failed look")


def test_a_service_that_is_not_headless_any_more(story: Story) -> None:
    """It is a failure like others, told in its own words."""
    (line,) = story.fail(1, "not headless")
    assert "it has the virtual address" in line


def test_a_service_that_is_not_headless() -> None:
    """Where the first look says so the watch ends with it: nothing fails, nothing is told."""
    story = Story()
    assert story.fail(0, "not headless") == []
    assert "DNS failing" not in story.summary(1)


def test_nobody(story: Story) -> None:
    """Told when DNS begins to say so, and when it is believed."""
    assert story.look(10, outcome=ABSENT) == [
        "! 12:00:10.000  DNS lists nobody (ABSENT): 2 members stay until that has lasted"
    ]
    assert story.look(20, outcome=EMPTY) == []
    assert story.summary(20).endswith("  2 missing from the last answer")
    story.look(41, outcome=ABSENT)
    assert story.change(41, outcome=ABSENT) == [
        "- 12:00:41.000  db-0  10.0.0.1  removed: DNS lists nobody (ABSENT), 3 answers over 31 s",
        "- 12:00:41.000  db-1  10.0.0.2  removed: DNS lists nobody (ABSENT), 3 answers over 31 s",
        "! 12:00:41.000  nobody is listed any more (ABSENT)",
    ]
    assert story.look(42, outcome=ABSENT) == []
    assert story.summary(42) == "0 members  version 2  looked 0 s ago"


def test_nobody_for_a_moment(story: Story) -> None:
    """The members stay, and DNS lists them again."""
    story.look(10, outcome=ABSENT)
    assert story.look(12, pod(0)) == ["! 12:00:12.000  DNS lists pods again after 2.0 s"]
    assert story.summary(12).endswith("  1 missing from the last answer")


def test_nobody_from_the_begin() -> None:
    """Not believed at once either."""
    story = Story()
    assert story.look(0, outcome=ABSENT) == [
        "! 12:00:00.000  DNS lists nobody (ABSENT): not believed until it has lasted"
    ]
    story.look(20, outcome=ABSENT)
    story.look(31, outcome=ABSENT)
    assert story.change(31, outcome=ABSENT) == ["! 12:00:31.000  nobody is listed (ABSENT)"]
    assert story.change(32, pod(0)) == ["+ 12:00:32.000  db-0  10.0.0.1  added"]


def test_what_is_left_out_of_an_answer(story: Story) -> None:
    """Told once, and again when it is something else."""
    first = story.look(1, pod(0), pod(1), dropped=("127.0.0.1: loopback", "0.0.0.0: unspecified"))
    assert first == ["! 12:00:01.000  left out of the answer: 0.0.0.0: unspecified (and 1 more)"]
    assert story.look(2, pod(0), pod(1), dropped=("127.0.0.1: loopback",)) == []
    assert story.look(3, pod(0), pod(1), dropped=("127.0.0.1: loopback", "x")) == [
        "! 12:00:03.000  left out of the answer: x"
    ]


def test_long_names_do_not_make_wide_columns(story: Story) -> None:
    """A column is padded to 40 at most."""
    long = Endpoint(addresses=("10.0.0.9",), name="x" * 63, hostname="x" * 63)
    story.change(1, pod(0), pod(1), long)
    (line,) = story.change(2, pod(0), pod(1), pod(2), long)
    assert line == f"+ 12:00:02.000  {'db-2':40}  10.0.0.3  added"
