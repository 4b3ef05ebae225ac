"""Report files, downloaded ahead of their conversion, within bounds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shadowserver_connector.api.download import Downloaded, Take
from shadowserver_connector.pipeline.ahead import MAX_BYTES_AHEAD, in_order
from shadowserver_connector.pipeline.bounded import BoundedDownloads, Download
from shadowserver_connector.pipeline.disk import DiskFloor
from shadowserver_connector.report.info import ReportInfo


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
    floor: DiskFloor,
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Fetched]:
    """Yield the reports in order, downloading up to ``threads`` of them at the same time.

    A report's folder is deleted when the next one is asked for, or when the iterator is closed,
    which abandons downloads under way without waiting for them. A download ahead that would take
    ``workspace`` beyond ``max_bytes``, whatever else is in there, is given up and begun again
    later; the one that was yielded last may be of any size. Below ``floor`` none is begun, nor
    begun again but the one that is yielded: first what is on disk is given away, then it waits,
    and raises Stopping.
    """
    ahead = BoundedDownloads(
        partial(download_into, download), workspace, threads=threads, max_bytes=max_bytes
    )

    def begin(numbered: tuple[int, ReportInfo]) -> Fetched:
        number, report = numbered
        folder = workspace / f"{report.day}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        return Fetched(report, folder, ahead.begin(report, folder))

    def has_room() -> bool:
        return floor.is_kept() and ahead.has_room()

    try:
        for _, fetched in in_order(
            begin, enumerate(reports), ahead=threads, has_room=has_room, await_room=floor.wait
        ):
            ahead.take_turn(fetched.folder)
            if floor.is_kept():
                ahead.resume()
            yield fetched
            shutil.rmtree(fetched.folder, ignore_errors=True)
    finally:
        ahead.close()
        shutil.rmtree(workspace, ignore_errors=True)


def download_into(download: Download, report: ReportInfo, folder: Path, take: Take) -> Downloaded:
    """Download a report into a folder that is made for it. Raises ``OSError`` where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    return download(report, folder, take)
