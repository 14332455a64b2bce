"""Round robin is exact: over threads and tasks, past a dead pod, while members come and go."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from headless_discovery import (
    AsyncHeadlessService,
    ConnectPolicy,
    HeadlessService,
    PollPolicy,
)
from tests.scenarios.pods import Pods
from tests.scenarios.worlds import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TIMES = 3000
SLOW = PollPolicy(interval=60)
FAST = PollPolicy.fast()
POLICY = ConnectPolicy(attempt_timeout=10.0, timeout=30.0)  # a busy machine ejects nobody


def alone(pods: Pods, times: int, policy: ConnectPolicy, poll: PollPolicy) -> None:
    """All connections by one thread."""
    arguments = {"options": pods.options, "poll": poll, "connect_policy": policy}
    with HeadlessService("db.shop", **arguments) as service:  # type: ignore[arg-type]
        for _ in range(times):
            service.connect().close()


def threads(pods: Pods, times: int, policy: ConnectPolicy, poll: PollPolicy) -> None:
    """By 32 threads at once."""
    arguments = {"options": pods.options, "poll": poll, "connect_policy": policy}
    left = list(range(times))
    failures: list[Exception] = []

    def work(service: HeadlessService) -> None:
        try:
            while left:
                left.pop()
                service.connect().close()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)

    with HeadlessService("db.shop", **arguments) as service:  # type: ignore[arg-type]
        workers = [threading.Thread(target=work, args=(service,)) for _ in range(32)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    assert [each for each in failures if not isinstance(each, IndexError)] == []


def tasks(pods: Pods, times: int, policy: ConnectPolicy, poll: PollPolicy) -> None:
    """By 1,000 tasks at once."""
    arguments = {"options": pods.options, "poll": poll, "connect_policy": policy}

    async def main() -> None:
        async with AsyncHeadlessService("db.shop", **arguments) as service:  # type: ignore[arg-type]

            async def work(count: int) -> None:
                for _ in range(count):
                    _, writer = await service.connect()
                    writer.close()
                    await writer.wait_closed()

            async with asyncio.TaskGroup() as group:
                for number in range(1000):
                    group.create_task(work(times // 1000 + (number < times % 1000)))

    asyncio.run(main())


WAYS: dict[str, Callable[[Pods, int, ConnectPolicy, PollPolicy], None]] = {
    "one thread": alone,
    "32 threads": threads,
    "1,000 tasks": tasks,
}


def spread(shares: Mapping[str, int]) -> int:
    """Between the largest share and the smallest."""
    return max(shares.values()) - min(shares.values())


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> Callable[[Pods, int, ConnectPolicy, PollPolicy], None]:
    """Return one of the ways to make many connections."""
    return WAYS[request.param]


@pytest.fixture
def many(request: pytest.FixtureRequest) -> Iterator[Pods]:
    """So many pods."""
    with Pods(request.param) as pods:
        yield pods


@pytest.mark.parametrize("many", [3, 7, 30], indirect=True)
def test_exact(many: Pods, way: Callable[[Pods, int, ConnectPolicy, PollPolicy], None]) -> None:
    """3,000 connections: the shares of any two pods differ by one at most."""
    way(many, TIMES, POLICY, SLOW)
    until(lambda: many.accepted.total() == TIMES)
    assert len(many.accepted) == len(many.set.pods)
    assert spread(many.accepted) <= 1


@pytest.mark.parametrize("many", [3, 7], indirect=True)
def test_one_refuses(
    many: Pods, way: Callable[[Pods, int, ConnectPolicy, PollPolicy], None]
) -> None:
    """What the dead pod does not take goes to the others evenly, before it is left out and after.

    Those who dial it meanwhile take their next turns as these come.
    """
    many.refuse(1)
    way(many, 600, POLICY, SLOW)
    until(lambda: many.accepted.total() == 600)
    assert "mysql-1" not in many.accepted
    assert len(many.accepted) == len(many.set.pods) - 1
    assert spread(many.accepted) <= 6


def test_even_once_it_is_left_out() -> None:
    """From then on the others' shares differ by one at most."""
    with Pods(4) as pods:
        pods.refuse(2)
        with HeadlessService(
            "db.shop", options=pods.options, poll=SLOW, connect_policy=POLICY
        ) as service:
            before = 0
            while not service.status().ejected:
                service.connect().close()
                before += 1
            assert before <= 4 * 5
            until(lambda: pods.accepted.total() == before)
            told = Counter(pods.accepted)
            for _ in range(301):
                service.connect().close()
            until(lambda: pods.accepted.total() == told.total() + 301)
            assert spread(pods.accepted - told) <= 1
            (ejected,) = service.status().ejected
            assert ejected.endpoint.name == "mysql-2"


def test_members_come_and_go() -> None:
    """Those that stay have equal shares all the time; who comes has its share from then on."""
    with (
        Pods(3) as pods,
        HeadlessService("db.shop", options=pods.options, poll=FAST, connect_policy=POLICY) as db,
    ):
        turns: list[str] = []

        def turn() -> None:
            with db.connect() as connected:
                turns.append(pods.name_at(connected.getpeername()[0]))

        for replicas in (5, 3, 7, 4, 6, 3):
            for _ in range(37):
                turn()
            pods.scale(replicas)
            while len(db.members) != replicas:  # a dial of one that has gone may fail
                turn()
            before = len(turns)
            for _ in range(replicas * 5):
                turn()
            assert set(Counter(turns[before:]).values()) == {5}
        assert spread({each: turns.count(each) for each in ("mysql-0", "mysql-1", "mysql-2")}) <= 1


def test_endpoint_takes_part() -> None:
    """A turn told is a turn taken, whoever asks, and however."""
    with (
        Pods(3) as pods,
        HeadlessService("db.shop", options=pods.options, poll=SLOW, connect_policy=POLICY) as db,
    ):
        told: Counter[str | None] = Counter()
        for number in range(300):
            if number % 3:
                told[db.endpoint().name] += 1
            else:
                told[db.connect(lambda pod: pod).name] += 1
            assert spread({name: told[name] for name in ("mysql-0", "mysql-1", "mysql-2")}) <= 1


def test_the_first_turn_is_anybodys() -> None:
    """Service objects that start together do not meet at one pod."""
    with Pods(3) as pods:
        firsts = Counter(
            HeadlessService("db.shop", options=pods.options).endpoint().name for _ in range(120)
        )
        assert set(firsts) == {"mysql-0", "mysql-1", "mysql-2"}
        assert max(firsts.values()) < 80
