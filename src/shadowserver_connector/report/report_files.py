"""Report files on disk: plain, in folders, or packed with gzip, zip or tar; archives are unpacked
within limits, whatever they claim.
"""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from shadowserver_connector.errors import ArchiveRejectedError, SkippableError
from shadowserver_connector.report.info import ReportFile, safe_name
from shadowserver_connector.report.wording import printable, shown_path, unreadable_error

MAX_REPORT_BYTES = 8 * 1024**3
"""Bytes of a report: a million rows, as single files have had, take 0.3 to 2.4 GB."""
MAX_MEMBERS = 10_000
"""Members of one archive."""
MAX_UNPACKED_BYTES = 32 << 30
"""Bytes that one archive may unpack to."""
MAX_RATIO = 200
"""Bytes out for each byte in; CSV reports compress about 10 to 40 times."""
RATIO_FLOOR_BYTES = 16 << 20
"""Unpacked bytes up to which any ratio is accepted: small files of equal rows have high ones."""

_TAR = (".tar", ".tgz", ".tar.gz")
_ENDINGS = (".csv", ".csv.gz", ".zip", *_TAR)
_CHUNK = 1 << 20
_LISTED = 4 << 20
"""Bytes of a zip's list of members: 400 for each."""
# Bit 0 of a zip member's general purpose flags (APPNOTE, 4.4.4).
_ENCRYPTED = 0x1
# Other methods unpack a whole piece at once, to any size, or allocate the memory that they ask for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_INNER_PATH = 200
"""Characters of a path inside an archive shown in messages."""
_NOT_OPENED = "an archive inside an archive is not opened; unpack it and give its files"
_NESTED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst")


def find_reports(
    paths: Iterable[Path], workdir: Path, reject: Callable[[SkippableError], None]
) -> Iterator[ReportFile]:
    """Yield the reports at ``paths`` one by one: ``.csv``, ``.csv.gz``, ``.zip``, ``.tar``,
    ``.tgz``, ``.tar.gz``, and folders.

    Folders are walked in sorted order; a link to a folder is not followed, one to a file is. A file
    that is named twice is read once. Archives are unpacked member by member into ``workdir``, when
    it is their turn; the caller removes what it has read. The following are passed to ``reject``,
    and the others continue: a folder or archive that cannot be read, an archive that is beyond the
    limits, encrypted, damaged or without a report, and a member that is damaged or itself an
    archive. Raises ``FileNotFoundError`` for a path that does not exist, and ``OSError`` where
    ``workdir`` cannot be written.
    """
    taken: set[str] = set()
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{shown_path(path)}: no such file or folder")
        for file in _files_in(path, reject) if path.is_dir() else (path,):
            if _is_taken(file, taken):
                continue
            try:
                yield from _reports_in(file, workdir, reject)
            except SkippableError as error:
                reject(error)


def _is_taken(file: Path, taken: set[str]) -> bool:
    """Tell whether a file was named before, by any path, and remember that it was."""
    path = os.path.realpath(file)
    known = path in taken
    taken.add(path)
    return known


