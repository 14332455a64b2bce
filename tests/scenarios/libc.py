"""libc: the rows of the table that ``getaddrinfo`` can be asked about.

In: the names of rows. Out: what it returned, in the words of the table, as JSON. It reads
``/etc/resolv.conf`` and asks port 53, so it runs in a process of its own, inside a network
and a mount namespace of its own: there 127.0.0.1:53 is free and resolv.conf ours.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests.scenarios.rows import Row, staged
from tests.scenarios.running import Plain, plain_in_words
from tests.scenarios.table import ROWS

REPOSITORY = Path(__file__).parents[2]
NAME = "db.shop.svc.cluster.local."
OPTIONS = "options timeout:1 attempts:2\n"


def asked() -> dict[str, str]:
    """What ``getaddrinfo`` does in each row where that means something, by row.

    Raises:
        subprocess.CalledProcessError: Namespaces cannot be had here; the output says why.
    """
    apart = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0:
        apart += ["--user", "--map-root-user"]
    done = subprocess.run(
        [*apart, sys.executable, "-m", "tests.scenarios.libc", *namespaces()],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        timeout=55,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def namespaces() -> list[str]:
    """The network and the mount namespace of this process."""
    return [str(Path("/proc/self/ns", kind).readlink()) for kind in ("net", "mnt")]


def main(outside: list[str]) -> None:
    """Inside the namespaces: ask about every row, print what came of it.

    Args:
        outside: The namespaces of the caller. Nothing is touched unless both were left: a
            resolv.conf mounted in the machine's own namespace would be everybody's.
    """
    here = namespaces()
    if len(outside) != len(here) or any(map(str.__eq__, here, outside)):
        sys.exit("this runs inside namespaces of its own: use asked()")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with NamedTemporaryFile("w", suffix=".conf") as resolv_conf:
        Path(resolv_conf.name).chmod(0o644)
        subprocess.run(["mount", "--bind", resolv_conf.name, "/etc/resolv.conf"], check=True)
        found = {}
        for row in ROWS:
            if row.libc:
                # The C library reads the file again when it has changed.
                servers = (f"nameserver 127.0.0.{n + 1}\n" for n in range(row.servers))
                Path(resolv_conf.name).write_text("".join(servers) + OPTIONS + f"# {row.id}\n")
                found[row.id] = ask(row)
        sys.stdout.write(json.dumps(found))


def ask(row: Row) -> str:
    """One row in words."""
    with staged(row, standard_port=True) as stage:
        began = time.monotonic()
        error = ""
        addresses: frozenset[str] = frozenset()
        try:
            found = socket.getaddrinfo(NAME, 3306, type=socket.SOCK_STREAM)
            addresses = frozenset(str(each[4][0]) for each in found)
        except socket.gaierror as raised:
            error = f"gaierror: {raised.strerror}"
        seconds = time.monotonic() - began
        # Its limits are its own: timeout and attempts of resolv.conf.
        return plain_in_words(row, stage, Plain(addresses, error, min(seconds, row.timeout)))


if __name__ == "__main__":
    main(sys.argv[1:])
