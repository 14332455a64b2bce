"""Where the test bed runs: a network namespace of its own, or plain loopback.

In comes nothing, out goes a `Network` that says which addresses are local. Knows no
Kubernetes and no DNS.

The namespace is made by moving the *test process itself* (its main thread) into a new
one with `unshare`, and back at the end with `setns`. Everything started from then on, be
it a program of the bed, a socket of a test or a thread, is inside without further ado.
It has no name under `/run/netns`, so the kernel removes it together with its last
process: a test session that is killed leaves nothing behind.

It takes root (CAP_SYS_ADMIN and CAP_NET_ADMIN). An ordinary user gets both with
`unshare --user --map-root-user make test-cluster`, where user namespaces are allowed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHOICE = "HEADLESS_DISCOVERY_TESTBED_NETWORK"
"""Environment variable: `namespace`, `loopback` or `auto` (a namespace where possible)."""

SERVICE_DNS = "10.96.0.10"
"""Where a kubeadm cluster has its DNS Service."""

_CLONE_NEWNET = 0x40000000
_PORTS_FROM, _PORTS_TO = 20_000, 32_000  # Linux gives sockets ports from 32768 on
_LIBC = ctypes.CDLL(None, use_errno=True)


class BedError(Exception):
    """The test bed could not do what was asked; the message says why and what to do."""


class Network:
    """The network the bed and the tests share.

    Args:
        private: True inside a namespace of the bed's own.
    """

    def __init__(self, *, private: bool) -> None:
        self.private = private

    def require_private(self) -> None:
        """Raise a `BedError` on plain loopback, where pods' addresses are not local."""
        if not self.private:
            raise BedError(
                "this needs a network namespace of the bed's own, so that pods' addresses are "
                "local: run as root, or with 'unshare --user --map-root-user'"
            )


def tool(name: str) -> str:
    """Return the path of a program of the operating system, or raise a `BedError` naming it."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise BedError(f"the test bed needs the program {name!r}, which is not on PATH")
    return path


def free_ports(count: int) -> list[int]:
    """Return `count` different ports free on 127.0.0.1 for both UDP and TCP just now.

    None of them is one the system gives to a socket that asks for any: a server that is
    killed must find its port free when it is started again, whoever asked meanwhile.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(range(_PORTS_FROM, _PORTS_TO), _PORTS_TO - _PORTS_FROM):
            if len(ports) == count:
                break
            with contextlib.suppress(OSError):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    one = held.enter_context(socket.socket(socket.AF_INET, kind))
                    one.bind(("127.0.0.1", port))
                ports.append(port)
    return ports


@contextlib.contextmanager
def network(choice: str | None = None) -> Iterator[Network]:
    """Give the calling thread the bed's network for the length of the `with` block.

    Args:
        choice: As in the environment variable `CHOICE`, which is read when it is None.

    Raises:
        BedError: The namespace was asked for by name and cannot be had.
    """
    choice = choice or os.environ.get(CHOICE) or "auto"
    if choice not in {"auto", "namespace", "loopback"}:
        raise BedError(f"{CHOICE} is {choice!r}; it must be auto, namespace or loopback")
    if choice == "loopback" or (choice == "auto" and os.geteuid() != 0):
        yield Network(private=False)
        return
    with open("/proc/thread-self/ns/net", "rb") as outside:  # noqa: PTH123 - a handle, not a file
        try:
            _system_call("unshare", _CLONE_NEWNET)
        except PermissionError as error:
            if choice == "auto":  # root in a container without CAP_SYS_ADMIN
                yield Network(private=False)
                return
            raise BedError(f"no network namespace of the bed's own: {error}") from error
        try:
            _lay_out()
            yield Network(private=True)
        finally:
            # As root of a user namespace only there is no way back, and no need: the
            # session is at its end.
            with contextlib.suppress(PermissionError):
                _system_call("setns", outside.fileno(), _CLONE_NEWNET)


def _lay_out() -> None:
    """Bring loopback up, with the DNS Service and every pod's address local to it."""
    for arguments in (
        ("link", "set", "lo", "up"),
        ("address", "replace", f"{SERVICE_DNS}/32", "dev", "lo"),
        ("route", "replace", "local", "10.244.0.0/16", "dev", "lo"),
        ("-6", "route", "replace", "local", "fd00:244::/32", "dev", "lo"),
    ):
        _ip(arguments)


def _ip(arguments: Sequence[str]) -> None:
    done = subprocess.run(
        [tool("ip"), *arguments], capture_output=True, text=True, check=False, timeout=10
    )
    if done.returncode != 0:
        raise BedError(f"'ip {' '.join(arguments)}' failed: {done.stderr.strip()}")


def _system_call(name: str, *arguments: int) -> None:
    """Call a function of libc that takes ints; `os` has these two from Python 3.12 only."""
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
