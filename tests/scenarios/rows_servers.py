"""Rows: several servers, servers that fail, resolv.conf, and names from the caller."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

from headless_discovery.testing import Drop, HeaderOnly, Rcode
from tests.scenarios.crafting import message, saying
from tests.scenarios.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from headless_discovery.testing import LoggedQuery
    from tests.scenarios.rows import Stage

QUICK = {"timeout": 0.5, "attempt": 0.2}
BADVERS = b"\0\0\x29\x04\xd0\1\0\0\0\0\0"  # an OPT record that extends the rcode to 16


def with_edns(query: LoggedQuery) -> bool:
    """Whether the query has EDNS."""
    return query.edns is not None


def resolv_conf(text: str | None) -> Callable[[Stage], None]:
    """Name servers come from a resolv.conf of this text, ``{0}`` being the first server's."""

    def arrange(stage: Stage) -> None:
        folder = stage.context.enter_context(TemporaryDirectory())
        path = Path(folder, "resolv.conf")
        if text is not None:
            path.write_text(text.format(*(each.host for each in stage.servers)))
        stage.options = stage.options.replace(
            nameservers=(), cluster_domain=None, resolv_conf=str(path)
        )
        # The format has no port, and 53 is not ours to take.
        port = stage.servers[0].port
        stage.context.enter_context(mock.patch("headless_discovery.resolvconf.DNS_PORT", port))

    return arrange


def another_server(stage: Stage, _number: int) -> None:
    """Another server comes up elsewhere, the old one goes, resolv.conf says so."""
    first = stage.servers[0]
    service = Row(id="", does="", why="")
    stage.add_server(service, replicas=5, host="127.0.0.2", port=first.port)
    first.stop()
    Path(stage.options.resolv_conf).write_text("nameserver 127.0.0.2\n")


def stop_all(stage: Stage) -> None:
    """Nobody is there."""
    for server in stage.servers:
        server.stop()


def failing_first(rcode: str) -> Row:
    """The first server fails, the second is good; the second look asks the good one first."""
    return Row(
        id=f"first-server-{rcode.lower()}",
        does=f"answers {rcode}; the second server is good (2 looks)",
        why="The next server is asked at once, and the failed one last for 5 s.",
        faults=lambda: [Rcode(rcode)],
        servers=2,
        looks=2,
        earlier="OK",
        at_most=0.2,
        libc=rcode == "SERVFAIL",
    )


def always(rcode: str, outcome: str) -> Row:
    """The only server fails."""
    return Row(
        id=f"always-{rcode.lower()}",
        does=f"answers {rcode}, always",
        why="It says nothing about pods, neither that they are there nor that not.",
        faults=lambda: [Rcode(rcode)],
        **QUICK,  # type: ignore[arg-type]
        outcome=outcome,
        sends=3,
        libc=rcode == "SERVFAIL",
    )


