"""Bundles in a directory, one folder for each report: ``OUT/<day>/<report file>/<n>.json``."""

from __future__ import annotations

import base64
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.report.info import ReportInfo, safe_name
from shadowserver_connector.temporary import lock


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside ``folder`` to write into; an error removes it.

    It is locked until the block ends or the process does. Those of ``folder`` that nobody holds
    any more are removed before. Raises ``OSError`` where it cannot be made.
    """
    _remove_left(folder)
    # Beside it, so that renaming stays on one file system, and hidden from who lists it.
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    partial.mkdir(parents=True)
    try:
        with _lock_folder(partial):
            yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _remove_left(folder: Path) -> None:
    for partial in folder.parent.glob(f".{escape(folder.name)}.*.partial"):
        with _lock_folder(partial) as is_ours:
            if is_ours:
                shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[bool]:
    """Lock a folder against other processes; give False if one holds it, or none can."""
    handle = None
    is_ours = False
    # Held by its writer, gone in the meantime, or on a file system without locks.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        is_ours = lock(handle)
    try:
        yield is_ours
    finally:
        if handle is not None:
            os.close(handle)


# A multiple of 3, so that pieces of base64 can be joined.
_PIECE: Final = 3 * 256 * 1024
_EARLIER: Final = ".earlier"

Result = TypeVar("Result")


def report_folder(out: Path, info: ReportInfo) -> Path:
    """Return the folder of a report's bundles."""
    return out / info.day.isoformat() / safe_name(info.file)


def original_file(out: Path, info: ReportInfo) -> Path:
    """Return the path of the copy of a report's own file."""
    folder = report_folder(out, info)
    return folder / folder.name


def write_report(
    out: Path, path: Path, info: ReportInfo, convert: Callable[[Callable[[Chunk], None]], Result]
) -> Result:
    """Write what ``convert`` emits, and a copy of the file at ``path``, as the report's folder.

    Objects that recur are left out, as they are where OpenCTI has them.

    The folder appears whole, in place of an earlier one, or not at all. Returns what ``convert``
    returns; raises what it raises, and ``OSError`` where the directory cannot be written. What a
    killed process left of the same report is removed.
    """
    folder = report_folder(out, info)
    with partial_folder(folder) as partial:
        result = convert(_writing_to(partial, path))
        shutil.copyfile(path, partial / folder.name)
        _put_in_place(partial, folder)
    for earlier in folder.parent.glob(f".{escape(folder.name)}.*{_EARLIER}"):
        shutil.rmtree(earlier, ignore_errors=True)
    return result


def _put_in_place(partial: Path, folder: Path) -> None:
    """Move a whole folder to its place; an existing one is set aside until then."""
    if not folder.exists():
        partial.rename(folder)
        return
    earlier = partial.with_suffix(_EARLIER)
    folder.rename(earlier)
    try:
        partial.rename(folder)
    except BaseException:
        # Whatever it was, Ctrl-C included: the earlier bundles stay.
        earlier.rename(folder)
        raise


def _writing_to(folder: Path, original: Path) -> Callable[[Chunk], None]:
    """Return what writes each chunk to a file of its own, numbered from 1."""
    numbers = count(1)

    def write(chunk: Chunk) -> None:
        with (folder / f"{next(numbers):04d}.json").open("wb") as file:
            bundle, artifact = chunk.bundle(chunk.already_sent), chunk.artifact()
            if artifact is None or b'"payload_bin"' in artifact.json:
                file.write(bundle)
                return
            # Too large to be in memory: its Artifact gets the payload piece by piece.
            head, tail = bundle.split(artifact.json)
            file.write(head + artifact.json[:-1] + b',"payload_bin":"')
            with original.open("rb") as payload:
                while piece := payload.read(_PIECE):
                    file.write(base64.b64encode(piece))
            file.write(b'"}' + tail)

    return write
