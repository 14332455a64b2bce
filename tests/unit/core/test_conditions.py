"""What is waited for: when it has come, and in words what is missing."""

from __future__ import annotations

from itertools import count as endless
from typing import Any

import pytest

from headless_discovery.core.conditions import (
    Condition,
    OwnPod,
    condition,
    count_of,
    is_listed,
    is_own,
    parse_condition,
)
from headless_discovery.core.snapshot import ABSENT, Endpoint
from headless_discovery.errors import ConfigError
from tests.unit.core.script import SERVICE, bare, pod, snapshot

OWN = OwnPod("db-0", "10.0.0.9")
DASHED = Endpoint(addresses=("10.0.0.9",), name="10-0-0-9", hostname=SERVICE.pod("10-0-0-9"))
THREE = snapshot(pod(0), pod(1), pod(2))
NOBODY = snapshot(outcome=ABSENT)


def awaited(**given: Any) -> Condition:
    """A condition of a pod that knows who it is."""
    return condition(own=lambda: OWN, **given)


def parsed(text: str) -> Condition:
    """A condition of the command line."""
    return parse_condition(text, lambda: OWN)


class TestCount:
    """So many pods, or a majority of so many."""

    @pytest.mark.parametrize("given", [{"count": 3}, {"quorum": 4}, {"quorum": 5}])
    def test_at_least_so_many(self, given: dict[str, int]) -> None:
        """``count=3`` is three or more; a majority of 4 or of 5 is three."""
        wanted = awaited(**given)
        (text,) = (f"{key}={value}" for key, value in given.items())
        assert wanted.text == text
        assert wanted.missing(THREE) is None
        assert wanted.missing(snapshot(*THREE, pod(9))) is None
        assert wanted.missing(snapshot(pod(0), pod(2))) == f"{text}: 2 of 3 listed (db-0, db-2)"
        assert wanted.missing(NOBODY) == f"{text}: 0 of 3 listed (nobody: ABSENT)"

    @pytest.mark.parametrize(("quorum", "needed"), [(1, 1), (2, 2), (3, 2), (6, 4), (7, 4)])
    def test_a_quorum_is_more_than_half(self, quorum: int, needed: int) -> None:
        """Of an even number one more than half."""
        wanted = awaited(quorum=quorum)
        assert wanted.missing(snapshot(*map(pod, range(needed)))) is None
        assert wanted.missing(snapshot(*map(pod, range(needed - 1)))) is not None

    def test_nameless_pods_are_the_larger_family(self) -> None:
        """The addresses of one pod can be told to be one pod's by a name only."""
        v4 = [bare(f"10.0.1.{number}") for number in range(3)]
        v6 = [bare(f"fd00::{number + 1}") for number in range(2)]
        assert count_of(snapshot(*v4, *v6)) == 3
        assert count_of(snapshot(*v6)) == 2
        assert count_of(snapshot(*v4, *v6, pod(0, "10.0.0.1", "fd00::99"))) == 4
        assert count_of(NOBODY) == 0

    def test_long_lists_are_cut(self) -> None:
        """Ten are told, and how many more there are."""
        text = awaited(count=20).missing(snapshot(*map(pod, range(12))))
        assert text is not None
        assert text.endswith("db-9 and 2 more)")


class TestOrdinals:
    """Pods by their number in the StatefulSet."""

    def test_each_of_them(self) -> None:
        """Others beside them do not matter; what is missing is told in order."""
        wanted = awaited(ordinals=[2, 0, 2])
        assert wanted.text == "ordinals=0,2"
        assert wanted.missing(THREE) is None
        assert wanted.missing(snapshot(pod(1), pod(2))) == "ordinals=0,2: without 0 (db-1, db-2)"
        assert wanted.missing(NOBODY) == "ordinals=0,2: without 0, 2 (nobody: ABSENT)"

    def test_a_range(self) -> None:
        """Any iterable, also one that can be walked once."""
        wanted = awaited(ordinals=iter(range(30)))
        assert wanted.text == "ordinals=0,1,2,3,4,5,6,7,8,9,..."
        assert wanted.missing(THREE) is not None
        assert wanted.missing(THREE) is not None
        assert wanted.missing(snapshot(*map(pod, range(30)))) is None
        assert "and 17 more" in (wanted.missing(THREE) or "")

    @pytest.mark.parametrize("bad", [[-1], [True], ["0"], [1.0], [None], [100_000]])
    def test_what_is_no_ordinal(self, bad: Any) -> None:
        """Text, booleans and numbers below 0 are mistakes."""
        with pytest.raises(ConfigError, match="is no ordinal"):
            awaited(ordinals=bad)


