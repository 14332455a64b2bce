"""Our readers held against dnspython, and against anything a network can deliver.

What `read_message` accepts, dnspython accepts with the same records; what only ours
refuses is listed in `ONLY_OURS_REFUSES`, each with its reason. Whatever `read_srv_table`
reads, the general way reads to the same snapshot. Nothing foreign is ever raised.
"""

from __future__ import annotations

import contextlib
import struct
from time import perf_counter
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headless_discovery.core.exchange import exchange
from headless_discovery.core.memory import ServerMemory
from headless_discovery.core.names import (
    ServiceName,
    check_domain,
    check_label,
    is_pod_label,
    ordinal_of,
    split_service,
    srv_labels,
)
from headless_discovery.core.plans import PlanMemory, plan
from headless_discovery.core.questions import FAILED, Failure, Question, Reply
from headless_discovery.core.snapshot import Snapshot
from headless_discovery.core.wire import (
    AAAA,
    CNAME,
    PTR,
    SOA,
    SRV,
    A,
    Unusual,
    WireError,
    check_reply,
    label_text,
    read_message,
)
from headless_discovery.errors import ConfigError, InvalidName
from headless_discovery.resolvconf import parse_nameserver, parse_resolv_conf
from headless_discovery.target import Target
from tests.fuzz.judge import ONLY_OURS_REFUSES, agree, short_way_agrees
from tests.unit.core import driving
from tests.unit.core.driving import IDENT, ONE, SERVICE, TWO, message, name_wire, rr

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.core.wire import Record

