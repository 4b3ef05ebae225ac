"""Days that the connector's window does not reach, into OpenCTI by hand."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.operations.importing import Result
from shadowserver_connector.operations.intake import DayWorks, Intake
from shadowserver_connector.pipeline.archive import keep_if_wanted
from shadowserver_connector.pipeline.bounded import Download
from shadowserver_connector.pipeline.conversions import Conversions
from shadowserver_connector.pipeline.disk import DiskFloor
from shadowserver_connector.pipeline.fetch import fetch_all
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings


def backfill(
    intake: Intake,
    api: ReportsApi,
    settings: ShadowserverSettings,
    reports: Sequence[ReportInfo],
    workdir: Path,
    executor: Executor | None = None,
) -> Iterator[Result]:
    """Download and import reports, day by day in their order; yield what became of each.

    The reports of a day are in one work, closed with the day. With an executor they are converted
    there as soon as they are downloaded. The state of the connector is not written. While the
    disk of ``workdir`` is nearly full, no download is begun but that of a report that is next and
    was begun before. Raises CredentialsError, and ``OSError`` where a disk fails.
    """
    floor = DiskFloor(workdir, settings.disk_floor, intake.waiter)
    log = intake.waiter.log
    download: Download = api.download
    if executor is not None:
        conversions = Conversions(executor)
        download = conversions.after(download, intake.options)
        intake = replace(intake, convert=conversions.convert)
    for _, of_day in groupby(reports, key=attrgetter("day")):
        failures: list[Failure] = []
        waiting = deque(of_day)
        with DayWorks(intake) as works:
            while waiting:
                floor.wait()
                for path, report in fetch_all(
                    download,
                    floor.while_kept(waiting),
                    workdir,
                    threads=settings.max_threads,
                    failed=failures.append,
                    has_room=floor.is_kept,
                ):
                    result = works.deliver((path, report))
                    if isinstance(result, Outcome):
                        keep_if_wanted(settings.archive_dir, report, path, result.sha256, log)
                    shutil.rmtree(path.parent)
                    yield result
            for failure in failures:
                works.fail(failure)
                yield failure
