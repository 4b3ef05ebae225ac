"""The reports of one day: downloaded, converted, sent, remembered, one after the other."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Collection, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from pathlib import Path
from typing import Final

from shadowserver_connector.api.download import Downloaded, take_any
from shadowserver_connector.connector.events import ReportDone, ReportFailed, ReportSkipped
from shadowserver_connector.connector.importer import CONVERTERS, SHADOWSERVER, Importer, Patience
from shadowserver_connector.connector.state_store import StateResetError
from shadowserver_connector.errors import (
    NotReadyError,
    ShadowserverConnectorError,
    SinkUnavailableError,
)
from shadowserver_connector.pipeline.archive import keep_if_wanted
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.conversions import (
    Conversions,
    Convert,
    converting_with_room,
    with_room,
)
from shadowserver_connector.pipeline.downloads import Download, Fetched, downloads
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.plural import counted
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.waiting import Stopping
from shadowserver_connector.sink.works import work_name
from shadowserver_connector.state.imported import (
    State,
    failures_of,
    is_content_known,
    is_done,
    report_digest,
    with_day_closed,
    with_day_open,
    with_done,
    with_failure,
)

PERSISTENT: Final = 3
"""Failures in a row from which a report is named in OpenCTI even if nothing else is new."""
_NAMED: Final = 20


@dataclass
class Tally:
    """Counts of one day's reports."""

    day: date
    imported: int = 0
    findings: int = 0
    skipped: int = 0
    """Listed but without news: still empty, or known under another id."""
    failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an imported report."""
        self.imported += 1
        self.findings += outcome.noted + outcome.merged

    @property
    def persistent(self) -> list[Failure]:
        """The failures that did not go away by themselves."""
        return [failure for failure in self.failures if failure.times >= PERSISTENT]

    def message(self, objects: int, ending: str = "") -> str:
        """Return the line that closes the day's work; ``objects`` is how many were sent."""
        counts = (
            f"{self.day}: {counted(self.imported, 'report')}, {counted(self.findings, 'finding')}, "
            f"{counted(objects, 'object')} sent, {self.skipped:,} skipped, "
            f"{len(self.failures):,} failed"
        )
        named = [_line(failure) for failure in self.failures[:_NAMED]]
        if len(self.failures) > _NAMED:
            named.append(f"and {len(self.failures) - _NAMED:,} more")
        return "; ".join([counts, *([ending] if ending else []), *named])


def _line(failure: Failure) -> str:
    times = f" ({failure.times} runs in a row)" if failure.times >= PERSISTENT else ""
    return f"failed{times}: {failure.info.file}: {failure.reason}"


# Seconds after which a wait for a download looks up whether to stop.
_LOOK_UP: Final = 0.5


class Ending(Enum):
    """How the import of one report ended."""

    DONE = auto()
    NOT_READY = auto()
    FAILED = auto()


def import_day(
    parts: Importer, patience: Patience, state: State, day: date, reports: Sequence[ReportInfo]
) -> State:
    """Import what the API lists for a day and is not done; return the state afterwards.

    The state is stored after each report. Failures of a report are counted in it and named in
    the day's work. Raises StateResetError and Stopping, with the work closed.
    """
    todo = [report for report in reports if not is_done(state, report)]
    if not todo:
        return with_day_closed(state, day)
    listed = {report_digest(report) for report in reports}
    tally = Tally(day)
    delivery = Delivery(parts.helper, parts.can, parts.waiter, work_name(day))
    parts.delivery = delivery
    download, convert = _means(parts)
    all_ready = True
    folder = parts.workspace / "downloads"
    try:
        for fetched in downloads(
            todo,
            download,
            folder,
            threads=parts.settings.max_threads,
            floor=DiskFloor(parts.workspace, parts.settings.disk_floor, parts.waiter),
        ):
            state, ending = _import_report(
                parts, patience, state, fetched, listed, tally, delivery, convert
            )
            all_ready = all_ready and ending is not Ending.NOT_READY
            shutil.rmtree(fetched.folder, ignore_errors=True)
        if tally.persistent:
            delivery.open()
        delivery.close(tally.message(delivery.objects), in_error=bool(tally.failures))
    except StateResetError:
        _close_on_the_way_out(parts, tally, "interrupted, as the state was reset in OpenCTI")
        raise
    except Stopping:
        _close_on_the_way_out(parts, tally, "interrupted by a shutdown; the next run goes on")
        raise
    finally:
        parts.delivery = None
        shutil.rmtree(folder, ignore_errors=True)
    parts.log.info("Day imported", {"day": str(day), "result": tally.message(delivery.objects)})
    if all_ready and not tally.failures:
        return with_day_closed(state, day)
    return with_day_open(state, day)


