"""The contract: the embedded cluster DNS answers as CoreDNS 1.15 in the same state."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import pytest

from tests.cluster.bed import VARIANTS
from tests.contract import mirror, state
from tests.contract.asked import Tally, ask_both
from tests.contract.asking import TRANSPORTS
from tests.contract.exceptions import EXCEPTIONS
from tests.contract.table import questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.bed import Bed

_NAMESPACES = ("default", "shop", "hand", "vacant", state.LONG)


@pytest.fixture(scope="module")
def tally(bed: Bed) -> Iterator[Tally]:
    """Return what came of asking every variant the whole table."""
    made = Tally()
    with contextlib.ExitStack() as stack:
        chosen = stack.enter_context(state.cluster(bed))
        content = mirror.content(bed.api, _NAMESPACES)
        asked = [each._replace(name=each.name.format_map(chosen)) for each in questions()]
        # What a cache takes for the same question, in a row: no time passes in between.
        asked.sort(key=lambda each: (each.name.lower(), each.rtype))
        for variant in VARIANTS:
            ask_both(
                made,
                variant,
                bed.dns[variant],
                stack.enter_context(mirror.embedded(variant, content)),
                asked,
                in_random_order=content.in_random_order,
            )
        yield made


def test_every_answer_is_the_same(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    """No question, variant or transport tells the embedded server from CoreDNS."""
    counts = (len(questions()), len(VARIANTS), len(TRANSPORTS))
    heading = "{} questions x {} variants x {} transports".format(*counts)
    with capsys.disabled():
        print(f"\ncontract: {tally.summary(heading)}")  # noqa: T201 - for whoever runs it
    if tally.findings:
        pytest.fail(tally.report(), pytrace=False)
    assert tally.compared == math.prod(counts)


def test_every_exception_is_needed(tally: Tally) -> None:
    """An exception that no difference calls for is out of date."""
    stale = [each.reason for each in EXCEPTIONS if each not in tally.used]
    assert not stale


def test_the_table_is_large_enough() -> None:
    """At least 150 distinct questions, each with its reason."""
    asked = questions()
    assert len({(each.name.lower(), each.rtype) for each in asked}) >= 150
    assert all(each.reason for each in asked)
