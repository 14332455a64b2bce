"""Every question asked of both servers, by every transport, and what came of it.

In come a CoreDNS, an embedded cluster DNS and questions, out goes a `Tally`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.contract.asking import TRANSPORTS, Asker, query
from tests.contract.comparing import Rules, compare, dns_message, records, same_bytes
from tests.contract.exceptions import EXCEPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from headless_discovery.testing import ClusterDNS
    from tests.cluster.lookups import Variant
    from tests.contract.asking import Question, Transport
    from tests.contract.comparing import Difference
    from tests.contract.exceptions import Exempt

_SHOWN = 8

SHUFFLING = frozenset({"kubeadm", "cached"})
"""Variants that put addresses in a random order."""


class Finding(NamedTuple):
    """Two answers that differ."""

    variant: str
    transport: Transport
    question: Question
    differences: list[Difference]

    def __str__(self) -> str:
        asked = f"{self.question.name} {self.question.rtype}"
        lines = [f"{asked}  [{self.variant}, {self.transport.name}]  ({self.question.reason})"]
        for each in self.differences:
            lines += [f"    {each.aspect}", f"      CoreDNS  {each.real}"]
            lines += [f"      embedded {each.embedded}"]
        return "\n".join(lines)


class Tally:
    """What was asked and what came of it; several runs add up.

    Attributes:
        compared: How many pairs of answers.
        findings: Those that differ and that no exception covers.
        used: The exceptions that were needed, and how often.
    """

    def __init__(self) -> None:
        self.compared = 0
        self.findings: list[Finding] = []
        self.used: dict[Exempt, int] = {}

    def note(self, finding: Finding) -> None:
        """Count one pair of answers."""
        self.compared += 1
        if not finding.differences:
            return
        for exempt in EXCEPTIONS:
            if exempt.covers(finding.variant, finding.question, finding.differences):
                self.used[exempt] = self.used.get(exempt, 0) + 1
                return
        self.findings.append(finding)

    def summary(self, heading: str) -> str:
        """Return the numbers in one line."""
        return (
            f"{heading}: {self.compared} pairs of answers, {len(self.findings)} differences, "
            f"{sum(self.used.values())} exempt"
        )

    def report(self) -> str:
        """Return the first findings in full, one for each question."""
        firsts = {each.question: each for each in reversed(self.findings)}
        heading = f"{len(self.findings)} pairs of answers to {len(firsts)} questions differ"
        shown = [str(each) for each in self.findings if each is firsts[each.question]]
        more = [f"... and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        return "\n".join([heading, *shown[:_SHOWN], *more])


def ask_both(
    tally: Tally,
    variant: str,
    real: Variant,
    embedded: ClusterDNS,
    questions: Iterable[Question],
    *,
    in_random_order: Collection[str],
    transports: Sequence[Transport] = TRANSPORTS,
    whole: Callable[[Question], frozenset[tuple[str, str, str]] | None] = lambda _: None,
) -> None:
    """Ask both servers every question by every transport, and compare.

    Args:
        tally: Where to add it up.
        variant: How CoreDNS runs.
        real: CoreDNS.
        embedded: The same state, embedded.
        questions: What to ask, without placeholders.
        in_random_order: Services whose slices come in a random order.
        transports: How to ask. Where TCP is the first, its answer is the whole answer.
        whole: The records of the whole answer, where no message may hold it.
    """
    with (
        Asker(real.address, real.port) as one,
        Asker(embedded.host, embedded.port) as other,
    ):
        for question in questions:
            name = question.name.lower()
            reverse = name.endswith(".arpa.")  # an address may be in slices of several Services
            rules = Rules(
                any_order=(
                    variant in SHUFFLING or reverse or any(map(name.endswith, in_random_order))
                ),
                # The cache of kubeadm leaves out the cluster's zone, not the reverse ones.
                ttl_slack=variant == "cached" or (variant == "kubeadm" and reverse),
                whole=whole(question),
            )
            for transport in transports:
                message = query(question, transport)
                answers = one.ask(message, transport), other.ask(message, transport)
                found: list[Difference] = []
                if not same_bytes(*answers):
                    found = compare(*answers, rules)
                tally.note(Finding(variant, transport, question, found))
                if transport.tcp and rules.whole is None and answers[0] is not None:
                    rules = rules._replace(whole=records(dns_message(answers[0])))