class TestNames:
    """Pods by their name."""

    def test_each_of_them(self) -> None:
        """By pod name or FQDN, with or without the last dot, in any letter case."""
        wanted = awaited(names=["DB-1", f"{pod(2).hostname}.", "db-1"])
        assert wanted.text == f"names=db-1,{pod(2).hostname}"
        assert wanted.missing(THREE) is None
        lacking = wanted.missing(snapshot(pod(0), bare("10.0.1.1")))
        assert lacking == f"{wanted.text}: without db-1, {pod(2).hostname} (db-0, 10.0.1.1)"

    def test_another_services_pod_is_not_meant(self) -> None:
        """An FQDN is that one and no other."""
        assert awaited(names=["db-0.other.shop.svc.cluster.local"]).missing(THREE) is not None

    def test_one_name_as_text(self) -> None:
        """It is one name and not its letters."""
        assert awaited(names="db-0").missing(THREE) is None

    @pytest.mark.parametrize(
        "bad",
        ["", ".", "-a", "a_b", "a b", "x" * 64, "a\x1b[31m", "a..b", "a.\x1b[31m.b", "a\nb", "ä"],
    )
    def test_what_is_no_name(self, bad: str) -> None:
        """No label of it may be one that no pod has; the message is safe to print."""
        with pytest.raises(ConfigError, match="names") as caught:
            awaited(names=[bad])
        assert str(caught.value).isprintable()
        assert str(caught.value).isascii()

    def test_what_is_no_text(self) -> None:
        """A number is no name."""
        with pytest.raises(ConfigError, match="0 is no pod's name"):
            awaited(names=[0])


class TestListed:
    """This pod itself."""

    def test_by_name(self) -> None:
        """Its name is listed, at whatever address."""
        wanted = awaited(listed=True)
        assert wanted.text == "listed"
        assert wanted.missing(THREE) is None

    def test_by_address_where_names_are_made_of_it(self) -> None:
        """Pods of a Deployment, and those without a name."""
        for endpoint in (DASHED, bare("10.0.0.9"), bare("fd00::1")):
            own = OwnPod("web-5d8f-x2x4x", endpoint.address)
            assert is_listed(snapshot(endpoint, pod(1)), own)
            assert not is_listed(snapshot(endpoint, pod(1)), own._replace(address="10.0.0.8"))

    def test_another_pod_of_the_set_at_our_address_is_not_us(self) -> None:
        """Addresses are used again: a name that is another one's decides."""
        assert not is_listed(snapshot(pod(1, "10.0.0.9")), OWN)

    def test_without_a_known_address(self) -> None:
        """Only the name can be compared."""
        own = OwnPod("db-7", None)
        assert not is_listed(snapshot(DASHED, bare("10.0.0.9"), pod(1)), own)
        assert is_listed(snapshot(pod(7)), own)

    @pytest.mark.parametrize(
        ("endpoint", "is_ours"),
        [
            (pod(0), True),
            (pod(0, "10.9.9.9"), True),
            (pod(1), False),
            (pod(1, "10.0.0.9"), False),
            (DASHED, True),
            (bare("10.0.0.9"), True),
            (bare("10.0.0.8"), False),
            (Endpoint(addresses=("fd00::1", "10.0.0.9"), name="a-b"), True),
        ],
    )
    def test_one_endpoint(self, endpoint: Endpoint, is_ours: bool) -> None:
        """Whether it is us: what ``exclude_self`` leaves out."""
        assert is_own(endpoint, OWN) is is_ours
        assert not is_own(endpoint, OwnPod("web-x2x4x", None))

    def test_the_words(self) -> None:
        """Who this pod takes itself for, and who is there."""
        text = awaited(listed=True).missing(snapshot(pod(1)))
        assert text == "listed: this pod (db-0 at 10.0.0.9) is not (db-1)"
        wanted = condition(own=lambda: OwnPod("db-0", None), listed=True)
        assert wanted.missing(NOBODY) == "listed: this pod (db-0) is not (nobody: ABSENT)"

    def test_who_it_is_is_asked_only_then(self) -> None:
        """Finding out may cost a file or a socket."""

        def own() -> OwnPod:
            raise AssertionError

        assert condition(own=own, count=1).missing(THREE) is None
        with pytest.raises(AssertionError):
            condition(own=own, listed=True)


