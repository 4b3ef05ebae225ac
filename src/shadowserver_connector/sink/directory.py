"""Bundles in a directory, one folder for each report: ``OUT/<day>/<report file>/<n>.json``."""

from __future__ import annotations

import base64
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.report.info import ReportInfo, safe_name
from shadowserver_connector.temporary import locked, remove_if_abandoned

_PARTIAL: Final = ".partial"
_EARLIER: Final = ".earlier"


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside ``folder`` to write into; an error removes it.

    It is locked until the block ends or the process does. Those of ``folder`` that killed
    processes left are removed before. Raises ``OSError`` where it cannot be made.
    """
    for left in folder.parent.glob(f".{escape(folder.name)}.*{_PARTIAL}"):
        remove_if_abandoned(left)
    # Beside it, so that renaming stays on one file system, and hidden from who lists it.
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}{_PARTIAL}")
    partial.mkdir(parents=True)
    try:
        with locked(partial):
            yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


# A multiple of 3, so that pieces of base64 can be joined.
_PIECE: Final = 3 * 256 * 1024

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

    Objects that an earlier import brought to OpenCTI are left out, as in an import.

    The folder appears whole, in place of an earlier one, or not at all. Returns what ``convert``
    returns; raises what it raises, and ``OSError`` where the directory cannot be written. What a
    killed process left of the same report is removed, and the folder that it set aside put back.
    """
    folder = report_folder(out, info)
    _settle_earlier(folder)
    with partial_folder(folder) as partial:
        result = convert(_writing_to(partial, path))
        shutil.copyfile(path, partial / folder.name)
        _put_in_place(partial, folder)
    _settle_earlier(folder)
    return result


def _settle_earlier(folder: Path) -> None:
    """Remove a folder that was set aside, or put it back if no new one has taken its place."""
    for earlier in folder.parent.glob(f".{escape(folder.name)}.*{_EARLIER}"):
        if folder.exists():
            shutil.rmtree(earlier, ignore_errors=True)
        else:
            earlier.rename(folder)


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
