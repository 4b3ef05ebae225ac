"""Bundles in a directory, one folder a report: ``OUT/<day>/<report file>/<n>.json``.

Each bundle is closed: every reference is in the same file, so OpenCTI's file import takes them
one by one, in any order. The original file lies beside them.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from shadowserver_connector.bundle.chunk import Chunk, Encoded
from shadowserver_connector.report.filename import safe_name
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.partial import partial_folder

# A multiple of 3, so that pieces of base64 can be joined.
_PIECE: Final = 3 * 256 * 1024
_EARLIER: Final = ".earlier"

Result = TypeVar("Result")


def report_folder(out: Path, info: ReportInfo) -> Path:
    """Return the folder of a report's bundles."""
    return out / info.day.isoformat() / safe_name(info.file)


def original_file(out: Path, info: ReportInfo) -> Path:
    """Return where the copy of a report's own file lies."""
    folder = report_folder(out, info)
    return folder / folder.name


def write_report(
    out: Path,
    path: Path,
    info: ReportInfo,
    convert: Callable[[Callable[[Chunk], None]], Result],
) -> Result:
    """Write what ``convert`` emits, and a copy of the file at ``path``, as the report's folder.

    The folder appears whole, in place of an earlier one, or not at all. Returns what ``convert``
    returns; raises what it raises, and ``OSError`` where the directory cannot be written. What a
    killed process left of the same report is removed.
    """
    folder = report_folder(out, info)
    with partial_folder(folder) as partial:
        writer = _Writer(partial, path)
        result = convert(writer.write)
        shutil.copyfile(path, partial / folder.name)
        _put_in_place(partial, folder)
    for earlier in folder.parent.glob(f".{escape(folder.name)}.*{_EARLIER}"):
        shutil.rmtree(earlier, ignore_errors=True)
    return result


def _put_in_place(partial: Path, folder: Path) -> None:
    """Move a whole folder to its place; the one that was there is set aside until then."""
    if not folder.exists():
        partial.rename(folder)
        return
    earlier = partial.with_suffix(_EARLIER)
    folder.rename(earlier)
    try:
        partial.rename(folder)
    except BaseException:
        earlier.rename(folder)
        raise


class _Writer:
    def __init__(self, folder: Path, original: Path) -> None:
        self._folder = folder
        self._original = original
        self._written = 0

    def write(self, chunk: Chunk) -> None:
        self._written += 1
        with (self._folder / f"{self._written:04d}.json").open("wb") as file:
            bare = _artifact_without_payload(chunk)
            if bare is None:
                file.write(chunk.bundle())
            else:
                self._write_with_payload(file, chunk, bare)

    def _write_with_payload(self, file: BinaryIO, chunk: Chunk, bare: Encoded) -> None:
        """Write a bundle whose Artifact gets its payload piece by piece from the original."""
        head, tail = chunk.bundle().split(bare.json)
        file.write(head + bare.json[:-1] + b',"payload_bin":"')
        with self._original.open("rb") as original:
            while piece := original.read(_PIECE):
                file.write(base64.b64encode(piece))
        file.write(b'"}' + tail)


def _artifact_without_payload(chunk: Chunk) -> Encoded | None:
    if chunk.kind != "artifact":
        return None
    artifacts = (encoded for encoded in chunk.objects if encoded.id.startswith("artifact--"))
    return next((one for one in artifacts if b'"payload_bin"' not in one.json), None)
