"""Folders that are being written, and those that a killed process left half written."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

try:
    import fcntl
except ImportError:  # without it nothing is locked, and nothing of others removed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside ``folder`` to write into; an error removes it.

    It is locked until the block ends or the process does. Those of ``folder`` that nobody holds
    any more are removed before. Raises ``OSError`` where it cannot be made.
    """
    _remove_left(folder)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    partial.mkdir(parents=True)
    try:
        with _locked(partial):
            yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _remove_left(folder: Path) -> None:
    for partial in folder.parent.glob(f".{escape(folder.name)}.*.partial"):
        with _locked(partial) as is_ours:
            if is_ours:
                shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder against other processes; give False where one holds it, or none can."""
    handle = None
    is_ours = False
    # Held by its writer, gone in the meantime, or on a file system without locks.
    with suppress(OSError):
        if fcntl is not None:
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
    try:
        yield is_ours
    finally:
        if handle is not None:
            os.close(handle)