def _means(parts: Importer) -> tuple[Download, Convert]:
    """Return how to download and how to convert: one by one, or ahead on an executor."""
    if parts.executor is None:
        return parts.api.download, parts.convert
    conversions = Conversions(parts.executor)
    return conversions.after(parts.api.download, parts.options), conversions.convert


def _import_report(
    parts: Importer,
    patience: Patience,
    state: State,
    fetched: Fetched,
    listed: Collection[str],
    tally: Tally,
    delivery: Delivery,
    convert: Convert,
) -> tuple[State, Ending]:
    report = fetched.report
    began = time.monotonic()
    try:
        downloaded = _downloaded(parts, patience, fetched)
        if is_content_known(state, report, downloaded.sha256):
            parts.log.info("Known under another id, nothing to send", {"file": report.file})
            tally.skipped += 1
            parts.observe(ReportSkipped(report.file))
        else:
            outcome = _convert_and_send(parts, patience, report, downloaded.path, delivery, convert)
            tally.add(outcome)
            seconds = time.monotonic() - began
            parts.log.info("Report imported", _counts(outcome, seconds))
            parts.observe(ReportDone(outcome, seconds))
        archive = parts.settings.archive_dir
        keep_if_wanted(archive, report, downloaded.path, downloaded.sha256, parts.log)
        state, ending = with_done(state, report, downloaded.sha256, listed), Ending.DONE
    except NotReadyError:
        parts.log.info("Still empty, asked for again by the next run", {"file": report.file})
        tally.skipped += 1
        parts.observe(ReportSkipped(report.file))
        return state, Ending.NOT_READY
    except StateResetError:
        raise
    except Exception as error:
        state, ending = with_failure(state, report), Ending.FAILED
        failure = Failure(report, describe(error), failures_of(state, report))
        tally.failures.append(failure)
        parts.observe(
            ReportFailed(report.file, failure.reason, type(error).__name__, failure.times)
        )
    if ending is Ending.FAILED:
        # Outside of the handler: pycti logs the traceback of the error that is being handled.
        parts.log.error("Report failed", _told(tally.failures[-1]))
    parts.memory.write(state)
    return state, ending


def _downloaded(parts: Importer, patience: Patience, fetched: Fetched) -> Downloaded:
    """Return the download made ahead; if that failed in a way that time may cure, another one."""
    ahead = [fetched.download]

    def call() -> Downloaded:
        if not ahead:
            fetched.folder.mkdir(parents=True, exist_ok=True)
            return parts.api.download(fetched.report, fetched.folder, take_any)
        download = ahead.pop()
        while not download.done():
            wait([download], timeout=_LOOK_UP)
            parts.waiter.pause(0)
        return download.result()

    return patience.until(
        SHADOWSERVER,
        f"the download of {fetched.report.file}",
        lambda: with_room(parts.waiter, call),
    )


def _convert_and_send(
    parts: Importer,
    patience: Patience,
    report: ReportInfo,
    path: Path,
    delivery: Delivery,
    convert: Convert,
) -> Outcome:
    patiently = converting_with_room(parts.waiter, convert)

    def call() -> Outcome:
        return patiently(path, report, parts.options, lambda chunk: delivery.send(chunk, path))

    return patience.until(CONVERTERS, f"the conversion of {report.file}", call)


def _told(failure: Failure) -> dict[str, object]:
    return {"file": failure.info.file, "reason": failure.reason, "times": failure.times}


def _counts(outcome: Outcome, seconds: float) -> dict[str, object]:
    return {
        "file": outcome.info.file,
        "severity": outcome.severity,
        "rows": outcome.rows,
        "objects": sum(outcome.objects.values()),
        "odd": sum(outcome.oddities.values()),
        "bytes": outcome.size,
        "seconds": round(seconds, 1),
    }


def describe(error: Exception) -> str:
    """Say what went wrong, in one line without secrets.

    Errors of our own are made for that; of others only kind and place are told.
    """
    if isinstance(error, ShadowserverConnectorError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "shadowserver_connector" in frame.filename]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"unexpected {type(error).__name__}{place}; please report it"


def _close_on_the_way_out(parts: Importer, tally: Tally, ending: str) -> None:
    delivery = parts.delivery
    if delivery is None:
        return
    try:
        delivery.close_at_once(tally.message(delivery.objects, ending))
    except SinkUnavailableError:
        # The next run closes it.
        parts.log.warning("The work could not be closed", {"day": str(tally.day)})
