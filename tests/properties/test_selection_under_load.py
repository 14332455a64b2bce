"""One pod fails while many connections are made at once: what the others and it get of them."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless_discovery.core.selection import Selection
from tests.properties.calls import (
    POLICY,
    QUIET,
    REFUSED,
    START,
    Call,
    endpoint,
    state,
)


@QUIET
@given(
    seed=st.integers(0, 2**32),
    pods=st.integers(2, 7),
    under_way=st.integers(1, 20),
    lost=st.sampled_from([0.0, 0.2]),
)
def test_one_is_dead(seed: int, pods: int, under_way: int, lost: float) -> None:
    """Left out, it is dialled once in 30 s at most, however long dials take or whether they end.

    It recovers after ten minutes, and has its share again within the 300 s and one turn.
    """
    random = Random(seed)
    selection = Selection(POLICY, random.random)
    members = state(1, [endpoint(number) for number in range(pods)])
    dead = endpoint(0)
    recovers, over = START + 600, START + 1000
    calls: list[tuple[float, int, Call]] = []  # when each dial under way ends
    last: float | None = None
    trials = 1
    shares: Counter[int] = Counter()
    now = START
    for number in count():
        if len(calls) < under_way:
            call, now = Call(members, now), now + 0.01
        else:
            ends, _, call = heappop(calls)
            now = max(now, ends)
            chosen = call.drawn[-1]
            if chosen != dead or (call.began >= recovers):
                selection.worked(chosen)
                continue
            if random.random() < lost and last is not None:
                continue  # it was cancelled, and nobody is told
            call.call.failed(selection, chosen, REFUSED, call.began, now)
            if last is None and selection.ejected(now):
                last = now
        if now >= over:
            break
        selection.renew(members, members)
        chosen = call.drawn_by(selection, now)
        if chosen == dead and last is not None and now < recovers:
            assert now - last >= POLICY.eject_for, f"again after {now - last} s"
            last = now
            trials += 1
        longest = [each.seconds for each in selection.ejected(now)]
        assert not longest or max(longest) <= POLICY.eject_for * trials + 1e-6, (
            "longer than it may be"
        )
        shares[chosen.ordinal or 0] += now >= over - 60
        # One in five takes far longer than an attempt may: a function cannot be interrupted.
        heappush(calls, (now + (random.random() if random.random() < 0.8 else 40), number, call))
    assert last is not None, "it was never left out"
    assert selection.is_plain
    assert max(shares.values()) - min(shares.values()) <= 1


@pytest.mark.parametrize("pods", [3, 7, 30])
@QUIET
@given(seed=st.integers(0, 2**32), under_way=st.integers(1, 64), bad=st.integers(0, 29))
def test_one_refuses(pods: int, seed: int, under_way: int, bad: int) -> None:
    """The others' shares stay within 6 until it is left out, and are even from then on."""
    random = Random(seed)
    selection = Selection(POLICY, random.random)
    members = state(1, [endpoint(number) for number in range(pods)])
    refusing = endpoint(bad % pods)
    before, since = [0] * (pods - 1), [0] * (pods - 1)  # dials of the others, until and since
    calls: list[Call] = []
    now = START
    dialled_since = 0
    while sum(since) < 10 * pods:
        now += 0.001
        is_out = bool(selection.ejected(now))
        if len(calls) < under_way:
            call = Call(members, now)
        else:
            call = calls.pop(random.randrange(len(calls)))
            if call.drawn[-1] != refusing:
                selection.worked(call.drawn[-1])
                continue
            call.call.failed(selection, refusing, REFUSED, call.began, now)
            is_out = bool(selection.ejected(now))
        selection.renew(members, members)
        chosen = call.drawn_by(selection, now)
        calls.append(call)
        if chosen != refusing:
            spread = since if is_out else before
            spread[((chosen.ordinal or 0) - bad) % pods - 1] += 1
            assert max(spread) - min(spread) <= (1 if is_out else 6)
        elif is_out:
            dialled_since += 1
        assert now < START + POLICY.eject_for, "it was never left out"
    assert dialled_since == 0
