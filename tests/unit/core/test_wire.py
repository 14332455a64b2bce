"""One question to bytes, bytes to records; strict and bounded."""

from __future__ import annotations

import contextlib
import ipaddress
import random
import struct
from time import perf_counter

import dns.message
import dns.rdatatype
import pytest

from headless_discovery.core.addresses import address_text
from headless_discovery.core.questions import Question
from headless_discovery.core.wire import (
    AAAA,
    CNAME,
    NS,
    PTR,
    SOA,
    SRV,
    A,
    Message,
    Unusual,
    WireError,
    check_reply,
    encode_question,
    label_text,
    read_message,
)
from tests.unit.core.driving import (
    IDENT,
    QUESTION,
    SERVICE,
    a,
    aaaa,
    cname,
    header_only,
    message,
    name_wire,
    opt,
    rr,
    soa,
    srv,
)

SECTION = name_wire(SERVICE) + b"\0\1\0\1"
BASE = 12 + len(SECTION)
TO_QUESTION = b"\xc0\x0c"


def read(data: bytes) -> Message:
    """Read a message about the question of these tests."""
    return read_message(data, SECTION)


class TestQuestion:
    """What goes out."""

    @pytest.mark.parametrize("rdtype", [A, AAAA, SRV, SOA])
    @pytest.mark.parametrize("edns", [0, 1232, 65535])
    def test_dnspython_reads_the_same_question(self, rdtype: int, edns: int) -> None:
        """One absolute question of class IN, RD set, EDNS as asked."""
        tail, section = encode_question(SERVICE, rdtype, edns)
        sent = dns.message.from_wire(IDENT + tail)
        (asked,) = sent.question
        assert str(asked.name) == SERVICE + "."
        assert (asked.rdtype, asked.rdclass) == (rdtype, 1)
        assert (sent.id, sent.flags) == (0x1234, 0x0100)
        assert sent.edns == (0 if edns else -1)
        assert sent.payload == edns
        assert section == name_wire(SERVICE) + struct.pack("!HH", rdtype, 1)


class TestCheckReply:
    """Whether bytes are a reply to our question."""

    def test_what_counts(self) -> None:
        """Our ID, our question once, QR, opcode QUERY; any rcode and flags."""
        for rcode in range(16):
            assert check_reply(message(rcode=rcode), IDENT, SECTION) is None
        assert check_reply(message(flags=0x87F0), IDENT, SECTION) is None
        upper = name_wire(SERVICE.upper()) + b"\0\1\0\1"
        assert check_reply(message(asked=upper), IDENT, SECTION) is None

    def test_a_cut_question_is_a_wrong_one(self) -> None:
        """A message that ends within the question is not ours."""
        whole = message()
        for end in range(12, BASE):
            assert check_reply(whole[:end], IDENT, SECTION) is not None

    def test_every_single_bit_of_the_question_counts(self) -> None:
        """Flipping any bit of the question section is noticed, but for letter case."""
        for position in range(len(SECTION)):
            for bit in range(8):
                forged = bytearray(SECTION)
                forged[position] ^= 1 << bit
                reason = check_reply(message(asked=bytes(forged)), IDENT, SECTION)
                if bytes(forged).lower() == SECTION:
                    assert reason is None
                else:
                    assert reason == "wrong question"

    def test_header_only_is_told_apart(self) -> None:
        """Only an error of exactly 12 bytes is one."""
        assert check_reply(header_only(2), IDENT, SECTION) == "an error without the question"
        assert check_reply(header_only(0), IDENT, SECTION) == "wrong number of questions"


