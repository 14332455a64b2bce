"""The peer file: whole, durable, only where it may be, and nothing left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from headless_discovery import ConfigError, peerfile
from headless_discovery.peerfile import PeerFile
from tests.faces import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where the file is to be, in an empty folder."""
    return tmp_path / "peers"


@pytest.fixture
def _any_umask() -> Iterator[None]:
    """Let the process have no umask at all."""
    before = os.umask(0)
    yield
    os.umask(before)


def names(folder: Path) -> list[str]:
    """What the folder holds."""
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_it_holds_what_was_written(target: Path) -> None:
    """Each write replaces all of it; beside it nothing is left."""
    file = PeerFile(str(target))
    assert not target.exists()
    for text in ("a\nb\n", "c\n", "", "ü" * 70_000):
        assert file.write(text)
        assert target.read_text(encoding="utf-8") == text
        assert names(target.parent) == ["peers"]


def test_unchanged_content_is_not_rewritten(target: Path) -> None:
    """The same file stays, with its inode and its times, also for a later process."""
    PeerFile(str(target)).write("a\n")
    before = target.stat()
    file = PeerFile(str(target))
    assert not file.write("a\n")
    assert not file.write("a\n")
    after = target.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    target.write_text("b\n")  # somebody else
    assert file.write("a\n")
    assert target.read_text() == "a\n"


