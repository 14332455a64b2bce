"""The types that plans, exchanges and shells share."""

from __future__ import annotations

from headless_discovery.core.questions import Question, Server, type_name


def test_a_question_reads_like_a_question() -> None:
    """A question is shown absolute, with its type by name."""
    assert str(Question("db.shop.svc.cluster.local", 33)) == "db.shop.svc.cluster.local. SRV"
    assert str(Question("x", 65)) == "x. TYPE65"


def test_type_names() -> None:
    """Types used here have names, others their number (RFC 3597)."""
    names = [type_name(rdtype) for rdtype in (1, 2, 5, 6, 12, 28, 33, 99)]
    assert names == ["A", "NS", "CNAME", "SOA", "PTR", "AAAA", "SRV", "TYPE99"]


def test_servers_with_brackets() -> None:
    """An IPv6 server is written in brackets."""
    assert str(Server("10.96.0.10", 53)) == "10.96.0.10:53"
    assert str(Server("fd00::a", 5353)) == "[fd00::a]:5353"
