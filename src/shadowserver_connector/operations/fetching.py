"""Original files from Shadowserver into an archive folder, without OpenCTI."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.connector.selection import is_wanted, of_day
from shadowserver_connector.pipeline.archive import is_kept, keep
from shadowserver_connector.pipeline.disk import DiskFloor
from shadowserver_connector.pipeline.fetch import fetch_all
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.hashing import fingerprint
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.partial import partial_folder


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
    missing = deque(report for report in reports if not is_kept(archive, report))
    # Inside of the archive, whose disk has room for the files anyway.
    with partial_folder(archive / "fetch") as work:
        while missing:
            floor.require()
            begun = floor.while_kept(missing)
            for path, report in fetch_all(
                api.download,
                begun,
                work,
                threads=threads,
                failed=failed,
                has_room=floor.is_kept,
            ):
                facts = fingerprint(path)
                kept = keep(archive, report, path, facts.sha256)
                yield Kept(report, kept, facts.size, facts.sha256)
                shutil.rmtree(path.parent)
        shutil.rmtree(work)
