"""Which process sends what a work shows: so that no process closes the work of another.

OpenCTI does not tell: a work whose owner is waiting looks like one whose owner is dead. So the
owner holds a lock on a file that is named after the work, in a folder beside the connector's
others. A lock ends with its process, however that ends. On another machine there is no such file.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.temporary import temporary_directory

try:
    import fcntl
except ImportError:  # without it nobody's life or death is known
    fcntl = None  # type: ignore[assignment]

_OPEN: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_held: dict[Path, int] = {}
"""Marks of this process, with the file that is locked."""


class Owner(Enum):
    """What is known of the process that opened a work."""

    ALIVE = auto()
    DEAD = auto()
    ITSELF = auto()
    """The one that asks."""
    UNKNOWN = auto()
    """It is not of this machine, or of another temporary directory."""


def mark(connector_id: str, work_id: str) -> None:
    """Mark a work as this process's own, where files can be locked."""
    path = _path(connector_id, work_id)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_own_folder(path.parent):
            return
        handle = os.open(path, _OPEN | os.O_CREAT, 0o600)
    except OSError:
        return
    _held[path] = handle
    if not _lock(handle):
        forget(connector_id, work_id)


def owner_of(connector_id: str, work_id: str) -> Owner:
    """Tell whether the process that opened a work is alive and still sends."""
    path = _path(connector_id, work_id)
    if path in _held:
        return Owner.ITSELF
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return Owner.UNKNOWN
    try:
        return Owner.DEAD if _lock(handle) else Owner.ALIVE
    finally:
        os.close(handle)


def forget(connector_id: str, work_id: str) -> None:
    """Give up this process's work, or delete what a dead owner left of its mark."""
    path = _path(connector_id, work_id)
    with suppress(OSError):
        path.unlink()
    handle = _held.pop(path, None)
    if handle is not None:
        os.close(handle)


def _path(connector_id: str, work_id: str) -> Path:
    folder = safe_name(f"shadowserver-{connector_id}.works")
    return temporary_directory() / folder / safe_name(work_id)


def _is_own_folder(folder: Path) -> bool:
    """Tell whether a folder is one, is no link, and is of this process's user alone."""
    found = folder.lstat()
    mine = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return mine and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022


def _lock(handle: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
