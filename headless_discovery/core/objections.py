"""Objections: why a well-formed message is no answer to go by.

In: a message that `wire` has read, and what was asked. Out: a `Problem`, or None. Here
stands what an error code means, and whose "none" is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .questions import BAD_RESPONSE, REFUSED, SERVFAIL, Problem
from .wire import CNAME, NS, SOA

if TYPE_CHECKING:
    from .questions import Question
    from .wire import Message

__all__ = ["objection", "rcode_name", "rcode_problem"]

_RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    16: "BADVERS",
}


def rcode_name(rcode: int) -> str:
    """A response code as text: ``SERVFAIL``, or ``RCODE11`` for one without a name here."""
    return _RCODES.get(rcode) or f"RCODE{rcode}"


def rcode_problem(rcode: int) -> Problem:
    """The problem that an error code is."""
    kind = {2: SERVFAIL, 5: REFUSED}.get(rcode, BAD_RESPONSE)
    return Problem(kind, f"the server answered {rcode_name(rcode)}", rcode)


def objection(message: Message, question: Question, tcp: bool, zone: str) -> Problem | None:
    """Why a well-formed message is no answer to go by, or None."""
    if message.rcode not in (0, 3):
        return rcode_problem(message.rcode)
    if message.truncated and not tcp:
        return None  # what is there does not matter
    if message.rcode == 3 and message.answer:
        return Problem(BAD_RESPONSE, "NXDOMAIN that carries answers", 3)
    if message.rcode == 3 and message.truncated:
        return Problem(BAD_RESPONSE, "NXDOMAIN that was cut even over TCP", 3)
    if message.truncated:
        return None  # the plan judges what is there
    if not message.answer:
        return _negative_objection(message, zone)
    wanted = (question.rdtype, CNAME)
    if any(record[0] == question.name and record[1] in wanted for record in message.answer):
        return None
    return Problem(BAD_RESPONSE, "the answer is about other names than the one asked", 0)


def _negative_objection(message: Message, zone: str) -> Problem | None:
    """Why "none" is not to be believed, or None.

    The SOA of a negative answer (RFC 2308) says which zone it comes from. From outside the
    cluster's domain it means that this server never heard of the cluster, and nothing
    about who is there.
    """
    types = {record[1] for record in message.authority}
    if NS in types and SOA not in types:
        return Problem(
            BAD_RESPONSE, "a referral to other servers instead of an answer", message.rcode
        )
    for owner, rdtype, _, _ in message.authority:
        if rdtype == SOA and zone and owner != zone and not owner.endswith("." + zone):
            detail = (
                f"{rcode_name(message.rcode)} of the zone '{owner}.' and not of '{zone}.': "
                "this server does not know the cluster"
            )
            return Problem(BAD_RESPONSE, detail, message.rcode)
    return None
