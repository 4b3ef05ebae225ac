"""Dropped files: told apart from links and incomplete ones, read as reports, moved away.

Anyone who may write to the drop folder may put anything there: a link, a pipe, another name of a
file that only the connector can read. So files are opened relative to their folder's descriptor,
never followed, compared with what was seen before, and processed as copies.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from shadowserver_connector.errors import NotReadyError, SkippableError, describe, is_disk_full
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.report.info import ReportFile, ReportInfo, fingerprint, safe_name
from shadowserver_connector.report.report_files import MAX_REPORT_BYTES, find_reports
from shadowserver_connector.report.wording import printable, shown_path

_ENDINGS: Final = (".csv", ".gz", ".zip", ".tar", ".tgz")
# Both parts of names such as `.csv.gz`: a file in failed/ may be dropped again.
_ENDING: Final = re.compile(r"(\.(csv|tar))?\.(csv|gz|zip|tar|tgz)$", re.IGNORECASE)
_REASON: Final = ".reason"
_CHUNK: Final = 1 << 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait. Without O_NOCTTY, a terminal that is opened
# could become that of this process.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileSignature(NamedTuple):
    """What shows whether a file is still being written, was replaced, or had its permissions
    changed.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class DroppedReport(NamedTuple):
    """A report, as a copy or unpacked."""

    job: Job
    sha256: str
    reason: str
    """Why type or day are unknown, in one line; empty if both are known."""


class DroppedFile(NamedTuple):
    """A file of which all reports have been found, but for a ``problem`` or change."""

    path: Path
    reasons: tuple[str, ...] = ()
    """What is wrong with its content."""
    problem: OSError | None = None
    """Why it could not be read, which is not the fault of its content."""
    changed: bool = False
    """Whether it is no longer the file that the poll found; then nothing was read."""


class _ChangedError(Exception):
    """The file is not the one that the poll found."""


def shown_name(path: Path) -> str:
    """Return a file's name as printable text, whatever bytes it contains."""
    return printable(path.name, 255)


