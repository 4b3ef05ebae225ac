"""The drop folder: report files as they come by mail, imported once and put away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from shadowserver_connector.connector.day import ReportSource
from shadowserver_connector.connector.events import Dropped, ReportSkipped
from shadowserver_connector.connector.importer import (
    DayWorks,
    ObtainedFile,
    Result,
    event_of,
)
from shadowserver_connector.connector.state_store import StateLedger, StateResetError
from shadowserver_connector.errors import (
    DISK_FULL,
    ClusterLostError,
    NewerStateError,
    describe,
)
from shadowserver_connector.operations.dropped_files import (
    DroppedFile,
    DroppedReport,
    FileSignature,
    files_in,
    put_away,
    reports_in,
    shown_name,
    signature_of,
    unpacking,
)
from shadowserver_connector.pipeline.batch import release
from shadowserver_connector.pipeline.conversions import Conversions, retrying_while_disk_full
from shadowserver_connector.pipeline.convert import Convert
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.report_files import shown_path
from shadowserver_connector.state.imported import are_bytes_known
from shadowserver_connector.waiting import CLUSTER, Waiter

SETTLED: Final = 10.0
"""Seconds between two polls that find a file unchanged, after which it counts as whole."""


class DropFolder:
    """A folder that is looked into now and then, from one thread."""

    def __init__(self, folder: Path, source: ReportSource) -> None:
        self._folder = folder
        self._source = source
        self._before: Mapping[Path, FileSignature] = {}
        self._stuck: dict[Path, FileSignature] = {}
        self._problem = ""

    def poll(self) -> None:
        """Import what is whole, that is unchanged since the poll before; raises only Stopping.

        Files that cannot be read or put away, and a folder that cannot be used, are logged once.
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
            # Whoever waits for the next run notices, or the run said so; the files are still there.
            return
        except Exception as error:
            problem = _told(error)
        else:
            problem = ""
        # Outside of the handler: pycti logs the traceback of the error that is being handled.
        if problem and problem != self._problem:
            self._say(self._folder, problem)
        self._problem = problem

    def _import(self, paths: list[Path]) -> None:
        with unpacking(self._source.workspace / "drop") as work:
            found: Iterator[DroppedReport | DroppedFile] = reports_in(paths, self._before, work)
            ledger = StateLedger(self._source.state_store, self._source.state_store.held())
            convert = self._source.importer.convert
            if self._source.executor is not None:
                conversions = Conversions(
                    self._source.executor, work, self._source.importer.comparer
                )
                begin = partial(self._begin, conversions)
                # Most files hold a report, and are told of when it was.
                found = conversions.upcoming(found, begin, work, items_each=2)
                convert = _awaiting_cluster(self._source.waiter, conversions.convert)
            patiently = retrying_while_disk_full(self._source.waiter, convert)
            importer = replace(
                self._source.importer,
                convert=patiently,
                ledger=ledger,
                archive=self._source.settings.archive_dir,
                tell=self._told_of,
            )
            with DayWorks(importer) as works:
                self._import_found(works, found, work)

    def _told_of(self, result: Result, _seconds: float) -> None:
        # Nothing was waited for, as a download is.
        self._source.observe(event_of(result, 0.0))

    def _begin(self, conversions: Conversions, found: DroppedReport | DroppedFile) -> None:
        if isinstance(found, DroppedReport) and not found.problem and self._is_new(found):
            conversions.begin(*found.job, self._source.importer.options)

    def _import_found(
        self, works: DayWorks, found: Iterable[DroppedReport | DroppedFile], work: Path
    ) -> None:
        reasons: dict[str, None] = {}
        problem = ""
        for each in found:
            if isinstance(each, DroppedFile):
                self._finish(each, [*reasons, *each.reasons], problem)
                reasons, problem = {}, ""
                continue
            reason: str | None = None
            try:
                reason = None if problem else self._import_report(works, each)
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise
                problem = _told(error)
            except (StateResetError, NewerStateError):
                raise
            except Exception as error:
                # Left in the folder, the file would be sent again at every poll.
                reason = describe(error)
            finally:
                # At once: an archive may unpack to more than the disk has room for.
                release(each.job[0], work)
            reasons.update({reason: None} if reason else {})

    def _finish(self, file: DroppedFile, reasons: list[str], problem: str) -> None:
        """Put a file away, unless it changed while it waited for its turn.

        One that cannot be read or moved is left, and said once.
        """
        if file.problem is not None and not problem:
            problem = _told(file.problem)
        if not problem:
            try:
                # Put away, new content would never be imported: the next poll finds it.
                if file.changed or signature_of(file.path) != self._before[file.path]:
                    self._source.log.info(
                        "Dropped file changed during its import, importing it again",
                        {"file": shown_name(file.path)},
                    )
                    return
                put_away(file.path, reasons)
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise
                problem = _told(error)
        if problem:
            self._stuck[file.path] = self._before[file.path]
            self._say(file.path, problem)
        else:
            self._tell(file.path, reasons)

    def _import_report(self, works: DayWorks, found: DroppedReport) -> str | None:
        """Import a report, unless it is known or not wanted; return what is wrong with it.

        What is known needs no name that tells type and day: a copy may be called anything.
        """
        path, info = found.job
        if not self._is_new(found):
            self._source.log.info(
                "Excluded or already imported, nothing to send", {"file": info.file}
            )
            self._source.observe(ReportSkipped(info.file))
            return None
        if found.problem:
            return found.problem
        result = works.import_report(info, partial(ObtainedFile, path, found.sha256))
        return result.reason if isinstance(result, Failure) else None

    def _is_new(self, found: DroppedReport) -> bool:
        known = are_bytes_known(self._source.state_store.held(), found.sha256)
        return not known and (bool(found.problem) or self._is_wanted(found.job[1]))

    def _is_wanted(self, info: ReportInfo) -> bool:
        """Tell whether the settings choose the type; the name of a list may not be told."""
        types = self._source.settings.report_types
        chosen = not types or info.type in types
        return chosen and info.type not in self._source.settings.exclude_types

    def _tell(self, path: Path, reasons: list[str]) -> None:
        log = self._source.log
        name = shown_name(path)
        if reasons:
            log.error("Dropped file failed", {"file": name, "reasons": reasons})
        else:
            log.info("Dropped file imported", {"file": name})
        self._source.observe(Dropped(name, "; ".join(reasons)))

    def _say(self, path: Path, reason: str) -> None:
        details = {"path": shown_path(path), "reason": reason}
        self._source.log.error("The drop folder cannot be used", details)


def _told(error: Exception) -> str:
    """Say in one line what is wrong, without what is in a file."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return describe(error)


def _awaiting_cluster(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that begins again until the cluster is there: no report is at fault."""
    return lambda *conversion: waiter.until(
        CLUSTER, partial(convert, *conversion), retried=ClusterLostError
    )
