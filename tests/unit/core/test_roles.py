"""Roles: who is what by ordinal and by a probe, and for how long that is believed."""

from __future__ import annotations

from typing import Any

import pytest

from headless_discovery.core.roles import (
    GONE_AFTER,
    PRIMARY,
    REPLICA,
    STILL_BUSY,
    UNSETTLED,
    Assignment,
    Kept,
    RoleSettings,
    by_answers,
    by_ordinal,
    check_role,
    who_is_one_of,
    who_is_replica,
    without_replica,
)
from headless_discovery.core.snapshot import Endpoint
from headless_discovery.errors import AmbiguousEndpoint, ConfigError, EndpointNotFound
from tests.unit.core.script import SERVICE, bare, pod, snapshot

FQDN = SERVICE.fqdn
ONE, TWO, THREE = pod(0), pod(1), pod(2)
ALL = (ONE, TWO, THREE)
SETTLED = Assignment(FQDN, (ONE,), (TWO, THREE))
NOBODY = Assignment(FQDN, (), (TWO,), ((ONE, "OSError"),))


def plain(_endpoint: Endpoint, _timeout: float) -> str:
    """A probe of threads."""
    return PRIMARY


async def awaited(_endpoint: Endpoint, _timeout: float) -> str:
    """A probe of asyncio."""
    return PRIMARY


class Callable:
    """A probe that is an object."""

    def __call__(self, *_: object) -> str:
        """Say it."""
        return PRIMARY


def settings(**given: Any) -> RoleSettings:
    """Settings of threads, with some of them given."""
    usual: dict[str, Any] = {"primary": 0, "probe": None, "keep": 5.0, "timeout": 1.0}
    return RoleSettings(**{**usual, "is_awaited": False, **given})


class TestSettings:
    """What cannot be meant is refused by name."""

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("primary", -1),
            ("primary", True),
            ("primary", "mysql-0"),
            ("probe", 3),
            ("probe", awaited),
            ("keep", -1),
            ("keep", "5"),
            ("keep", float("inf")),
            ("timeout", 0),
            ("timeout", True),
        ],
    )
    def test_refused(self, field: str, value: object) -> None:
        """The error names the argument and shows what was given."""
        with pytest.raises(ConfigError) as raised:
            settings(**{field: value})
        assert raised.value.setting == field
        assert ascii(value) in raised.value.reason

    def test_a_plain_function_is_nothing_to_await(self) -> None:
        """In asyncio it would hold up the loop."""
        with pytest.raises(ConfigError, match=r"probe: .* is no coroutine function"):
            settings(probe=plain, is_awaited=True)

    @pytest.mark.parametrize(
        ("probe", "is_awaited"),
        [(plain, False), (awaited, True), (Callable(), False), (Callable(), True)],
    )
    def test_accepted(self, probe: object, is_awaited: bool) -> None:
        """What an object returns is seen when it is called."""
        assert settings(probe=probe, is_awaited=is_awaited).probe is probe

    def test_in_words(self) -> None:
        """It says how the primary is told."""
        assert str(settings(primary=2)) == "primary=2"
        assert str(settings(probe=plain)) == f"probe={plain!r}"

    def test_roles(self) -> None:
        """There are two."""
        check_role(PRIMARY)
        check_role(REPLICA)
        with pytest.raises(ConfigError, match="'master' is neither 'primary' nor 'replica'"):
            check_role("master")


