"""`Change`: what became different, and that its parts lead from one state to the other."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headless_discovery.core.changes import Change, News, change_between, key_of
from headless_discovery.core.snapshot import Snapshot
from tests.unit.core.script import SERVICE, Script, bare, composes, pod, snapshot

UNHURRIED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLACES = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"]


@st.composite
def states(draw: st.DrawFn) -> Snapshot:
    """Some pods and some nameless addresses; pods may share addresses."""
    endpoints = []
    for number in range(3):
        places = draw(st.lists(st.sampled_from(PLACES), unique=True, max_size=3))
        if places:
            endpoints.append(pod(number, *sorted(places), ports=draw(st.sampled_from([(), (1,)]))))
    taken = {address for endpoint in endpoints for address in endpoint.addresses}
    free = st.lists(st.sampled_from(PLACES), unique=True)
    endpoints += [bare(address) for address in draw(free) if address not in taken]
    return snapshot(*endpoints)


@given(states(), states())
@UNHURRIED
def test_the_parts_lead_from_before_to_after(before: Snapshot, after: Snapshot) -> None:
    """Without the removed and what was updated, with the added and what it became."""
    change = change_between(before, after)
    assert composes(change)
    assert (change.previous, change.current) == (before, after)
    assert all(old != new for old, new in change.updated)
    unchanged = set(before) & set(after)
    told = {*change.added, *change.removed, *(each for pair in change.updated for each in pair)}
    assert not told & unchanged
    names = {each.name for each in before if each.name} & {each.name for each in after if each.name}
    assert not names & {each.name for each in (*change.added, *change.removed)}


@given(states())
@UNHURRIED
def test_equal_states_are_no_change(state: Snapshot) -> None:
    """Nobody is added, removed or updated, whichever objects they are."""
    change = change_between(state, pickle.loads(pickle.dumps(state)))  # noqa: S301
    assert (change.added, change.removed, change.updated) == ((), (), ())


@given(states())
@UNHURRIED
def test_from_nothing_known_everybody_is_added(state: Snapshot) -> None:
    """The first change."""
    change = change_between(None, state)
    assert (change.added, change.removed, change.updated) == (state.endpoints, (), ())
    assert composes(change)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_answered_the_changes_compose(seed: int) -> None:
    """300 random looks; also over versions a slow consumer has missed."""
    chance = random.Random(seed)
    script = Script()
    at = 0.0
    for _ in range(300):
        at += chance.choice([0.5, 1.0, 5.0, 40.0])
        told = []
        for number in range(3):
            places = chance.sample(PLACES, chance.choice([0, 1, 1, 2]))
            if places:
                told.append(pod(number, *sorted(places)))
        named = {address for each in told for address in each.addresses}
        told += [bare(each) for each in chance.sample(PLACES, 2) if each not in named]
        kind = chance.choice(["ok", "ok", "ok", "ok", "partial", "nobody", "failed"])
        if kind == "failed":
            script.failed(at)
        elif kind == "nobody" or not told:
            script.nobody(at)
        elif kind == "partial":
            script.partial(at, *told)
        else:
            dropped = ("x",) if chance.random() < 0.05 else ()
            ttl = chance.choice([0, 5, 30])
            script.ok(at, *told, ttl=ttl, dropped=dropped)
    states = [None, *(change.current for change in script.changes)]
    assert len(states) > 20
    for _ in range(200):
        first, last = sorted(chance.sample(range(len(states)), 2))
        later = states[last]
        assert later is not None
        assert composes(change_between(states[first], later))


class TestNaming:
    """Gaining a name."""

    def test_is_an_update(self) -> None:
        """Not one who came and one who went."""
        change = change_between(snapshot(bare("10.0.0.1")), snapshot(pod(1)))
        assert change.updated == ((bare("10.0.0.1"), pod(1)),)
        assert (change.added, change.removed) == ((), ())

    def test_one_address_names_one(self) -> None:
        """Of two new names at one address the first is it; the other is new."""
        after = snapshot(pod(1, "10.0.0.1"), pod(2, "10.0.0.1"))
        change = change_between(snapshot(bare("10.0.0.1")), after)
        assert change.updated == ((bare("10.0.0.1"), pod(1, "10.0.0.1")),)
        assert change.added == (pod(2, "10.0.0.1"),)

    def test_losing_it_is_none(self) -> None:
        """That is somebody else: the membership keeps names while their address is listed."""
        change = change_between(snapshot(pod(1)), snapshot(bare("10.0.0.1")))
        assert (change.added, change.removed) == ((bare("10.0.0.1"),), (pod(1),))

    def test_a_nameless_one_who_went_beside_a_nameless_one_who_came(self) -> None:
        """Two addresses are two members."""
        change = change_between(snapshot(bare("10.0.0.1")), snapshot(bare("10.0.0.2"), pod(7)))
        assert change.removed == (bare("10.0.0.1"),)
        assert change.added == (pod(7), bare("10.0.0.2"))


def test_an_update_has_before_and_after() -> None:
    """Other addresses or ports under the same name."""
    change = change_between(snapshot(pod(0), pod(1)), snapshot(pod(0), pod(1, ports=(1,))))
    assert change.updated == ((pod(1), pod(1, ports=(1,))),)


def test_key() -> None:
    """The name, else the address."""
    assert key_of(pod(1)) == "db-1"
    assert key_of(bare("10.0.0.1")) == "10.0.0.1"


def test_it_is_a_value() -> None:
    """Compared by content, frozen, pickled whole, short to read."""
    change = change_between(
        snapshot(pod(0), pod(2)), Snapshot(SERVICE, [pod(0), pod(1)], version=7)
    )
    again = pickle.loads(pickle.dumps(change))  # noqa: S301
    assert again == change
    assert hash(again) == hash(change)
    assert change != Change(change.previous, change.current)
    assert (
        repr(change) == "<Change to version 7 of db.shop.svc.cluster.local: +1 -1 ~0, 2 endpoints>"
    )
    with pytest.raises(AttributeError, match="frozen"):
        change.added = ()


def test_news_of_one_consumer() -> None:
    """First everybody; then what differs from what was told, however many steps it took."""
    one, two = snapshot(pod(0)), snapshot(pod(0), pod(1))
    news = News()
    assert news.of(None) is None
    assert news.of(one) == change_between(None, one)
    assert news.of(one) is None
    assert news.of(two) == change_between(one, two)
    same = snapshot(pod(0), pod(1))  # there and back again while nobody read
    assert news.of(same) is None
    assert news.told is same


def test_the_first_news_may_be_nobody() -> None:
    """That nobody is there is worth telling once."""
    nobody = snapshot()
    assert News().of(nobody) == Change(None, nobody)