def signature_of(path: Path) -> FileSignature | None:
    """Return a file's identity without following links; ``None`` if there is no file."""
    try:
        return _signature(path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None


def files_in(folder: Path) -> dict[Path, FileSignature]:
    """Return the report files in a folder, by name: no links, nothing hidden, nothing empty."""
    found: dict[Path, FileSignature] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            # A hidden name is for a file that is still written, and is renamed when it is complete.
            if entry.name.startswith(".") or not entry.name.lower().endswith(_ENDINGS):
                continue
            with suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and facts.st_size:
                    found[folder / entry.name] = _signature(facts)
    return dict(sorted(found.items()))


def _signature(facts: os.stat_result) -> FileSignature:
    return FileSignature(
        facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
    )


def reports_in(
    paths: Sequence[Path], signatures: Mapping[Path, FileSignature], work: Path
) -> Iterator[DroppedReport | DroppedFile]:
    """Yield the reports of each file and then the file, in order; copied or unpacked to ``work``.

    ``signatures`` are the identities that the poll found. A file for which the disk has no room is
    left for a later poll. Raises ``OSError`` for it after the others.
    """
    full: OSError | None = None
    for path in paths:
        reasons: list[str] = []
        # One for each: archives from different senders contain files of the same name.
        own = Path(tempfile.mkdtemp(dir=work))
        problem, changed = None, False
        try:
            copy = _taken(path, signatures[path], own)
            yield from _reports_of(copy, own, path, reasons)
        except _ChangedError:
            changed = True
        except OSError as error:
            problem = error
            if is_disk_full(error):
                full = error
                # The others may need the room that a part of it takes.
                shutil.rmtree(own, ignore_errors=True)
        except Exception as error:
            # A defect: it must not keep the other files from being imported.
            reasons.append(describe(error))
        yield DroppedFile(path, tuple(reasons), problem, changed)
    if full is not None:
        raise full


def _reports_of(copy: Path, own: Path, path: Path, reasons: list[str]) -> Iterator[DroppedReport]:
    """Yield the reports in a copied file, and collect what else is wrong with it."""

    def reject(error: SkippableError) -> None:
        reasons.append(_as_dropped(str(error), copy, path))

    kept = False
    for file in find_reports([copy], own, reject):
        kept = kept or file.path == copy
        job, problem = _job_of(file)
        sha256 = fingerprint(file.path).sha256
        yield DroppedReport(job, sha256, _as_dropped(problem, copy, path))
    # An archive: everything in it that is a report has been unpacked.
    if not kept:
        copy.unlink()


def _job_of(file: ReportFile) -> tuple[Job, str]:
    """Return what to convert, or a stand-in and why its type or day is unknown."""
    try:
        return job_of(file), ""
    except (SkippableError, NotReadyError) as error:
        return (file.path, ReportInfo(type="", day=date.min, file=file.name)), str(error)


def _as_dropped(text: str, copy: Path, path: Path) -> str:
    """Name the dropped file in a message that names its copy."""
    return text.replace(shown_path(copy), shown_name(path))


def _taken(path: Path, signature: FileSignature, own: Path) -> Path:
    """Copy a file to ``own`` if it is still the one that the poll found.

    Raises ``_ChangedError``, and ``OSError`` if it cannot or must not be read.
    """
    copy = own / safe_name(path.name)
    try:
        handle = _open_file(path)
    except FileNotFoundError:
        raise _ChangedError from None
    with open(handle, "rb") as source:
        facts = os.fstat(handle)
        # Of the open file: the name may stand for another file since the poll.
        if not stat.S_ISREG(facts.st_mode) or _signature(facts) != signature:
            raise _ChangedError
        if facts.st_nlink > 1:
            # A hard link may be to a file that only the connector can read.
            raise OSError(errno.EMLINK, "it has another name elsewhere, a hard link; copy it")
        disk = shutil.disk_usage(own)
        most = min(MAX_REPORT_BYTES, disk.total)
        if facts.st_size > most:
            # A sparse file takes no space where it is, and all of it where it is copied.
            raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes; divide it")
        if facts.st_size > disk.free:
            # Not by trying: whatever else is on the disk would run into the same.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with copy.open("xb") as target:
            _copy(source, target, facts.st_size)
        if _signature(os.fstat(handle)) != signature:
            raise _ChangedError
    return copy


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy this many bytes, or fewer if there are not that many: the writer may never stop."""
    while size > 0 and (chunk := source.read(min(size, _CHUNK))):
        target.write(chunk)
        size -= len(chunk)


def _open_file(path: Path) -> int:
    with _directory(path.parent) as folder:
        try:
            return os.open(path.name, _FILE, dir_fd=folder)
        except OSError as error:
            # The poll found a file there.
            if error.errno == errno.ELOOP:
                raise _ChangedError from None
            raise


def put_away(path: Path, reasons: Sequence[str]) -> Path:
    """Move a file to ``done/``, or with reasons to ``failed/``; return its new path.

    Overwrites nothing, not even a link. Raises ``OSError``.
    """
    kind = "failed" if reasons else "done"
    with _directory(path.parent) as drop:
        with suppress(FileExistsError):
            os.mkdir(kind, dir_fd=drop)
        with _directory(kind, drop) as folder:
            target, reason = _free(folder, path.name)
            # First, so that nothing is in failed/ without its reasons.
            if reasons:
                _write_reasons(reason, reasons, folder)
            try:
                os.rename(path.name, target, src_dir_fd=drop, dst_dir_fd=folder)
            except OSError:
                if reasons:
                    os.unlink(reason, dir_fd=folder)
                raise
    return path.parent / kind / target


def _write_reasons(name: str, reasons: Sequence[str], folder: int) -> None:
    # As any file that a program creates: the umask decides who may read it.
    handle = os.open(name, _NEW_FILE, 0o666, dir_fd=folder)
    try:
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{reason}\n" for reason in reasons)
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise


def _free(folder: int, name: str) -> tuple[str, str]:
    """Return free names in a folder, short enough, for a file and for its reasons."""
    # Mostly 255, but on eCryptfs, for example, 143.
    most = os.fpathconf(folder, "PC_NAME_MAX")
    tried, number = name, 0
    while True:
        target = _cut(tried, most)
        reason = _cut(tried, most - len(_REASON)) + _REASON
        if not _is_there(target, folder) and not _is_there(reason, folder):
            return target, reason
        number += 1
        # In front, because a long name is cut at its end.
        tried = f"{number}-{name}"


def _cut(name: str, most: int) -> str:
    """Shorten a name to this many bytes and keep its extension."""
    found = _ENDING.search(name)
    ending = found.group() if found else ""
    stem = name.removesuffix(ending)
    # File systems count bytes; whole characters are cut, so that the rest stays readable.
    while len(os.fsencode(stem + ending)) > most:
        stem = stem[:-1]
    return stem + ending


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _directory(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """Open a folder; one below an open folder, without following a link."""
    handle = os.open(path, _FOLDER | (0 if parent is None else os.O_NOFOLLOW), dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def temporary_subfolder(folder: Path) -> Iterator[Path]:
    """Create a folder in ``folder`` that is deleted afterwards with its content."""
    folder.mkdir(parents=True, exist_ok=True)
    # After an interruption a conversion may still write there.
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as made:
        yield Path(made)