class TestRecords:
    """What is read."""

    def test_all_types(self) -> None:
        """A, AAAA, SRV, CNAME, PTR and SOA with owner, TTL and data; OPT is no record."""
        data = message(
            answer=[
                a(SERVICE, "10.0.0.1", 5),
                aaaa(SERVICE, "fd00::1", 6),
                srv(SERVICE, f"MySQL-0.{SERVICE}", 3306, 33, 7),
                cname("A.Example", "b.example", 8),
                rr("1.0.0.10.in-addr.arpa", PTR, name_wire("x.example"), ttl=9),
            ],
            authority=[soa(ttl=10, minimum=11)],
            additional=[a(f"mysql-0.{SERVICE}", "10.0.0.2"), opt()],
        )
        read_back = read(data)
        assert read_back.answer == [
            (SERVICE, A, 5, "10.0.0.1"),
            (SERVICE, AAAA, 6, "fd00::1"),
            (SERVICE, SRV, 7, (0, 33, 3306, f"mysql-0.{SERVICE}")),
            ("a.example", CNAME, 8, "b.example"),
            ("1.0.0.10.in-addr.arpa", PTR, 9, "x.example"),
        ]
        assert read_back.authority == [("cluster.local", SOA, 10, (1700000000, 11))]
        assert read_back.additional == [(f"mysql-0.{SERVICE}", A, 5, "10.0.0.2")]
        assert (read_back.rcode, read_back.truncated) == (0, False)

    def test_flags(self) -> None:
        """TC and the rcode, extended by OPT."""
        assert read(message(flags=0x8600)).truncated
        assert read(message(rcode=3)).rcode == 3
        assert read(message(additional=[opt(1)])).rcode == 16
        assert read(message(rcode=7, additional=[opt(0xFF)])).rcode == 0xFF7

    @pytest.mark.parametrize(
        ("ttl", "wanted"), [(0, 0), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 0), (0xFFFFFFFF, 0)]
    )
    def test_ttl(self, ttl: int, wanted: int) -> None:
        """A TTL above 2^31-1 counts as 0 (RFC 2181)."""
        assert read(message(answer=[a(SERVICE, "10.0.0.1", ttl)])).answer[0][2] == wanted

    def test_names_with_strange_bytes_are_escaped(self) -> None:
        r"""Bytes that no Kubernetes name has become ``\ddd``; a dot in a label too."""
        target = b"\x05a.\nb\xff" + name_wire(SERVICE)
        (record,) = read(message(answer=[rr(SERVICE, SRV, b"\0\0\0\0\0\x50" + target)])).answer
        assert record[3][3] == f"a\\046\\010b\\255.{SERVICE}"
        assert label_text(b"A-z_9") == "a-z_9"
        assert label_text(b"$(X)") == "\\036\\040x\\041"

    def test_the_root_as_a_name(self) -> None:
        """The root is the empty text, as owner and as target."""
        data = message(answer=[a("", "10.0.0.1"), srv(SERVICE, "")])
        assert [record[0] for record in read(data).answer] == ["", SERVICE]
        assert read(data).answer[1][3][3] == ""

    def test_a_zero_byte_in_a_label_ends_nothing(self) -> None:
        """A label may hold a zero byte; names that share bytes stay different names."""
        odd = b"\x03a\0b\x01c\0"
        data = message(
            answer=[rr(odd, A, b"\n\0\0\1"), rr(odd, A, b"\n\0\0\2"), a("c", "10.0.0.3")]
        )
        assert [record[0] for record in read(data).answer] == ["a\\000b.c"] * 2 + ["c"]

    def test_suffixes_met_before(self) -> None:
        """Names that end like one read before are read right, also at 255 bytes and beyond."""
        tail = ".".join(["d" * 63] * 3)
        fits = f"{'e' * 61}.{tail}"
        data = message(answer=[a(f"x.{tail}", "10.0.0.1"), a(fits, "10.0.0.2")])
        assert [record[0] for record in read(data).answer] == [f"x.{tail}", fits]
        with pytest.raises(WireError, match="255"):
            read(message(answer=[a(f"x.{tail}", "10.0.0.1"), a(f"{'e' * 62}.{tail}", "10.0.0.2")]))

    def test_coredns_compression(self) -> None:
        """Owners as pointers, SRV targets plain: what CoreDNS sends when it compresses."""
        names = [f"mysql-{n}.{SERVICE}" for n in range(3)]
        targets = [struct.pack("!HHH", 0, 33, 80) + name_wire(each) for each in names]
        answer = [rr(TO_QUESTION, SRV, each) for each in targets]
        where, offset = [], BASE
        for each in answer:
            where.append(struct.pack("!H", 0xC000 | offset + 2 + 10 + 6))
            offset += len(each)
        glue = [rr(pointer, A, bytes((10, 0, 0, n))) for n, pointer in enumerate(where)]
        data = read(message(answer=answer, additional=[*glue, *glue]))
        assert [record[0] for record in data.answer] == [SERVICE] * 3
        assert [record[3][3] for record in data.answer] == names
        assert [record[0] for record in data.additional] == names * 2


