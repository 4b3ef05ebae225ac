"""The reports of one day, as the API lists them: downloaded ahead, imported in turn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.api.download import Downloaded, allow_any_size
from shadowserver_connector.connector.events import Observe, observe_nothing
from shadowserver_connector.connector.importer import (
    DaySummary,
    ImportSetup,
    ObtainedFile,
    ReportImporter,
    Result,
    Skipped,
    describe_as_interrupted,
    event_of,
)
from shadowserver_connector.connector.state_store import StateLedger, StateResetError, StateStore
from shadowserver_connector.errors import ApiUnavailableError, TransferError
from shadowserver_connector.logger import Logger
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.conversion_retries import (
    retrying_until_patience_ends,
    retrying_while_disk_full,
)
from shadowserver_connector.pipeline.conversions_ahead import Conversions
from shadowserver_connector.pipeline.downloads_ahead import Download, Downloading, downloads
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.state.state import (
    State,
    failures_of,
    is_content_known,
    is_done,
    listing_digest,
    with_day_closed,
    with_day_open,
    with_done,
    with_failure,
)
from shadowserver_connector.waiting import SHADOWSERVER, Stopping, Waiter

# Seconds after which a wait for a download checks whether to stop.
_STOP_CHECK: Final = 0.5


def utc_now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class ImportContext:
    """What the running connector needs in order to import reports, from wherever they come."""

    setup: ImportSetup
    settings: ShadowserverSettings
    state_store: StateStore
    workspace: Path
    """A directory of this connector's own, for downloads and what is unpacked."""
    executor: Executor | None = None
    """Where reports are converted ahead of their turn; without it they are converted in turn."""
    observe: Observe = observe_nothing
    """Informed of events, for status and metrics."""

    @property
    def waiter(self) -> Waiter:
        return self.setup.session.waiter

    @property
    def log(self) -> Logger:
        return self.waiter.log


@dataclass(kw_only=True)
class ApiImportContext(ImportContext):
    """What a scheduled run needs in addition: the API that lists and serves the reports."""

    api: ReportsApi
    now: Callable[[], datetime] = utc_now

    def on_result(self, result: Result, seconds: float) -> None:
        """Log the result of a report, and inform the observers."""
        match result:
            case Outcome():
                self.log.info("Report imported", _counts(result, seconds))
            case Skipped():
                self.log.info("Report skipped", {"file": result.info.file, "reason": result.reason})
            case Failure():
                self.log.error(
                    "Report failed",
                    {"file": result.info.file, "reason": result.reason, "times": result.times},
                )
        self.observe(event_of(result, seconds))


class DayLedger(StateLedger):
    """Records in the state what becomes of the reports listed for a day."""

    def __init__(
        self, state_store: StateStore, state: State, listed: Collection[ReportInfo]
    ) -> None:
        super().__init__(state_store, state)
        self.has_postponed = False
        """Whether a report is left to the next run, so that the day stays open."""
        self._listed = {listing_digest(report) for report in listed}

    def is_known(self, report: ReportInfo, sha256: str) -> bool:
        return is_content_known(self.state, report, sha256)

    def postpone(self, report: ReportInfo) -> bool:
        """Leave the day open: the next run queries the report again."""
        self.has_postponed = True
        return True

    def done(self, report: ReportInfo, sha256: str) -> None:
        self.change(with_done(self.state, report, sha256, self._listed))

    def failed(self, report: ReportInfo) -> int:
        self.change(with_failure(self.state, report))
        return failures_of(self.state, report)


