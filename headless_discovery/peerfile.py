"""Peer file: a file that is always whole, for readers that may come at any moment.

In: a path and text. Out: the file with the old content or with the new one, never with a
part of it, durable when the call returns. It knows nothing of DNS.

The text goes to a temporary file beside the target, which takes the target's place by one
rename; both the file and the folder are synced. The folder is opened once per write and
everything happens relative to it, so nothing is ever written through a link that somebody
puts in the target's place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from typing import TYPE_CHECKING

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PeerFile"]

MODE = 0o644
# What is wrong with the place rather than with the moment: refused at the start.
_WRONG_PLACE = {
    errno.EACCES,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
_MOUNTS = "/proc/self/mountinfo"


class PeerFile:
    """One file that is replaced as a whole.

    The constructor looks at the place and refuses one that cannot work; it removes
    temporary files that a killed writer left there, and leaves the file itself alone.

    Args:
        path: The file, which need not be there yet; its folder must be.

    Raises:
        ConfigError: ``path`` is a folder, a link, a device or mounted by itself, or its
            folder is not there or cannot be written to.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        folder, self._name = os.path.split(path)
        self._folder = folder or "."
        # Ours alone: a temporary file is found again by a later process, and nothing else.
        self._temporary = re.compile(rf"\.{re.escape(self._name)}\.hd-[0-9a-f]{{8}}\.tmp")
        self._durable: bytes | None = None
        if self._name in ("", ".", ".."):
            raise ConfigError("path", f"{path!a} names no file")
        if "\0" in path:
            raise ConfigError("path", f"{path!a} holds a NUL")
        try:
            with self._opened() as directory:
                self._check_target(directory)
                self._sweep(directory)
                self._try_out(directory)
        except OSError as error:
            if error.errno in _WRONG_PLACE:
                raise ConfigError("path", f"{path!a}: {error.strerror}") from None
            # Full or faulty now may be healed by the time there is something to write.

    def write(self, text: str) -> bool:
        """Make this the file's content.

        Args:
            text: All of it; written as UTF-8.

        Returns:
            False where the file held exactly this already.

        Raises:
            OSError: It could not be made durable. The old file stays, whole, but for an
                error after the rename: then it is the new one, whole.
        """
        content = text.encode()
        with self._opened() as directory:
            if self._holds(directory, content):
                return False
            mode = self._mode(directory)
            with self._created(directory) as (file, name):
                _write_all(file, content)
                os.fchmod(file, mode)
                os.fsync(file)
                os.rename(name, self._name, src_dir_fd=directory, dst_dir_fd=directory)
            self._durable = None  # until the rename is on the disk too
            _sync_folder(directory)
            self._durable = content
        return True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder, opened anew: it may have been replaced since."""
        directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield directory
        finally:
            os.close(directory)

    @contextlib.contextmanager
    def _created(self, directory: int) -> Iterator[tuple[int, str]]:
        """A new temporary file, removed where the block does not come to its end."""
        file, name = self._locked(directory)
        try:
            yield file, name
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)
            raise
        finally:
            os.close(file)

    def _locked(self, directory: int) -> tuple[int, str]:
        """A new file with a lock on it: while that is held, nobody's sweep takes it away."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            name = f".{self._name}.hd-{os.urandom(4).hex()}.tmp"
            file = os.open(name, flags, 0o600, dir_fd=directory)
            try:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:  # swept between its making and its lock
                os.close(file)
            except BaseException:
                os.close(file)
                raise
            else:
                return file, name

    def _check_target(self, directory: int) -> None:
        try:
            found = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("path", f"{self.path!a} is {_kind(found.st_mode)}, no file")
        if _is_mounted(self._folder, self._name):
            raise ConfigError(
                "path",
                f"{self.path!a} is mounted by itself (a volume's subPath) and cannot be "
                "replaced: mount its folder",
            )

    def _try_out(self, directory: int) -> None:
        """Whether a file can be made there at all."""
        with self._created(directory) as (_, name):
            os.unlink(name, dir_fd=directory)

    def _sweep(self, directory: int) -> None:
        """Remove what killed writers left; what cannot be removed stays."""
        for name in os.listdir(directory):
            if not self._temporary.fullmatch(name):
                continue
            with contextlib.suppress(OSError):
                file = os.open(
                    name,
                    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                    dir_fd=directory,
                )
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=directory)
                finally:
                    os.close(file)

    def _holds(self, directory: int, content: bytes) -> bool:
        """Whether the file holds exactly this, and durably so."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(self._name, flags, dir_fd=directory)
        except OSError:
            return False
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size != len(content):
                return False
            if os.pread(file, len(content) + 1, 0) != content:
                return False
            if self._durable != content:
                # Whoever wrote it may have been killed before it was safe.
                os.fsync(file)
                _sync_folder(directory)
                self._durable = content
        finally:
            os.close(file)
        return True

    def _mode(self, directory: int) -> int:
        """Readable by all, but no wider than the file that stands there."""
        try:
            found = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return MODE
        return stat.S_IMODE(found.st_mode) & MODE if stat.S_ISREG(found.st_mode) else MODE


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(directory: int) -> None:
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing
            raise


def _kind(mode: int) -> str:
    for is_one, words in (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if is_one(mode):
            return words
    return "a device"


def _is_mounted(folder: str, name: str) -> bool:
    """Whether the file is a mount of its own: then a rename over it fails with EBUSY."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:  # noqa: PTH123
            points = [line.split()[4] for line in mounts if line.count(" ") > 4]
    except OSError:
        return False
    whole = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
    return whole in (_unescaped(point) for point in points)


def _unescaped(point: str) -> str:
    """A path of mountinfo, where blanks are written in octal (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)