class TestPointers:
    """Compression is followed backwards, 16 times at most."""

    def chain(self, hops: int) -> bytes:
        """PTR records, each naming one label before the name of the record before it."""
        answer = [rr(TO_QUESTION, PTR, b"\1x\0")]
        offset = BASE + 12
        for _ in range(hops):
            answer.append(rr(TO_QUESTION, PTR, b"\1y" + struct.pack("!H", 0xC000 | offset)))
            offset += len(answer[-1]) - (3 if len(answer) == 2 else 4) + 4
            offset = BASE + sum(map(len, answer)) - 4
        return message(answer=answer)

    def test_sixteen_in_a_row(self) -> None:
        """16 pointers are followed, 17 are refused."""
        assert read(self.chain(16)).answer[-1][3] == "y." * 16 + "x"
        with pytest.raises(WireError, match="pointers"):
            read(self.chain(17))

    def test_a_repeated_pointer_at_the_limit(self) -> None:
        """A name met before does not let a pointer more pass."""
        data = bytearray(self.chain(16))
        last = struct.pack("!H", 0xC000 | len(data) - 4)
        data += rr(last, A, b"\n\0\0\1")
        data[6:8] = struct.pack("!H", 18)
        with pytest.raises(WireError, match="pointers"):
            read(bytes(data))

    @pytest.mark.parametrize(
        "owner",
        [
            struct.pack("!H", 0xC000 | BASE),  # itself
            b"\1a" + struct.pack("!H", 0xC000 | BASE),  # its own beginning
            b"\1a" + struct.pack("!H", 0xC000 | BASE + 2),  # its own pointer
            struct.pack("!H", 0xC000 | BASE + 20),  # forward
            struct.pack("!H", 0xFFFF),
        ],
    )
    def test_loops_and_forward_pointers(self, owner: bytes) -> None:
        """A pointer that does not lead backwards is refused."""
        with pytest.raises(WireError, match="backwards"):
            read(message(answer=[rr(owner, A, b"\n\0\0\1")]))

    def test_a_pointer_at_the_very_end(self) -> None:
        """Half a pointer is a cut message."""
        data = bytearray(message() + b"\xc0")
        data[6:8] = b"\0\1"
        with pytest.raises(WireError):
            read(bytes(data) + b"")
        padded = bytes(data[:-1]) + b"\1a" * 4 + b"\1a\xc0"
        with pytest.raises(WireError, match="pointer is cut"):
            read(padded)