def _files_in(folder: Path, reject: Callable[[SkippableError], None]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        reject(unreadable_error(shown_path(folder), error))
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(folder / entry.name, reject)
        elif entry.name.lower().endswith(_ENDINGS) and _is_file(entry):
            yield folder / entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        # A link that may not be followed: the attempt to open it gives the reason.
        return True


def _reports_in(
    file: Path, workdir: Path, reject: Callable[[SkippableError], None]
) -> Iterator[ReportFile]:
    """Yield a file, or what is packed in it; raises SkippableError if it is bad as a whole."""
    name = file.name.lower()
    if name.endswith(".zip"):
        yield from _unpack_zip(file, workdir, reject)
    elif name.endswith(_TAR):
        yield from _unpack_tar(file, workdir, reject)
    elif name.endswith(".gz"):
        yield _unpack_gzip(file, workdir)
    else:
        yield ReportFile(file, safe_name(file.name), shown_path(file))


def _unpack_gzip(file: Path, workdir: Path) -> ReportFile:
    name = safe_name(file.name)[: -len(".gz")]
    if name.lower().endswith(_NESTED):
        raise ArchiveRejectedError(f"{shown_path(file)}: {_NOT_OPENED}")
    target = _free_path(workdir, name)
    with _reading(shown_path(file)):
        source = gzip.GzipFile(file)
    with source:
        _copy(shown_path(file), source.read, target, _Budget(file))
    return ReportFile(target, name, shown_path(file))


def _unpack_zip(
    file: Path, workdir: Path, reject: Callable[[SkippableError], None]
) -> Iterator[ReportFile]:
    with _reading(shown_path(file)):
        source = _BoundedReads(io.FileIO(file))
    with source, _open_zip(file, source) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MAX_MEMBERS:
            raise ArchiveRejectedError(
                f"{shown_path(file)}: {len(members)} members, more than {MAX_MEMBERS}; "
                "split the archive"
            )
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise ArchiveRejectedError(
                f"{shown_path(file)}: encrypted; unpack it and give the .csv files"
            )
        wanted = [member for member in members if _is_wanted(member.filename)]
        if not wanted:
            raise ArchiveRejectedError(f"{shown_path(file)}: no .csv file inside")
        budget = _Budget(file)
        for member in wanted:
            inside = f"{shown_path(file)}/{printable(member.filename, _INNER_PATH)}"
            try:
                target = _unpack_zip_member(archive, member, inside, workdir, budget)
            except _BeyondLimitsError:
                raise
            except ArchiveRejectedError as error:
                reject(error)
                continue
            yield ReportFile(
                target, safe_name(member.filename), inside, safe_name(file.name), len(wanted) == 1
            )


def _unpack_tar(
    file: Path, workdir: Path, reject: Callable[[SkippableError], None]
) -> Iterator[ReportFile]:
    """Unpack a tar archive in one pass: there is no list of members to read first.

    So the last report is passed on only when it is known whether there is another one.
    """
    shown = shown_path(file)
    waiting: ReportFile | None = None
    several = False
    try:
        for report in _unpack_tar_members(file, shown, workdir, reject):
            several = waiting is not None
            if waiting is not None:
                yield waiting
            waiting = report
    except SkippableError:
        if waiting is not None:
            yield waiting
        raise
    if waiting is None:
        raise ArchiveRejectedError(f"{shown}: no .csv file inside")
    yield replace(waiting, is_only_member=not several)


def _unpack_tar_members(
    file: Path, shown: str, workdir: Path, reject: Callable[[SkippableError], None]
) -> Iterator[ReportFile]:
    budget = _Budget(file)
    with _reading(shown):
        packed = gzip.GzipFile(file) if file.name.lower().endswith("gz") else file.open("rb")
    with packed, _open_tar(shown, _TarBytes(packed, budget)) as archive:
        for member in _members_of_tar(shown, archive):
            # The name alone would not tell members of one name in several folders apart.
            inside = f"{shown}/{printable(member.name, _INNER_PATH)}"
            try:
                target = _unpack_tar_member(archive, member, inside, workdir)
            except _BeyondLimitsError:
                raise
            except ArchiveRejectedError as error:
                reject(error)
                continue
            yield ReportFile(target, safe_name(member.name), inside, safe_name(file.name))


def _open_tar(shown: str, source: _TarBytes) -> tarfile.TarFile:
    with _reading(shown):
        # Not tarfile.open, which may unpack bzip2 and xz itself, without a limit. A TarFile only
        # reads, seeks and tells.
        return tarfile.TarFile(fileobj=source, mode="r")  # type: ignore[arg-type]


def _members_of_tar(shown: str, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members that are reports, or may contain some."""
    number = 0
    while True:
        with _reading(shown):
            member = archive.next()
        if member is None:
            return
        number += 1
        # What it remembers about finished members.
        archive.members.clear()  # type: ignore[attr-defined]
        if number > MAX_MEMBERS:
            raise _BeyondLimitsError(f"{shown}: more than {MAX_MEMBERS} members; split the archive")
        if not member.isdir() and _is_wanted(member.name):
            yield member


def _unpack_tar_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, inside: str, workdir: Path
) -> Path:
    if not member.isfile():
        raise ArchiveRejectedError(f"{inside}: a link or a device is not followed")
    if member.name.lower().endswith(_NESTED):
        raise ArchiveRejectedError(f"{inside}: {_NOT_OPENED}")
    target = _free_path(workdir, safe_name(member.name))
    with _reading(inside):
        source = archive.extractfile(member)
    if source is None:  # never of a file
        raise ArchiveRejectedError(f"{inside}: damaged")
    # What is read of the archive is counted there.
    _copy(inside, source.read, target, None)
    return target


class _TarBytes:
    """The content of a tar archive, counted as it is unpacked, and never read in one large piece.

    ``tarfile`` reads at once whatever size a member's extended header claims.
    """

    def __init__(self, source: io.BufferedIOBase, budget: _Budget) -> None:
        self._source = source
        self._budget = budget
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LISTED:
            raise tarfile.ReadError("a header of more than 4 MiB")
        data = self._source.read(size)
        self._at += len(data)
        self._budget.spend(len(data))
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, place: int) -> int:
        """Skip forward to a place; unpacked data cannot be read again."""
        if place < self._at:
            raise tarfile.ReadError("members that overlap")
        while self._at < place and self.read(min(_CHUNK, place - self._at)):
            pass
        return self._at


def _open_zip(file: Path, source: _BoundedReads) -> zipfile.ZipFile:
    with _reading(shown_path(file)):
        try:
            return zipfile.ZipFile(source)
        except _LongReadError as error:
            raise ArchiveRejectedError(
                f"{shown_path(file)}: its list of members is longer than {_LISTED >> 20} MiB: "
                f"more than {MAX_MEMBERS:,} members, or names that are too long; split the archive"
            ) from error
        except zipfile.BadZipFile as error:
            raise ArchiveRejectedError(
                f"{shown_path(file)}: cannot be unpacked: damaged, or not a zip archive; get it "
                "again, or correct its extension"
            ) from error


def _unpack_zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, inside: str, workdir: Path, budget: _Budget
) -> Path:
    """Return where a member was unpacked to; ArchiveRejectedError if only this member is bad."""
    # A zip from Unix has the file's mode in the upper 16 bits.
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ArchiveRejectedError(f"{inside}: a symbolic link is not followed")
    if member.filename.lower().endswith(_NESTED):
        raise ArchiveRejectedError(f"{inside}: {_NOT_OPENED}")
    if member.compress_type not in _METHODS:
        raise ArchiveRejectedError(
            f"{inside}: compressed by a method that is not supported; use the usual one, deflate"
        )
    target = _free_path(workdir, safe_name(member.filename))
    with _reading(inside):
        source = archive.open(member)
    with source:
        _copy(inside, source.read, target, budget)
    return target


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what reading an archive raises into an error that names it; the others continue."""
    try:
        yield
    # NotImplementedError: a version of zip, or a feature, that zipfile does not know.
    except (*_DAMAGED, NotImplementedError, OSError) as error:
        raise _unpacking_error(name, error) from error


# What these say shows bytes of the file.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,
    # tarfile reads extended headers that follow each other within each other.
    RecursionError,
)


def _unpacking_error(name: str, error: Exception) -> SkippableError:
    why = str(error)
    if isinstance(error, gzip.BadGzipFile):
        why = (
            "damaged, or not a gzip archive; get it again, or rename it to .csv if that is "
            "what it is"
        )
    elif isinstance(error, _DAMAGED) or getattr(error, "errno", None) == errno.EINVAL:
        # EINVAL: an offset points outside of the file.
        why = "damaged"
    elif isinstance(error, OSError) and error.errno is not None:
        return unreadable_error(name, error)
    return ArchiveRejectedError(f"{name}: cannot be unpacked: {why}")


def _is_wanted(member: str) -> bool:
    """Tell whether a member of this name is a report, or may contain some."""
    name = member.lower()
    # macOS adds a shadow of each file, with binary content and the same ending.
    shadow = name.startswith("__macosx/") or name.rpartition("/")[2].startswith("._")
    return name.endswith((".csv", *_NESTED)) and not shadow


class _LongReadError(Exception):
    """More was requested than is read at once."""


class _BoundedReads(io.BufferedReader):
    """A file that is read in pieces.

    ``zipfile`` reads the whole list of members at once, and makes an object of each, before anyone
    can count them. The size that an archive claims for its list is that of this read.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            data = super().read(_LISTED + 1)
            size = len(data)
        else:
            data = b"" if size > _LISTED else super().read(size)
        if size > _LISTED:
            raise _LongReadError
        return data


class _BeyondLimitsError(ArchiveRejectedError):
    """A problem of the whole archive, not of one member."""


class _Budget:
    """Counts what one archive has unpacked to, by bytes written, never by what it claims."""

    def __init__(self, file: Path) -> None:
        self._name = shown_path(file)
        with _reading(self._name):
            self._packed = file.stat().st_size
        self._unpacked = 0

    def spend(self, size: int) -> None:
        """Add ``size`` bytes; raise ``_BeyondLimitsError`` where that is too much."""
        self._unpacked += size
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise _BeyondLimitsError(
                f"{self._name}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB; "
                "give the .csv files themselves"
            )
        if self._unpacked > max(RATIO_FLOOR_BYTES, MAX_RATIO * self._packed):
            raise _BeyondLimitsError(
                f"{self._name}: unpacks to more than {MAX_RATIO} times its size, like a zip bomb; "
                "give the .csv files themselves"
            )


def _copy(name: str, read: Callable[[int], bytes], target: Path, budget: _Budget | None) -> None:
    """Write what ``read`` returns; only errors of reading are blamed on the archive.

    Without a ``budget``, ``read`` enforces its own.
    """
    try:
        with target.open("xb") as unpacked:
            while chunk := _read(name, read):
                if budget is not None:
                    budget.spend(len(chunk))
                unpacked.write(chunk)
    # Half a report would be taken for a complete one.
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _read(name: str, read: Callable[[int], bytes]) -> bytes:
    with _reading(name):
        return read(_CHUNK)


def _free_path(workdir: Path, name: str) -> Path:
    """Return a path below ``workdir`` that does not exist yet, ending in ``name``."""
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir / name
    # An archive may contain thousands of one name: each gets its own directory, without counting.
    return Path(tempfile.mkdtemp(dir=workdir)) / name if path.exists() else path
