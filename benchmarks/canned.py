"""Canned: the bytes CoreDNS would send for N pods, and a responder that sends them.

In: a number of pods. Out: the answers in each form a client can get (UDP with EDNS, UDP
without, TCP), taken from the embedded cluster DNS of `headless_discovery.testing`, whose
encoder writes what CoreDNS writes; and ``responder.c``, built and started with them. The
answers have TTL 0, or c-ares would keep them, and their addresses are shuffled, as CoreDNS's
``loadbalance`` does each time: once for a lookup, several times for who looks again and again.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from headless_discovery.core.wire import AAAA, SRV, A, encode_question
from headless_discovery.testing import ClusterDNS

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "EDNS_PAYLOAD",
    "SERVICE",
    "Canned",
    "LeftOut",
    "Responder",
    "build_responder",
    "expected_by_address",
]

SERVICE = "my-database.shop.svc.cluster.local"
PORT = 3306
EDNS_PAYLOAD = 1232
HERE = Path(__file__).resolve().parent
TURNS = 4  # orders of the same answer


class LeftOut(Exception):  # noqa: N818 - no error: a tool of this machine is missing
    """Something cannot be measured here; the text says why."""


class Canned(NamedTuple):
    """One question and the answers to it.

    Attributes:
        question: The question section.
        edns: The UDP answer to a query that announces 1232 octets.
        plain: The UDP answer to a query without EDNS (512 octets).
        tcp: The answer by TCP, without length prefix.
        expected: ``address,hostname,port`` of every pod, sorted.
    """

    question: bytes
    edns: bytes
    plain: bytes
    tcp: bytes
    expected: tuple[str, ...]

    @classmethod
    def of(cls, count: int) -> Canned:
        """The answers for that many pods."""
        return cls.in_turns(count, 1)[0]

    @classmethod
    def in_turns(cls, count: int, turns: int = TURNS) -> tuple[Canned, ...]:
        """The same several times, each in an order of its own.

        Where one message cannot hold the pods, the questions for addresses follow.
        """
        with ClusterDNS(ttl=0, shuffle=True) as dns:
            database = dns.service("my-database", namespace="shop", ports=[PORT])
            mysql = dns.statefulset("mysql", service=database, replicas=count)
            server = (dns.host, dns.port)
            expected = tuple(
                sorted(f"{p.addresses[0]},{p.name}.{SERVICE},{PORT}" for p in mysql.pods)
            )
            made = [_answers(server, SRV, expected) for _ in range(turns)]
            if made[0].is_cut:
                made += [_answers(server, A, expected) for _ in range(turns)]
                made.append(_answers(server, AAAA, expected))
            return tuple(made)

    @property
    def is_cut(self) -> bool:
        """Whether even the answer by TCP does not hold everything."""
        return bool(self.tcp[2] & 2)

    def packed(self) -> bytes:
        """For the responder's stdin, behind the number of questions."""
        blobs = (self.question, self.edns, self.plain, self.tcp)
        return b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs)


def expected_by_address(canned: Canned) -> Canned:
    """The same where only the addresses are compared: a cut answer lacks names."""
    addresses = sorted(each.partition(",")[0] for each in canned.expected)
    return canned._replace(expected=tuple(f"{each},,0" for each in addresses))


def _answers(server: tuple[str, int], rdtype: int, expected: tuple[str, ...]) -> Canned:
    with_edns, question = encode_question(SERVICE, rdtype, EDNS_PAYLOAD)
    without, _ = encode_question(SERVICE, rdtype, 0)
    return Canned(
        question,
        _by_udp(server, with_edns),
        _by_udp(server, without),
        _by_tcp(server, without),
        expected,
    )


def _by_udp(server: tuple[str, int], tail: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(5)
        asked.connect(server)
        asked.send(b"\0\0" + tail)
        return asked.recv(65535)


def _by_tcp(server: tuple[str, int], tail: bytes) -> bytes:
    with socket.create_connection(server, timeout=5) as asked, asked.makefile("rb") as stream:
        asked.sendall((len(tail) + 2).to_bytes(2, "big") + b"\0\0" + tail)
        return stream.read(int.from_bytes(stream.read(2), "big"))


def build_responder(folder: Path) -> Path:
    """Compile ``responder.c`` into a folder.

    Raises:
        LeftOut: There is no C compiler, or it fails.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise LeftOut(
            "there is no C compiler (cc, gcc, clang), and the answers come from a small C program: "
            "install one (Debian, Ubuntu: apt-get install gcc libc6-dev)"
        )
    program = folder / "responder"
    built = subprocess.run(
        [compiler, "-std=gnu11", "-O2", "-o", str(program), str(HERE / "responder.c")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if built.returncode:
        raise LeftOut(f"{compiler} cannot build responder.c: {built.stderr.strip()[-500:]}")
    return program


class Responder:
    """A running responder; it ends when this end of its stdin closes.

    Args:
        program: What `build_responder` returned.
        canned: The answers; those to the same question take turns.
    """

    def __init__(self, program: Path, *canned: Canned) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        packed = b"".join(each.packed() for each in canned)
        self._process.stdin.write(bytes((len(canned),)) + packed)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.strip().isdigit():
            self.close()
            raise RuntimeError("the responder did not start")
        self.port = int(line)

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
