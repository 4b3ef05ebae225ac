"""Files on disk and days of the past, into OpenCTI by hand; originals into an archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.connector.day import Tally, describe
from shadowserver_connector.connector.run import is_wanted, of_day
from shadowserver_connector.errors import (
    DISK_FULL,
    NotReadyError,
    SinkUnavailableError,
    SkippableError,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.archive import is_kept, keep, keep_if_wanted
from shadowserver_connector.pipeline.batch import job_of
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.conversions import Conversions, Convert
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.downloads import Download, completed, downloads
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.report.info import ReportInfo, fingerprint
from shadowserver_connector.report.source import find_reports, unreadable
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.directory import partial_folder
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import Abilities
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.sink.works import work_name


@dataclass(frozen=True)
class Intake:
    """What it takes to bring a report into OpenCTI."""

    helper: Any
    """pycti's ``OpenCTIConnectorHelper``."""
    can: Abilities
    waiter: Waiter
    options: Options
    convert: Convert = convert_report
    command: str = ""
    """What sends by hand; empty for the connector itself. It stands in the works' names."""


class DayWorks:
    """Works under way, one for each day that a report was delivered of.

    Leaving the ``with`` statement closes them all, each with a message that counts; after an
    interruption with one attempt.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._days: dict[date, tuple[Delivery, Tally]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for delivery, tally in self._days.values():
            if kind is None:
                delivery.close(tally.message(delivery.objects), in_error=bool(tally.failures))
                continue
            with suppress(SinkUnavailableError):
                delivery.close_at_once(tally.message(delivery.objects, "interrupted"))

    def deliver(self, job: Job) -> Outcome | Failure:
        """Convert a report and send what it becomes; waits for OpenCTI where that is needed.

        What is wrong with the report comes back as a failure. Raises Stopping, and ``OSError``
        where a disk is full.
        """
        path, info = job
        delivery, tally = self._work_of(info.day)
        emit = _sender(delivery, path)
        try:
            outcome = self._intake.convert(path, info, self._intake.options, emit)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                raise
            reason = _reason(error, job)
        else:
            tally.add(outcome)
            return outcome
        failure = Failure(info, reason)
        self.fail(failure)
        return failure

    def fail(self, failure: Failure) -> None:
        """Count a report that could not even be delivered."""
        _, tally = self._work_of(failure.info.day)
        tally.failures.append(failure)

    def _work_of(self, day: date) -> tuple[Delivery, Tally]:
        if day not in self._days:
            parts = self._intake
            name = work_name(day, parts.command)
            self._days[day] = (Delivery(parts.helper, parts.can, parts.waiter, name), Tally(day))
        return self._days[day]


def _reason(error: Exception, job: Job) -> str:
    path, info = job
    if isinstance(error, OSError) and error.filename == str(path):
        return str(unreadable(info.file, error))
    return describe(error)


def _sender(delivery: Delivery, path: Path) -> Callable[[Chunk], None]:
    return lambda chunk: delivery.send(chunk, path)


Result = Outcome | Failure


def import_files(
    intake: Intake, paths: Sequence[Path], workdir: Path, executor: Executor | None = None
) -> Iterator[Result]:
    """Bring files, folders and archives into OpenCTI; yield what became of each report.

    All reports of a day are in one work, closed at the end. Archives are unpacked into
    ``workdir`` member by member, and each member is deleted once it is delivered. With an
    executor, reports are converted there before their turn. The state of the connector is
    neither read nor written: OpenCTI updates what it has already.
    """
    rejected: list[Failure] = []
    jobs = jobs_in(paths, workdir, rejected.append)
    if executor is not None:
        workdir.mkdir(parents=True, exist_ok=True)
        conversions = Conversions(executor, workdir)
        options = intake.options
        jobs = conversions.upcoming(jobs, lambda job: conversions.begin(*job, options), workdir)
        intake = replace(intake, convert=conversions.convert)
    with DayWorks(intake) as works:
        for job in jobs:
            yield works.deliver(job)
            release(job, workdir)
    yield from rejected


def jobs_in(
    paths: Sequence[Path], workdir: Path, failed: Callable[[Failure], None]
) -> Iterator[Job]:
    """Yield the reports among files, folders and archives; what is none is given to ``failed``."""
    for file in find_reports(paths, workdir, lambda error: failed(unread("", error))):
        try:
            yield job_of(file)
        except (SkippableError, NotReadyError) as error:
            failed(unread(file.original, error))


def release(job: Job, workdir: Path) -> None:
    """Delete a report's file where it was unpacked into ``workdir``."""
    if job[0].is_relative_to(workdir):
        job[0].unlink(missing_ok=True)


def unread(name: str, error: Exception) -> Failure:
    """Return the failure of a file of which neither type nor day is known."""
    return Failure(ReportInfo(type="", day=date.min, file=name), str(error))


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
    for _, same_day in groupby(reports, key=attrgetter("day")):
        failures: list[Failure] = []
        with DayWorks(intake) as works:
            fetched = downloads(
                list(same_day), download, workdir, threads=settings.max_threads, floor=floor
            )
            for path, report in completed(fetched, failures.append):
                result = works.deliver((path, report))
                if isinstance(result, Outcome):
                    keep_if_wanted(settings.archive_dir, report, path, result.sha256, log)
                shutil.rmtree(path.parent)
                yield result
            for failure in failures:
                works.fail(failure)
                yield failure


class Kept(NamedTuple):
    """A report whose file is in the archive now."""

    report: ReportInfo
    path: Path
    size: int
    sha256: str


def days_of(first: date, last: date) -> list[date]:
    """Return all days from ``first`` to ``last``, newest first."""
    return [last - timedelta(days=n) for n in range((last - first).days + 1)]


def listed(
    api: ReportsApi,
    settings: ShadowserverSettings,
    days: Sequence[date],
    failed: Callable[[Failure], None],
) -> Iterator[ReportInfo]:
    """Yield the reports of some days that the settings choose.

    One that is listed for a day that is not its own is given to ``failed``. Raises
    CredentialsError and ApiUnavailableError.
    """
    for day in days:
        reports = api.list_reports(day, lists=settings.report_names, types=settings.report_types)
        found, others = of_day(day, (each for each in reports if is_wanted(settings, each)))
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
) -> Iterator[Kept]:
    """Download reports into the archive, those that are there already left out; yield each.

    One that fails is given to ``failed``, and the others go on. Raises SinkUnavailableError
    before the disk is full, with what was under way in the archive, and ``OSError`` where the
    archive cannot be written.
    """
    archive.mkdir(parents=True, exist_ok=True)
    missing = [report for report in reports if not is_kept(archive, report)]
    # Inside of the archive, whose disk has room for the files anyway.
    with partial_folder(archive / "fetch") as work:
        fetched = downloads(
            missing,
            api.download,
            work,
            threads=threads,
            floor=floor,
            below_floor=DiskFloor.require,
        )
        for path, report in completed(fetched, failed):
            facts = fingerprint(path)
            kept = keep(archive, report, path, facts.sha256)
            yield Kept(report, kept, facts.size, facts.sha256)
            shutil.rmtree(path.parent)
        shutil.rmtree(work)
