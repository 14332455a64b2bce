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
    errors.NotYetKnown(SERVICE.fqdn, "no look has told its members yet"),
    errors.NotYetKnown(SERVICE.fqdn, "too old", age=61.5),
    errors.WaitTimeout(
        SERVICE.fqdn, "count=3: 1 of 3 listed", snapshot=None, last_error=None, timeout=60.0
    ),
    errors.WaitTimeout(
        SERVICE.fqdn,
        "listed",
        snapshot=Snapshot(SERVICE, [ENDPOINT]),
        last_error=None,
        timeout=0.5,
    ),
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
    assert issubclass(errors.WaitTimeout, TimeoutError)
    assert not issubclass(errors.NotYetKnown, errors.LookupFailed)
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


def test_not_yet_known_tells_why() -> None:
    """The reason, the age, and the failure of the last look; never that nobody is there."""
    last = EXAMPLES[3]
    error = errors.NotYetKnown(SERVICE.fqdn, "too old", age=61.5, last_error=last)
    assert (error.service, error.reason, error.age) == (SERVICE.fqdn, "too old", 61.5)
    assert error.last_error is last
    assert str(error) == f"{SERVICE.fqdn}: not known: too old; last: {last}"
    plain = errors.NotYetKnown(SERVICE.fqdn, "too old")
    assert (plain.age, plain.last_error) == (None, None)
    assert str(plain) == f"{SERVICE.fqdn}: not known: too old"


def test_wait_timeout_tells_what_is_missing() -> None:
    """What is missing, the last complete answer, the part that failed, how long it waited."""
    last = EXAMPLES[4]
    answer = Snapshot(SERVICE, [ENDPOINT])
    error = errors.WaitTimeout(
        SERVICE.fqdn, "count=3: 1 of 3 listed", snapshot=answer, last_error=last, timeout=2.5
    )
    assert (error.service, error.missing) == (SERVICE.fqdn, "count=3: 1 of 3 listed")
    assert (error.snapshot, error.last_error, error.timeout) == (answer, last, 2.5)
    text = f"{SERVICE.fqdn}: waited 2.5 s, still missing: count=3: 1 of 3 listed"
    assert str(error) == f"{text}; last: {last}"
    with pytest.raises(TimeoutError):
        raise error


@pytest.mark.parametrize("kind", [errors.NotYetKnown, errors.WaitTimeout])
def test_the_last_failure_travels_with_them(kind: type[errors.DiscoveryError]) -> None:
    """An error within an error crosses process borders whole as well."""
    last = EXAMPLES[4]
    error: errors.NotYetKnown | errors.WaitTimeout
    if kind is errors.NotYetKnown:
        error = errors.NotYetKnown(SERVICE.fqdn, "too old", age=1.0, last_error=last)
    else:
        error = errors.WaitTimeout(
            SERVICE.fqdn, "listed", snapshot=None, last_error=last, timeout=1.0
        )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(again, errors.NotYetKnown | errors.WaitTimeout)
    assert type(again) is kind
    assert str(again) == str(error)
    assert type(again.last_error) is type(last)
    assert vars(again.last_error) == vars(last)
