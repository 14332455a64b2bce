"""Plans: what to ask about a Service, and what the replies mean together.

In: a `Request`. Out: tuples of questions, and in the end a `Snapshot` or a `Failure`.

``srv``: the SRV records of the Service (or of one named port) tell names and ports, the
additional section the addresses; what is missing there is asked by name. ``addresses``:
A and AAAA of the Service, without names. ``auto``: SRV, and the addresses where the
Service has no ports or the answer was cut even over TCP: one DNS message ends near 820
SRV records with their addresses, or 4,090 A.

A failed SRV question is a failure and no reason to go on with addresses: that would
change everybody's identity at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import InvalidName
from .assembly import Assembly
from .gather import MAX_CNAMES, Gathering, follow_cnames
from .names import ServiceName, srv_labels
from .questions import (
    BAD_RESPONSE,
    FAILED,
    NODATA,
    NOT_HEADLESS,
    NXDOMAIN,
    RECORDS,
    TOO_LARGE,
    TRUNCATED,
    Failure,
    Problem,
    Question,
)
from .snapshot import ABSENT, EMPTY, OK, PARTIAL, Snapshot
from .wire import AAAA, SRV, A

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .addresses import AddressPolicy
    from .gather import GatheringSettings
    from .questions import Plan, Reply
    from .snapshot import Endpoint
    from .srvtable import SrvTable

__all__ = ["PlanMemory", "Request", "failure", "plan"]

ASKED_BY_NAME_AT_MOST = 32
ADDRESSES_OF_ONE_POD = 64  # a pod has two; one name of a hand-written list may have some more
NO_SRV_KNOWN_FOR = 60.0


class Request(NamedTuple):
    """One look: whom it is about and what may be asked."""

    service: ServiceName
    policy: AddressPolicy
    port_name: str | None = None
    port: int | None = None
    protocol: str = "tcp"
    statefulset: str | None = None
    family: int | None = None
    plan: str = "auto"
    max_members: int = 4096


class PlanMemory:
    """What one service object remembers between looks; all of it only saves time."""

    __slots__ = ("assembly", "no_srv_until")

    def __init__(self) -> None:
        #: Endpoints of the last look.
        self.assembly = Assembly()
        #: Until when SRV is known to hold no data, by FQDN.
        self.no_srv_until: dict[str, float] = {}


def plan(request: Request, memory: PlanMemory, now: float) -> Plan:
    """The plan of one look.

    Args:
        request: What to find out.
        memory: Of the same service object.
        now: Monotonic seconds.

    Returns:
        A generator: yields questions that can be asked at once, is sent their replies in
        the same order, returns a `Snapshot` or a `Failure`.
    """
    fqdn = request.service.fqdn
    if request.plan == "addresses" or (
        request.plan == "auto" and memory.no_srv_until.get(fqdn, 0.0) > now
    ):
        return (yield from _address_look(request, memory, fqdn, ()))
    name = fqdn
    if request.port_name is not None:
        name = f"{srv_labels(request.port_name, request.protocol)}.{fqdn}"
    (reply,) = yield (Question(name, SRV),)
    if reply.status == NODATA and request.plan == "auto":
        memory.no_srv_until[fqdn] = reply.at + NO_SRV_KNOWN_FOR
        return (yield from _address_look(request, memory, fqdn, (reply,)))
    return (yield from _srv_look(request, memory, reply, fqdn, ()))


def _srv_look(
    request: Request, memory: PlanMemory, reply: Reply, fqdn: str, earlier: tuple[Reply, ...]
) -> Plan:
    """What the reply to the SRV question of the Service ``fqdn`` means.

    ``earlier`` are the replies that led here, as through an ExternalName.
    """
    replies = (*earlier, reply)
    if reply.status != RECORDS:
        return _without_records(request, (reply,), replies)
    if reply.table is not None:
        endpoints = memory.assembly.endpoints(reply.table, fqdn, **_settings(request))
        if endpoints is not None and len(endpoints) <= request.max_members:
            if earlier:
                return _snapshot(request, endpoints, OK, replies, (), (), None)
            # The ordinary look: one reply, nothing to put together.
            servers = (str(reply.server),)
            return Snapshot(
                request.service, endpoints, ttl=reply.ttl, seen_at=reply.at, servers=servers
            )
        reply = _with_records(reply, reply.table)
    gathering = _gathering(request, fqdn)
    owner, dropped = follow_cnames(
        reply.answer, reply.question.name, request.service.cluster_domain
    )
    if owner != reply.question.name:
        # A server that completes names (autopath) answers under another one; what the
        # targets must be below is that Service.
        service = _service_at(owner.removeprefix(_port_prefix(request)), request)
        if service is not None and service.fqdn != fqdn:
            fqdn = service.fqdn
            gathering = _gathering(request, fqdn)
    if dropped is not None:
        gathering.drop(dropped)
    virtual = _virtual_address(reply, owner, fqdn)
    if virtual is not None:
        return virtual
    gathering.targets(reply.answer, owner)
    gathering.glue(reply.additional)
    missing = gathering.without_glue()
    if reply.truncated or len(missing) > ASKED_BY_NAME_AT_MOST:
        return (yield from _complete_by_service(request, reply, fqdn, gathering, replies))
    found: tuple[Reply, ...] = ()
    if missing:
        rdtypes = _rdtypes(request)
        found = yield tuple(Question(name, rdtype) for name in missing for rdtype in rdtypes)
        found = tuple(_of_one_pod(each) for each in found)
        for each in found:
            if each.status == RECORDS and not each.truncated:
                gathering.glue(each.answer)
            elif _none_of_family(request, (each,)):
                gathering.leave_out((each.question.name,))
    return _conclude(request, gathering, replies + found, _first_problem(found))


def _of_one_pod(reply: Reply) -> Reply:
    """The reply to the question for one pod, a failure where it holds far too much."""
    if len(reply.answer) <= ADDRESSES_OF_ONE_POD:
        return reply
    problem = Problem(BAD_RESPONSE, f"{len(reply.answer)} records for a single pod")
    return reply._replace(status=FAILED, answer=[], problem=problem)


def _complete_by_service(
    request: Request, reply: Reply, fqdn: str, gathering: Gathering, replies: tuple[Reply, ...]
) -> Plan:
    """The addresses an SRV answer did not hold, by A and AAAA of the Service."""
    found = yield tuple(Question(fqdn, rdtype) for rdtype in _rdtypes(request))
    replies += found
    problem = _first_problem(found)
    if any(each.truncated for each in found):
        return _failed(found, replies, gathering)
    for each in found:
        gathering.nameless(each.answer, fqdn)
    if _none_of_family(request, found):
        gathering.leave_out(gathering.without_glue())
    elif reply.truncated and not any(each.status == RECORDS for each in found):
        # Cut and not completed: the part that did fit must not pass for the whole.
        why = "A and AAAA hold no address" if problem is None else problem.detail
        detail = f"the SRV answer was cut even over TCP and not completed: {why}"
        return failure(Problem(TRUNCATED, detail), replies, gathering.dropped, reply.question)
    return _conclude(request, gathering, replies, problem)


def _address_look(
    request: Request, memory: PlanMemory, fqdn: str, earlier: tuple[Reply, ...], links: int = 0
) -> Plan:
    """A and AAAA of the Service; through an ExternalName the Service it leads to.

    ``links`` counts the aliases that were followed from answer to answer.
    """
    found = yield tuple(Question(fqdn, rdtype) for rdtype in _rdtypes(request))
    replies = (*earlier, *found)
    if any(each.truncated for each in found) or all(each.status == FAILED for each in found):
        return _failed(found, replies, _gathering(request, fqdn))
    gathering = _gathering(request, fqdn)
    owners = set()
    for each in found:
        if each.status != RECORDS:
            continue
        owner, dropped = follow_cnames(each.answer, fqdn, request.service.cluster_domain)
        if dropped is not None:
            gathering.drop(dropped)
            continue
        owners.add(owner)
        gathering.nameless(each.answer, owner)
    target = _service_at(min(owners), request) if owners and owners != {fqdn} else None
    if target is not None and request.plan == "auto":
        # An ExternalName to a Service inside: its pods have names there, so ask there.
        (reply,) = yield (Question(_port_prefix(request) + target.fqdn, SRV),)
        if reply.status != NODATA:
            return (yield from _srv_look(request, memory, reply, target.fqdn, replies))
        replies = (*replies, reply)
    bare = owners != {fqdn} and not gathering.dropped and not gathering.endpoints()[0]
    if owners and bare and request.port_name is None and links < MAX_CNAMES:
        # An alias without the addresses it leads to proves nothing: ask for those.
        return (yield from _address_look(request, memory, min(owners), replies, links + 1))
    if request.port_name is not None and not gathering.dropped:
        # Without SRV records nobody says which endpoints have that port.
        return _without_records(request, (earlier or replies)[:1], replies)
    if not any(each.status == RECORDS for each in found):
        return _without_records(request, found, replies)
    if request.port_name is not None:
        return _nothing_left(replies, gathering.dropped)
    return _conclude(request, gathering, replies, _first_problem(found))


def _conclude(
    request: Request, gathering: Gathering, replies: tuple[Reply, ...], problem: Problem | None
) -> Snapshot | Failure:
    """The outcome of a look whose records have all been gathered."""
    endpoints, unresolved = gathering.endpoints()
    dropped = gathering.dropped
    if len(endpoints) > request.max_members:
        detail = f"{len(endpoints)} endpoints, more than max_members={request.max_members}"
        return failure(Problem(TOO_LARGE, detail), replies, dropped)
    if not endpoints and dropped:
        return _nothing_left(replies, dropped)
    if problem is None and unresolved and not endpoints:
        # Names without a single address prove neither that pods are there nor that not.
        problem = Problem(BAD_RESPONSE, f"no address for any of {len(unresolved)} names")
    outcome = OK if endpoints else EMPTY
    if problem is not None:
        outcome = PARTIAL
    return _snapshot(request, endpoints, outcome, replies, dropped, unresolved, problem)


def _nothing_left(replies: tuple[Reply, ...], dropped: tuple[str, ...]) -> Failure:
    """The failure of a look whose records were all refused."""
    detail = f"nothing is left of the answer: {'; '.join(dropped[:5])}"
    return failure(Problem(BAD_RESPONSE, detail), replies, dropped)


def _none_of_family(request: Request, found: tuple[Reply, ...]) -> bool:
    """Whether the one family asked for is not there: an answer, and nothing unresolved."""
    return request.family is not None and all(each.status == NODATA for each in found)


def _without_records(
    request: Request, decisive: tuple[Reply, ...], replies: tuple[Reply, ...]
) -> Snapshot | Failure:
    """The outcome where no reply holds records: failed in part or whole, absent or empty."""
    problem = _first_problem(decisive)
    if problem is not None:
        if all(each.status == FAILED for each in decisive):
            return _failed(decisive, replies, None)
        return _snapshot(request, (), PARTIAL, replies, (), (), problem)
    absent = all(each.status == NXDOMAIN for each in decisive)
    return _snapshot(request, (), ABSENT if absent else EMPTY, replies, (), (), None)


def _snapshot(
    request: Request,
    endpoints: Iterable[Endpoint],
    outcome: str,
    replies: tuple[Reply, ...],
    dropped: tuple[str, ...],
    unresolved: tuple[str, ...],
    problem: Problem | None,
) -> Snapshot:
    return Snapshot(
        request.service,
        endpoints,
        outcome=outcome,
        ttl=min((each.ttl for each in replies if each.ttl is not None), default=None),
        seen_at=max(each.at for each in replies),
        servers=_servers(replies),
        dropped=dropped,
        unresolved=unresolved,
        problem=None if problem is None else f"{problem.kind}: {problem.detail}",
        cause=next(
            ((str(each.question), each.problem.rcode) for each in replies if each.problem), None
        ),
    )


def _failed(
    decisive: tuple[Reply, ...], replies: tuple[Reply, ...], gathering: Gathering | None
) -> Failure:
    """The failure of a look whose address questions were cut or got no answer."""
    dropped = () if gathering is None else gathering.dropped
    for each in decisive:
        if each.truncated:
            detail = "more than one DNS message (64 KiB) holds"
            return failure(Problem(TRUNCATED, detail), replies, dropped, each.question)
    first = next(each for each in decisive if each.problem is not None)
    assert first.problem is not None  # noqa: S101 - just chosen so
    return failure(first.problem, replies, dropped, first.question)


def failure(
    problem: Problem,
    replies: tuple[Reply, ...],
    dropped: tuple[str, ...],
    question: Question | None = None,
) -> Failure:
    """The failure of a look, with the servers that answered or at least were asked."""
    asked = _servers(replies) or tuple(
        dict.fromkeys(attempt.server for each in replies for attempt in each.attempts)
    )
    return Failure(problem, question or replies[0].question, asked, dropped)


def _virtual_address(reply: Reply, owner: str, fqdn: str) -> Failure | None:
    """A Service with a virtual address: every SRV target is the Service's own name.

    kubernetes/dns specification 2.3.2; a headless Service's targets are its endpoints.
    """
    values = [record[3] for record in reply.answer if record[1] == SRV and record[0] == owner]
    if not values or any(value[3] != fqdn for value in values):
        return None
    addresses = {
        record[3] for record in reply.additional if record[0] == fqdn and record[1] in (A, AAAA)
    }
    return Failure(
        Problem(NOT_HEADLESS, "the Service has a virtual address"),
        reply.question,
        _servers((reply,)),
        addresses=tuple(sorted(addresses)),
        ports=tuple(sorted({value[2] for value in values})),
    )


def _service_at(name: str, request: Request) -> ServiceName | None:
    """The Service of that full name, None where the name is something else (a pod's)."""
    try:
        return ServiceName(name, cluster_domain=request.service.cluster_domain)
    except InvalidName:
        return None


def _with_records(reply: Reply, table: SrvTable) -> Reply:
    """The same reply with the records its table stands for."""
    return reply._replace(
        answer=table.answer(reply.question.name), additional=table.additional(), table=None
    )


def _gathering(request: Request, fqdn: str) -> Gathering:
    return Gathering(fqdn, **_settings(request))


def _settings(request: Request) -> GatheringSettings:
    return {
        "policy": request.policy,
        "family": request.family,
        "port": request.port,
        "statefulset": request.statefulset,
    }


def _rdtypes(request: Request) -> tuple[int, ...]:
    return {None: (A, AAAA), 4: (A,), 6: (AAAA,)}[request.family]


def _port_prefix(request: Request) -> str:
    if request.port_name is None:
        return ""
    return srv_labels(request.port_name, request.protocol) + "."


def _first_problem(replies: tuple[Reply, ...]) -> Problem | None:
    for each in replies:
        if each.problem is not None:
            return each.problem._replace(detail=f"{each.problem.detail} ({each.question})")
    return None


def _servers(replies: tuple[Reply, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(each.server) for each in replies if each.server is not None))
