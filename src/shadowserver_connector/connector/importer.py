"""Imports reports into OpenCTI, from any source: converted, delivered, counted, recorded."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

from shadowserver_connector.connector.events import ReportDone, ReportFailed, ReportSkipped
from shadowserver_connector.errors import (
    FatalError,
    NotReadyError,
    SinkUnavailableError,
    VersionError,
    describe,
    is_about,
    is_disk_full,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.archive import archive_if_configured
from shadowserver_connector.pipeline.convert import Convert, convert_report
from shadowserver_connector.pipeline.outcome import Failure, Outcome
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.wording import bracketed, counted, unreadable_error
from shadowserver_connector.sink.opencti import Delivery, Session
from shadowserver_connector.sink.works import work_name

PERSISTENT_AFTER: Final = 3
"""Failures in a row from which a work is opened only to name the report."""
MAX_LINES_IN_WORK: Final = 20
"""Failures, or other causes, that the message of a work names."""
MAX_OPEN_DAYS: Final = 31
"""Days whose works are open at the same time. Each holds two files open."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A report that needs no import: still empty, or its content is known under another id."""

    info: ReportInfo
    reason: str


Result = Outcome | Failure | Skipped


class ObtainedFile(NamedTuple):
    """A report's file on this machine."""

    path: Path
    sha256: str
    """Empty if it is not needed: without an archive and without a ledger."""


class Ledger(Protocol):
    """Knows which reports were imported, and records what becomes of others."""

    def is_known(self, report: ReportInfo, sha256: str) -> bool:
        """Tell whether the content was imported under another id."""

    def postpone(self, report: ReportInfo) -> bool:
        """Leave an empty report for a later run; return False if there is no later run."""

    def done(self, report: ReportInfo, sha256: str) -> None:
        """Record that a report is imported, or needs no import."""

    def failed(self, report: ReportInfo) -> int:
        """Record a failure; return the number of consecutive failures."""

    def save(self) -> None:
        """Store what was recorded."""


class NoLedger:
    """Every report is new, and nothing is recorded.

    Commands use it: a report that is imported again only updates what OpenCTI has.
    """

    def is_known(self, report: ReportInfo, sha256: str) -> bool:
        return False

    def postpone(self, report: ReportInfo) -> bool:
        return False

    def done(self, report: ReportInfo, sha256: str) -> None:
        pass

    def failed(self, report: ReportInfo) -> int:
        return 1

    def save(self) -> None:
        pass


@dataclass
class DaySummary:
    """Counts of one day's reports."""

    day: date
    imported: int = 0
    findings: int = 0
    left_out: int = 0
    """Findings that the settings leave out; the verdicts count them, too."""
    verdict_counts: Counter[str] = field(default_factory=Counter)
    """Findings by verdict, and gone, in the reports that were compared with the history."""
    skipped: int = 0
    """Listed but with nothing new: still empty, or known under another id."""
    failures: list[Failure] = field(default_factory=list)

    def add(self, result: Result) -> None:
        match result:
            case Outcome():
                self.imported += 1
                self.findings += result.findings
                self.left_out += result.filtered + result.cut
                self.verdict_counts.update(result.verdict_counts or {})
            case Failure():
                self.failures.append(result)
            case Skipped():
                self.skipped += 1

    @property
    def persistent_failures(self) -> list[Failure]:
        """The failures that did not resolve themselves."""
        return [failure for failure in self.failures if failure.times >= PERSISTENT_AFTER]

    def message(self, objects: int, ending: str = "") -> str:
        """Return the line that closes the day's work; ``objects`` is how many were sent."""
        chosen = f"{self.findings:,} of " if self.left_out else ""
        counts = (
            f"{self.day}: {counted(self.imported, 'report')}, "
            f"{chosen}{counted(self.findings + self.left_out, 'finding')}"
            f"{bracketed(self.verdict_counts)}, "
            f"{counted(objects, 'object')} sent, {self.skipped:,} skipped, "
            f"{len(self.failures):,} failed"
        )
        named = first_lines([_line(failure) for failure in self.failures])
        return "; ".join([counts, *([ending] if ending else []), *named])


