"""Reports from the API to disk, some ahead of those who read them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.errors import RetriableError, SkippableError
from shadowserver_connector.pipeline.ahead import in_order
from shadowserver_connector.pipeline.batch import Failure, Job
from shadowserver_connector.report.info import ReportInfo


def fetch_all(
    api: ReportsApi,
    reports: Iterable[ReportInfo],
    folder: Path,
    *,
    threads: int,
    failed: Callable[[Failure], None],
) -> Iterator[Job]:
    """Download reports into folders of their own below ``folder``; yield them in their order.

    At most ``threads`` downloads are under way or waiting to be taken. One that fails is given
    to ``failed``, and the others go on.
    """

    def fetch(report: ReportInfo) -> Downloaded:
        return api.download(report, Path(tempfile.mkdtemp(dir=folder)))

    with ThreadPoolExecutor(threads, thread_name_prefix="download") as pool:

        def start(report: ReportInfo) -> Future[Downloaded]:
            return pool.submit(fetch, report)

        for report, future in in_order(start, reports, ahead=threads):
            try:
                downloaded = future.result()
            except (RetriableError, SkippableError) as error:
                failed(Failure(report, str(error)))
            else:
                yield downloaded.path, report