settings.register_profile(
    "bounded",
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("bounded")

ASKED = Question(SERVICE, SRV)
SECTION = name_wire(SERVICE) + struct.pack("!HH", SRV, 1)


# --- messages as servers write them, and as nobody should ---------------------------------

LABELS = st.one_of(
    st.sampled_from([b"mysql-0", b"mysql-1", b"MySQL-0", b"10-0-0-1", b"_web", b"_tcp", b"a"]),
    st.binary(min_size=1, max_size=4),
    st.binary(min_size=63, max_size=63),
)
SERVICE_LABELS = tuple(label.encode() for label in SERVICE.split("."))
NAMES = st.one_of(
    st.just(SERVICE_LABELS),
    st.just(tuple(label.upper() for label in SERVICE_LABELS)),
    st.tuples(LABELS).map(lambda first: (*first, *SERVICE_LABELS)),
    st.lists(LABELS, max_size=5).map(tuple),
)
RECORDS = st.tuples(
    NAMES,
    st.sampled_from([A, AAAA, SRV, CNAME, PTR, SOA, A, SRV, AAAA, 16, 2, 41, 99]),
    st.sampled_from([1, 1, 1, 1, 1, 3, 254]),
    st.sampled_from([0, 5, 30, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
    st.binary(min_size=16, max_size=16),
    NAMES,
)


class Writer:
    """Writes names with as much compression as it is told."""

    def __init__(self, owners: int, targets: int) -> None:
        self.owners, self.targets = owners, targets
        self.data = bytearray()
        self.known: dict[tuple[bytes, ...], int] = {}

    def name(self, labels: tuple[bytes, ...], compress: int) -> None:
        """``compress``: 0 never, 1 whole names only, 2 any suffix."""
        for position in range(len(labels)):
            suffix = labels[position:]
            at = self.known.get(suffix)
            if at is not None and (compress == 2 or (compress == 1 and position == 0)):
                self.data += struct.pack("!H", 0xC000 | at)
                return
            if len(self.data) < 0x4000:
                self.known.setdefault(suffix, len(self.data))
            self.data += bytes((len(labels[position]),)) + labels[position]
        self.data += b"\0"

    def record(self, record: tuple[Any, ...]) -> None:
        """One record; its data is made to fit its type."""
        owner, rdtype, rdclass, ttl, raw, target = record
        self.name(owner if rdtype != 41 else (), self.owners)
        self.data += struct.pack("!HHI", rdtype, rdclass, ttl)
        place = len(self.data)
        self.data += b"\0\0"
        if rdtype == A:
            self.data += raw[:4]
        elif rdtype == AAAA:
            self.data += raw
        elif rdtype == SRV:
            self.data += raw[:6]
            self.name(target, self.targets)
        elif rdtype in (CNAME, PTR, 2):
            self.name(target, self.targets)
        elif rdtype == SOA:
            self.name(target, self.targets)
            self.name(owner, self.targets)
            self.data += raw + raw[:4]
        elif rdtype in (16, 99):
            self.data += b"\x02hi"
        self.data[place : place + 2] = struct.pack("!H", len(self.data) - place - 2)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A response to the question of these tests, in one of nine layouts of compression."""
    writer = Writer(draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    sections = [draw(st.lists(RECORDS, max_size=4)) for _ in range(3)]
    flags = 0x8400 | draw(st.sampled_from([0, 0, 0x0200])) | draw(st.sampled_from([0, 0, 2, 3, 11]))
    writer.data += IDENT + struct.pack("!HHHHH", flags, 1, *map(len, sections))
    writer.known[SERVICE_LABELS] = 12
    writer.data += SECTION
    for section in sections:
        for record in section:
            writer.record(record)
    return bytes(writer.data)


@st.composite
def mutated(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """A message with up to four bytes changed, cut out, put in, or a piece repeated."""
    data = bytearray(draw(source))
    head = 12 + len(SECTION)
    for _ in range(draw(st.integers(1, 4))):
        if len(data) <= head:
            break
        at = draw(st.integers(head, len(data) - 1))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            data[at] = draw(st.integers(0, 255))
        elif kind == 1:
            del data[at : at + draw(st.integers(1, 8))]
        elif kind == 2:
            data[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == 3:
            data[at : at + 2] = struct.pack("!H", 0xC000 | draw(st.integers(0, len(data))))
        else:
            data[6 + draw(st.integers(0, 5))] = draw(st.integers(0, 3))
    return bytes(data)


# --- the judge ----------------------------------------------------------------------------


@given(messages())
def test_what_we_accept_dnspython_accepts(data: bytes) -> None:
    """Well-formed messages: the same records, rcode and TC, in every layout of compression."""
    assert check_reply(data, IDENT, SECTION) is None
    agree(data, SECTION)


@settings(max_examples=1200)
@given(mutated(messages()))
def test_mutated_messages(data: bytes) -> None:
    """Damaged messages: refused, or read as dnspython reads them."""
    assume(check_reply(data, IDENT, SECTION) is None)
    agree(data, SECTION)


# A message for each thing that only ours refuses.
REFUSED = {
    "class": message(ASKED, [rr(SERVICE, A, b"\n\0\0\1", rdclass=254)]),
    "record type": message(ASKED, [rr(SERVICE, 16, b"\2hi")]),
    "EDNS options": message(ASKED, additional=[driving.opt(options=b"\xfd\xe9\0\0")]),
}


@pytest.mark.parametrize("reason", ONLY_OURS_REFUSES)
def test_what_only_ours_refuses(reason: str) -> None:
    """Each difference is known, and has a reason."""
    with pytest.raises((WireError, Unusual), match=reason):
        read_message(REFUSED[reason], SECTION)
    assert ONLY_OURS_REFUSES[reason]
    dns.message.from_wire(REFUSED[reason])


# --- the ordinary SRV answer --------------------------------------------------------------

PODS = st.sampled_from(["mysql-0", "mysql-1", "MYSQL-0", "redis-0", "10-0-0-1", "x.y", "-a", ""])
V4 = st.sampled_from(["10.0.0.1", "10.0.0.2", "127.0.0.1", "10.0.0.3"])
V6 = st.sampled_from(["fd00::1", "::ffff:10.0.0.1", "fe80::1", "::10.0.0.9"])


@st.composite
def srv_answers(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """SRV records and glue, from healthy to strange."""
    targets = draw(st.lists(PODS, min_size=1, max_size=4))
    records = [
        driving.srv(SERVICE, f"{name}.{SERVICE}", draw(st.sampled_from([80, 80, 443])))
        for name in targets
    ]
    glue = []
    for name in targets:
        host = f"{name}.{SERVICE}"
        glue += [driving.a(host, each) for each in draw(st.lists(V4, max_size=2))]
        glue += [driving.aaaa(host, each) for each in draw(st.lists(V6, max_size=1))]
    return records, glue


def reply_of(data: bytes, *, general: bool) -> Reply:
    """The reply as an exchange makes it, by the table where there is one, or never by it."""
    if not general:
        return driving.ask(driving.after(0.001, data), question=ASKED).reply
    read = read_message(data, SECTION)
    return driving.records(ASKED, read.answer, read.additional, ttl=None)


POLICY = driving.request().policy


def found(reply: Reply, **how: Any) -> Snapshot | Failure:
    """What a look makes of it; whatever is asked by name does not exist."""
    wanted = driving.request(**how)._replace(policy=POLICY)

    def answer(question: Question) -> Reply:
        return reply if question == ASKED else driving.nxdomain(question)

    return driving.play_plan(plan(wanted, PlanMemory(), 0.0), answer).result


HOW = st.fixed_dictionaries(
    {
        "family": st.sampled_from([None, None, 4, 6]),
        "port": st.sampled_from([None, None, 9]),
        "statefulset": st.sampled_from([None, "mysql"]),
        "max_members": st.sampled_from([4096, 1]),
    }
)


@given(srv_answers(), HOW)
def test_the_short_way_is_the_long_way(
    answer: tuple[list[bytes], list[bytes]], how: dict[str, Any]
) -> None:
    """What `read_srv_table` reads gives the very snapshot that reading records gives."""
    records, glue = answer
    data = message(ASKED, records, additional=glue)
    short, long = (found(reply_of(data, general=general), **how) for general in (False, True))
    assert type(short) is type(long)
    if isinstance(short, Snapshot):
        assert isinstance(long, Snapshot)
        assert short == long
        facts = ("outcome", "dropped", "unresolved", "problem")
        assert [getattr(short, fact) for fact in facts] == [getattr(long, fact) for fact in facts]
    else:
        assert isinstance(long, Failure)
        assert (short.problem, short.dropped) == (long.problem, long.dropped)
        assert (short.addresses, short.ports) == (long.addresses, long.ports)


@given(mutated(st.one_of(messages(), srv_answers().map(lambda a: message(ASKED, a[0], (), a[1])))))
def test_the_short_way_accepts_nothing_more(data: bytes) -> None:
    """What `read_srv_table` accepts, the general reader accepts with the same addresses."""
    assume(len(data) >= 12 + len(SECTION) and not data[2] & 2)
    short_way_agrees(data, SECTION, {})


@given(srv_answers(), st.randoms(use_true_random=False), st.data())
def test_order_and_duplicates_do_not_matter(
    answer: tuple[list[bytes], list[bytes]], chance: Any, data: st.DataObject
) -> None:
    """Answers permuted or with duplicates give an equal snapshot, or the same failure."""
    records, glue = answer
    again = [
        section + data.draw(st.lists(st.sampled_from(section), max_size=3)) if section else []
        for section in (records, glue)
    ]
    for section in again:
        chance.shuffle(section)
    one = found(reply_of(message(ASKED, records, additional=glue), general=False))
    two = found(reply_of(message(ASKED, again[0], additional=again[1]), general=False))
    if isinstance(one, Snapshot):
        assert one == two
        assert isinstance(two, Snapshot)
        assert (one.dropped, one.outcome) == (two.dropped, two.outcome)
    else:
        assert isinstance(two, Failure)
        assert (one.problem, one.dropped) == (two.problem, two.dropped)


# --- anything at all ----------------------------------------------------------------------

WHOLE = st.one_of(messages(), mutated(messages()), st.binary(max_size=64))
ARRIVALS = st.lists(st.tuples(st.floats(0, 3), WHOLE), max_size=2)


@settings(max_examples=150)
@given(st.lists(ARRIVALS, min_size=6, max_size=6), st.booleans())
def test_no_bytes_raise_out_of_an_exchange(
    script: list[list[tuple[float, bytes]]], tcp: bool
) -> None:
    """Whatever arrives, an exchange ends in a reply, at its deadline at the latest."""

    def handler(sent: driving.Sent, count: int) -> driving.Arrivals:
        return [(at, driving.frame(data) if sent.tcp else data) for at, data in script[count]]

    steps = exchange(
        ASKED,
        (ONE, TWO),
        ServerMemory(),
        start=0.0,
        deadline=5.0,
        random_id=lambda: IDENT,
        tcp=tcp,
    )
    played = driving.play(steps, handler)
    assert isinstance(played.reply, Reply)
    assert played.at <= 5.0
    assert 1 <= len(played.sent) <= 6
    assert (played.reply.status == FAILED) == (played.reply.problem is not None)
    if played.reply.status != FAILED and not played.reply.truncated:
        assert isinstance(found(played.reply), (Snapshot, Failure))


@given(st.binary(max_size=200))
def test_no_bytes_raise_out_of_the_readers(data: bytes) -> None:
    """Arbitrary bytes behind our question: WireError, Unusual or a message."""
    head = IDENT + struct.pack("!HHHHH", 0x8400, 1, *(min(3, len(data) // 11 + 1),) * 3)
    with contextlib.suppress(WireError, Unusual):
        read_message(head + SECTION + data, SECTION)
    check_reply(data, IDENT, SECTION)


@settings(max_examples=1000)
@given(st.binary(max_size=70))
def test_hostile_labels_never_become_names(label: bytes) -> None:
    """Whatever bytes a label has, what names a pod is harmless text."""
    text = label_text(label)
    if is_pod_label(text):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
        assert not text.startswith("-")
        assert len(text) <= 63
    assert text.isascii()
    assert text.isprintable()
    assert ordinal_of(text, (), None) is None or text[-1].isdigit()


# --- text that people and files give -------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.text("ab-._0\N{KELVIN SIGN}ß", max_size=5), max_size=8).map(".".join),
)


@given(TEXTS, st.none() | TEXTS, st.none() | TEXTS)
def test_text_is_a_name_or_invalid(text: str, namespace: str | None, domain: str | None) -> None:
    """Any text is a Service's name or InvalidName; what passes is a lower-case DNS name."""
    try:
        name = ServiceName(text, namespace=namespace, cluster_domain=domain)
    except InvalidName:
        return
    assert name == ServiceName(name.fqdn) or name.namespace == "svc"
    assert set(name.fqdn) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert len(name.fqdn) <= 253
    name_wire(name.fqdn)


@given(TEXTS, TEXTS)
def test_text_is_a_port_or_invalid(port: str, protocol: str) -> None:
    """Any text as port and protocol is usable or one of our errors."""
    with contextlib.suppress(InvalidName, ConfigError):
        Target(
            "db.shop",
            namespace=None,
            port=port,
            protocol=protocol,
            statefulset=protocol,
            options=None,
        )


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.tuples(
                st.sampled_from(["nameserver", "search", "domain", "options", "#", ";", ""]),
                st.text(max_size=30) | st.sampled_from(["10.0.0.10", "fe80::1%eth0", "::1#x"]),
            ).map(" ".join),
            max_size=6,
        ).map("\n".join),
    )
)
def test_any_resolv_conf_is_read(text: str) -> None:
    """No text makes the reader of resolv.conf raise; what it finds are usable servers."""
    for server in parse_resolv_conf(text).nameservers:
        assert parse_nameserver(server.address) == server


