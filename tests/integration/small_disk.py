"""A disk of a few kilobytes, to be full when a test says so, for a process and its children.

It is a file system of its own in a mount namespace, which a user may make if the system allows it.
Elsewhere the size of the files that the processes may write is limited instead: that stops
downloads and conversions as well, though with another error number.
"""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_NAMESPACES: Final = (
    (("unshare", "--mount"), ("--mount",)),
    (
        ("unshare", "--user", "--map-root-user", "--mount"),
        ("--mount", "--user", "--preserve-credentials"),
    ),
)
_MOUNT: Final = "mount -t tmpfs -o"
_INODES: Final = 64
# What a process may still write where there is no disk of its own: its log, and small files.
_LOG: Final = 20_000


class SmallDisk:
    """A folder with ``size`` bytes of room. Use as a context manager.

    Processes that are to use it are started with `prefix` before their command, and named by
    `hold`.
    """

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = size
        self._process: int | None = None
        self._shell, self._enter = _shell_with_disk(folder, size)

    @property
    def is_real(self) -> bool:
        """Whether it is a file system, and no limit on files."""
        return self._shell is not None

    @property
    def prefix(self) -> list[str]:
        """What a command starts with, so that it finds the disk in the folder."""
        if self._shell is None:
            return ["prlimit", f"--fsize={self._limit}:"]
        here = f"--wd={self._folder.parent}"
        return ["nsenter", f"--target={self._shell.pid}", *self._enter, here]

    def hold(self, process: int) -> None:
        """Make `fill` and `grow` work on a process and its children."""
        self._process = process

    def fill(self) -> None:
        """Leave no space, neither for bytes nor for another file."""
        at = self._folder
        if self._shell is None:
            self._set_limit(_LOG)
        else:
            _order(self._shell, f"dd if=/dev/zero of={at}/full bs=1k")
            _order(self._shell, f"n=0; while touch {at}/full-$n; do n=$((n+1)); done")

    def grow(self) -> None:
        """Make much free space."""
        at = self._folder
        if self._shell is None:
            self._set_limit(resource.RLIM_INFINITY)
        else:
            # With its source, so that mount does not add options of its own, which may be refused.
            assert _order(self._shell, f"{_MOUNT} remount,size=1g,nr_inodes=10000 disk {at}")
            assert _order(self._shell, f"rm -f {at}/full*")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shell is not None:
            self._shell.communicate()

    def _set_limit(self, limit: int) -> None:
        self._limit = limit
        if self._process is not None:
            for process in _family(self._process):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (limit, -1))


def _shell_with_disk(folder: Path, size: int) -> tuple[subprocess.Popen[str] | None, Sequence[str]]:
    """Start a shell that sees the disk in the folder; return the command that
    enters its namespace.
    """
    for make, enter in _NAMESPACES:
        shell = subprocess.Popen(
            [*make, "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        options = f"size={size},nr_inodes={_INODES},mode=700"
        if _order(shell, f"{_MOUNT} {options} disk {folder}"):
            return shell, enter
        shell.communicate()
    return None, ()


def _order(shell: subprocess.Popen[str], command: str) -> bool:
    """Make a shell do something, and return whether it confirms it."""
    assert shell.stdin is not None
    assert shell.stdout is not None
    try:
        shell.stdin.write(f"{command}\necho $?\n")
        shell.stdin.flush()
    except BrokenPipeError:
        return False
    return shell.stdout.readline() == "0\n"


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))
