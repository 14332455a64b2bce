"""What a look means to the caller."""

from __future__ import annotations

import pytest

from headless_discovery.core.names import ServiceName
from headless_discovery.core.outcome import Look, unable
from headless_discovery.core.questions import NOT_HEADLESS, TIMEOUT, Failure, Problem, Question
from headless_discovery.core.snapshot import ABSENT, EMPTY, OK, PARTIAL, Endpoint, Snapshot
from headless_discovery.errors import ConfigError, LookupFailed, NotHeadless

SERVICE = ServiceName("db.shop")
ENDPOINT = Endpoint(addresses=("10.0.0.1",))


@pytest.mark.parametrize("outcome", [OK, EMPTY, ABSENT])
def test_complete_looks_are_results(outcome: str) -> None:
    """P1: OK, EMPTY and ABSENT are snapshots, no errors."""
    snapshot = Snapshot(SERVICE, outcome=outcome)
    look = Look(SERVICE, snapshot, (), 0.1)
    assert look.result() is snapshot
    assert (look.error, look.elapsed) == (None, 0.1)


def test_partial_raises_unless_allowed() -> None:
    """P1: PARTIAL is LookupFailed that carries the snapshot; ``allow_partial`` returns it."""
    snapshot = Snapshot(
        SERVICE, [ENDPOINT], outcome=PARTIAL, problem="timeout: no answer", servers=("a:53",)
    )
    look = Look(SERVICE, snapshot, (), 0.1)
    with pytest.raises(LookupFailed, match="timeout: no answer") as caught:
        look.result()
    assert (caught.value.kind, caught.value.snapshot) == ("partial", snapshot)
    assert caught.value.servers == ("a:53",)
    assert look.result(allow_partial=True) is snapshot


def test_a_failure_carries_its_facts() -> None:
    """P1: a Failure raises, also with ``allow_partial``; nothing has to be parsed."""
    failure = Failure(
        Problem(TIMEOUT, "no answer in time", 2), Question("db.shop", 33), ("a:53",), ("x",)
    )
    look = Look(SERVICE, failure, (), 5.0)
    for allow in (False, True):
        with pytest.raises(LookupFailed) as caught:
            look.result(allow_partial=allow)
    error = caught.value
    assert (error.kind, error.detail, error.rcode) == ("timeout", "no answer in time", "SERVFAIL")
    assert (error.question, error.servers, error.dropped) == ("db.shop. SRV", ("a:53",), ("x",))
    assert (error.elapsed, error.snapshot, error.service) == (5.0, None, SERVICE.fqdn)
    assert look.snapshot is None


def test_a_failure_without_question() -> None:
    """Where the answer as a whole was at fault there is no question and no rcode."""
    error = Look(SERVICE, Failure(Problem("too large", "x")), (), 0.0).error
    assert isinstance(error, LookupFailed)
    assert (error.question, error.rcode) == (None, None)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (Question("_web._tcp.store.shop.svc.cluster.local", 33), "store.shop.svc.cluster.local"),
        (Question("store.shop.svc.cluster.local", 33), "store.shop.svc.cluster.local"),
        (None, SERVICE.fqdn),
    ],
)
def test_not_headless_names_the_service_that_is_not(question: Question | None, name: str) -> None:
    """NotHeadless is about the Service at the end of an ExternalName, without the port."""
    failure = Failure(Problem(NOT_HEADLESS, "x"), question, addresses=("10.96.0.1",), ports=(80,))
    with pytest.raises(NotHeadless) as caught:
        Look(SERVICE, failure, (), 0.0).result(allow_partial=True)
    assert (caught.value.service, caught.value.addresses) == (name, ("10.96.0.1",))
    assert caught.value.ports == (80,)


def test_a_look_that_could_not_be_made() -> None:
    """What the environment lacks stays the caller's to read; all else is kind ``internal``."""
    missing = ConfigError("/etc/resolv.conf", "it cannot be read")
    assert Look(SERVICE, unable(missing), (), 0.0).error is missing
    error = Look(SERVICE, unable(OSError(24, "Too many open files")), (), 0.0).error
    assert isinstance(error, LookupFailed)
    assert error.kind == "internal"
    assert "OSError: [Errno 24] Too many open files" in str(error)