@given(st.text(max_size=60))
def test_any_nameserver_text(text: str) -> None:
    """A text is a server with a port, or ConfigError."""
    try:
        server = parse_nameserver(text)
    except ConfigError:
        return
    assert 0 < server.port <= 65535
    assert "\0" not in server.address


MEBIBYTE = 1 << 20
LONG_TEXTS = {
    "ascii": "a" * MEBIBYTE,
    "labels": "a." * (MEBIBYTE // 2),
    "dots": "." * MEBIBYTE,
    "umlauts": "ä" * MEBIBYTE,
    "kelvin": "\N{KELVIN SIGN}" * MEBIBYTE,
    "digits": "1" * MEBIBYTE,
}
LONG_CALLS: dict[str, Callable[[str], object]] = {
    "service": ServiceName,
    "namespace": lambda text: ServiceName("db", namespace=text),
    "cluster domain": lambda text: ServiceName("db.shop", cluster_domain=text),
    "split": split_service,
    "label": lambda text: check_label(text, "label"),
    "domain": check_domain,
    "pod": ServiceName("db.shop").pod,
    "port": lambda text: srv_labels(text, "tcp"),
    "protocol": lambda text: srv_labels("web", text),
    "target port": lambda text: Target(
        "db.shop", namespace=None, port=text, protocol=None, statefulset=None, options=None
    ),
    "target protocol": lambda text: Target(
        "db.shop", namespace=None, port="web", protocol=text, statefulset=None, options=None
    ),
}


@pytest.mark.parametrize("call", LONG_CALLS)
@pytest.mark.parametrize("text", LONG_TEXTS)
def test_a_mebibyte_is_refused_at_once(call: str, text: str) -> None:
    """1 MiB as a name is refused within 1 ms, and the error stays small."""
    best = 9.0
    for _ in range(7):
        began = perf_counter()
        with pytest.raises((InvalidName, ConfigError)) as caught:
            LONG_CALLS[call](LONG_TEXTS[text])
        best = min(best, perf_counter() - began)
    assert best < 0.001
    assert len(str(caught.value)) < 3000


def test_the_generated_messages_are_worth_something() -> None:
    """A plain message of every type is accepted by both: the property is no empty one."""
    usual: list[Record] = read_message(
        message(
            ASKED,
            [driving.srv(SERVICE, f"a.{SERVICE}"), driving.cname("a", "b")],
            [driving.soa()],
            [driving.a("x", "10.0.0.1"), driving.aaaa("y", "fd00::1"), driving.opt()],
        ),
        SECTION,
    ).answer
    assert len(usual) == 2
