"""When to look again: every wait between its bounds, and never more than one look a second."""

from __future__ import annotations

from math import inf

import pytest

from headless_discovery.core.policy import PollPolicy
from headless_discovery.core.schedule import Schedule

LOW, HIGH = 0.0, 0.999
POLICY = PollPolicy(interval=5.0)
NUMBERS = [LOW, HIGH]


class Timed:
    """A schedule whose looks take no time; tells the wait after each."""

    def __init__(self, policy: PollPolicy = POLICY, chance: float = LOW) -> None:
        self.chance = chance
        self.now = 1000.0
        self.schedule = Schedule(policy, lambda: self.chance, self.now)

    def answered(self, *, cached: float | None = None, news: bool = False) -> float:
        """The wait after a complete answer that came when it was due."""
        self._look()
        self.schedule.answered(self.now, cached=cached, news=news)
        return self.schedule.due - self.now

    def failed(self, *, in_part: bool = False) -> float:
        """The wait after a failure that came when the look was due."""
        self._look()
        self.schedule.failed(self.now, in_part=in_part)
        return self.schedule.due - self.now

    def settled(self) -> Timed:
        """Behind its first two looks."""
        self.answered()
        self.answered()
        return self

    def _look(self) -> None:
        self.now = max(self.now, self.schedule.due)
        self.schedule.began(self.now)


def between(low: float, high: float) -> dict[float, object]:
    """What the waits must be with the least and the largest random number."""
    return {
        LOW: pytest.approx(low, abs=1e-6),
        HIGH: pytest.approx(low + (high - low) * HIGH, abs=1e-6),
    }


@pytest.mark.parametrize("chance", NUMBERS)
class TestWaits:
    """Each wait, with the least and the largest random number."""

    def test_the_first_look_is_due_at_once(self, chance: float) -> None:
        """Whoever starts wants to know."""
        assert Timed(chance=chance).schedule.due == 1000.0

    def test_the_spread_is_in_the_second(self, chance: float) -> None:
        """The floor and a random share of the interval: who started together parts here."""
        assert Timed(chance=chance).answered() == between(1.0, 6.0)[chance]

    def test_only_there(self, chance: float) -> None:
        """Later the interval, a fifth up or down."""
        timed = Timed(chance=chance)
        timed.answered()
        for _ in range(5):
            assert timed.answered() == between(4.0, 6.0)[chance]

    def test_quick_after_news(self, chance: float) -> None:
        """One second and up to a fifth more, never less, for 30 s after the last news."""
        timed = Timed(chance=chance).settled()
        assert timed.answered(news=True) == between(1.0, 1.2)[chance]
        last = timed.now
        while (wait := timed.answered()) < 2:
            assert wait == between(1.0, 1.2)[chance]
            assert timed.now < last + 30
        assert last + 30 <= timed.now < last + 31.3
        assert wait == between(4.0, 6.0)[chance]

    def test_quick_also_in_the_first_look(self, chance: float) -> None:
        """News there (somebody missing, nobody) is followed at once."""
        assert Timed(chance=chance).answered(news=True) == between(1.0, 1.2)[chance]

    def test_a_cache_is_waited_for(self, chance: float) -> None:
        """What is left of its answer, and up to three tenths more."""
        assert Timed(chance=chance).answered(cached=12.0) == between(12.0, 15.6)[chance]

    def test_clamped_before_it_is_spread(self, chance: float) -> None:
        """No less than the interval, no more than 30 s; then the spread of the herd."""
        timed = Timed(chance=chance).settled()
        for cached in (0.0, 1.0, 5.0):
            assert timed.answered(cached=cached) == between(5.0, 6.5)[chance]
        for cached in (30.0, 300.0):
            assert timed.answered(cached=cached) == between(30.0, 39.0)[chance]

    def test_a_long_interval_beats_the_clamp(self, chance: float) -> None:
        """Who asks every minute is not made to ask every 30 s."""
        timed = Timed(PollPolicy(interval=60), chance).settled()
        assert timed.answered(cached=300.0) == between(60.0, 78.0)[chance]

    def test_the_cache_beats_the_quick_phase(self, chance: float) -> None:
        """Asking it sooner learns nothing."""
        timed = Timed(chance=chance).settled()
        assert timed.answered(cached=12.0, news=True) == between(12.0, 15.6)[chance]
        assert timed.answered() == between(1.0, 1.2)[chance]

    def test_without_guidance_it_is_not_waited_for(self, chance: float) -> None:
        """A field of the policy."""
        timed = Timed(POLICY.replace(ttl_guidance=False), chance).settled()
        assert timed.answered(cached=12.0) == between(4.0, 6.0)[chance]

    def test_failures_back_off(self, chance: float) -> None:
        """1 s, doubled up to 25 s, up to a fifth more; also after very many."""
        timed = Timed(chance=chance).settled()
        for seconds in (1, 2, 4, 8, 16, 25, 25, 25):
            assert timed.failed() == between(seconds, 1.2 * seconds)[chance]
        for _ in range(5000):
            wait = timed.failed()
        assert wait == between(25, 30)[chance]

    def test_one_success_ends_it(self, chance: float) -> None:
        """Back to the interval, and the next failure begins at 1 s."""
        timed = Timed(chance=chance).settled()
        for _ in range(4):
            timed.failed()
        assert timed.schedule.is_failing
        assert timed.answered() == between(4.0, 6.0)[chance]
        assert not timed.schedule.is_failing
        assert timed.failed() == between(1.0, 1.2)[chance]

    def test_a_failure_in_part_waits_no_longer_than_the_interval(self, chance: float) -> None:
        """It told something, and the part that failed may be long in coming."""
        timed = Timed(chance=chance).settled()
        for seconds in (1, 2, 4, 5, 5):
            assert timed.failed(in_part=True) == between(seconds, 1.2 * seconds)[chance]
        assert timed.schedule.is_failing

    def test_a_failed_first_look_is_no_second(self, chance: float) -> None:
        """The backoff has its own spread."""
        timed = Timed(chance=chance)
        assert timed.failed() == between(1.0, 1.2)[chance]
        assert timed.answered() == between(4.0, 6.0)[chance]

    def test_the_numbers_are_the_policys(self, chance: float) -> None:
        """Every one is a field."""
        policy = PollPolicy(
            interval=100,
            jitter=0.5,
            floor=2,
            quick_interval=10,
            quick_jitter=0.4,
            quick_for=300,
            ttl_max=200,
            ttl_jitter=0.1,
            backoff=3,
            backoff_max=20,
            backoff_jitter=0.5,
        )
        timed = Timed(policy, chance)
        assert timed.answered() == between(2, 102)[chance]
        assert timed.answered() == between(50, 150)[chance]
        assert timed.answered(news=True) == between(10, 14)[chance]
        assert timed.schedule.quick_until == timed.now + 300
        assert timed.answered(cached=500) == between(200, 220)[chance]
        for seconds in (3, 6, 12, 20):
            assert timed.failed() == between(seconds, 1.5 * seconds)[chance]


