"""tenacity's part: repeating a one-shot call that failed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from headless_discovery import LookupFailed, NotHeadless, ServiceName, Snapshot
from headless_discovery.retrying import again, again_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SNAPSHOT = Snapshot(ServiceName("db.shop"))


def failure(number: int) -> LookupFailed:
    """A failure that can be told from the others."""
    return LookupFailed("timeout", service="db", detail=str(number))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none is waited."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr("asyncio.sleep", sleep)
    return waited


def in_threads(first: LookupFailed, call: Callable[[], Snapshot], retries: int) -> Snapshot:
    """The face for threads."""
    return again(first, call, retries, on=(LookupFailed,))


def in_asyncio(first: LookupFailed, call: Callable[[], Snapshot], retries: int) -> Snapshot:
    """The face for asyncio."""

    async def called() -> Snapshot:
        return call()

    async def main() -> Snapshot:
        waiting: Awaitable[Snapshot] = again_async(first, called, retries, on=(LookupFailed,))
        return await waiting

    return asyncio.run(main())


@pytest.mark.parametrize("face", [in_threads, in_asyncio])
class TestAgain:
    """Both faces have one policy."""

    def test_success_ends_it(self, face: Callable[..., Snapshot], waits: list[float]) -> None:
        """The first success is the result; one pause for each failure before it."""
        script: list[Exception] = [failure(1)]

        def call() -> Snapshot:
            if script:
                raise script.pop()
            return SNAPSHOT

        assert face(failure(0), call, 5) is SNAPSHOT
        assert len(waits) == 2

    def test_the_last_failure_is_raised(
        self, face: Callable[..., Snapshot], waits: list[float]
    ) -> None:
        """``retries`` calls are made, then the last failure itself is raised."""
        calls: list[int] = []

        def call() -> Snapshot:
            calls.append(1)
            raise failure(len(calls))

        with pytest.raises(LookupFailed) as caught:
            face(failure(0), call, 3)
        assert caught.value.detail == "3"
        assert len(calls) == 3
        assert len(waits) == 3

    def test_pauses_grow(self, face: Callable[..., Snapshot], waits: list[float]) -> None:
        """0.25 s doubling to 5 s, each with up to 0.25 s of jitter."""

        def call() -> Snapshot:
            raise failure(1)

        with pytest.raises(LookupFailed):
            face(failure(0), call, 8)
        for number, waited in enumerate(waits):
            base = 0.25 * 2**number
            assert min(base, 5) <= waited <= min(base, 5) + 0.25

    def test_other_errors_are_not_repeated(
        self, face: Callable[..., Snapshot], waits: list[float]
    ) -> None:
        """What another look cannot mend is raised at once."""

        def call() -> Snapshot:
            raise NotHeadless("db", (), ())

        with pytest.raises(NotHeadless):
            face(failure(0), call, 5)
        assert len(waits) == 1


class TestLimits:
    """What a call of connect adds: the seconds it has left, and its own way to wait."""

    @pytest.mark.parametrize("face", ["threads", "asyncio"])
    @pytest.mark.parametrize(
        ("seconds", "calls"),
        [(0.2, 0), (0.24, 0), (0.6, 1), (100.0, 8), (None, 8)],
    )
    def test_no_wait_goes_beyond_the_seconds(
        self,
        face: str,
        seconds: float | None,
        calls: int,
        waits: list[float],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A pause that would outlast them is not begun: the last failure is raised at once."""
        now = [1000.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        monkeypatch.setattr("random.uniform", lambda low, _high: low)
        made: list[int] = []
        slept: list[float] = []

        def call() -> Snapshot:
            made.append(1)
            raise failure(len(made))

        def sleep(waited: float) -> None:
            slept.append(waited)
            now[0] += waited

        with pytest.raises(LookupFailed) as caught:
            limited(face, call, seconds, sleep)
        assert len(made) == calls
        assert caught.value.detail == str(calls)
        assert seconds is None or sum(slept) < seconds
        assert waits == [], "its own way to wait is the only one"

    @pytest.mark.parametrize("face", ["threads", "asyncio"])
    def test_what_its_wait_raises_ends_it(self, face: str) -> None:
        """A service object that is closed meanwhile."""
        made: list[int] = []

        def call() -> Snapshot:
            made.append(1)
            return SNAPSHOT

        def closed(_: float) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            limited(face, call, None, closed)
        assert made == []


def limited(
    face: str,
    call: Callable[[], Snapshot],
    seconds: float | None,
    sleep: Callable[[float], None],
) -> Snapshot:
    """Eight repetitions at most, in that many seconds, waiting in that way."""
    if face == "threads":
        return again(failure(0), call, 8, on=(LookupFailed,), seconds=seconds, sleep=sleep)

    async def called() -> Snapshot:
        return call()

    async def asleep(waited: float) -> None:
        sleep(waited)

    async def main() -> Snapshot:
        waiting: Awaitable[Snapshot] = again_async(
            failure(0), called, 8, on=(LookupFailed,), seconds=seconds, sleep=asleep
        )
        return await waiting

    return asyncio.run(main())
