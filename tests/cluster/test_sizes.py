"""From three endpoints to more than one DNS message holds: the exact set, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.resolver
import pytest

from headless_discovery import HeadlessService, LookupFailed, LookupOptions, adiscover
from tests.cluster.workloads import address_of
from tests.faces import Face, command

if TYPE_CHECKING:
    from tests.cluster.bed import Bed
    from tests.cluster.workloads import Namespace

_NAMED_UP_TO = 700  # beyond some 820 the answer holds no address for all names


@pytest.mark.parametrize("endpoints", [3, 10, 30, 100, 300, 700, 1000, 4000])
def test_the_set_is_exact(bed: Bed, namespace: Namespace, endpoints: int) -> None:
    """Every address, from every face; every name while the answer holds names and addresses."""
    namespace.service("db", 3306, selector={})
    namespace.write_slices("db", endpoints)
    expected = {f"mysql-{n}": address_of(n) for n in range(endpoints)}
    for variant in ("bare", "kubeadm"):
        server = bed.dns[variant]
        server.wait_for(namespace, "db")
        options = LookupOptions(nameservers=[f"{server.address}:{server.port}"])
        for kind in ("sync", "asyncio", "cli"):
            seen = Face(kind).look(f"db.{namespace.name}", options)
            assert seen.outcome == "OK", seen.words
            assert seen.addresses == frozenset(expected.values())
            assert len(seen.endpoints) == endpoints
            named = {
                each["name"]: each["addresses"][0]
                for each in seen.endpoints
                if each["name"] is not None
            }
            assert named.items() <= expected.items()
            assert all(
                each["hostname"] is None and each["ordinal"] is None
                for each in seen.endpoints
                if each["name"] is None
            )
            if endpoints <= _NAMED_UP_TO:
                assert named == expected
                assert seen.sends <= 2  # UDP, and TCP where it was cut
            else:
                assert seen.sends <= 6


def test_beyond_the_names_the_rest_is_told(bed: Bed, namespace: Namespace) -> None:
    """At 1,000 the names without an address of their own are listed as unresolved."""
    namespace.service("db", 3306, selector={})
    namespace.write_slices("db", 1000)
    server = bed.dns["bare"]
    server.wait_for(namespace, "db")
    options = LookupOptions(nameservers=[f"{server.address}:{server.port}"])

    snapshot = HeadlessService(f"db.{namespace.name}", options=options).lookup()
    named = {endpoint.hostname for endpoint in snapshot if endpoint.hostname}
    suffix = f".db.{namespace.name}.svc.cluster.local"
    every = {f"mysql-{n}{suffix}" for n in range(1000)}
    assert named
    assert not named & set(snapshot.unresolved)
    assert named | set(snapshot.unresolved) == every
    nameless = [endpoint for endpoint in snapshot if endpoint.name is None]
    assert len(nameless) == len(snapshot.unresolved)


async def _fails(service: str, options: LookupOptions) -> LookupFailed:
    with pytest.raises(LookupFailed) as caught:
        await adiscover(service, options=options)
    return caught.value


def test_more_than_a_message_holds_is_a_failure(bed: Bed, namespace: Namespace) -> None:
    """5,000: never a smaller set; dnspython's resolver returns 4,093 of them without a word."""
    import asyncio

    namespace.service("db", 3306, selector={})
    namespace.write_slices("db", 5000)
    server = bed.dns["bare"]
    server.wait_for(namespace, "db")
    options = LookupOptions(nameservers=[f"{server.address}:{server.port}"])
    service = f"db.{namespace.name}"

    with pytest.raises(LookupFailed) as caught:
        HeadlessService(service, options=options).lookup()
    for failure in (caught.value, asyncio.run(_fails(service, options))):
        assert failure.kind == "truncated"
        assert "more than one DNS message (64 KiB) holds" in str(failure)
        assert failure.snapshot is None

    done = command("list", service, "--nameserver", options.nameservers[0])
    assert (done.returncode, done.stdout) == (3, "")
    assert "truncated: more than one DNS message (64 KiB) holds" in done.stderr

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server.address], server.port
    taken = len(list(resolver.resolve(f"{service}.svc.cluster.local.", "A")))
    assert 4000 <= taken < 5000
