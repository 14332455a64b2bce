"""Candidates: whom ``to=`` and ``exclude_self`` leave."""

from __future__ import annotations

from typing import Any

import pytest

from headless_discovery.core.conditions import OwnPod
from headless_discovery.core.selection import check_to
from headless_discovery.core.snapshot import ABSENT, Endpoint
from headless_discovery.errors import (
    AmbiguousEndpoint,
    ConfigError,
    EndpointNotFound,
    NoEndpoints,
)
from tests.unit.core.choosing import (
    ALL,
    ONE,
    START,
    TWO,
    ZERO,
    drawn,
    selection,
    wanted,
)
from tests.unit.core.script import SERVICE, bare, pod, snapshot

OTHER_SET = Endpoint(addresses=("10.0.1.0",), name="x-0", hostname=SERVICE.pod("x-0"), ordinal=0)


class TestTo:
    """One pod, or those somebody says."""

    @pytest.mark.parametrize(
        "to",
        [
            1,
            "db-1",
            "DB-1",
            SERVICE.pod("db-1"),
            SERVICE.pod("db-1") + ".",
            ONE,
            pod(1, "10.0.9.9"),
        ],
    )
    def test_one_pod(self, to: Any) -> None:
        """By ordinal, name in any letter case, FQDN, endpoint: where it is now, nobody else."""
        assert drawn(selection(), wanted(to=to)) == [ONE]

    def test_one_pod_takes_nobodys_turn(self) -> None:
        """The turns of those who want any go on as if it had not been dialled."""
        made = selection()
        drawn(made, wanted(to=0))
        assert made.turn() is ZERO

    def test_one_pod_though_it_is_left_out(self) -> None:
        """There is no other choice."""
        made = selection()
        made.failed(ONE, "refused", START, START)
        assert drawn(made, wanted(to=1)) == [ONE]

    @pytest.mark.parametrize("to", [7, "db-7", SERVICE.pod("db-7"), pod(7), "", "10.0.0.7"])
    def test_nobody_like_that(self, to: Any) -> None:
        """The error names who is listed."""
        with pytest.raises(EndpointNotFound) as caught:
            wanted(to=to)
        assert caught.value.listed == ALL
        assert "db-0, db-1, db-2" in str(caught.value)

    def test_two_of_that_ordinal(self) -> None:
        """Two StatefulSets behind one Service: never a silent choice."""
        with pytest.raises(AmbiguousEndpoint) as caught:
            wanted(snapshot(*ALL, OTHER_SET), to=0)
        assert set(caught.value.listed) == {ZERO, OTHER_SET}

    def test_an_address(self) -> None:
        """Of an endpoint without a name that is who it is; IPv4 and IPv6."""
        members = snapshot(bare("10.0.0.8"), bare("fd00::8"))
        for address in ("10.0.0.8", "fd00::8"):
            assert wanted(members, to=address).endpoints == (bare(address),)
            assert wanted(members, to=bare(address)).endpoints == (bare(address),)

    def test_an_address_that_has_a_name_now(self) -> None:
        """It is the same pod."""
        assert wanted(to=bare("10.0.0.1")).endpoints == (ONE,)

    def test_an_address_of_two(self) -> None:
        """The one without a name is meant; of two names none (pods of one node's network)."""
        one, two = pod(1, "10.0.0.9"), pod(2, "10.0.0.9")
        assert wanted(snapshot(one, bare("10.0.0.9")), to="10.0.0.9").endpoints[0].name is None
        with pytest.raises(EndpointNotFound):
            wanted(snapshot(one, two), to="10.0.0.9")

    def test_a_name_that_has_none_now(self) -> None:
        """An address is reused: it is not taken for that pod."""
        with pytest.raises(EndpointNotFound):
            wanted(snapshot(bare("10.0.0.1")), to=ONE)

    def test_a_function(self) -> None:
        """Those it says, in turns like everybody."""
        made = selection()
        some = wanted(to=lambda each: each.ordinal != 1)
        firsts = [made.draw(some, set(), START) for _ in range(4)]
        assert firsts == [ZERO, TWO, ZERO, TWO]

    def test_a_function_that_wants_nobody(self) -> None:
        """The error names who is listed, ten at most."""
        members = snapshot(*map(pod, range(200)))
        with pytest.raises(EndpointNotFound) as caught:
            wanted(members, to=lambda _: False)
        assert caught.value.listed == members.endpoints
        assert "db-9 and 190 more" in str(caught.value)
        assert len(str(caught.value)) < 400

    def test_a_functions_own_error(self) -> None:
        """It is the caller's."""
        with pytest.raises(ZeroDivisionError):
            wanted(to=lambda each: each.ordinal / 0)

    @pytest.mark.parametrize("to", [None, "any", lambda _: True])
    def test_nobody_is_there(self, to: Any) -> None:
        """Whoever is wanted: the error says what DNS said."""
        nobody = snapshot(outcome=ABSENT)
        with pytest.raises((NoEndpoints, EndpointNotFound)) as caught:
            wanted(nobody, to=to)
        assert "ABSENT" in str(caught.value)

    @pytest.mark.parametrize("to", [None, 0, 10**10 - 1, "db-0", ONE, bool, lambda _: True])
    def test_can_be_meant(self, to: Any) -> None:
        """An ordinal, text, an endpoint, a function."""
        check_to(to)

    def test_cannot_be_meant(self) -> None:
        """True is no ordinal, and a coroutine is always true."""

        async def awaited(_each: Endpoint) -> bool:
            return False

        for to in (-1, 10**10, True, False, 1.0, b"db-0", ["db-0"], awaited):
            with pytest.raises(ConfigError) as caught:
                check_to(to)
            assert caught.value.setting == "to"
            assert ascii(to)[:50] in caught.value.reason


class TestExcludeSelf:
    """This pod itself is no candidate."""

    def test_it_is_left_out(self) -> None:
        """By its name, or its address where names are made of it."""
        assert wanted(own=OwnPod("db-1", None)).endpoints == (ZERO, TWO)
        members = snapshot(bare("10.0.0.8"), bare("10.0.0.9"))
        assert wanted(members, own=OwnPod("x", "10.0.0.8")).endpoints == (bare("10.0.0.9"),)

    def test_a_function_is_not_asked_of_it(self) -> None:
        """It is left out first."""
        assert wanted(to=lambda each: each.ordinal == 1, own=OwnPod("db-0", None)).endpoints == (
            ONE,
        )
        with pytest.raises(EndpointNotFound):
            wanted(to=lambda each: each.ordinal == 0, own=OwnPod("db-0", None))

    def test_it_can_be_asked_for(self) -> None:
        """By name it is meant."""
        assert wanted(to=0, own=OwnPod("db-0", None)).endpoints == (ZERO,)

    def test_nobody_else(self) -> None:
        """That somebody is listed is told."""
        with pytest.raises(NoEndpoints) as caught:
            wanted(snapshot(ZERO), own=OwnPod("db-0", None))
        assert caught.value.outcome == "OK"
        assert "only this pod itself" in str(caught.value)
