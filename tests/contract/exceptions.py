"""Where the embedded cluster DNS may differ from the CoreDNS of the bed, and why.

Every entry must be needed: the contract fails on one that no difference called for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.asking import Question
    from tests.contract.comparing import Difference


GHOST = "1.201.244.10.in-addr.arpa."


class Exempt(NamedTuple):
    """A difference that is known.

    Attributes:
        reason: Why it is there and may stay.
        covers: Whether a difference is of this kind, from the variant of CoreDNS, the
            question, and all differences between the two answers.
    """

    reason: str
    covers: Callable[[str, Question, list[Difference]], bool]


def _falls_through(variant: str, question: Question, found: list[Difference]) -> bool:
    rcodes = [(each.real, each.embedded) for each in found if each.aspect == "rcode"]
    return (
        variant == "kubeadm"
        and question.name.lower().endswith(".arpa.")
        and rcodes == [("SERVFAIL", "NXDOMAIN")]
    )


def _capped(variant: str, question: Question, found: list[Difference]) -> bool:
    return (
        variant == "kubeadm"
        and question.name.lower() == "dns-version.cluster.local."
        and [tuple(each) for each in found] == [("ttl", "answer [30]", "answer [28800]")]
    )


def _without_service(variant: str, question: Question, found: list[Difference]) -> bool:  # noqa: ARG001
    rcodes = [(each.real, each.embedded) for each in found if each.aspect == "rcode"]
    return question.name == GHOST and rcodes == [("NOERROR", "NXDOMAIN")]


EXCEPTIONS = (
    Exempt(
        "kubeadm's Corefile hands reverse names it does not know to the node's name servers; "
        "the bed has none, so CoreDNS says SERVFAIL where the embedded server says NXDOMAIN",
        _falls_through,
    ),
    Exempt(
        "kubeadm's cache keeps nothing of the cluster's zone, yet caps TTLs at 30 there; only "
        "the version of the schema has a longer one, and the embedded cache keeps or is off",
        _capped,
    ),
    Exempt(
        "CoreDNS finds slices of a Service that does not exist by address; the embedded "
        "server has slices under Services only, and no lookup of pods asks for addresses",
        _without_service,
    ),
)