class TestFloor:
    """P8: never more than one look a second, whoever asks for one."""

    def test_a_wait_is_from_the_end_of_a_look_the_floor_from_its_begin(self) -> None:
        """A look that took two seconds is followed after the wait."""
        schedule = Schedule(POLICY, lambda: LOW, 0)
        schedule.began(0)
        schedule.answered(2, cached=None, news=True)
        assert schedule.due == 3

    @pytest.mark.parametrize("fails", [False, True])
    def test_it_lengthens_shorter_waits(self, *, fails: bool) -> None:
        """Of the backoff, of the interval and of the quick phase."""
        policy = PollPolicy(interval=1, floor=10, backoff=0.001)
        timed = Timed(policy).settled()
        assert (timed.failed() if fails else timed.answered()) == 10
        assert timed.answered(news=True) == 10

    def test_a_refresh_waits_for_it(self) -> None:
        """Asked for right after a look, it comes a second after that one began."""
        timed = Timed().settled()
        timed.schedule.by(timed.now + 0.25)
        assert timed.schedule.due == timed.now + 1

    def test_a_thousand_refreshes_are_one(self) -> None:
        """However often and whenever they are asked for."""
        timed = Timed().settled()
        for number in range(1000):
            timed.schedule.by(timed.now + number / 1000)
        assert timed.schedule.due == timed.now + 1

    def test_a_late_refresh_is_at_once(self) -> None:
        """When the floor is behind; it delays nothing that is due before."""
        timed = Timed().settled()
        timed.schedule.by(timed.now + 3)
        assert timed.schedule.due == timed.now + 3
        timed.schedule.by(timed.now + 4)
        assert timed.schedule.due == timed.now + 3
        timed.schedule.by(-inf)
        assert timed.schedule.due == timed.now + 1

    def test_a_refresh_also_while_looks_fail(self) -> None:
        """A caller whose connection broke knows more than the backoff does."""
        timed = Timed().settled()
        for _ in range(6):
            timed.failed()
        timed.schedule.by(timed.now)
        assert timed.schedule.due == timed.now + 1

    @pytest.mark.parametrize("fails", [False, True])
    def test_asked_for_during_a_look_it_comes_after_it(self, *, fails: bool) -> None:
        """The look under way began before whatever made somebody ask."""
        schedule = Timed().settled().schedule
        schedule.began(100)
        schedule.by(100.5)
        if fails:
            schedule.failed(103, in_part=False)
        else:
            schedule.answered(103, cached=30, news=False)
        assert schedule.due == 101
        schedule.began(103)
        schedule.answered(103, cached=30, news=False)
        assert schedule.due > 130

    def test_before_the_first_look_there_is_none(self) -> None:
        """Nothing lies before it."""
        schedule = Schedule(POLICY, lambda: LOW, 50)
        schedule.by(10)
        assert schedule.due == 10


class TestQuicken:
    """Somebody waits."""

    def test_looks_quickly_for_30_s(self) -> None:
        """The next one a second from now, those after it quickly too."""
        timed = Timed().settled()
        timed.schedule.quicken(timed.now + 1.5)
        assert timed.schedule.due == timed.now + 2.5
        assert timed.schedule.quick_until == timed.now + 31.5
        assert timed.answered() == 1

    def test_shortens_no_quick_phase(self) -> None:
        """It only makes it longer."""
        timed = Timed().settled()
        timed.answered(news=True)
        until = timed.schedule.quick_until
        timed.schedule.quicken(timed.now - 10)
        assert timed.schedule.quick_until == until

    def test_delays_nothing(self) -> None:
        """A look due sooner stays due."""
        timed = Timed().settled()
        due = timed.schedule.due
        timed.schedule.quicken(due - 0.1)
        assert timed.schedule.due == due

    def test_does_not_press_a_server_that_fails(self) -> None:
        """The backoff stands."""
        timed = Timed().settled()
        for _ in range(6):
            timed.failed()
        due = timed.schedule.due
        timed.schedule.quicken(timed.now)
        assert timed.schedule.due == due

    def test_without_a_quick_phase(self) -> None:
        """0 has none."""
        timed = Timed(POLICY.replace(quick_for=0)).settled()
        assert timed.answered(news=True) == 4.0


def test_the_interval_is_told() -> None:
    """For those who go by it."""
    assert Schedule(POLICY, lambda: LOW, 0).interval == 5.0