class TestOrdinal:
    """The pod of one ordinal is the primary."""

    def test_the_others_are_replicas(self) -> None:
        """Whichever ordinal it is."""
        found = by_ordinal(FQDN, ALL, 1)
        assert found.primary() == TWO
        assert found.some_replicas() == found.replicas == (ONE, THREE)
        assert found.unknown == ()

    def test_without_an_ordinal_it_may_be_the_primary(self) -> None:
        """So it is no replica."""
        nameless = bare("10.0.0.7", 3306)
        found = by_ordinal(FQDN, (ONE, nameless), 1)
        assert found.replicas == (ONE,)
        with pytest.raises(EndpointNotFound) as raised:
            found.primary()
        assert str(raised.value) == (
            f"{FQDN}: there is no primary; db-0: replica; 10.0.0.7: no ordinal"
        )
        assert raised.value.wanted == "the primary"
        assert raised.value.listed == (ONE, nameless)

    def test_two_stateful_sets(self) -> None:
        """Two pods of that ordinal are two primaries, and both are named."""
        other = Endpoint(
            name="pg-0", hostname=SERVICE.pod("pg-0"), ordinal=0, addresses=("10.0.1.0",)
        )
        with pytest.raises(AmbiguousEndpoint) as raised:
            by_ordinal(FQDN, (*ALL, other), 0).primary()
        assert raised.value.listed == (ONE, other)
        assert str(raised.value) == (
            f"{FQDN}: 2 say that they are the primary: {ONE.hostname}, {other.hostname}"
        )

    def test_whom_a_connection_may_go_to(self) -> None:
        """The function says yes to replicas only."""
        is_replica = who_is_replica(settings(primary=1))
        assert [is_replica(each) for each in (*ALL, bare("10.0.0.7"))] == [True, False, True, False]

    def test_no_replica(self) -> None:
        """What the service object says of its 'to' is told in words of roles."""
        error = EndpointNotFound(FQDN, "what 'to' wants", (ONE,), "unhelpful")
        told = without_replica(settings(), error)
        assert str(told) == f"{FQDN}: there is no replica; db-0: primary"
        assert told.wanted == "a replica"
        assert without_replica(settings(probe=plain), error) is error


class TestAnswers:
    """Each pod is what it said."""

    def test_each_is_what_it_said(self) -> None:
        """Whatever its ordinal."""
        found = by_answers(FQDN, ALL, {ONE: REPLICA, TWO: PRIMARY, THREE: REPLICA})
        assert found == Assignment(FQDN, (TWO,), (ONE, THREE))

    def test_what_is_no_role(self) -> None:
        """An error, silence and anything else leave the role unknown, and say why."""
        answers: dict[Endpoint, object] = {
            ONE: OSError(),
            TWO: ValueError(" no such thing "),
            THREE: "master",
        }
        answers |= {pod(4): STILL_BUSY, pod(5): None}  # the last one forgot to return anything
        found = by_answers(FQDN, (*ALL, pod(3), pod(4), pod(5)), answers)
        assert found.unknown == (
            (ONE, "OSError"),
            (TWO, "ValueError: no such thing"),
            (THREE, "the probe said 'master'"),
            (pod(3), "did not answer in time"),
            (pod(4), "TimeoutError: its last probe has not ended"),
            (pod(5), "the probe said None"),
        )
        with pytest.raises(EndpointNotFound, match="there is no replica; db-0: OSError; db-1: Va"):
            found.some_replicas()

    def test_two_primaries(self) -> None:
        """They are never chosen from; the replicas are known all the same."""
        nameless = bare("10.0.0.7")
        found = by_answers(FQDN, (*ALL, nameless), {ONE: PRIMARY, TWO: REPLICA, nameless: PRIMARY})
        assert found.replicas == (TWO,)
        with pytest.raises(AmbiguousEndpoint, match=r"db-0\.db\.shop\S*, 10\.0\.0\.7$"):
            found.primary()
        with pytest.raises(EndpointNotFound, match=r"db-0: primary; 10\.0\.0\.7: primary"):
            by_answers(FQDN, (ONE, nameless), {ONE: PRIMARY, nameless: PRIMARY}).some_replicas()

    def test_nobody(self) -> None:
        """The error says so."""
        with pytest.raises(EndpointNotFound, match="there is no primary; nobody is listed"):
            by_answers(FQDN, (), {}).primary()

    def test_of_many_some_are_told(self) -> None:
        """A message stays readable."""
        with pytest.raises(EndpointNotFound) as raised:
            by_answers(FQDN, tuple(map(pod, range(12))), {}).primary()
        assert str(raised.value).endswith("; db-9: did not answer in time; and 2 more")

    def test_whom_a_connection_may_go_to(self) -> None:
        """The same pods, at whatever address they are by then."""
        is_it = who_is_one_of((ONE, bare("10.0.0.7")))
        moved = pod(0, "10.0.9.9")
        among = (moved, TWO, bare("10.0.0.7"), bare("10.0.0.8"))
        assert [is_it(each) for each in among] == [True, False, True, False]


