"""The contract where answers are cut: from a hundred endpoints to five thousand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.cluster.bed import VARIANTS
from tests.cluster.workloads import address_of
from tests.contract import handwritten, mirror, state
from tests.contract.asked import Tally, ask_both
from tests.contract.asking import TRANSPORTS, Asker, Question, Transport, query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headless_discovery.testing import ClusterDNS
    from tests.cluster.bed import Bed
    from tests.contract.mirror import Content

_NAMESPACE = "large"
_BASE = f"{_NAMESPACE}.svc.cluster.local."
_SIZES = (30, 100, 300, 1000, 2000, 5000)
_PORT = 3306

_QUESTIONS = (
    *(Question(f"n{size}.{_BASE}", each, "cut") for size in _SIZES for each in ("A", "SRV")),
    Question(f"_._tcp.n1000.{_BASE}", "SRV", "by any port"),
    Question(f"N2000.{_BASE}".upper(), "SRV", "names in upper case are cut alike"),
    Question(f"n5000.{_BASE}", "AAAA", "no data, however many there are"),
    Question(f"n5000.{_BASE}", "TXT", "another type"),
    Question(f"mysql-4999.n5000.{_BASE}", "A", "the last one by its name"),
    Question(f"mysql-4999.n5000.{_BASE}", "SRV", "its weight"),
    Question(f"mysql-5000.n5000.{_BASE}", "A", "one too many"),
    Question("1.90.244.10.in-addr.arpa.", "PTR", "an address in a slice of each Service"),
)

# Around every limit there is: 512 octets, fragments, pointers, datagrams.
_PAYLOADS = (0, 100, 511, 512, 513, 1231, 1232, 1452, 1479, 1480, 1481, 8192, 16383, 65507)
_SIZES_BY_PAYLOAD = (30, 100, 300)


@pytest.fixture(scope="module")
def content(bed: Bed) -> Iterator[Content]:
    """Have the Services in the cluster; returns what the API server holds of them."""
    # The ordinary state has endpoints of the same addresses, which would answer PTR too.
    bed.api.wait_until(lambda: not bed.api.list("EndpointSlice", "hand"), "'hand' to be gone")
    with state.namespace(bed.api, _NAMESPACE) as namespace:
        for size in _SIZES:
            handwritten.many(namespace, f"n{size}", size)
        state.in_step(bed)
        yield mirror.content(bed.api, [_NAMESPACE])


@pytest.fixture(scope="module")
def embedded(content: Content) -> Iterator[dict[str, ClusterDNS]]:
    """Return the embedded servers by variant."""
    with contextlib.ExitStack() as stack:
        yield {
            variant: stack.enter_context(mirror.embedded(variant, content)) for variant in VARIANTS
        }


def whole(question: Question) -> frozenset[tuple[str, str, str]] | None:
    """Return all records of the answer of one Service, however long it would be."""
    label, _, rest = question.name.lower().partition(".")
    if rest != _BASE or question.rtype not in {"A", "SRV"}:
        return None
    size = int(label.removeprefix("n"))
    owner = f"{label}.{_BASE}"
    addresses = [address_of(handwritten.FIRST + n) for n in range(size)]
    if question.rtype == "A":
        return frozenset((owner, "A", address) for address in addresses)
    targets = [f"mysql-{n}.{owner}" for n in range(size)]
    weight = max(1, 100 // size)
    return frozenset(
        [
            *((owner, "SRV", f"0 {weight} {_PORT} {target}") for target in targets),
            *((target, "A", at) for target, at in zip(targets, addresses, strict=True)),
        ]
    )


def test_every_large_answer_is_cut_the_same(
    bed: Bed,
    content: Content,
    embedded: dict[str, ClusterDNS],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same flags, and whole records of the same answer up to the same size."""
    tally = Tally()
    for variant in VARIANTS:
        ask_both(
            tally,
            variant,
            bed.dns[variant],
            embedded[variant],
            _QUESTIONS,
            in_random_order=content.in_random_order,
            whole=whole,
        )
    with capsys.disabled():
        print(f"\nlarge answers: {tally.summary(f'up to {_SIZES[-1]} endpoints')}")  # noqa: T201
    if tally.findings:
        pytest.fail(tally.report(), pytrace=False)
    assert tally.compared == len(_QUESTIONS) * len(VARIANTS) * len(TRANSPORTS)


def test_every_payload_size_is_kept(
    bed: Bed, content: Content, embedded: dict[str, ClusterDNS]
) -> None:
    """Below 512 it is 512, and around every limit both servers cut at the same record."""
    tally = Tally()
    questions = [
        Question(f"n{size}.{_BASE}", each, "cut at any size")
        for size in _SIZES_BY_PAYLOAD
        for each in ("A", "SRV")
    ]
    for variant in ("bare", "kubeadm"):
        ask_both(
            tally,
            variant,
            bed.dns[variant],
            embedded[variant],
            questions,
            in_random_order=content.in_random_order,
            transports=[Transport(f"UDP {size}", payload=size) for size in _PAYLOADS],
            whole=whole,
        )
    if tally.findings:
        pytest.fail(tally.report(), pytrace=False)
    assert tally.compared == 2 * len(questions) * len(_PAYLOADS)


def test_what_no_datagram_holds_is_not_answered(bed: Bed, embedded: dict[str, ClusterDNS]) -> None:
    """Payload size 65535 and an answer beyond 65507 octets: silence from both."""
    transport = Transport("UDP 65535", payload=65535)
    message = query(Question(f"n5000.{_BASE}", "A", "silence"), transport)
    real = bed.dns["bare"]
    for address, port in (
        (real.address, real.port),
        (embedded["bare"].host, embedded["bare"].port),
    ):
        with Asker(address, port) as asker:
            assert asker.ask(message, transport, patience=0.5) is None
