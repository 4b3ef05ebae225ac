"""The drop folder: report files that arrive by mail, imported once and moved away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from shadowserver_connector.connector.day_import import ImportContext
from shadowserver_connector.connector.events import FileProcessed, ReportSkipped
from shadowserver_connector.connector.importer import ObtainedFile, ReportImporter, Result, event_of
from shadowserver_connector.connector.run import is_type_wanted
from shadowserver_connector.connector.state_store import StateLedger, StateResetError
from shadowserver_connector.errors import FatalError, NewerStateError, describe, is_disk_full
from shadowserver_connector.operations.dropped_reports import (
    DroppedFile,
    DroppedReport,
    FileSignature,
    files_in,
    put_away,
    reports_in,
    shown_name,
    signature_of,
    temporary_subfolder,
)
from shadowserver_connector.pipeline.batch import delete_if_unpacked
from shadowserver_connector.pipeline.conversion_retries import (
    retrying_until_cluster_is_back,
    retrying_while_disk_full,
)
from shadowserver_connector.pipeline.conversions_ahead import Conversions, beginning_ahead
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.wording import shown_path
from shadowserver_connector.state.state import are_bytes_known


class DropFolder:
    """A folder that is polled from one thread."""

    def __init__(self, folder: Path, context: ImportContext) -> None:
        self._folder = folder
        self._context = context
        self._before: Mapping[Path, FileSignature] = {}
        self._stuck: dict[Path, FileSignature] = {}
        self._problem = ""

    def poll(self) -> None:
        """Import complete files, that is those unchanged since the last poll; raises only Stopping.

        Files that cannot be read or moved, and a folder that cannot be used, are logged once.
        """
        try:
            now = files_in(self._folder)
            ready = [
                path
                for path, signature in now.items()
                if self._before.get(path) == signature and self._stuck.get(path) != signature
            ]
            self._before = now
            self._stuck = {
                path: signature for path, signature in self._stuck.items() if path in now
            }
            if ready:
                self._import(ready)
        except (StateResetError, NewerStateError):
            # The next run notices either and reports it; the files are still there.
            return
        except Exception as error:
            problem = _reason(error)
        else:
            problem = ""
        if problem and problem != self._problem:
            details = {"path": shown_path(self._folder), "reason": problem}
            self._context.log.error("The drop folder cannot be used", details)
        self._problem = problem

    def _import(self, paths: list[Path]) -> None:
        with temporary_subfolder(self._context.workspace / "drop") as work:
            found: Iterator[DroppedReport | DroppedFile] = reports_in(paths, self._before, work)
            # Not `confirm_and_read`, which contacts OpenCTI; the first write notices a reset.
            ledger = StateLedger(self._context.state_store, self._context.state_store.last_known())
            convert = self._context.setup.convert
            executor = self._context.executor
            if executor is not None:
                conversions = Conversions(executor, work, self._context.setup.comparer)
                begin = partial(self._begin, conversions)
                # Most files yield two items: their report, then the file itself.
                found = beginning_ahead(found, begin, executor, work, items_each=2)
                convert = retrying_until_cluster_is_back(self._context.waiter, conversions.convert)
            setup = replace(
                self._context.setup,
                convert=retrying_while_disk_full(self._context.waiter, convert),
                ledger=ledger,
                archive=self._context.settings.archive_dir,
                on_result=self._observe,
            )
            with ReportImporter(setup) as importer:
                self._import_found(importer, found, work)

    def _observe(self, result: Result, seconds: float) -> None:
        self._context.observe(event_of(result, seconds))

    def _begin(self, conversions: Conversions, found: DroppedReport | DroppedFile) -> None:
        if isinstance(found, DroppedReport) and not found.reason and self._needs_import(found):
            conversions.begin(*found.job, self._context.setup.options)

    def _import_found(
        self, importer: ReportImporter, found: Iterable[DroppedReport | DroppedFile], work: Path
    ) -> None:
        # A set in order: several members of an archive may fail for the same reason.
        reasons: dict[str, None] = {}
        problem = ""
        for each in found:
            if isinstance(each, DroppedFile):
                self._finish(each, list(reasons | dict.fromkeys(each.reasons)), problem)
                reasons, problem = {}, ""
                continue
            try:
                # After a problem with a file, the rest of it waits for the next attempt.
                if not problem and (reason := self._failure_of(importer, each)):
                    reasons[reason] = None
            except OSError as error:
                if is_disk_full(error):
                    raise
                problem = _reason(error)
            finally:
                # One at a time: an archive may unpack to more than the disk can hold.
                delete_if_unpacked(each.job[0], work)

    def _finish(self, file: DroppedFile, reasons: list[str], problem: str) -> None:
        """Move a file away, unless it changed while it waited for its turn.

        A file that cannot be read or moved stays there and is logged once.
        """
        if file.problem is not None and is_disk_full(file.problem):
            # `reports_in` raises it after the other files.
            return
        if file.problem is not None and not problem:
            problem = _reason(file.problem)
        if not problem:
            try:
                # If it were moved away, the new content would never be imported; the next poll
                # finds it.
                if file.changed or signature_of(file.path) != self._before[file.path]:
                    self._context.log.info(
                        "Dropped file changed during its import, importing it again",
                        {"file": shown_name(file.path)},
                    )
                    return
                put_away(file.path, reasons)
            except OSError as error:
                if is_disk_full(error):
                    raise
                problem = _reason(error)
        if problem:
            self._stuck[file.path] = self._before[file.path]
            details = {"path": shown_path(file.path), "reason": problem}
            self._context.log.error("A dropped file cannot be read or moved away", details)
        else:
            self._report_result(file.path, reasons)

    def _failure_of(self, importer: ReportImporter, found: DroppedReport) -> str | None:
        """Import a report; return what is wrong with it, or which defect it met."""
        try:
            return self._import_report(importer, found)
        except (OSError, StateResetError, FatalError):
            raise
        except Exception as error:
            # If it stayed in the folder, it would be sent again at every poll.
            return describe(error)

    def _import_report(self, importer: ReportImporter, found: DroppedReport) -> str | None:
        """Import a report, unless it is already imported or excluded; return what is wrong with it.

        A report that is known by its content needs no type or day in its name: a copy may have any
        name.
        """
        path, info = found.job
        if not self._needs_import(found):
            self._context.log.info(
                "Excluded or already imported, nothing to send", {"file": info.file}
            )
            self._context.observe(ReportSkipped(info.file))
            return None
        if found.reason:
            return found.reason
        result = importer.import_report(info, partial(ObtainedFile, path, found.sha256))
        return result.reason if isinstance(result, Failure) else None

    def _needs_import(self, found: DroppedReport) -> bool:
        """Tell whether the settings choose a report that OpenCTI does not have yet.

        One whose type or day is unknown does: its import says so.
        """
        if are_bytes_known(self._context.state_store.last_known(), found.sha256):
            return False
        # By type alone: a file may not tell the name of its list.
        return bool(found.reason) or is_type_wanted(self._context.settings, found.job[1].type)

    def _report_result(self, path: Path, reasons: list[str]) -> None:
        log = self._context.log
        name = shown_name(path)
        if reasons:
            log.error("Dropped file failed", {"file": name, "reasons": reasons})
        else:
            log.info("Dropped file imported", {"file": name})
        self._context.observe(FileProcessed(name, "; ".join(reasons)))


def _reason(error: Exception) -> str:
    """Return in one line what is wrong, without quoting the file."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return describe(error)