ROWS = [
    Row(
        id="first-server-silent",
        does="is silent; the second server is good (2 looks)",
        why="The next server is asked in the same look, and the silent one last for 5 s.",
        faults=lambda: [Drop()],
        servers=2,
        looks=2,
        timeout=0.6,
        attempt=0.2,
        earlier="OK",
        at_most=0.15,
    ),
    Row(
        id="first-server-gone",
        does="is gone; the second server is good (2 looks)",
        why="A port that is closed says so at once.",
        arrange=lambda stage: stage.servers[0].stop(),
        servers=2,
        timeout=0.6,
        looks=2,
        earlier="OK",
        at_most=0.15,
    ),
    Row(
        id="all-servers-gone",
        does="is gone, and so is the second server",
        why="Nobody there is a failure, and not nobody listed.",
        arrange=stop_all,
        servers=2,
        **QUICK,  # type: ignore[arg-type]
        outcome="network",
        sends=6,
    ),
    *(failing_first(rcode) for rcode in ("SERVFAIL", "REFUSED", "NOTIMP", "FORMERR")),
    Row(
        id="servfail-once",
        does="answers SERVFAIL once, and is good from then on",
        why="CoreDNS does so while it is not in step with the API server.",
        faults=lambda: [Rcode("SERVFAIL", times=1)],
        sends=2,
        at_most=0.6,
        libc=True,
    ),
    always("SERVFAIL", "servfail"),
    always("REFUSED", "refused"),
    *(
        Row(
            id=f"edns-disliked-{name}",
            does=f"answers {what} to every question with EDNS (2 looks)",
            why="It is asked again without EDNS, and from then on at once.",
            faults=lambda make=make: [make()],  # type: ignore[misc]
            looks=2,
            earlier="OK",
        )
        for name, what, make in (
            ("formerr", "FORMERR", lambda: Rcode("FORMERR", match=with_edns)),
            ("notimp", "NOTIMP", lambda: Rcode("NOTIMP", match=with_edns)),
            (
                "header-only",
                "FORMERR without the question",
                lambda: HeaderOnly("FORMERR", match=with_edns),
            ),
            (
                "badvers",
                "BADVERS",
                lambda: saying(lambda q: message(q, [], [BADVERS]), match=with_edns),
            ),
        )
    ),
    Row(
        id="srv-fails-addresses-do-not",
        does="answers SERVFAIL to SRV, and A is good",
        why="Going on with addresses would change everybody's identity at once.",
        faults=lambda: [Rcode("SERVFAIL", types=("SRV",))],
        **QUICK,  # type: ignore[arg-type]
        outcome="servfail",
        sends=3,
    ),
    Row(
        id="one-family-fails",
        does="answers A and fails AAAA, for a Service without ports",
        why="A part is known and a part is not: that is said, and never passed for all.",
        ports=(),
        faults=lambda: [Rcode("SERVFAIL", types=("AAAA",))],
        **QUICK,  # type: ignore[arg-type]
        outcome="partial",
        pods="nameless",
        sends=5,
        plain_srv=False,
    ),
    Row(
        id="asked-outside-its-zone",
        does="is asked about a zone it does not hold",
        why="A wrong cluster domain is a failure, and not a Service without pods.",
        options={"cluster_domain": "other.example"},
        **QUICK,  # type: ignore[arg-type]
        outcome="servfail",  # as CoreDNS without anybody to forward to
        sends=3,
        plain="",
    ),
    Row(
        id="resolv-conf-changed",
        does="goes away; resolv.conf names another one, between two looks",
        why="resolv.conf is read again when it changed.",
        arrange=resolv_conf("nameserver {0}\n"),
        between=another_server,
        looks=2,
        earlier="OK",
        plain="",
    ),
    Row(
        id="resolv-conf-six-domains",
        does="is asked from a pod with ndots:5 and six search domains",
        why="Questions are absolute: one goes out, where the search list would cost eight.",
        arrange=resolv_conf(
            "search shop.svc.cluster.local svc.cluster.local cluster.local a.example b.example "
            "c.example\nnameserver {0}\noptions ndots:5\n"
        ),
        service="db",
        plain="",
    ),
    Row(
        id="resolv-conf-empty",
        does="is not named: resolv.conf is empty",
        why="That is the caller's to mend; no address is guessed.",
        arrange=resolv_conf(""),
        outcome="ConfigError",
        words=("it holds no usable 'nameserver' line",),
        sends=0,
        plain="",
    ),
    Row(
        id="resolv-conf-missing",
        does="is not named: there is no resolv.conf",
        why="The same.",
        arrange=resolv_conf(None),
        outcome="ConfigError",
        words=("it cannot be read (No such file or directory)",),
        sends=0,
        plain="",
    ),
    Row(
        id="name-of-a-mebibyte",
        does="is never asked: the caller's name has 1 MiB",
        why="A name is refused by its length before anything else looks at it.",
        service="a" * (1 << 20),
        outcome="InvalidName",
        sends=0,
        at_most=0.05,
        plain="",
    ),
    Row(
        id="name-beyond-ascii",
        does="is never asked: the caller's name is no ASCII",
        why="Kubernetes has no such names, and IDNA decoding has burnt CPU before.",
        service="b\u00fccher.shop",
        outcome="InvalidName",
        sends=0,
        plain="",
    ),
]