class TestRefused:
    """What is malformed, and what is left to dnspython."""

    @pytest.mark.parametrize(
        ("records", "said"),
        [
            ([rr(SERVICE, A, b"\n\0\0")], "4 bytes"),
            ([rr(SERVICE, A, b"\n\0\0\0\0")], "4 bytes"),
            ([rr(SERVICE, AAAA, b"\0" * 15)], "16 bytes"),
            ([rr(SERVICE, SRV, b"\0" * 6 + name_wire("a.b") + b"\0")], "target"),
            ([rr(SERVICE, SRV, b"\0\0\0\0")], "middle of a record"),
            ([rr(SERVICE, CNAME, name_wire("a.b") + b"\0")], "fit its name"),
            ([rr(SERVICE, PTR, b"\1a")], "what must not belong|left"),
            ([rr(SERVICE, SOA, name_wire("a") * 2 + b"\0" * 19)], "SOA"),
            ([rr(SERVICE, SOA, name_wire("a") * 2 + b"\0" * 21)], "SOA"),
            ([rr(b"\x40" + b"a" * 64 + b"\0", A, b"\n\0\0\1")], "unknown type"),
            ([rr(b"\x80\0", A, b"\n\0\0\1")], "unknown type"),
            ([rr(name_wire(".".join(["a" * 63] * 4)), A, b"\n\0\0\1")], "255"),
            ([opt()], "OPT"),
        ],
    )
    def test_malformed_records(self, records: list[bytes], said: str) -> None:
        """Lengths that do not fit, labels and names too long, OPT where it must not be."""
        with pytest.raises(WireError, match=said):
            read(message(answer=records))

    @pytest.mark.parametrize(
        "records", [[opt(), opt()], [rr("a", 41, b"")]], ids=["two", "with a name"]
    )
    def test_opt(self, records: list[bytes]) -> None:
        """One OPT, at the root."""
        with pytest.raises(WireError, match="OPT"):
            read(message(additional=records))

    def test_cut_anywhere(self) -> None:
        """A message that ends early is refused at every length."""
        whole = message(
            answer=[srv(SERVICE, f"mysql-0.{SERVICE}"), a(SERVICE, "10.0.0.1")],
            authority=[soa()],
            additional=[aaaa(f"mysql-0.{SERVICE}", "fd00::1"), opt()],
        )
        read(whole)
        for end in range(BASE, len(whole)):
            with pytest.raises(WireError):
                read(whole[:end])

    def test_left_over_bytes(self) -> None:
        """Bytes behind the last record are refused."""
        with pytest.raises(WireError, match="left over"):
            read(message(answer=[a(SERVICE, "10.0.0.1")]) + b"\0")

    def test_lying_counts_end_at_once(self) -> None:
        """Counts larger than the message can hold are refused before any work."""
        for position in (6, 8, 10):
            data = bytearray(message(answer=[a(SERVICE, "10.0.0.1")]))
            data[position : position + 2] = b"\xff\xff"
            with pytest.raises(WireError, match="announced"):
                read(bytes(data))

    @pytest.mark.parametrize(
        "record",
        [
            rr(SERVICE, 16, b"\2hi"),
            rr(SERVICE, NS, name_wire("ns.example")),
            rr(SERVICE, 65, b"\0\1\0"),
            rr(SERVICE, 46, b"\0" * 18 + b"\0"),
            rr(SERVICE, A, b"\n\0\0\1", rdclass=3),
            rr(SERVICE, 39, name_wire("example")),
        ],
        ids=["TXT", "NS", "HTTPS", "RRSIG", "CHAOS", "DNAME"],
    )
    def test_unusual(self, record: bytes) -> None:
        """Other types and classes are legal and not for this reader."""
        with pytest.raises(Unusual):
            read(message(answer=[record]))

    def test_edns_options_are_unusual(self) -> None:
        """Options nobody asked for are left to dnspython."""
        with pytest.raises(Unusual, match="EDNS"):
            read(message(additional=[opt(options=b"\0\x0a\0\0")]))


class TestBounds:
    """What a hostile message costs."""

    def worst(self, data: bytes) -> float:
        """Seconds, best of five."""
        best = 9.0
        for _ in range(5):
            began = perf_counter()
            with contextlib.suppress(WireError, Unusual):
                read(data)
            best = min(best, perf_counter() - began)
        return best

    def test_pointer_chains_of_64_kib(self) -> None:
        """Loops, forward pointers and a 16,000-hop chain in 64 KiB end within 5 ms."""
        filler = 65535 - BASE - 12
        chain = b"".join(
            struct.pack("!H", 0xC000 | min(0x3FFF, BASE + 10 + 2 * n)) for n in range(filler // 2)
        )
        for owner in (TO_QUESTION, struct.pack("!H", 0xFFFF), b"\xc0" * 2):
            data = message(answer=[rr(owner, A, b"\n\0\0\1"), chain])
            assert self.worst(data) < 0.005

    def test_a_full_message(self) -> None:
        """4,000 addresses are read, in some ten milliseconds at most some fifty."""
        records = [rr(TO_QUESTION, A, struct.pack("!I", 0x0A000000 + n)) for n in range(4000)]
        data = message(answer=records)
        assert len(read(data).answer) == 4000
        assert self.worst(data) < 0.05


def test_address_text_is_that_of_the_standard_library() -> None:
    """2,000 addresses, dense and sparse, are written as RFC 5952 says."""
    chance = random.Random(3)
    for _ in range(2000):
        groups = [chance.choice([0, 0, 0, 1, 0xFFFF, chance.getrandbits(16)]) for _ in range(8)]
        raw = struct.pack("!8H", *groups)
        address = ipaddress.IPv6Address(raw)
        if address.ipv4_mapped is None:
            assert address_text(raw) == str(address)
        else:
            assert address_text(raw) == f"::ffff:{address.ipv4_mapped}"
    assert address_text(b"\0" * 10 + b"\xff\xff\n\0\0\1") == "::ffff:10.0.0.1"


def test_questions_other_than_ours_stay_outside() -> None:
    """The section of another type is another question."""
    other = Question(SERVICE, AAAA)
    assert check_reply(message(other), IDENT, SECTION) == "wrong question"
    assert QUESTION.rdtype == A
