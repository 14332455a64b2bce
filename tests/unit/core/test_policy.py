"""`PollPolicy`: its defaults, what it refuses, and the fast one of tests."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest

from headless_discovery.core.policy import PollPolicy
from headless_discovery.errors import ConfigError

DEFAULTS: dict[str, Any] = {
    "interval": None,
    "jitter": 0.2,
    "floor": 1.0,
    "quick_interval": 1.0,
    "quick_jitter": 0.2,
    "quick_for": 30.0,
    "ttl_guidance": True,
    "ttl_max": 30.0,
    "ttl_jitter": 0.3,
    "backoff": 1.0,
    "backoff_max": 25.0,
    "backoff_jitter": 0.2,
    "removal_answers": 2,
    "shrink_answers": 3,
    "nothing_answers": 3,
    "nothing_hold": 30.0,
    "answer_gap": 1.0,
    "drop_answers": 3,
    "drop_hold": 30.0,
    "return_hold": True,
    "ttl_trusted": 300.0,
    "max_stale": None,
    "hint": None,
}
SHARES = ["jitter", "quick_jitter", "ttl_jitter", "backoff_jitter"]
ANSWERS = ["removal_answers", "shrink_answers", "nothing_answers", "drop_answers"]
AT_LEAST = {  # a policy asks no more than once a second
    "interval": 1.0,
    "floor": 1.0,
    "quick_interval": 1.0,
    "hint": 1.0,
    "backoff": 0.001,
    "backoff_max": 0.001,
    "max_stale": 0.001,
}
FROM_0 = ["quick_for", "ttl_max", "nothing_hold", "answer_gap", "drop_hold", "ttl_trusted"]


def fields(policy: PollPolicy) -> dict[str, Any]:
    """Every field."""
    return {name: getattr(policy, name) for name in PollPolicy.__slots__}


def made(**given: Any) -> PollPolicy:
    """A policy with these fields."""
    return PollPolicy(**given)


def test_the_defaults_are_those_promised() -> None:
    """Each of them; and there is no other field."""
    assert fields(PollPolicy()) == DEFAULTS


def test_every_field_is_documented() -> None:
    """With its default, in the order of the constructor."""
    text = inspect.getdoc(PollPolicy) or ""
    documented = re.findall(r"^    (\w+): ", text, re.MULTILINE)
    named = [each for each in documented if each in DEFAULTS]
    assert named == list(inspect.signature(PollPolicy).parameters) == list(DEFAULTS)


@pytest.mark.parametrize("field", AT_LEAST)
def test_the_least_seconds(field: str) -> None:
    """The bound itself is allowed, below it nothing is: P8 has one look a second."""
    least = AT_LEAST[field]
    assert getattr(made(**{field: least}), field) == least
    for value in (0.99 * least, 0, -1.0):
        with pytest.raises(ConfigError, match=f"poll.{field}") as caught:
            made(**{field: value})
        assert caught.value.setting == f"poll.{field}"


@pytest.mark.parametrize("field", [*FROM_0, *ANSWERS])
def test_what_can_be_0(field: str) -> None:
    """All that damps can be switched off."""
    assert getattr(made(**{field: 0}), field) == 0
    with pytest.raises(ConfigError, match=f"poll.{field}"):
        made(**{field: -1})


@pytest.mark.parametrize("field", [*AT_LEAST, *FROM_0])
@pytest.mark.parametrize("value", [86400.1, float("inf"), float("nan"), "5", [], 10**400, True])
def test_what_are_no_seconds(field: str, value: Any) -> None:
    """More than a day, no number, none at all."""
    with pytest.raises(ConfigError, match=f"poll.{field}"):
        made(**{field: value})
    assert getattr(made(**{field: 86400}), field) == 86400


@pytest.mark.parametrize("field", SHARES)
def test_shares(field: str) -> None:
    """From 0 up to 1, 1 excluded: a wait of nothing would be a storm."""
    for good in (0, 0.5, 0.999):
        assert getattr(made(**{field: good}), field) == good
    for bad in (1, -0.1, float("nan"), "x", None, False):
        with pytest.raises(ConfigError, match=f"poll.{field}"):
            made(**{field: bad})


@pytest.mark.parametrize("field", ANSWERS)
@pytest.mark.parametrize("value", [1001, 1.5, "2", None, True])
def test_what_is_no_number_of_answers(field: str, value: Any) -> None:
    """A whole number up to 1,000."""
    with pytest.raises(ConfigError, match=f"poll.{field}"):
        made(**{field: value})
    assert getattr(made(**{field: 1000}), field) == 1000


@pytest.mark.parametrize("field", ["ttl_guidance", "return_hold"])
def test_what_is_neither_true_nor_false(field: str) -> None:
    """``"no"`` would be true."""
    for value in ("no", 1, None):
        with pytest.raises(ConfigError, match=f"poll.{field}"):
            made(**{field: value})
    assert not getattr(made(**{field: False}), field)


def test_whole_seconds_become_seconds() -> None:
    """5 and 5.0 are one policy."""
    assert repr(PollPolicy(interval=5, floor=2)) == repr(PollPolicy(interval=5.0, floor=2.0))


class TestFast:
    """The same behaviour, fifty times as fast."""

    def test_every_second_is_20_ms(self) -> None:
        """All times, and only them; the interval, which is open otherwise, is set."""
        slow = {**DEFAULTS, "interval": 5.0}
        fast = fields(PollPolicy.fast())
        for name, value in slow.items():
            if name in AT_LEAST or name in FROM_0:
                expected = None if value is None else pytest.approx(value / 50)
                assert fast[name] == expected, name
            else:
                assert fast[name] == value, name

    def test_fields_can_be_set(self) -> None:
        """Also below a second; what is unusable is refused."""
        assert PollPolicy.fast(hint=0.05).hint == 0.05
        assert PollPolicy.fast(floor=0.01).floor == 0.01
        assert PollPolicy.fast(removal_answers=0).removal_answers == 0
        with pytest.raises(ConfigError, match=r"poll\.floor"):
            PollPolicy.fast(floor=0)
        with pytest.raises(TypeError, match="colour"):
            PollPolicy.fast(colour=1)

    def test_nothing_else_is_below_a_second(self) -> None:
        """P8: not the constructor, not a replacement."""
        for make in (made, PollPolicy().replace):
            for field in ("floor", "interval", "quick_interval", "hint"):
                with pytest.raises(ConfigError, match=f"poll.{field}"):
                    make(**{field: 0.5})

    def test_a_replaced_or_pickled_one_stays_fast(self) -> None:
        """What was fast can be changed and sent."""
        fast = PollPolicy.fast()
        assert fast.replace(jitter=0).floor == fast.floor
        assert fast.replace(floor=0.03).floor == 0.03
        again = pickle.loads(pickle.dumps(fast))  # noqa: S301
        assert again == fast
        assert again.replace(interval=0.05).interval == 0.05


class TestReplace:
    """A policy with some fields changed."""

    def test_the_others_stay(self) -> None:
        """And the one it comes from."""
        policy = PollPolicy(interval=7, hint=2)
        other = policy.replace(interval=9.0)
        assert (other.interval, other.hint, policy.interval) == (9.0, 2.0, 7.0)

    def test_judged_as_the_constructor_does(self) -> None:
        """Values and names."""
        with pytest.raises(ConfigError, match=r"poll\.jitter"):
            PollPolicy().replace(jitter=1)
        with pytest.raises(TypeError, match="colour"):
            PollPolicy().replace(colour=1)


def test_it_is_a_value() -> None:
    """Frozen, compared by content, hashed, pickled."""
    policy = PollPolicy(interval=5)
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301
    assert hash(PollPolicy(interval=5.0)) == hash(policy)
    assert policy != PollPolicy()
    with pytest.raises(AttributeError, match="frozen"):
        policy.interval = 1
