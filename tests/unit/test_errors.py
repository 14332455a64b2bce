"""The tree of errors: whose fault it is, which facts they carry, and that they travel."""

from __future__ import annotations

import copy
import pickle

import pytest

import headless_discovery as hd
from headless_discovery import errors
from headless_discovery.core.snapshot import Endpoint, Snapshot

SERVICE = hd.ServiceName("db.shop")
ENDPOINT = Endpoint(addresses=("10.0.0.1",), name="db-0", hostname="db-0.x", ordinal=0)
EXAMPLES: list[errors.DiscoveryError] = [
    errors.InvalidName("b@d", "no such letter"),
    errors.InvalidName("x" * 1000, "too long"),
    errors.ConfigError("timeout", "it is 0"),
    errors.LookupFailed("timeout", service=SERVICE.fqdn, detail="no answer"),
    errors.LookupFailed(
        "partial",
        service=SERVICE.fqdn,
        detail="a family failed",
        question="db. A",
        rcode="SERVFAIL",
        servers=("10.0.0.10:53",),
        dropped=("x",),
        elapsed=1.5,
        snapshot=Snapshot(SERVICE, [ENDPOINT], outcome="PARTIAL"),
    ),
    errors.NotHeadless(SERVICE.fqdn, ("10.96.0.1",), (80,)),
    errors.NotHeadless(SERVICE.fqdn, (), ()),
    errors.EndpointNotFound(SERVICE.fqdn, "ordinal 3", (ENDPOINT,), "nobody"),
    errors.AmbiguousEndpoint(SERVICE.fqdn, "ordinal 0", (ENDPOINT,), "two"),
]


def test_the_tree_is_the_one_drawn() -> None:
    """Every error is a DiscoveryError; InvalidName is a ValueError too."""
    assert set(errors.__all__) == {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.DiscoveryError)
    }
    assert issubclass(errors.InvalidName, ValueError)
    assert issubclass(errors.AmbiguousEndpoint, errors.EndpointNotFound)
    drawn = errors.__doc__ or ""
    assert all(name in drawn for name in errors.__all__)
    assert not issubclass(errors.NotHeadless, errors.LookupFailed)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_type_text_and_facts(error: errors.DiscoveryError, protocol: int) -> None:
    """Errors cross process borders whole."""
    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert vars(copy.copy(error)) == vars(error)


def test_invalid_name_is_short_and_escaped() -> None:
    """The name is cut and shown in ASCII, so that a log line stays a log line."""
    error = errors.InvalidName("\x1b[31mä\n" + "x" * 5000, "because")
    assert len(error.name) == 260
    assert str(error).isascii()
    assert str(error).isprintable()
    assert error.reason == "because"


def test_lookup_failed_reads_like_a_sentence() -> None:
    """The message has the Service, the kind, the question, the servers and the time."""
    text = str(EXAMPLES[4])
    for part in (SERVICE.fqdn, "partial", "a family failed", "db. A", "10.0.0.10:53", "1.50 s"):
        assert part in text
    assert "servers" not in str(EXAMPLES[3])
    assert "question" not in str(EXAMPLES[3])


def test_not_headless_says_what_to_do() -> None:
    """It names the virtual address, or says that the answer held none."""
    assert "10.96.0.1" in str(EXAMPLES[5])
    assert "clusterIP: None" in str(EXAMPLES[5])
    assert "an address the answer did not hold" in str(EXAMPLES[6])