def import_day(
    context: ApiImportContext, state: State, day: date, reports: Sequence[ReportInfo]
) -> State:
    """Import what the API lists for a day and is not done; return the state afterwards.

    The state is stored after each report. Failures of a report are counted in it and named in the
    day's work. Raises StateResetError and Stopping, with the work closed.
    """
    todo = [report for report in reports if not is_done(state, report)]
    if not todo:
        # If it was open, what was missing has been imported by other means.
        return with_day_closed(state, day)
    ledger = DayLedger(context.state_store, state, reports)
    download: Download = context.api.download
    convert = context.setup.convert
    if context.executor is not None:
        conversions = Conversions(context.executor, comparer=context.setup.comparer)
        # Converted as soon as it is there, while reports before it are being sent.
        download = conversions.starting_after(download, context.setup.options)
        convert = conversions.convert
    waiter = context.waiter
    setup = replace(
        context.setup,
        # Repeated as a whole: a cluster is lost before the first chunk is emitted.
        convert=retrying_until_patience_ends(waiter, retrying_while_disk_full(waiter, convert)),
        ledger=ledger,
        archive=context.settings.archive_dir,
        on_result=context.on_result,
        describe_ending=_describe_ending,
    )
    folder = context.workspace / "downloads"
    floor = DiskFloor(context.workspace, context.settings.disk_floor, waiter)
    threads = context.settings.max_threads
    try:
        with ReportImporter(setup) as importer:
            for downloading in downloads(todo, download, folder, threads=threads, floor=floor):
                importer.import_report(downloading.report, partial(_obtain, context, downloading))
                # At once, and not with the day: downloads ahead are waiting for the room.
                shutil.rmtree(downloading.folder, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    summary, objects = importer.summary(day)
    context.log.info("Day imported", _counts_of_day(summary, objects))
    if ledger.has_postponed or summary.failures:
        return with_day_open(ledger.state, day)
    return with_day_closed(ledger.state, day)


def _obtain(context: ApiImportContext, downloading: Downloading) -> ObtainedFile:
    """Return the download made ahead; if that failed in a way that may pass, another one."""
    waiter = context.waiter

    def await_download() -> Downloaded:
        while not downloading.downloaded.done():
            wait([downloading.downloaded], timeout=_STOP_CHECK)
            # A stop is noticed here.
            waiter.pause(0)
        return downloading.downloaded.result()

    def download_again() -> Downloaded:
        downloading.folder.mkdir(parents=True, exist_ok=True)
        return context.api.download(downloading.report, downloading.folder, allow_any_size)

    attempts = chain([await_download], repeat(download_again))
    downloaded = waiter.until_patience_ends(
        SHADOWSERVER,
        f"the download of {downloading.report.file}",
        lambda: waiter.until_disk_has_room(lambda: next(attempts)()),
        # A directory that cannot be written is no fault of Shadowserver's.
        retried=(ApiUnavailableError, TransferError),
    )
    return ObtainedFile(downloaded.path, downloaded.sha256)


def _describe_ending(error: BaseException) -> str:
    if isinstance(error, StateResetError):
        return "interrupted, as the state was reset in OpenCTI"
    if isinstance(error, Stopping):
        return "interrupted by a shutdown; the next run continues"
    return describe_as_interrupted(error)


def _counts_of_day(summary: DaySummary, objects: int) -> dict[str, object]:
    return {
        "day": str(summary.day),
        "imported": summary.imported,
        "skipped": summary.skipped,
        "failed": len(summary.failures),
        "findings": summary.findings,
        **verdict_fields(summary.verdict_counts),
        "objects": objects,
    }


def verdict_fields(verdict_counts: Mapping[str, int] | None) -> dict[str, object]:
    """Return verdict counts as log fields; empty without a history."""
    if not verdict_counts:
        return {}
    # Spelled out so that a log field can be found by grep.
    return {
        "new": verdict_counts.get("new", 0),
        "changed": verdict_counts.get("changed", 0),
        "recurring": verdict_counts.get("recurring", 0),
        "resurfaced": verdict_counts.get("resurfaced", 0),
        "gone": verdict_counts.get("gone", 0),
    }


def _counts(outcome: Outcome, seconds: float) -> dict[str, object]:
    return {
        "file": outcome.info.file,
        "severity": outcome.severity,
        "rows": outcome.rows,
        "findings": outcome.findings,
        **verdict_fields(outcome.verdict_counts),
        "objects": sum(outcome.objects.values()),
        "oddities": sum(outcome.oddities.values()),
        "bytes": outcome.size,
        "seconds": round(seconds, 1),
    }
