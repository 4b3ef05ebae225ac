"""Reports from the API to disk, some ahead of those who read them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.errors import RetriableError, SkippableError
from shadowserver_connector.pipeline.ahead import MAX_BYTES_AHEAD, bytes_below, in_order
from shadowserver_connector.pipeline.batch import Failure, Job
from shadowserver_connector.report.info import ReportInfo

Download = Callable[[ReportInfo, Path], Downloaded]


def fetch_all(
    download: Download,
    reports: Iterable[ReportInfo],
    folder: Path,
    *,
    threads: int,
    failed: Callable[[Failure], None],
    max_bytes: int = MAX_BYTES_AHEAD,
) -> Iterator[Job]:
    """Download reports, each into a folder of its own in ``folder``; yield them in their order.

    At most ``threads`` downloads are under way or waiting to be taken, and none is begun while
    ``folder`` holds ``max_bytes`` or more, unless it is the next to be taken: whoever takes a
    report deletes its folder. One that fails is given to ``failed``, and the others go on. When
    the iterator is closed, downloads under way are abandoned without waiting for them.
    """

    def fetch(report: ReportInfo) -> Downloaded:
        return download(report, Path(tempfile.mkdtemp(dir=folder)))

    pool = ThreadPoolExecutor(threads, thread_name_prefix="download")

    def start(report: ReportInfo) -> Future[Downloaded]:
        return pool.submit(fetch, report)

    def has_room() -> bool:
        return bytes_below(folder) < max_bytes

    try:
        for report, future in in_order(start, reports, ahead=threads, has_room=has_room):
            try:
                downloaded = future.result()
            except (RetriableError, SkippableError) as error:
                failed(Failure(report, str(error)))
            else:
                yield downloaded.path, report
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
