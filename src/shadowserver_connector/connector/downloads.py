"""Report files, downloaded ahead of their conversion, within bounds."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.operations.disk import DiskFloor
from shadowserver_connector.report.info import ReportInfo

MAX_BYTES_AHEAD: Final = 1024**3
"""Bytes on disk, of downloads and of what was converted ahead, above which none is begun."""

Download = Callable[[ReportInfo, Path], Downloaded]


class Fetched(NamedTuple):
    """A report with its download, under way or done."""

    report: ReportInfo
    folder: Path
    """Where the file is or will be, alone."""
    download: Future[Downloaded]


def downloads(
    reports: Sequence[ReportInfo],
    download: Download,
    workspace: Path,
    *,
    threads: int,
    max_bytes: int = MAX_BYTES_AHEAD,
    floor: DiskFloor | None = None,
) -> Iterator[Fetched]:
    """Yield the reports in order, downloading up to ``threads`` of them at the same time.

    A report's folder is deleted when the next one is asked for, or when the iterator is closed,
    which abandons downloads under way without waiting for them. Below ``floor`` no download is
    begun: first what is on disk is given away, then it waits, and raises Stopping.
    """
    waiting = deque(enumerate(reports))
    under_way: deque[Fetched] = deque()
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="download")
    try:
        while waiting or under_way:
            if floor is not None and not under_way:
                floor.wait()
            while waiting and _has_room(under_way, threads, max_bytes, floor):
                number, report = waiting.popleft()
                folder = workspace / f"{report.day}-{number}"
                shutil.rmtree(folder, ignore_errors=True)
                future = pool.submit(download_into, download, report, folder)
                under_way.append(Fetched(report, folder, future))
            fetched = under_way.popleft()
            yield fetched
            shutil.rmtree(fetched.folder, ignore_errors=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(workspace, ignore_errors=True)


def download_into(download: Download, report: ReportInfo, folder: Path) -> Downloaded:
    """Download a report into a folder that is made for it. Raises ``OSError`` where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    return download(report, folder)


def _has_room(
    under_way: Sequence[Fetched], threads: int, max_bytes: int, floor: DiskFloor | None
) -> bool:
    if not under_way:
        return True
    if floor is not None and not floor.is_kept():
        return False
    return len(under_way) < threads and sum(_size(each.folder) for each in under_way) < max_bytes


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder: a download, whole or not, and its chunks."""
    size = 0
    for path in folder.glob("*"):
        # It may be renamed or deleted between two looks.
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size
