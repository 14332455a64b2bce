"""The tree of errors: whose fault it is, which facts they carry, and that they travel."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

import headless_discovery as hd
from headless_discovery import errors
from headless_discovery.core.dialling import ConnectAttempt
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
    errors.NoEndpoints(SERVICE.fqdn, "ABSENT"),
    errors.NoEndpoints(SERVICE.fqdn, "OK", "only this pod itself is listed"),
    errors.ConnectFailed(SERVICE.fqdn, ()),
    errors.ConnectFailed(SERVICE.fqdn, (), timeout=10.0),
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
    assert not issubclass(errors.ConnectFailed, OSError), "of ours, not of a socket"
    assert not issubclass(errors.NoEndpoints, errors.EndpointNotFound)
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


def attempt(number: int, error: Exception) -> ConnectAttempt:
    """One pod that was dialled."""
    endpoint = Endpoint(addresses=(f"10.0.0.{number}",), name=f"db-{number}", ports=(3306,))
    return ConnectAttempt(endpoint=endpoint, address=endpoint.address, error=error, seconds=0.5)


def test_no_endpoints_tells_why() -> None:
    """What DNS said, and why nobody is left where somebody is listed."""
    error = errors.NoEndpoints(SERVICE.fqdn, "PARTIAL")
    told = (error.service, error.outcome, error.reason)
    assert told == (SERVICE.fqdn, "PARTIAL", "none is listed")
    assert str(error) == f"{SERVICE.fqdn}: nobody to connect to: none is listed (PARTIAL)"
    assert (
        "no such Service, or none of its pods" in errors.NoEndpoints(SERVICE.fqdn, "ABSENT").reason
    )
    assert "lists nobody" in errors.NoEndpoints(SERVICE.fqdn, "EMPTY").reason
    other = errors.NoEndpoints(SERVICE.fqdn, "OK", "only this pod itself is listed")
    assert str(other).endswith("only this pod itself is listed (OK)")


def test_connect_failed_lists_the_attempts() -> None:
    """Who, where, how and for how long, in order; and whether the time was over."""
    tried = (attempt(1, OSError("one")), attempt(0, OSError("two")))
    error = errors.ConnectFailed(SERVICE.fqdn, tried, timeout=2.5)
    assert (error.service, error.attempts, error.timeout) == (SERVICE.fqdn, tried, 2.5)
    assert str(error) == (
        f"{SERVICE.fqdn}: no connection within 2.5 s: "
        "db-1 at 10.0.0.1:3306: one (0.500 s); db-0 at 10.0.0.0:3306: two (0.500 s)"
    )
    assert ": no connection: db-1" in str(errors.ConnectFailed(SERVICE.fqdn, tried))
    assert str(errors.ConnectFailed(SERVICE.fqdn, ())).endswith("no connection: nobody was tried")


@pytest.mark.parametrize(
    ("number", "more"), [(10, ""), (11, "; and 1 more"), (99, "; and 89 more")]
)
def test_connect_failed_stays_short(number: int, more: str) -> None:
    """Ten attempts are told, all are kept."""
    tried = tuple(attempt(each, OSError("x" * 5000)) for each in range(number))
    error = errors.ConnectFailed(SERVICE.fqdn, tried)
    assert len(error.attempts) == number
    assert "db-9 at" in str(error)
    assert "db-10 at" not in str(error)
    assert str(error).endswith(f"(0.500 s){more}")
    assert len(str(error)) < 4000


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_attempts_travel(protocol: int) -> None:
    """Also those whose error cannot, which would hang a pool of processes: by its words."""
    locked = RuntimeError("held", threading.Lock())
    error = errors.ConnectFailed(
        SERVICE.fqdn, (attempt(0, ConnectionRefusedError(111, "no")), attempt(1, locked)), timeout=1
    )
    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301
    assert type(again) is errors.ConnectFailed
    assert str(again) == str(error)
    assert (again.service, again.timeout) == (error.service, 1)
    first, second = again.attempts
    assert (first.endpoint, first.address, first.seconds) == (
        error.attempts[0].endpoint,
        "10.0.0.0",
        0.5,
    )
    assert type(first.error) is ConnectionRefusedError
    assert first.error.args == (111, "no")
    assert type(second.error) is RuntimeError
    assert "held" in str(second.error)


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
