"""Rows: answers that count by their header and question, and hold what they should not."""

from __future__ import annotations

import itertools

from headless_discovery.testing import Duplicate
from tests.scenarios.crafting import (
    DNAME,
    FORGED,
    FQDN,
    SRV,
    Record,
    address,
    asked,
    cname,
    listed,
    message,
    pod,
    saying,
    serving,
    srv,
    wire,
)
from tests.scenarios.rows import Row

ZONE = "svc.cluster.local"
TWO = [("mysql-0", "10.244.9.1"), ("mysql-1", "10.244.9.2")]
MANY = [(f"mysql-{number}", f"10.244.9.{number + 1}") for number in range(33)]
FOUND = {"mysql-0": ("10.244.9.1",), "mysql-1": ("10.244.9.2",)}
EVIL = wire("x.evil.example")
QUICK = {"timeout": 0.5, "attempt": 0.2}

# Labels that are harmless in DNS and nowhere else.
HOSTILE = {
    "shell": b"$(reboot)",
    "backquotes": b"`id`",
    "separator": b"a;b|c&d",
    "newline": b"a\nb: c",
    "nul": b"a\0b",
    "quotes": b"\"a'",
    "template": b"{{7*7}}",
    "path": b"../etc",
    "format": b"%n%s%x",
    "terminal": b"\x1b[31m",
    "not-utf-8": b"\xff\xfe",
    "option": b"-rf",
    "blank": b"a b",
    "dot": b"a.b",
    "markup": b"<b>",
}

DENIED = {
    "loopback": "127.0.0.1",
    "unspecified": "0.0.0.0",  # noqa: S104 - nothing binds it
    "this-network": "0.1.2.3",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "metadata": "169.254.169.254",
    "loopback-v6": "::1",
    "unspecified-v6": "::",
    "multicast-v6": "ff02::1",
    "link-local-v6": "fe80::1",
    "mapped-loopback": "::ffff:127.0.0.1",
}


def chain(links: int) -> list[Record]:
    """An alias of that many links inside the cluster, and pods at its end."""
    names = [FQDN, *(f"a{number}.shop.{ZONE}" for number in range(1, links + 1))]
    aliases = [cname(one, other) for one, other in itertools.pairwise(names)]
    end = names[-1]
    pods = [(pod(label, end), text) for label, text in TWO]
    targets = [srv(name, owner=end) for name, _ in pods]
    return [*aliases, *targets, *(address(name, text) for name, text in pods)]


def dname(query: bytes) -> bytes:
    """The namespace is moved out of the cluster; what is there answers."""
    name, rdtype, _ = asked(query)
    moved = wire("db.evil.example")
    answer = [
        Record(wire(f"shop.{ZONE}"), DNAME, wire("evil.example")),
        cname(name, moved),
        srv(EVIL, owner=moved) if rdtype == SRV else address(moved, FORGED),
    ]
    if rdtype != SRV and name == EVIL:
        answer = [address(EVIL, FORGED)]
    return message(query, answer, [address(EVIL, FORGED)])


def denied(text: str) -> list[Record]:
    """Two pods in order and one whose address cannot be a pod's."""
    return listed(*TWO, ("mysql-2", text))


def address_rows() -> list[Row]:
    """One class of addresses each."""
    rows = [
        Row(
            id=f"address-{name}",
            does=f"says that one of three pods has the address {text}",
            why="Connecting there means oneself, everybody, or the cloud's metadata service.",
            faults=lambda text=text: [serving(denied(text))],  # type: ignore[misc]
            pods=FOUND,
            dropped=(f"address {text.removeprefix('::ffff:')} of mysql-2.{FQDN}: ",),
            plain="AAAA" if ":" in text else "A",
            libc=":" not in text,
        )
        for name, text in DENIED.items()
    ]
    return [
        *rows,
        Row(
            id="address-all-denied",
            does="says that all pods have loopback addresses",
            why="Nothing left of an answer is a failure, and not an empty Service.",
            faults=lambda: [
                serving(listed(*((f"mysql-{n}", f"127.0.0.{n + 1}") for n in range(3))))
            ],
            outcome="bad response",
            dropped=("address 127.0.0.1 of", "address 127.0.0.2 of", "address 127.0.0.3 of"),
        ),
        Row(
            id="address-allowed",
            does="says the same, and allow_networks holds 127.0.0.0/8",
            why="On a laptop pods may well be on loopback.",
            faults=lambda: [serving(listed(("mysql-0", "127.0.0.7")))],
            options={"allow_networks": ["127.0.0.0/8"]},
            pods={"mysql-0": ("127.0.0.7",)},
        ),
        Row(
            id="mapped-address",
            does="gives one address as IPv4 and as IPv4-mapped IPv6",
            why="They are one address (RFC 4291, 2.5.5.2).",
            faults=lambda: [
                serving(listed(("mysql-0", "10.0.0.1"), ("mysql-0", "::ffff:10.0.0.1")))
            ],
            pods={"mysql-0": ("10.0.0.1",)},
            plain="AAAA",
        ),
    ]


