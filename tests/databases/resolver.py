"""The resolver of libc as a pod has it: every client library then finds pods by CoreDNS.

In comes a running bed, out goes a test process whose `/etc/resolv.conf` is that of a pod.
Knows no databases.

The file is mounted over the real one in a mount namespace of the main thread's own. Threads
and programs started from then on are inside it too; the rest of the machine never sees it,
and the kernel takes it away together with the last process in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.network import BedError, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.bed import Bed

_CLONE_NEWNS = 0x00020000
_LIBC = ctypes.CDLL(None, use_errno=True)
_RESOLV_CONF = Path("/etc/resolv.conf")
_NSSWITCH = Path("/etc/nsswitch.conf")
# Where a machine asks systemd or mDNS first, the resolv.conf of a pod would not be read.
_SWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"


class Resolver:
    """What libc of this process, and of what it starts, resolves names by.

    Args:
        bed: The running bed.
        file: What is mounted over `/etc/resolv.conf`.
    """

    def __init__(self, bed: Bed, file: Path) -> None:
        self._bed = bed
        self._file = file

    def search(self, namespace: str) -> None:
        """Have the search list of a pod in a Kubernetes namespace from now on."""
        # In place: the mount holds on to this very file.
        self._file.write_text(self._bed.resolv_conf(namespace))


@contextlib.contextmanager
def resolver(bed: Bed, folder: Path) -> Iterator[Resolver]:
    """Give the main thread the resolver of a pod for the length of the `with` block.

    The process stays in its mount namespace afterwards, with the files of the machine back.

    Args:
        bed: The running bed; it must have a network namespace of its own.
        folder: Where the mounted files are kept.

    Raises:
        BedError: There is no mount namespace of our own; nothing was mounted then.
    """
    bed.network.require_private()
    if threading.current_thread() is not threading.main_thread():
        raise BedError(
            "only the main thread may change its mount namespace: the bed is started there"
        )
    file = folder / "resolv.conf"
    made = Resolver(bed, file)
    made.search("default")
    switch = folder / "nsswitch.conf"
    switch.write_text(_SWITCH)
    outside = _namespace()
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        number = ctypes.get_errno()
        raise BedError(f"no mount namespace of the bed's own: {os.strerror(number)}")

    def change(*arguments: str) -> None:
        """Run `mount` or `umount`, but never in the namespace of the machine."""
        if _namespace() == outside:
            raise BedError(
                f"not '{' '.join(arguments)}': this is the mount namespace of the machine"
            )
        command = [tool(arguments[0]), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        if done.returncode != 0:
            raise BedError(f"'{' '.join(arguments)}' failed: {done.stderr.strip()}")

    # First of all: what is mounted from here on must not show on the machine.
    change("mount", "--make-rprivate", "/")
    with contextlib.ExitStack() as undo:
        for source, target in ((file, _RESOLV_CONF), (switch, _NSSWITCH)):
            if target.exists():
                change("mount", "--bind", str(source), str(target))
                undo.callback(change, "umount", "--lazy", str(target))
        if _RESOLV_CONF.read_text() != file.read_text():
            raise BedError(f"{_RESOLV_CONF} is not that of a pod")
        yield made


def _namespace() -> str:
    """Return which mount namespace the calling thread is in."""
    return str(Path("/proc/thread-self/ns/mnt").readlink())
