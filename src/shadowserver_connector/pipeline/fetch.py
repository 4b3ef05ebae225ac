"""Reports from the API to disk, some ahead of those who read them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.errors import RetriableError, SkippableError
from shadowserver_connector.pipeline.ahead import MAX_BYTES_AHEAD, in_order
from shadowserver_connector.pipeline.bounded import BoundedDownloads, Download
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.report.info import ReportInfo


def fetch_all(
    download: Download,
    reports: Iterable[ReportInfo],
    folder: Path,
    *,
    threads: int,
    failed: Callable[[Failure], None],
    has_room: Callable[[], bool] = lambda: True,
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Job]:
    """Download reports, each into a folder of its own in ``folder``; yield them in their order.

    At most ``threads`` downloads are under way or waiting to be taken. One that would take
    ``folder`` beyond ``max_bytes`` is given up and begun again later, unless it is the next to
    be taken, which may be of any size: whoever takes a report deletes its folder. Where
    ``has_room`` says no, only that one is begun again. One that fails is given to ``failed``,
    and the others go on. When the iterator is closed, downloads under
    way are abandoned without waiting for them.
    """
    ahead = BoundedDownloads(download, folder, threads=threads, max_bytes=max_bytes)

    def begin(report: ReportInfo) -> tuple[Path, Future[Downloaded]]:
        own = Path(tempfile.mkdtemp(dir=folder))
        return own, ahead.begin(report, own)

    try:
        for report, (own, future) in in_order(
            begin, reports, ahead=threads, has_room=ahead.has_room
        ):
            ahead.take_turn(own)
            if has_room():
                ahead.resume()
            try:
                downloaded = future.result()
            except (RetriableError, SkippableError) as error:
                failed(Failure(report, str(error)))
            else:
                yield downloaded.path, report
    finally:
        ahead.close()
