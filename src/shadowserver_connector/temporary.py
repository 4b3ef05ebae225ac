"""Temporary files: where they go, even while there is no room, whose they are, and their blocks."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

try:
    import fcntl
except ImportError:  # without it nothing is locked, and nobody's life or death is known
    fcntl = None  # type: ignore[assignment]

_VARIABLES: Final = ("TMPDIR", "TEMP", "TMP")
# The variables and directories that tempfile tries, in its order.
_USUAL: Final = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - the files there have safe names


def temporary_directory() -> Path:
    """Return the directory that ``TMPDIR`` names, or the first of the usual ones.

    Python's ``tempfile.gettempdir`` tries to write, and skips a directory whose disk is full: files
    would be in one place and be looked for in another.
    """
    for place in (*map(os.environ.get, _VARIABLES), *_USUAL):
        if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(place).absolute()
    return Path(tempfile.gettempdir())


def recreate_private_directory(path: Path) -> Path:
    """Create an empty directory that only its owner can enter, replacing an earlier one.

    Others may be able to write next to it: a link, and anything that belongs to someone else, is
    left alone and refused, and so is a directory that appears meanwhile. Raises ``OSError``.
    """
    with suppress(FileNotFoundError):
        facts = path.stat(follow_symlinks=False)
        if not stat.S_ISDIR(facts.st_mode):
            raise OSError(errno.ENOTDIR, "it is a link or a file")
        if not is_own(facts):
            raise OSError(errno.EPERM, "it belongs to another user")
        shutil.rmtree(path)
    path.mkdir(mode=0o700)
    return path


def is_own(facts: os.stat_result) -> bool:
    """Tell whether a file or folder belongs to this process's user; systems may have none."""
    return not hasattr(os, "geteuid") or facts.st_uid == os.geteuid()


def lock(handle: int) -> bool:
    """Lock an open file or folder until it is closed or the process ends.

    Returns ``False`` if another process holds it, and if there are no locks.
    """
    try:
        return lock_or_raise(handle)
    except OSError:
        return False


def lock_or_raise(handle: int) -> bool:
    """Lock as `lock` does; ``False`` means that another process holds it.

    Raises ``OSError`` where there are no locks, as on some network file systems.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "this system has no locks for files")
    try:
        # Not lockf, whose lock is lost when this process closes any other handle of the file.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_FOLDER_PREFIX: Final = "shadowserver-tmp-"
_JUST_MADE: Final = 1.0
"""Seconds in which a new folder is locked, and in which no killed process starts again."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder that only its owner can enter; it is removed at the end.

    Until then it is locked: what is left of it after a kill, `remove_abandoned_folders` recognises.
    Raises ``OSError``.
    """
    made = tempfile.TemporaryDirectory(
        prefix=_FOLDER_PREFIX,
        dir=temporary_directory(),
        # After an interruption an abandoned download may still write there.
        ignore_cleanup_errors=True,
    )
    with made as name, locked(Path(name)):
        yield Path(name)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a new folder from `remove_if_abandoned` until the block or the process ends."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        lock(handle)
        yield
    finally:
        os.close(handle)


def remove_abandoned_folders() -> None:
    """Remove the folders of `temporary_folder` that killed processes of this user left."""
    for folder in temporary_directory().glob(f"{_FOLDER_PREFIX}*"):
        remove_if_abandoned(folder)


def remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of this user unless a process has it `locked`, or may be about to."""
    # Of another user, or removed meanwhile by whoever else starts now.
    with suppress(OSError):
        facts = folder.stat(follow_symlinks=False)
        age = time.time() - facts.st_mtime
        if stat.S_ISDIR(facts.st_mode) and is_own(facts) and age > _JUST_MADE:
            _remove_if_unlocked(folder)


def _remove_if_unlocked(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if lock(handle):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


_LENGTH_BYTES: Final = 4


def as_block(content: bytes) -> bytes:
    """Return the bytes with their length in front, the form that `read_blocks` reads."""
    return len(content).to_bytes(_LENGTH_BYTES) + content


def read_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the contents of a file's blocks, in order; whoever opened the file closes it."""
    while length := file.read(_LENGTH_BYTES):
        yield file.read(int.from_bytes(length))