class TestKept:
    """For how long a run is believed."""

    @pytest.mark.parametrize(
        ("found", "keep", "until"),
        [
            (SETTLED, 5.0, 5.0),
            (SETTLED, 0.0, 0.0),
            (NOBODY, 5.0, UNSETTLED),
            (NOBODY, 0.1, 0.1),
            (Assignment(FQDN, (ONE, TWO), ()), 5.0, UNSETTLED),
        ],
    )
    def test_from_its_begin(self, found: Assignment, keep: float, until: float) -> None:
        """An answer is as old as the question; without one primary it will soon change."""
        kept = Kept(settings(keep=keep))
        members = snapshot(*ALL)
        kept.end(kept.begin(members, 10.0, None), found)
        for seconds in (0.0, until / 2, until, until + 0.01):
            expected = found if seconds < until else None
            assert kept.known(members, 10.0 + seconds) == expected

    def test_until_the_members_change(self) -> None:
        """A pod at a new address is another server."""
        kept = Kept(settings())
        kept.end(kept.begin(snapshot(*ALL), 10.0, None), SETTLED)
        assert kept.known(snapshot(*ALL), 11.0) == SETTLED
        assert kept.known(snapshot(ONE, TWO), 11.0) is None
        assert kept.known(snapshot(ONE, TWO, pod(2, "10.0.9.9")), 11.0) is None

    def test_until_it_is_forgotten(self) -> None:
        """Also a run that began before: it may have asked already."""
        kept = Kept(settings())
        members = snapshot(*ALL)
        run = kept.begin(members, 10.0, None)
        kept.forget()
        kept.end(run, SETTLED)
        assert kept.known(members, 10.0) is None
        kept.end(kept.begin(members, 10.0, None), SETTLED)
        assert kept.known(members, 10.0) == SETTLED
        kept.forget()
        assert kept.known(members, 10.0) is None

    def test_at_first_nothing_is_known(self) -> None:
        """Nor is anything after a run that was broken off."""
        kept = Kept(settings())
        assert kept.known(snapshot(*ALL), 0.0) is None
        kept.end(kept.begin(snapshot(*ALL), 0.0, None), None)
        assert kept.known(snapshot(*ALL), 0.0) is None

    def test_one_run_at_a_time(self) -> None:
        """Who comes meanwhile joins it, and takes what it finds for the same question."""
        kept = Kept(settings(keep=0))
        members = snapshot(*ALL)
        assert kept.under_way(0.0) is None
        run = kept.begin(members, 0.0, "event")
        assert kept.under_way(0.5) is run
        assert run.ended == "event"
        before = kept.forgotten
        kept.forget()
        kept.end(run, SETTLED)
        assert kept.under_way(0.5) is None
        assert kept.is_for(run, members, before)
        assert not kept.is_for(run, members, kept.forgotten)
        assert not kept.is_for(run, snapshot(ONE), before)

    def test_nobody_waits_for_ever(self) -> None:
        """Whoever ran the probe may be gone; what it brings later disturbs nobody."""
        kept = Kept(settings(timeout=2.0))
        members = snapshot(*ALL)
        lost = kept.begin(members, 10.0, None)
        assert kept.longest == 2.0 + GONE_AFTER
        assert kept.under_way(10.0 + kept.longest - 0.01) is lost
        assert kept.under_way(10.0 + kept.longest) is None
        other = kept.begin(members, 13.0, None)
        kept.end(lost, SETTLED)
        assert kept.under_way(13.0) is other
        assert kept.known(members, 13.0) is None

    def test_a_child_process_waits_for_nobody(self) -> None:
        """The thread that runs the probe is not in it."""
        kept = Kept(settings())
        kept.begin(snapshot(*ALL), 0.0, None)
        kept.abandon()
        assert kept.under_way(0.0) is None