def name_rows() -> list[Row]:
    """Hostile labels and targets that are no pod's name."""
    labels = [
        Row(
            id=f"label-{name}",
            does=f"lists a pod whose name is `` {repr(label)[1:]} `` beside two in order",
            why="Names end in logs, files, commands and terminals.",
            faults=lambda label=label: [serving(listed(*TWO, (label, FORGED)))],  # type: ignore[misc]
            pods=FOUND,
            dropped=("it is not one label before",),
        )
        for name, label in HOSTILE.items()
    ]
    outside = {
        "root": ("the root", b"\0"),
        "foreign": ("x.evil.example", EVIL),
        "other-service": (f"mysql-0.other.shop.{ZONE}", wire(f"mysql-0.other.shop.{ZONE}")),
        "two-labels": (f"a.mysql-0.{FQDN}", wire(f"a.mysql-0.{FQDN}")),
        "look-alike": (f"mysql-9.not-{FQDN}", wire(f"mysql-9.not-{FQDN}")),
    }
    targets = [
        Row(
            id=f"target-{name}",
            does=f"lists a target that is {what}, beside two pods in order",
            why="A pod's name is one label before the Service's; anything else leads elsewhere.",
            faults=lambda raw=raw: [  # type: ignore[misc]
                serving([*listed(*TWO), srv(raw), address(raw, FORGED)])
            ],
            pods=FOUND,
            dropped=("it is not one label before",),
        )
        for name, (what, raw) in outside.items()
    ]
    return [*labels, *targets]


def alias_rows() -> list[Row]:
    """CNAME and DNAME."""
    away = [
        cname(FQDN, "c0.evil.example"),
        srv(EVIL, owner="c0.evil.example"),
        address("c0.evil.example", FORGED),
        address(EVIL, FORGED),
    ]
    return [
        Row(
            id="cname-out-of-the-cluster",
            does="answers with a CNAME to c0.evil.example, and that one's records",
            why="A name that leaves svc.cluster.local leads to strangers.",
            faults=lambda: [serving(away)],
            outcome="bad response",
            dropped=("CNAME to c0.evil.example: it leaves svc.cluster.local",),
        ),
        Row(
            id="cname-of-addresses-out",
            does="the same for a Service without ports, in the A answer",
            why="An ExternalName to the outside comes that way too.",
            faults=lambda: [serving(away, types=("A",))],
            ports=(),
            outcome="bad response",
            dropped=("CNAME to c0.evil.example: it leaves svc.cluster.local",),
            sends=3,
            plain_srv=False,
            libc=True,
        ),
        Row(
            id="dname",
            does="moves the whole namespace away with a DNAME, and answers from there",
            why="The same with another record.",
            faults=lambda: [saying(dname)],
            outcome="bad response",
            dropped=("CNAME to db.evil.example: it leaves svc.cluster.local",),
        ),
        Row(
            id="cname-inside-8",
            does="leads through 8 aliases inside the cluster to two pods",
            why="An ExternalName may lead to a Service.",
            faults=lambda: [serving(chain(8))],
            pods=FOUND,
        ),
        Row(
            id="cname-inside-9",
            does="leads through 9 aliases inside the cluster",
            why="There is an end to patience.",
            faults=lambda: [serving(chain(9))],
            outcome="bad response",
            dropped=("CNAME chain of more than 8 links",),
        ),
        Row(
            id="cname-circle",
            does="answers with a CNAME from the Service to itself",
            why="A circle must end.",
            faults=lambda: [serving([cname(FQDN, FQDN)])],
            outcome="bad response",
            dropped=("CNAME chain of more than 8 links",),
            **QUICK,  # type: ignore[arg-type]
        ),
    ]


