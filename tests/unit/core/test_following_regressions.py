"""What the simulation found wrong once, each as a few looks."""

from __future__ import annotations

from headless_discovery.core.following import Following
from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look
from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.snapshot import ABSENT, OK, PARTIAL, Endpoint, Snapshot

SERVICE = ServiceName("db.shop")


def pod(address: str, name: str | None = None, second: str | None = None) -> Endpoint:
    """An endpoint, without a name where none is given."""
    hostname = None if name is None else f"{name}.{SERVICE.fqdn}"
    addresses = (address,) if second is None else (address, second)
    return Endpoint(addresses=addresses, name=name, hostname=hostname)


class Driven:
    """A followed Service that is given one answer after the other."""

    def __init__(self) -> None:
        self.following = Following(PollPolicy(interval=5.0), lambda: 0.5, 0.0)

    def answer(self, at: float, *endpoints: Endpoint, ttl: int = 30, outcome: str = OK) -> None:
        """An answer that came at that time."""
        server = ("10.96.0.10:53",)
        snapshot = Snapshot(
            SERVICE, endpoints, ttl=ttl, servers=server, seen_at=at, outcome=outcome
        )
        self.following.look_by(at)
        self.following.step(at)
        self.following.looked(Look(SERVICE, snapshot, (), 0.001), at)

    @property
    def members(self) -> set[tuple[str | None, tuple[str, ...]]]:
        """Who is published."""
        members = self.following.members
        assert members is not None
        return {(each.name, each.addresses) for each in members}


def test_an_address_listed_under_a_name_that_has_to_wait_stays() -> None:
    """A member known by its address stays while that is listed under a name it may not have yet.

    ``db-0`` moves and moves back while the answers have lost their names: its old address
    is a member of its own until the hold is over, and then is ``db-0`` again.
    """
    driven = Driven()
    driven.answer(0.0, pod("10.0.0.1", "db-0"))
    driven.answer(5.0, pod("10.0.0.2", "db-0"))
    driven.answer(10.0, pod("10.0.0.1"))
    for at in (15.0, 20.0, 25.0, 30.0):
        driven.answer(at, pod("10.0.0.1", "db-0"))
        assert (None, ("10.0.0.1",)) in driven.members
    driven.answer(36.0, pod("10.0.0.1", "db-0"))
    assert driven.members == {("db-0", ("10.0.0.1",))}


def test_an_address_that_came_back_is_not_held_against_what_was_missing_before() -> None:
    """What was said of an address before it was replaced says nothing of it once it is back."""
    driven = Driven()
    driven.answer(0.0, pod("10.0.0.1", "db-0", "fd00::1"), ttl=5)
    driven.answer(5.0, pod("fd00::1", "db-0"), ttl=5)  # missing once
    driven.answer(6.0, pod("10.0.0.2", "db-0"), ttl=5, outcome=PARTIAL)  # replaced
    driven.answer(12.0, pod("10.0.0.1", "db-0"), ttl=5, outcome=PARTIAL)  # back
    driven.answer(13.0, pod("fd00::1", "db-0"), ttl=5)  # missing, for the first time
    assert driven.members == {("db-0", ("10.0.0.1", "fd00::1"))}
    driven.answer(14.0, pod("fd00::1", "db-0"), ttl=5)
    assert driven.members == {("db-0", ("fd00::1",))}


def test_a_ttl_of_nought_is_no_cache() -> None:
    """One answer with TTL 0, just when an earlier one runs out, does not make a cache of a server.

    It would be asked once per TTL from then on, and a removal be seen seconds later.
    """
    driven = Driven()
    pods = pod("10.0.0.1", "db-0"), pod("10.0.0.2", "db-1"), pod("10.0.0.3", "db-2")
    driven.answer(0.0, *pods, ttl=5)
    driven.answer(5.0, *pods, ttl=0)
    driven.answer(10.0, *pods, ttl=5)
    driven.answer(15.0, *pods[:2], ttl=5)
    driven.answer(16.1, *pods[:2], ttl=5)
    assert len(driven.members) == 2


def test_an_early_look_does_not_put_off_the_next_witness() -> None:
    """A refresh just before a cached answer runs out costs a removal no further TTL.

    The early look finds the cache of another replica, freshly filled: it counts for nothing,
    and the look that counts goes out when it would have anyway.
    """
    driven = Driven()
    pods = pod("10.0.0.1", "db-0"), pod("10.0.0.2", "db-1"), pod("10.0.0.3", "db-2")
    driven.answer(0.0, *pods, ttl=30)
    driven.answer(5.0, *pods, ttl=25)  # it counts down: a cache
    driven.answer(40.0, *pods[:2], ttl=30)  # missing once; counts again from 70 on
    assert 70.0 <= driven.following.due <= 79.0
    driven.following.look_by(60.0)
    assert driven.following.due == 60.0
    driven.answer(60.0, *pods[:2], ttl=29)
    assert 70.0 <= driven.following.due <= 73.0
    driven.answer(driven.following.due, *pods[:2], ttl=19)
    assert len(driven.members) == 2


def test_an_early_look_for_nobody_neither() -> None:
    """The same where all are gone, and where a pod has lost one of its addresses."""
    for gone in ([], [pod("10.0.0.1", "db-0")]):
        driven = Driven()
        driven.answer(0.0, pod("10.0.0.1", "db-0", "fd00::1"), ttl=30)
        driven.answer(5.0, pod("10.0.0.1", "db-0", "fd00::1"), ttl=25)
        driven.answer(40.0, *gone, ttl=30, outcome=OK if gone else ABSENT)
        driven.answer(60.0, *gone, ttl=29, outcome=OK if gone else ABSENT)
        assert 70.0 <= driven.following.due <= 73.0