def test_a_path_without_a_folder(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one in the working folder."""
    monkeypatch.chdir(target.parent)
    PeerFile("peers").write("a\n")
    assert target.read_text() == "a\n"


class Calls:
    """Notes the calls that make a write durable, in their order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        for name in ("write", "fchmod", "fsync", "rename"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name: str, real: Any) -> Any:
        def call(first: Any, *rest: Any, **named: Any) -> Any:
            what = name
            if name == "fsync":
                what += " folder" if stat.S_ISDIR(os.fstat(first).st_mode) else " file"
            self.seen.append(what)
            return real(first, *rest, **named)

        return call


def test_the_order_that_survives_a_power_cut(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is on the disk before the name points at it, and the name before the end."""
    calls = Calls(monkeypatch)
    file = PeerFile(str(target))
    file.write("a\n")
    assert calls.seen == ["write", "fchmod", "fsync file", "rename", "fsync folder"]


def test_what_a_killed_writer_left_is_made_durable(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right content may not be on the disk yet: it is synced, once, though not rewritten."""
    target.write_text("a\n")
    calls = Calls(monkeypatch)
    file = PeerFile(str(target))
    assert not file.write("a\n")
    assert calls.seen == ["fsync file", "fsync folder"]
    assert not file.write("a\n")
    assert calls.seen == ["fsync file", "fsync folder"]


@pytest.mark.usefixtures("_any_umask")
def test_permissions(target: Path) -> None:
    """0644 whatever the umask, and never wider than the file that stands there."""
    file = PeerFile(str(target))
    file.write("a\n")
    assert mode(target) == 0o644
    for before, after in ((0o600, 0o600), (0o640, 0o640), (0o777, 0o644)):
        target.chmod(before)
        file.write(f"{before}\n")
        assert mode(target) == after


@pytest.mark.usefixtures("_any_umask")
def test_nobody_reads_the_temporary_file(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is written only its owner can open it."""
    seen: list[int] = []
    real = os.write

    def write(file: int, content: bytes) -> int:
        seen.append(stat.S_IMODE(os.fstat(file).st_mode))
        return real(file, content)

    monkeypatch.setattr(os, "write", write)
    PeerFile(str(target)).write("a\n")
    assert seen == [0o600]


# --- where it may not be ------------------------------------------------------------------


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    other = path.with_name("precious")
    other.write_text("precious")
    path.symlink_to(other)


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _device(path: Path) -> None:
    path.symlink_to("/dev/null")
    path.unlink()
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:  # then the real one, where no temporary file can be made anyway
        pytest.skip("making a device needs root")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_folder, "a folder"),
        (_pipe, "a pipe"),
        (_link, "a symbolic link"),
        (_dangling, "a symbolic link"),
        (_device, "a device"),
        (_socket, "a socket"),
    ],
)
def test_what_is_no_file_is_refused(target: Path, make: Any, words: str) -> None:
    """At the start, by its kind; what it is or leads to stays as it was."""
    make(target)
    before = names(target.parent)
    with pytest.raises(ConfigError, match=f"peers' is {words}, no file"):
        PeerFile(str(target))
    assert names(target.parent) == before
    if make is _link:
        assert target.resolve().read_text() == "precious"


def test_a_link_that_comes_later_is_replaced(target: Path) -> None:
    """Its entry is; what it leads to is never written."""
    file = PeerFile(str(target))
    for make in (_link, _dangling):
        make(target)
        assert file.write(f"{make.__name__}\n")
        assert not target.is_symlink()
        assert target.read_text() == f"{make.__name__}\n"
        target.unlink()
    assert target.with_name("precious").read_text() == "precious"
    assert not target.with_name("nowhere").exists()


def test_a_pipe_that_comes_later_does_not_block(target: Path) -> None:
    """Nobody has it open; the write replaces it."""
    file = PeerFile(str(target))
    os.mkfifo(target)
    assert file.write("a\n")
    assert target.read_text() == "a\n"


def test_another_name_of_the_file_keeps_its_content(target: Path) -> None:
    """A hard link is not written through."""
    target.write_text("old\n")
    other = target.with_name("other")
    os.link(target, other)
    PeerFile(str(target)).write("new\n")
    assert (target.read_text(), other.read_text()) == ("new\n", "old\n")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no-such-folder/peers", "No such file or directory"),
        ("file/peers", "Not a directory"),
        ("", "names no file"),
        ("folder/", "names no file"),
        (".", "names no file"),
        ("folder/..", "names no file"),
        ("x" * 300, "File name too long"),
        ("a\0b", "NUL"),
    ],
)
def test_places_that_cannot_work(
    path: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused at the start, with the reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=reason):
        PeerFile(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_one_may_not_write_to(
    target: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is refused at the start, also where the old content would do."""
    target.write_text("a\n")
    _fail(monkeypatch, "open", number, flags=os.O_CREAT)
    with pytest.raises(ConfigError, match=os.strerror(number)):
        PeerFile(str(target))
    assert target.read_text() == "a\n"


def test_a_file_that_is_mounted_by_itself(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume's subPath cannot be renamed over; the message says what to mount instead."""
    odd = target.with_name("with blank")
    for path in (target, odd):
        path.write_text("a\n")
    mounts = target.with_name("mountinfo")
    quoted = str(odd).replace(" ", r"\040")
    mounts.write_text(
        f"36 25 0:32 / /proc rw - proc proc rw\n37 25 8:1 /p {quoted} rw - ext4 /dev/sda rw\n"
    )
    monkeypatch.setattr(peerfile, "_MOUNTS", str(mounts))
    PeerFile(str(target))
    with pytest.raises(ConfigError, match="mount its folder"):
        PeerFile(str(odd))
    monkeypatch.setattr(peerfile, "_MOUNTS", "/no/such/file")
    PeerFile(str(odd))


# --- when it fails ------------------------------------------------------------------------


def _fail(monkeypatch: pytest.MonkeyPatch, name: str, number: int, flags: int = 0) -> list[bool]:
    """Let a call fail while the list is not empty; ``open`` only with these flags."""
    real = getattr(os, name)
    failing = [True]

    def call(first: Any, *rest: Any, **named: Any) -> Any:
        if failing and (not flags or rest[0] & flags):
            raise OSError(number, os.strerror(number))
        return real(first, *rest, **named)

    monkeypatch.setattr(os, name, call)
    return failing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("name", ["write", "fsync", "fchmod", "rename", "open"])
def test_a_disk_that_fails(
    target: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """The old content stays whole, nothing is left beside it, and the next try may succeed."""
    file = PeerFile(str(target))
    file.write("old\n")
    flags = os.O_CREAT if name == "open" else 0
    failing = _fail(monkeypatch, name, number, flags)
    with pytest.raises(OSError, match=os.strerror(number)):
        file.write("new\n")
    assert target.read_text() == "old\n"
    assert names(target.parent) == ["peers"]
    failing.clear()
    assert file.write("new\n")
    assert target.read_text() == "new\n"


def test_a_disk_that_is_full_at_the_start(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have room again when there is something to write: no reason to refuse."""
    failing = _fail(monkeypatch, "open", errno.ENOSPC, os.O_CREAT)
    file = PeerFile(str(target))
    failing.clear()
    assert file.write("a\n")


def test_a_folder_that_cannot_be_synced(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EINVAL says that the file system has no such thing; any other error is one."""
    file = PeerFile(str(target))
    real = os.fsync
    number = errno.EINVAL

    def fsync(which: int) -> None:
        if stat.S_ISDIR(os.fstat(which).st_mode):
            raise OSError(number, os.strerror(number))
        real(which)

    monkeypatch.setattr(os, "fsync", fsync)
    assert file.write("a\n")
    number = errno.EIO
    for _ in range(2):  # the content is there, but nothing says that it is safe
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.write("b\n")
        assert target.read_text() == "b\n"
    assert names(target.parent) == ["peers"]
    number = errno.EINVAL
    assert not file.write("b\n")


def test_a_folder_that_vanishes(target: Path) -> None:
    """Writing fails while it is away and succeeds in the one that takes its place."""
    folder = target.parent / "folder"
    folder.mkdir()
    file = PeerFile(str(folder / "peers"))
    file.write("a\n")
    folder.rename(target.parent / "gone")
    with pytest.raises(FileNotFoundError):
        file.write("b\n")
    folder.mkdir()
    assert file.write("b\n")
    assert (folder / "peers").read_text() == "b\n"
    assert (target.parent / "gone" / "peers").read_text() == "a\n"


def test_a_limit_on_the_size_of_files(target: Path) -> None:
    """A real short write, a real error: the old file stays, the temporary one goes."""
    code = f"""
import resource
from headless_discovery.peerfile import PeerFile
file = PeerFile({str(target)!r})
file.write("old\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    file.write("x" * 5000)
except OSError as error:
    print(error.errno)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == errno.EFBIG
    assert target.read_text() == "old\n"
    assert names(target.parent) == ["peers"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


NAMESPACE = """
import errno, os, subprocess
from headless_discovery.errors import ConfigError
from headless_discovery.peerfile import PeerFile
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "small"], check=True)
file = PeerFile("small/peers")
file.write("old" * 3000)
for size in (100_000, 60_000):
    try:
        file.write("x" * size)
    except OSError as error:
        print(errno.errorcode[error.errno], os.listdir("small"), len(open("small/peers").read()))
file.write("new" * 3000)
print(os.listdir("small"), open("small/peers").read() == "new" * 3000)
open("volume", "w").close()
subprocess.run(["mount", "--bind", "volume", "small/peers"], check=True)
try:
    PeerFile("small/peers")
except ConfigError as error:
    print("mount its folder" in str(error))
try:
    file.write("newer")
except OSError as error:
    print(errno.errorcode[error.errno], os.listdir("small"))
subprocess.run(["mount", "-o", "remount,ro", "small"], check=True)
try:
    PeerFile("small/peers2")
except ConfigError as error:
    print(error)
"""


def test_a_full_disk_a_mounted_file_and_a_read_only_disk(target: Path) -> None:
    """The real ones, in a mount namespace of their own."""
    (target.parent / "small").mkdir()
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", NAMESPACE],
        cwd=target.parent,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "ENOSPC ['peers'] 9000",
        "ENOSPC ['peers'] 9000",
        "['peers'] True",
        "True",
        "EBUSY ['peers']",
        "path: 'small/peers2': Read-only file system",
    ]


# --- what others left ---------------------------------------------------------------------


def test_stale_temporary_files_are_swept(target: Path) -> None:
    """Those of this very file at the start, and nothing else that looks alike."""
    stale = [".peers.hd-0123abcd.tmp", ".peers.hd-ffffffff.tmp"]
    others = [
        ".peers.hd-0123abc.tmp",
        ".peers.hd-0123abcg.tmp",
        ".peers.hd-0123abcd.tmp2",
        ".peers2.hd-0123abcd.tmp",
        "peers.hd-0123abcd.tmp",
        "peers",
    ]
    for name in (*stale, *others):
        target.with_name(name).write_text("x")
    (target.parent / ".peers.hd-00000000.tmp").mkdir()  # not ours, whatever its name
    PeerFile(str(target))
    assert names(target.parent) == sorted([*others, ".peers.hd-00000000.tmp"])


def test_a_temporary_file_in_use_is_left_alone(target: Path) -> None:
    """Another writer of the same file, in another container perhaps, holds a lock on it."""
    other = target.with_name(".peers.hd-0123abcd.tmp")
    with other.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        PeerFile(str(target))
        assert other.exists()
    PeerFile(str(target))
    assert not other.exists()


def test_two_writers_of_one_file(target: Path) -> None:
    """Each content is whole, and neither takes away what the other is writing."""
    texts = [f"{letter * 20_000}\n" for letter in "ab"]
    errors: list[Exception] = []

    def write(text: str) -> None:
        for number in range(100):
            try:
                PeerFile(str(target)).write(f"{number}{text}")
            except (OSError, ConfigError) as error:
                errors.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if target.exists():
            assert target.read_text().lstrip("0123456789") in texts
    for thread in threads:
        thread.join()
    assert errors == []
    assert names(target.parent) == ["peers"]


def test_nothing_is_left_open(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither after success nor after a failure."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    file = PeerFile(str(target))
    file.write("a\n")
    file.write("a\n")
    failing = _fail(monkeypatch, "rename", errno.EIO)
    with pytest.raises(OSError, match="error"):
        file.write("b\n")
    failing.clear()
    with pytest.raises(ConfigError):
        PeerFile(str(target.parent))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_an_interrupted_write_leaves_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only errors: an interrupt in the middle takes the temporary file away as well."""
    file = PeerFile(str(target))
    file.write("old\n")

    def interrupted(_: int) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        file.write("new\n")
    assert target.read_text() == "old\n"
    assert names(target.parent) == ["peers"]
