"""Files on disk and past days, imported into OpenCTI by hand; originals, into an archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.connector.importer import (
    ImportSetup,
    ObtainedFile,
    ReportImporter,
    Result,
)
from shadowserver_connector.connector.run import is_wanted, reports_of_day
from shadowserver_connector.pipeline.archive import archive_file, is_archived
from shadowserver_connector.pipeline.batch import delete_if_unpacked, jobs_in
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.conversions_ahead import Conversions, beginning_ahead
from shadowserver_connector.pipeline.downloads_ahead import Download, completed_downloads, downloads
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.sink.directory import partial_folder


def import_files(
    setup: ImportSetup, paths: Sequence[Path], workdir: Path, executor: Executor | None = None
) -> Iterator[Result]:
    """Import files, folders and archives into OpenCTI; yield the result of each report.

    The reports of a day are in one work, closed at the end; if the files are of many days in any
    order, there may be several (`ReportImporter`). Archives are unpacked into ``workdir`` member by
    member, and each member is deleted once it is delivered. With an executor, reports are converted
    there before their turn. The state of the connector is neither read nor written: OpenCTI updates
    what it has already.
    """
    rejected: list[Failure] = []
    jobs = jobs_in(paths, workdir, rejected.append)
    if executor is not None:
        # Chunks wait there; what is unpacked there creates the folder itself.
        workdir.mkdir(parents=True, exist_ok=True)
        conversions = Conversions(executor, workdir, setup.comparer)
        options = setup.options
        jobs = beginning_ahead(
            jobs, lambda job: conversions.begin(*job, options), executor, workdir
        )
        setup = replace(setup, convert=conversions.convert)
    with ReportImporter(setup) as importer:
        for path, info in jobs:
            # Without its digest, which only state and archive need; neither is written here.
            yield importer.import_report(info, partial(ObtainedFile, path, ""))
            delete_if_unpacked(path, workdir)
    yield from rejected


def backfill(
    setup: ImportSetup,
    api: ReportsApi,
    settings: ShadowserverSettings,
    reports: Sequence[ReportInfo],
    workdir: Path,
    executor: Executor | None = None,
) -> Iterator[Result]:
    """Download and import reports day by day, in order; yield the result of each.

    The reports of a day are in one work, closed with the day. With an executor they are converted
    there as soon as they are downloaded. The state of the connector is not written. While the disk
    of ``workdir`` is nearly full, no download is started, except for a report whose turn it is and
    whose download was started before. Raises FatalError, such as CredentialsError, and
    SinkUnavailableError or ``OSError`` if a disk fails.
    """
    floor = DiskFloor(workdir, settings.disk_floor, setup.session.waiter)
    setup = replace(setup, archive=settings.archive_dir)
    download: Download = api.download
    if executor is not None:
        conversions = Conversions(executor, comparer=setup.comparer)
        download = conversions.starting_after(download, setup.options)
        setup = replace(setup, convert=conversions.convert)
    # They are listed day by day (`wanted_reports`), so those of a day follow each other.
    for _, same_day in groupby(reports, key=attrgetter("day")):
        failures: list[Failure] = []
        with ReportImporter(setup) as importer:
            fetched = downloads(
                list(same_day), download, workdir, threads=settings.max_threads, floor=floor
            )
            for file, report in completed_downloads(fetched, failures.append):
                result = importer.import_report(
                    report, partial(ObtainedFile, file.path, file.sha256)
                )
                # Each download has a folder of its own.
                shutil.rmtree(file.path.parent)
                yield result
            # After the others: the work of a day counts all of them before it is closed.
            for failure in failures:
                importer.add_failure(failure)
                yield failure


class ArchivedFile(NamedTuple):
    """A report's file in the archive."""

    report: ReportInfo
    path: Path
    size: int
    sha256: str


def days_of(first: date, last: date) -> list[date]:
    """Return all days from ``first`` to ``last``, newest first."""
    return [last - timedelta(days=n) for n in range((last - first).days + 1)]


def wanted_reports(
    api: ReportsApi,
    settings: ShadowserverSettings,
    days: Sequence[date],
    failed: Callable[[Failure], None],
) -> Iterator[ReportInfo]:
    """Yield the reports of some days that the settings choose.

    A report that is listed for the wrong day is passed to ``failed``. Raises CredentialsError and
    ApiUnavailableError.
    """
    for day in days:
        reports = api.list_reports(day, lists=settings.report_names, types=settings.report_types)
        found, others = reports_of_day(day, (each for each in reports if is_wanted(settings, each)))
        yield from found
        for other in others:
            failed(Failure(other, f"{other.file}: listed for {day}, which is not its day"))


def fetch_into(
    api: ReportsApi,
    archive: Path,
    reports: Sequence[ReportInfo],
    *,
    threads: int,
    floor: DiskFloor,
    failed: Callable[[Failure], None],
) -> Iterator[ArchivedFile]:
    """Download reports into the archive, except those that it has; yield each.

    A report that fails is passed to ``failed``, and the others continue. Raises
    SinkUnavailableError before the disk is full, with downloads in progress completed, and
    SinkUnavailableError or ``OSError`` if the archive cannot be written.
    """
    archive.mkdir(parents=True, exist_ok=True)
    missing = [report for report in reports if not is_archived(archive, report)]
    # Inside the archive, whose disk must have room for the files anyway.
    with partial_folder(archive / "fetch") as work:
        fetched = downloads(
            missing, api.download, work, threads=threads, floor=floor, below_floor=DiskFloor.require
        )
        for file, report in completed_downloads(fetched, failed):
            kept = archive_file(archive, report, file.path, file.sha256)
            yield ArchivedFile(report, kept, file.size, file.sha256)
            shutil.rmtree(file.path.parent)
        # `partial_folder` removes it only after an error.
        shutil.rmtree(work)