class TestPredicate:
    """Whatever the caller says."""

    def test_its_truth(self) -> None:
        """Called with the answer; its name is in the words."""

        def has_four(found: Any) -> int:
            return len(found) // 4

        wanted = awaited(predicate=has_four)
        assert wanted.text == "has_four"
        assert wanted.missing(THREE) == "has_four: not yet (db-0, db-1, db-2)"
        assert wanted.missing(snapshot(*THREE, pod(3))) is None

    def test_without_a_name(self) -> None:
        """An object that can be called."""

        class Never:
            def __call__(self, found: object) -> bool:
                return not found

        assert awaited(predicate=Never()).missing(THREE) == (
            "predicate: not yet (db-0, db-1, db-2)"
        )

    def test_what_cannot_be_called(self) -> None:
        """A mistake that is told at once."""
        with pytest.raises(ConfigError, match="3 cannot be called"):
            awaited(predicate=3)


class TestExactlyOne:
    """Conditions that make no sense."""

    def test_none_and_several(self) -> None:
        """The message tells which were given."""
        for given in ({}, {"listed": False}):
            with pytest.raises(ConfigError, match="none was given"):
                awaited(**given)
        with pytest.raises(ConfigError, match="count and listed were given"):
            awaited(count=1, listed=True)
        with pytest.raises(ConfigError, match="ordinals and names and predicate"):
            awaited(ordinals=[], names=[], predicate=3)

    @pytest.mark.parametrize("field", ["count", "quorum"])
    @pytest.mark.parametrize("bad", [0, -1, True, 1.5, "3", 100_001, "\x1b[31m" + "x" * 999])
    def test_no_number_of_pods(self, field: str, bad: Any) -> None:
        """Nobody waits for none; the message is short and safe to print."""
        with pytest.raises(ConfigError, match=field) as caught:
            awaited(**{field: bad})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("bad", ["0-2", "012", "", b"02"])
    def test_ordinals_as_text(self, bad: Any) -> None:
        """Only the command line reads them from text; who gives it here is told what to give."""
        with pytest.raises(ConfigError, match=r"is text: give numbers, as range\(3\)"):
            awaited(ordinals=bad)

    @pytest.mark.parametrize("field", ["ordinals", "names"])
    def test_none_of_several(self, field: str) -> None:
        """An empty list would be over at once, and an endless one never."""
        with pytest.raises(ConfigError, match="over at once"):
            awaited(**{field: []})
        with pytest.raises(ConfigError, match="is not several"):
            awaited(**{field: 3})
        with pytest.raises(ConfigError, match="more than 100000"):
            awaited(**{field: endless()})


class TestParse:
    """Conditions as the command line has them."""

    @pytest.mark.parametrize(
        ("text", "same"),
        [
            ("count=3", {"count": 3}),
            (" count= 3 ", {"count": 3}),
            ("quorum=5", {"quorum": 5}),
            ("ordinals=0-2", {"ordinals": range(3)}),
            ("ordinals=0-1, 2,2-2", {"ordinals": range(3)}),
            ("ordinals= 0 - 2 ", {"ordinals": range(3)}),
            ("names=db-1, db-0", {"names": ["db-1", "db-0"]}),
            ("listed", {"listed": True}),
        ],
    )
    def test_forms(self, text: str, same: dict[str, Any]) -> None:
        """Each form is the condition of that keyword."""
        found = parsed(text)
        wanted = awaited(**same)
        assert found.text == wanted.text
        for answer in (THREE, NOBODY, snapshot(pod(1))):
            assert found.missing(answer) == wanted.missing(answer)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "=",
            "count",
            "count=",
            "count=0",
            "count=-1",
            "count=+3",
            "count=1e3",
            "count=1_000",
            "count=٣",
            "count=²",
            "count=" + "9" * 5000,
            "quorum",
            "quorum=x",
            "ordinals",
            "ordinals=",
            "ordinals=,",
            "ordinals=2-0",
            "ordinals=5,2-0",
            "ordinals=0-",
            "ordinals=-1",
            "ordinals=0-1-2",
            "ordinals=0-99999999",
            "ordinals=0-999999",
            "ordinals=" + ",".join(["0-99999"] * 5000),
            "names",
            "names=",
            "names=a,,b",
            "names=\x1b[2J",
            "names=a.\x1b[2J",
            "listed=",
            "listed=1",
            "LISTED",
            "predicate=x",
            "\x1b]0;owned\x07",
            "\udcff",
            "x" * 100_000,
        ],
    )
    def test_hostile_text(self, text: str) -> None:
        """Refused with a message that is short, in ASCII and without control characters."""
        with pytest.raises(ConfigError) as caught:
            parsed(text)
        assert str(caught.value).isprintable()
        assert str(caught.value).isascii()
        assert len(str(caught.value)) < 400