def more_rows() -> list[Row]:
    """Records of others, and what is odd but right."""
    other = f"other.shop.{ZONE}"
    strangers = [srv(pod("mysql-9"), owner=other), address("www.example.com", FORGED)]
    return [
        Row(
            id="records-of-other-owners",
            does="adds SRV and A records of other names to the answer",
            why="Nobody asked for them.",
            faults=lambda: [
                saying(
                    lambda q: message(q, [*listed(*TWO)[:2], *strangers], listed(*TWO)[2:]),
                    types=("SRV",),
                ),
                serving(listed(*TWO), types=("A", "AAAA")),
            ],
            pods=FOUND,
        ),
        Row(
            id="poison-in-the-additional-section",
            does="adds addresses of names that are no target to the additional section",
            why="Only targets of the answer are believed there.",
            faults=lambda: [
                serving(
                    listed(*TWO),
                    [address("mysql-7." + FQDN, FORGED), address("bank.example", FORGED)],
                )
            ],
            pods=FOUND,
        ),
        Row(
            id="answer-about-another-name",
            does="repeats our question and answers about another Service",
            why="That is neither data nor the absence of data.",
            faults=lambda: [saying(lambda q: message(q, strangers))],
            options={"max_sends": 1},
            outcome="bad response",
            **QUICK,  # type: ignore[arg-type]
        ),
        Row(
            id="nxdomain-with-answers",
            does="answers NXDOMAIN, and two pods in the same message",
            why="It contradicts itself; no half of it may be taken.",
            faults=lambda: [saying(lambda q: message(q, listed(*TWO), rcode=3))],
            options={"max_sends": 1},
            outcome="bad response",
            words=("NXDOMAIN that carries answers",),
            libc=True,
            **QUICK,  # type: ignore[arg-type]
        ),
        Row(
            id="records-doubled",
            does="lists every record three times",
            why="A set has no doubles.",
            faults=lambda: [serving(listed(*TWO) * 3), Duplicate(2, transport="udp")],
            pods=FOUND,
        ),
        Row(
            id="one-pod-two-addresses",
            does="gives one pod's name an old and a new address",
            why="Identity is the name: one endpoint with two addresses.",
            faults=lambda: [serving(listed(*TWO, ("mysql-0", "10.244.9.7")))],
            pods={**FOUND, "mysql-0": ("10.244.9.1", "10.244.9.7")},
        ),
        Row(
            id="several-ports",
            does="lists each pod under two ports and several weights",
            why="Ports are gathered; the weight is arithmetic on the count.",
            faults=lambda: [
                serving([*listed(*TWO), *(srv(pod(n), 33060, weight=7) for n, _ in TWO)])
            ],
            pods=FOUND,
            found_ports=(3306, 33060),
        ),
        Row(
            id="no-additional-section",
            does="leaves the addresses of its 2 pods out of the SRV answer",
            why="They are asked for by name, and the answer is as good.",
            faults=lambda: [serving(listed(*TWO), glue=False)],
            pods=FOUND,
            sends=5,
        ),
        Row(
            id="no-additional-section-of-33",
            does="leaves the addresses of 33 pods out of the SRV answer",
            why="Beyond 32 names two questions about the Service tell all, without names.",
            faults=lambda: [serving(listed(*MANY), glue=False)],
            pods={f"?{text}": (text,) for _, text in MANY},
            unresolved=None,
            sends=3,
        ),
        Row(
            id="target-without-address",
            does="lists a pod that has no address, and has none when asked by name",
            why="A pod without address cannot be connected to; it is named as unresolved.",
            faults=lambda: [serving([*listed(*TWO), srv(pod("ghost-2"))])],
            pods=FOUND,
            unresolved=("ghost-2." + FQDN,),
            sends=3,
        ),
        Row(
            id="no-target-has-an-address",
            does="lists two pods, and gives no address of either",
            why="Names alone prove neither that pods are there nor that none are.",
            faults=lambda: [serving([srv(pod("ghost-1")), srv(pod("ghost-2"))])],
            outcome="partial",
            unresolved=("ghost-1." + FQDN, "ghost-2." + FQDN),
            sends=5,
        ),
        *(
            Row(
                id=f"ttl-{name}",
                does=f"gives all records a TTL of {ttl:,} s",
                why="It is a hint when to look again, and never an order.",
                faults=lambda ttl=ttl: [serving(listed(*TWO, ttl=ttl))],  # type: ignore[misc]
                pods=FOUND,
                ttl=seen,
            )
            for name, ttl, seen in (
                ("zero", 0, 0),
                ("largest", 0x7FFFFFFF, 0x7FFFFFFF),
                ("too-large", 0xFFFFFFFF, 0),
            )
        ),
    ]


ROWS = [*address_rows(), *name_rows(), *alias_rows(), *more_rows()]
