"""`ConnectPolicy`: its defaults, and what it refuses."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from headless_discovery.core.connectpolicy import ConnectPolicy
from headless_discovery.errors import ConfigError

DEFAULTS: dict[str, Any] = {
    "attempt_timeout": 1.0,
    "timeout": 10.0,
    "stagger": 0.25,
    "eject_after": 5,
    "eject_for": 30.0,
    "eject_at_most": 300.0,
    "order": "round_robin",
    "exclude_self": False,
    "retries": 0,
}
SECONDS = ["attempt_timeout", "timeout", "stagger", "eject_for", "eject_at_most"]
COUNTS = ["eject_after", "retries"]


def fields(policy: ConnectPolicy) -> dict[str, Any]:
    """Every field."""
    return {name: getattr(policy, name) for name in ConnectPolicy.__slots__}


def test_the_defaults_are_the_stated_ones() -> None:
    """Those of the documentation, all by keyword."""
    assert fields(ConnectPolicy()) == DEFAULTS
    parameters = inspect.signature(ConnectPolicy).parameters
    assert {name: each.default for name, each in parameters.items()} == DEFAULTS
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters.values())


def test_every_field_has_its_own_place() -> None:
    """What is given is what is read, and only that."""
    given: dict[str, Any] = {
        "attempt_timeout": 2,
        "timeout": 3,
        "stagger": 4,
        "eject_after": 6,
        "eject_for": 7,
        "eject_at_most": 8,
        "order": sorted,
        "exclude_self": True,
        "retries": 9,
    }
    policy = ConnectPolicy(**given)
    assert fields(policy) == given
    assert all(type(getattr(policy, name)) is float for name in SECONDS)
    for name, value in given.items():
        assert fields(ConnectPolicy().replace(**{name: value})) == {**DEFAULTS, name: value}


@pytest.mark.parametrize("order", ["round_robin", "random", "ordinal", sorted])
def test_orders(order: Any) -> None:
    """The three by name, and any function."""
    assert ConnectPolicy(order=order).order == order


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("value", [0, -1.0, 86400.1, float("nan"), float("inf"), True, "1", None])
def test_unusable_seconds(name: str, value: Any) -> None:
    """More than 0 and at most a day; the error names the field."""
    with pytest.raises(ConfigError) as caught:
        ConnectPolicy(**{name: value})
    assert caught.value.setting == f"connect.{name}"
    assert ascii(value) in caught.value.reason


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [-1, 1001, 1.0, True, "1", None])
def test_unusable_counts(name: str, value: Any) -> None:
    """A whole number that somebody could mean; the error names the field."""
    with pytest.raises(ConfigError) as caught:
        ConnectPolicy(**{name: value})
    assert caught.value.setting == f"connect.{name}"


@pytest.mark.parametrize("name", [*SECONDS, *COUNTS])
def test_the_least_and_the_most(name: str) -> None:
    """The borders themselves can be meant."""
    least, most = (0.001, 86400.0) if name in SECONDS else (0, 1000)
    for value in (least, most):
        policy = ConnectPolicy(**{name: value})  # type: ignore[arg-type]
        assert getattr(policy, name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("order", "roundrobin"), ("order", None), ("order", 1), ("exclude_self", 1)],
)
def test_what_else_is_unusable(name: str, value: Any) -> None:
    """An order nobody knows; a yes that is none."""
    with pytest.raises(ConfigError) as caught:
        ConnectPolicy(**{name: value})
    assert caught.value.setting == f"connect.{name}"
    assert ascii(value) in caught.value.reason


def test_a_long_value_is_cut() -> None:
    """An error stays readable."""
    with pytest.raises(ConfigError) as caught:
        ConnectPolicy(order="x" * 5000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


def test_it_is_a_value() -> None:
    """Frozen, compared by content, and it travels."""
    policy = ConnectPolicy(retries=2)
    assert policy == ConnectPolicy(retries=2)
    assert policy != ConnectPolicy()
    assert hash(policy) == hash(ConnectPolicy(retries=2))
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301
    with pytest.raises(AttributeError):
        policy.retries = 3
    with pytest.raises(TypeError):
        policy.replace(retry=3)
