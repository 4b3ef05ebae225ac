"""Report files on disk: plain, packed (see `unpacking`), or in folders."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from shadowserver_connector.errors import SkippableError
from shadowserver_connector.report.info import ReportFile, safe_name
from shadowserver_connector.report.unpacking import PACKED, TAR, unpack
from shadowserver_connector.report.wording import shown_path, unreadable

_ENDINGS = (".csv", ".csv.gz", ".zip", *TAR)

_log = logging.getLogger(__name__)


def find_reports(
    paths: Iterable[Path], workdir: Path, rejected: Callable[[SkippableError], None] | None = None
) -> Iterator[ReportFile]:
    """Yield the reports at ``paths`` one by one: ``.csv``, ``.csv.gz``, ``.zip``, ``.tar``,
    ``.tgz``, ``.tar.gz``, and folders.

    Folders are walked in sorted order, without following links; a file that is named twice is read
    once. Archives are unpacked member by member into ``workdir``, when it is their turn; the caller
    removes what it has read. The following are passed to ``rejected``, which logs an error by
    default, and the others continue: a folder or archive that cannot be read, an archive that is
    beyond the limits, encrypted, damaged or without a report, and a member that is damaged or
    itself an archive. Raises ``FileNotFoundError`` for a path that does not exist, and ``OSError``
    where ``workdir`` cannot be written.
    """
    reject = rejected or (lambda error: _log.error("%s", error))
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
        reject(unreadable(shown_path(folder), error))
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
    if file.name.lower().endswith(PACKED):
        yield from unpack(file, workdir, reject)
    else:
        yield ReportFile(file, safe_name(file.name), shown_path(file))
