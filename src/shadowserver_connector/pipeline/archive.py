"""The archive of original files: ``YEAR/MONTH/DAY/<file>``, with their SHA-256 hashes.

A day's folder also holds ``SHA256SUMS``, as ``sha256sum -c`` reads it, and ``.reports``, which
identifies the listed reports of the files by digest: they need not be fetched again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from shadowserver_connector.logger import Logger
from shadowserver_connector.report.info import ReportInfo, fingerprint, safe_name
from shadowserver_connector.state.state import listing_digest

SUMS: Final = "SHA256SUMS"
_REPORTS: Final = ".reports"
_CHUNK: Final = 1 << 20
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def day_folder(archive: Path, report: ReportInfo) -> Path:
    """Return the folder of a report's day."""
    return archive / f"{report.day:%Y}" / f"{report.day:%m}" / f"{report.day:%d}"


def is_archived(archive: Path, report: ReportInfo) -> bool:
    """Tell whether the file of a report as listed, under this id, is in the archive."""
    folder = day_folder(archive, report)
    wanted = listing_digest(report)
    # Somebody may have removed the file since: then it has to be fetched again.
    return any(
        digest == wanted and name and (folder / name).is_file()
        for digest, _, name in (line.partition("  ") for line in _lines(folder / _REPORTS))
    )


def archive_file(archive: Path, report: ReportInfo, path: Path, sha256: str) -> Path:
    """Copy a report's file into the archive and return where it is.

    A file that has the same content already is left as it is; one that has another content is
    never overwritten: the new one gets a name with the begin of its SHA-256. Raises ``OSError``.
    """
    folder = day_folder(archive, report)
    folder.mkdir(parents=True, exist_ok=True)
    target = _place(folder, safe_name(report.file), sha256)
    if not target.exists():
        _copy(path, target)
    _note(folder / SUMS, f"{sha256}  {target.name}")
    # Last, because what is listed here is not fetched again; and a digest, because a report's id
    # opens the file without credentials.
    _note(folder / _REPORTS, f"{listing_digest(report)}  {target.name}")
    return target


def archive_if_configured(
    archive: Path | None, report: ReportInfo, path: Path, sha256: str, log: Logger
) -> None:
    """Copy a report's file into the archive, if there is one; a full archive stops nothing."""
    if archive is None:
        return
    try:
        archive_file(archive, report, path, sha256)
    except OSError as error:
        log.error(
            "The original file is not archived",
            {"file": report.file, "directory": str(archive), "reason": error.strerror},
        )


def _place(folder: Path, name: str, sha256: str) -> Path:
    """Return where a file with this content is, or may be."""
    first = folder / name
    # No report may take the place of the list of sums, whatever its name.
    if name != SUMS and (not first.exists() or fingerprint(first).sha256 == sha256):
        return first
    # If that exists too, it is the same file: its content is in its name.
    return first.with_name(f"{first.stem}.{sha256[:16]}{first.suffix}")


def _copy(path: Path, target: Path) -> None:
    # Under another name until it is whole: a crash leaves no half file that counts as archived.
    part = target.with_name(f".{token_hex(8)}.part")
    # Where reports are unpacked, files are for their owner only; an archive is read by others. The
    # umask says by whom.
    handle = os.open(part, _NEW_FILE, 0o666)
    try:
        with open(handle, "wb") as copy, path.open("rb") as original:
            shutil.copyfileobj(original, copy, _CHUNK)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _note(file: Path, line: str) -> None:
    if line in _lines(file):
        return
    # One short write at the end: two processes with the same archive lose no lines.
    with file.open("a", encoding="utf-8") as notes:
        notes.write(f"{_rest(file)}{line}\n")


def _rest(file: Path) -> str:
    """Return what ends a line that a full disk cut off."""
    with file.open("rb") as notes:
        if notes.seek(0, os.SEEK_END):
            notes.seek(-1, os.SEEK_END)
            return "" if notes.read(1) == b"\n" else "\n"
    return ""


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8") as notes:
            for line in notes:
                yield line.rstrip("\n")
    except FileNotFoundError:
        return
