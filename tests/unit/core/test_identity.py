"""Who an endpoint is: by its name, by its address, and when it gains or loses its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.core.script import SERVICE, Script, bare, pod

if TYPE_CHECKING:
    from headless_discovery.core.snapshot import Endpoint

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
A6, B6 = "fd00::1", "fd00::2"
OTHERS = (pod(7), pod(8), pod(9))  # so that one of them is not more than half


def one(*addresses: str) -> Endpoint:
    """The pod a test is about."""
    return pod(0, *addresses)


def started(*endpoints: Endpoint, ttl: int = 5) -> Script:
    """These and three others, seen at 0."""
    script = Script(ttl=ttl)
    script.ok(0, *endpoints, *OTHERS)
    return script


def cached(*endpoints: Endpoint) -> Script:
    """These and three others behind a cache that is known for one; its answer ends at 30."""
    script = started(*endpoints, ttl=30)
    script.ok(5, *endpoints, *OTHERS, ttl=25)
    return script


class TestNameless:
    """Endpoints without a name, and names that come and go."""

    def test_an_address_is_an_identity(self) -> None:
        """Another address is another member: added at once, removed on evidence."""
        script = started(bare(A))
        change = script.ok(5, bare(B), *OTHERS)
        assert change is not None
        assert (change.added, change.removed) == ((bare(B),), ())
        script.ok(10, bare(B), *OTHERS)
        assert B in script.places
        assert A not in script.places

    def test_families_are_two_members(self) -> None:
        """v4 and v6 pair only through a name."""
        script = started(bare(A), bare(A6))
        assert len(script.places) == 5

    def test_gaining_a_name_is_an_update(self) -> None:
        """Neither added nor removed; the v6 address the name brings along is in it."""
        script = started(bare(A))
        change = script.ok(5, one(A), *OTHERS)
        assert change is not None
        assert (change.added, change.removed) == ((), ())
        assert change.updated == ((bare(A), one(A)),)

    def test_one_name_for_two_addresses(self) -> None:
        """The two nameless ones become one: the first is updated, the second removed."""
        script = started(bare(A), bare(A6))
        change = script.ok(5, one(A, A6), *OTHERS)
        assert change is not None
        assert change.updated == ((bare(A), one(A, A6)),)
        assert (change.added, change.removed) == ((), (bare(A6),))

    def test_a_known_name_takes_a_nameless_address(self) -> None:
        """What was a member of its own is the second address of a known one."""
        script = started(one(A), bare(A6))
        script.ok(5, one(A, A6), *OTHERS)
        assert script.at("db-0") == (A, A6)
        assert A6 not in script.places

    def test_a_name_is_kept_while_its_address_is_listed(self) -> None:
        """Answers that were cut name nobody: everybody is still who they were."""
        script = started(one(A, A6))
        for at in range(5, 500, 5):
            assert script.ok(at, bare(A), bare(A6), *OTHERS) is None

    def test_a_name_that_was_missing_is_back_with_its_address(self) -> None:
        """Where nobody else has that address: listed there it is seen."""
        script = started(one(A))
        script.ok(5, *OTHERS)
        script.ok(10, bare(A), *OTHERS)
        script.ok(15, *OTHERS)
        assert script.at("db-0") == (A,)
        assert script.at(A) is None

    def test_an_address_missing_from_nameless_answers_goes(self) -> None:
        """On the same evidence as under its name."""
        script = started(one(A, A6))
        script.ok(5, bare(A), *OTHERS)
        assert script.at("db-0") == (A, A6)
        script.ok(10, bare(A), *OTHERS)
        assert script.at("db-0") == (A,)

    def test_part_named_part_nameless(self) -> None:
        """An address listed beside its member's name, without it, is not missing."""
        script = started(one(A, A6))
        for at in range(5, 100, 5):
            assert script.ok(at, one(A), bare(A6), *OTHERS) is None

    def test_a_name_that_moves_leaves_its_address_to_another(self) -> None:
        """Listed elsewhere, its old address nameless: that one is somebody else."""
        script = started(one(A))
        change = script.ok(5, one(B), bare(A), *OTHERS)
        assert change is not None
        assert change.updated == ((one(A), one(B)),)
        assert change.added == (bare(A),)
        for at in range(10, 100, 5):
            script.ok(at, one(B), bare(A), *OTHERS)
        assert script.at("db-0") == (B,)
        assert A in script.places

    def test_a_nameless_address_of_nobody_while_its_name_is_known(self) -> None:
        """A pod that moved while answers name nobody: added, its name goes on evidence."""
        script = started(one(A))
        script.ok(5, bare(B), *OTHERS)
        assert {"db-0", B} < script.places.keys()
        script.ok(10, bare(B), *OTHERS)
        assert "db-0" not in script.places
        assert B in script.places

    def test_listed_under_a_name_that_has_to_wait_it_is_not_missing(self) -> None:
        """An older answer gives the address to who has moved: somebody is listed there."""
        script = started(one(A), ttl=300)
        script.ok(5, one(B), bare(A), *OTHERS)
        for at in range(10, 300, 5):
            script.ok(at, one(A), *OTHERS)
        assert script.at("db-0") == (B,)
        assert script.at(A) == (A,)

    def test_two_names_at_one_address_are_both_there(self) -> None:
        """While it is listed without a name, neither of them is missing."""
        script = started(one(A), pod(1, A))
        for at in range(5, 100, 5):
            assert script.ok(at, bare(A), *OTHERS) is None

    def test_one_that_was_missing_is_not_there_by_the_address_of_another(self) -> None:
        """Who took over the address is who is listed there; the dead one goes."""
        script = started(one(A), pod(1))
        script.ok(5, pod(1, A), *OTHERS)
        script.ok(10, bare(A), *OTHERS)
        assert "db-0" not in script.places
        assert script.at("db-1") == (A,)

    def test_who_moves_does_not_take_the_name_of_who_stays(self) -> None:
        """Of two at one address one moves: the other is still listed there."""
        script = started(one(A), pod(1, A))
        script.ok(5, pod(1, B), bare(A), *OTHERS)
        assert A not in script.places
        for at in range(10, 100, 5):
            script.ok(at, pod(1, B), bare(A), *OTHERS)
        assert (script.at("db-0"), script.at("db-1")) == ((A,), (B,))

    def test_ports_of_a_nameless_endpoint_are_followed(self) -> None:
        """An int as ``port=`` changes nothing else."""
        script = started(bare(A))
        change = script.ok(5, bare(A, 80), *OTHERS)
        assert change is not None
        assert change.updated == ((bare(A), bare(A, 80)),)

    def test_removed_behind_a_cache_it_is_held_back(self) -> None:
        """As a member with a name is."""
        script = cached(bare(A))
        script.ok(30, *OTHERS, ttl=5)
        script.ok(36, *OTHERS, ttl=5)
        assert script.ok(40, bare(A), *OTHERS, ttl=5) is None
        assert script.ok(66, bare(A), *OTHERS, ttl=5) is not None

    def test_an_unknown_name_at_an_address_held_for_another_is_taken(self) -> None:
        """Held back is the old member at its address, not whoever comes there."""
        script = cached(one(A))
        script.ok(30, *OTHERS, ttl=5)
        script.ok(36, *OTHERS, ttl=5)
        script.ok(37, pod(1, A), *OTHERS, ttl=5)
        assert script.at("db-1") == (A,)


class TestUnresolved:
    """Names the SRV records list and nobody has an address for."""

    HOST = SERVICE.pod("db-0")

    def test_listed_is_not_missing(self) -> None:
        """P2: seen in the SRV records, it stays with what is known of it."""
        script = started(one(A))
        for at in range(5, 100, 5):
            assert script.ok(at, *OTHERS, unresolved=(self.HOST,)) is None

    def test_listed_resets(self) -> None:
        """It is as good as seen."""
        script = started(one(A))
        script.ok(5, *OTHERS)
        script.ok(10, *OTHERS, unresolved=(self.HOST,))
        script.ok(15, *OTHERS)
        assert "db-0" in script.places

    def test_another_one_unresolved_helps_nobody(self) -> None:
        """Only who is listed is there."""
        script = started(one(A))
        for at in (5, 10):
            script.ok(at, *OTHERS, unresolved=(SERVICE.pod("db-1"),))
        assert "db-0" not in script.places

    def test_in_an_answer_that_was_cut_addresses_decide(self) -> None:
        """There the addresses are complete, and a member at none of them is not there."""
        script = started(one(A), bare(C))
        for at in (5, 10):
            script.ok(at, bare(C), *OTHERS, unresolved=(self.HOST,))
        assert "db-0" not in script.places