def first_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines that the message of a work has room for, and how many more there are."""
    named = list(lines[:MAX_LINES_IN_WORK])
    if len(lines) > MAX_LINES_IN_WORK:
        named.append(f"and {len(lines) - MAX_LINES_IN_WORK:,} more")
    return named


def _line(failure: Failure) -> str:
    times = f" ({failure.times} runs in a row)" if failure.times >= PERSISTENT_AFTER else ""
    return f"failed{times}: {failure.info.file}: {failure.reason}"


def event_of(result: Result, seconds: float) -> ReportDone | ReportSkipped | ReportFailed:
    """Return what observers are told about a result."""
    match result:
        case Outcome():
            return ReportDone(result, seconds)
        case Skipped():
            return ReportSkipped(result.info.file)
        case Failure():
            return ReportFailed(result.info.file, result.reason, result.error_kind, result.times)


def describe_as_interrupted(error: BaseException) -> str:
    """Return the message of a work that an error ended, whatever error it was."""
    return "interrupted"


@dataclass(frozen=True)
class ImportSetup:
    """What an import needs. A source of reports creates a `ReportImporter` with it."""

    session: Session
    options: Options
    convert: Convert = convert_report
    ledger: Ledger = field(default_factory=NoLedger)
    comparer: ReportComparer | None = None
    """Used by a ``convert`` that compares; each imported report is added to its history."""
    archive: Path | None = None
    """Where a copy of imported files is kept."""
    on_result: Callable[[Result, float], None] = lambda result, seconds: None
    """Called with the result of a report, and the seconds that it took, before it is saved."""
    describe_ending: Callable[[BaseException], str] = describe_as_interrupted
    """Returns, for the message of a work, why an error ended it."""
    command: str = ""
    """The command that imports by hand; empty for the connector itself. It is in the works' names.
    """


class ReportImporter:
    """Imports reports, each in the work of its day.

    Beyond ``MAX_OPEN_DAYS``, the work of the day that was used least recently is closed; if a
    report of that day comes again, it gets another work. Leaving the ``with`` statement closes them
    all, each with a message that says how many reports there were. After an error, in the block or
    while closing a work, each of the others is closed with a single attempt.
    """

    def __init__(self, setup: ImportSetup) -> None:
        self._setup = setup
        self._days: OrderedDict[date, tuple[Delivery, DaySummary]] = OrderedDict()
        """The day that was used last is the last."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        ending = error
        for delivery, summary in self._days.values():
            if ending is None:
                try:
                    self._close(delivery, summary)
                except BaseException as met:
                    ending = met
            if ending is not None:
                self._close_at_once(delivery, summary, self._setup.describe_ending(ending))
            self._setup.session.under_way.remove(delivery)
        if ending is not error and ending is not None:
            raise ending

    def import_report(self, report: ReportInfo, obtain: Callable[[], ObtainedFile]) -> Result:
        """Import a report, unless it is known, and return the result.

        ``obtain`` returns its file; an error there or later is returned as a failure. It waits for
        OpenCTI if necessary. Raises Stopping, FatalError, ``OSError`` if a disk is full, and what
        the ledger's ``save`` raises, such as StateResetError.
        """
        began = time.monotonic()
        delivery, summary = self._day_of(report.day)
        before = delivery.sent_by_type.copy()
        result = self._import(report, obtain, delivery)
        if isinstance(result, Outcome):
            result = replace(result, objects=dict(sorted((delivery.sent_by_type - before).items())))
        summary.add(result)
        self._setup.on_result(result, time.monotonic() - began)
        # Last: if the process dies before, the next run imports the report again.
        self._setup.ledger.save()
        return result

    def add_failure(self, failure: Failure) -> None:
        """Count a report that could not even be obtained."""
        self._day_of(failure.info.day)[1].add(failure)

    def summary(self, day: date) -> tuple[DaySummary, int]:
        """Return the counts of a day, and how many objects were sent."""
        delivery, summary = self._day_of(day)
        return summary, delivery.objects

    def _import(
        self, report: ReportInfo, obtain: Callable[[], ObtainedFile], delivery: Delivery
    ) -> Result:
        file = None
        try:
            file = obtain()
            result = self._convert_and_send(report, file, delivery)
            self._record(report, file)
        except Exception as error:
            return self._give_up(report, file, error)
        return result

    def _convert_and_send(
        self, report: ReportInfo, file: ObtainedFile, delivery: Delivery
    ) -> Result:
        setup = self._setup
        if setup.ledger.is_known(report, file.sha256):
            return Skipped(report, "Imported under another id, nothing to send")
        return setup.convert(
            file.path, report, setup.options, lambda chunk: delivery.send(chunk, file.path)
        )

    def _record(self, report: ReportInfo, file: ObtainedFile) -> None:
        """Add a delivered report to the history, to the archive, and only then to the ledger.

        One that is done is never downloaded or compared again: the others would lack it for good.
        One that is imported again gets the same verdicts.
        """
        setup = self._setup
        if setup.comparer is not None:
            commit = partial(setup.comparer.commit, file.path)
            setup.session.waiter.until_disk_has_room(commit)
        log = setup.session.waiter.log
        archive_if_configured(setup.archive, report, file.path, file.sha256, log)
        setup.ledger.done(report, file.sha256)

    def _give_up(self, report: ReportInfo, file: ObtainedFile | None, error: Exception) -> Result:
        """Return what becomes of a report that an error ended.

        Raises the error if it would end every other report too, through no fault of its own.
        """
        setup = self._setup
        if setup.comparer is not None and file is not None:
            setup.comparer.discard(file.path)
        if isinstance(error, NotReadyError) and setup.ledger.postpone(report):
            return Skipped(report, "Still empty, requested again in the next run")
        if isinstance(error, FatalError) or is_disk_full(error):
            raise error
        times, error_kind = setup.ledger.failed(report), type(error).__name__
        return Failure(report, _reason(error, report, file), times, error_kind)

    def _day_of(self, day: date) -> tuple[Delivery, DaySummary]:
        if day not in self._days:
            if len(self._days) >= MAX_OPEN_DAYS:
                self._close_least_recent_day()
            name = work_name(day, self._setup.command)
            self._days[day] = (self._setup.session.begin(name), DaySummary(day))
        self._days.move_to_end(day)
        return self._days[day]

    def _close_least_recent_day(self) -> None:
        day, (delivery, summary) = next(iter(self._days.items()))
        # If that fails the day stays here, and leaving the ``with`` statement closes it at once.
        self._close(delivery, summary)
        del self._days[day]
        self._setup.session.under_way.remove(delivery)

    def _close(self, delivery: Delivery, summary: DaySummary) -> None:
        # If nothing was sent there is no work yet, and nobody would see these failures.
        if summary.persistent_failures:
            delivery.open()
        delivery.close(summary.message(delivery.objects), in_error=bool(summary.failures))

    def _close_at_once(self, delivery: Delivery, summary: DaySummary, ending: str) -> None:
        try:
            delivery.close_at_once(summary.message(delivery.objects, ending))
        except (SinkUnavailableError, VersionError):
            # The next run closes it.
            self._setup.session.waiter.log.warning(
                "The work could not be closed", {"day": str(summary.day)}
            )


def _reason(error: Exception, report: ReportInfo, file: ObtainedFile | None) -> str:
    # An error of any other file is a defect; `describe` says where in the code.
    if isinstance(error, OSError) and file is not None and is_about(error, file.path):
        return str(unreadable_error(report.file, error))
    return describe(error)
