"""The comparison itself: it notices every aspect, and nothing that may differ."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from tests.contract.asked import Finding, Tally
from tests.contract.asking import TRANSPORTS, Question
from tests.contract.comparing import ASPECTS, Rules, compare, dns_message, records
from tests.contract.exceptions import EXCEPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "_http._tcp.Web.shop.svc.cluster.local."
_SOA = "ns.dns.cluster.local. hostmaster.cluster.local. {} 7200 1800 86400 5"


def _answer(order: tuple[int, ...] = (0, 1), serial: int = 7) -> dns.message.Message:
    """Return an answer with something of everything."""
    query = dns.message.make_query(_NAME, "SRV", id=1)
    query.use_edns(0, dns.flags.DO, 1232)
    message = dns.message.make_response(query)
    message.flags |= dns.flags.AA
    for n in order:
        target = f"web-{n}.web.shop.svc.cluster.local."
        message.answer.append(_rrset(_NAME, "SRV", f"0 50 80 {target}"))
        message.additional.append(_rrset(target, "A", f"10.244.1.{n + 1}"))
    message.authority.append(_rrset("cluster.local.", "SOA", _SOA.format(serial)))
    return message


def _rrset(owner: str, rtype: str, data: str, ttl: int = 5) -> dns.rrset.RRset:
    return dns.rrset.from_text(owner, ttl, "IN", rtype, data)


def _aspects(one: dns.message.Message, other: dns.message.Message, rules: Rules) -> set[str]:
    pair = [message.to_wire(want_shuffle=False) for message in (one, other)]
    return {found.aspect for found in compare(pair[0], pair[1], rules)}


def _ttl(message: dns.message.Message, by: int) -> None:
    for rrset in message.answer:
        rrset.ttl += by


def _in_answer(data: str) -> Callable[[dns.message.Message], None]:
    """Return what puts another record in the place of the first one."""

    def change(message: dns.message.Message) -> None:
        message.answer[0] = _rrset(_NAME, "SRV", data)

    return change


def _reversed(message: dns.message.Message) -> None:
    message.answer.reverse()


def _flip(flag: dns.flags.Flag, message: dns.message.Message) -> None:
    message.flags ^= flag


def _ask_for_a(message: dns.message.Message) -> None:
    name = message.question[0].name
    message.question[0] = dns.rrset.RRset(name, dns.rdataclass.IN, dns.rdatatype.A)


def _recase(message: dns.message.Message) -> None:
    for rrset in (*message.question, *message.answer):
        rrset.name = dns.name.from_text(_NAME.lower())


_MUTATIONS: dict[str, tuple[set[str], Callable[[dns.message.Message], object]]] = {
    "rcode": ({"rcode"}, lambda m: m.set_rcode(dns.rcode.NXDOMAIN)),
    "extended rcode": ({"rcode"}, lambda m: m.set_rcode(dns.rcode.BADVERS)),
    "opcode": ({"flags"}, lambda m: m.set_opcode(dns.opcode.NOTIFY)),
    **{
        f"flag {flag.name}": ({"flags"}, partial(_flip, flag))
        for flag in dns.flags.Flag
        if flag is not dns.flags.TC
    },
    "truncation": ({"flags"}, lambda m: setattr(m, "flags", m.flags | dns.flags.TC)),
    "type asked": ({"question"}, _ask_for_a),
    "case": ({"question", "answer", "additional"}, _recase),
    "record missing": ({"answer", "size"}, lambda m: m.answer.pop()),
    "weight": ({"answer"}, _in_answer("0 49 80 web-0.web.shop.svc.cluster.local.")),
    "port": ({"answer"}, _in_answer("0 50 81 web-0.web.shop.svc.cluster.local.")),
    "priority": ({"answer"}, _in_answer("1 50 80 web-0.web.shop.svc.cluster.local.")),
    "target": ({"answer"}, _in_answer("0 50 80 web-2.web.shop.svc.cluster.local.")),
    "case of a target": ({"answer"}, _in_answer("0 50 80 WEB-0.web.shop.svc.cluster.local.")),
    "record twice": ({"answer", "size"}, lambda m: m.answer.append(m.answer[0])),
    "order": ({"order"}, _reversed),
    "authority": ({"authority", "size"}, lambda m: m.authority.clear()),
    "minimum of the SOA": (
        {"authority"},
        lambda m: m.authority.__setitem__(
            0, _rrset("cluster.local.", "SOA", _SOA.format(7)[:-1] + "6")
        ),
    ),
    "additional": ({"additional", "size"}, lambda m: m.additional.pop()),
    "ttl": ({"ttl"}, lambda m: _ttl(m, -1)),
    "no EDNS": ({"edns", "size"}, lambda m: m.use_edns(False)),
    "EDNS payload": ({"edns"}, lambda m: m.use_edns(0, dns.flags.DO, 1231)),
    "EDNS flags": ({"edns"}, lambda m: m.use_edns(0, 0, 1232)),
    "EDNS version": ({"edns"}, lambda m: m.use_edns(1, dns.flags.DO, 1232)),
    "EDNS option": (
        {"edns", "size"},
        lambda m: m.use_edns(
            0, dns.flags.DO, 1232, options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")]
        ),
    ),
}


@pytest.mark.parametrize("mutation", _MUTATIONS)
def test_every_aspect_is_noticed(mutation: str) -> None:
    """An answer with one thing changed differs in that, and in nothing else."""
    aspects, change = _MUTATIONS[mutation]
    changed = _answer()
    change(changed)
    assert _aspects(_answer(), changed, Rules()) == aspects
    assert _aspects(changed, _answer(), Rules()) == aspects


def test_size_answers_and_cuts_are_noticed() -> None:
    """What no record shows: compression, silence, records from elsewhere in a cut answer."""
    plain = _answer()
    wire = plain.to_wire()
    # The first SRV record's owner is a pointer; the same name written in full is longer.
    pointer = wire.index(b"\xc0\x0c")
    longer = wire[:pointer] + (dns.name.from_text(_NAME).to_wire() or b"") + wire[pointer + 2 :]
    assert [each.aspect for each in compare(wire, longer, Rules())] == ["size"]
    assert [each.aspect for each in compare(wire, None, Rules())] == ["answered"]

    cut = _answer()
    cut.flags |= dns.flags.TC
    other = _answer((0, 2))
    other.flags |= dns.flags.TC
    whole = records(dns_message(cut.to_wire()))
    assert _aspects(cut, other, Rules(any_order=True, whole=whole)) == {"cut"}
    assert _aspects(cut, other, Rules(any_order=True)) == set()
    other = _answer(())
    other.flags |= dns.flags.TC
    assert _aspects(cut, other, Rules(any_order=True, whole=whole)) == {"size"}


def test_every_aspect_has_a_proof() -> None:
    """No aspect is compared that nothing above shows to be noticed."""
    proven = {aspect for aspects, _ in _MUTATIONS.values() for aspect in aspects}
    assert proven | {"answered", "cut"} == set(ASPECTS)


def test_what_may_differ_is_no_difference() -> None:
    """The serial always; the order and a second of TTL where it is said so."""
    assert _aspects(_answer(), _answer(serial=8), Rules()) == set()
    assert _aspects(_answer(), _answer((1, 0)), Rules(any_order=True)) == set()
    later = _answer()
    _ttl(later, -1)
    assert _aspects(_answer(), later, Rules(ttl_slack=1)) == set()
    _ttl(later, -1)
    assert _aspects(_answer(), later, Rules(ttl_slack=1)) == {"ttl"}
    assert compare(None, None, Rules()) == []


def test_no_exception_covers_an_ordinary_difference() -> None:
    """A finding that nothing exempts is counted and told in full."""
    question = Question(_NAME, "SRV", "why it is asked")
    found = compare(_answer().to_wire(), _answer((0,)).to_wire(), Rules())
    tally = Tally()
    for variant in ("bare", "kubeadm"):
        tally.note(Finding(variant, TRANSPORTS[0], question, found))
        tally.note(Finding(variant, TRANSPORTS[1], question, []))
    assert (tally.compared, len(tally.findings), tally.used) == (4, 2, {})
    assert "why it is asked" in tally.report()
    assert "web-1.web.shop.svc.cluster.local." in tally.report()
    assert all(each.reason for each in EXCEPTIONS)
