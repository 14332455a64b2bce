"""The base of the public values."""

from __future__ import annotations

import copy
import pickle

import pytest

from headless_discovery.core.names import ServiceName
from headless_discovery.core.options import LookupOptions
from headless_discovery.core.outcome import Look
from headless_discovery.core.snapshot import Endpoint, Snapshot
from headless_discovery.core.values import Value

SERVICE = ServiceName("db.shop")
ENDPOINT = Endpoint(addresses=("10.0.0.1",), name="db-0", hostname="db-0.db", ordinal=0)
VALUES = [
    SERVICE,
    LookupOptions(nameservers=["10.0.0.10"]),
    ENDPOINT,
    Snapshot(SERVICE, [ENDPOINT], seen_at=3.0, problem="x"),
    Look(SERVICE, Snapshot(SERVICE, [ENDPOINT]), (), 0.5),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
class TestEveryValue:
    """What holds of all public values."""

    def test_frozen(self, value: Value) -> None:
        """No field can be set, added or deleted."""
        field = value.__slots__[0]
        with pytest.raises(AttributeError, match="frozen"):
            setattr(value, field, None)
        with pytest.raises(AttributeError, match="frozen"):
            value.colour = "red"
        with pytest.raises(AttributeError, match="frozen"):
            delattr(value, field)
        assert not hasattr(value, "__dict__")

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickles(self, value: Value, protocol: int) -> None:
        """It survives pickle whole, under every protocol."""
        again = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301
        assert again == value
        assert repr(again) == repr(value)
        assert hash(again) == hash(value)

    def test_copies_are_the_value_itself(self, value: Value) -> None:
        """Copying a frozen value gives the same object."""
        assert copy.copy(value) is value
        assert copy.deepcopy(value) is value

    def test_repr_names_the_type(self, value: Value) -> None:
        """The repr says what it is."""
        assert type(value).__name__ in repr(value)


def test_repr_names_all_fields() -> None:
    """The repr of a value shows every field, but for those derived from others."""
    for value in (SERVICE, VALUES[1], ENDPOINT):
        fields = [field for field in value.__slots__ if not field.startswith("_")]
        assert all(f"{field}=" in repr(value) for field in fields)


def test_equality_is_by_content_and_type() -> None:
    """Equal content is equal and hashes equally; another type never is."""
    assert ServiceName("DB.shop") == SERVICE
    assert hash(ServiceName("db.shop.svc")) == hash(SERVICE)
    assert ServiceName("db.other") != SERVICE
    assert SERVICE != ENDPOINT
    assert SERVICE != "db.shop.svc.cluster.local"


def test_a_value_without_fields() -> None:
    """The base itself is a value without content."""
    assert Value() == Value()
    assert repr(Value()) == "Value()"
