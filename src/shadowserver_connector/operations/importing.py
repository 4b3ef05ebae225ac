"""Report files from disk into OpenCTI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import date
from pathlib import Path

from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.operations.intake import DayWorks, Intake
from shadowserver_connector.pipeline.conversions import Conversions
from shadowserver_connector.pipeline.jobs import job_of
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.source import find_reports

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
