"""The drop folder: report files as they come by mail, imported once and put away.

A file is left alone until two looks have found it with the same size and time, so that a copy
under way is not taken for a whole file. Then it goes to ``done/``, or to ``failed/`` with its
reason beside it. What has been imported is known by its content, whatever its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from shadowserver_connector.connector.day import describe
from shadowserver_connector.connector.events import (
    Dropped,
    Observe,
    ReportDone,
    ReportFailed,
    ReportSkipped,
)
from shadowserver_connector.connector.memory import Memory, StateResetError
from shadowserver_connector.errors import DISK_FULL, NewerStateError
from shadowserver_connector.operations.dropped import (
    DroppedFile,
    DroppedReport,
    Look,
    files_in,
    look_at,
    put_away,
    reports_in,
    shown_name,
    unpacking,
)
from shadowserver_connector.operations.importing import release
from shadowserver_connector.operations.intake import DayWorks, Intake
from shadowserver_connector.pipeline.archive import keep_if_wanted
from shadowserver_connector.pipeline.conversions import Conversions, Convert
from shadowserver_connector.pipeline.lost import ClusterLostError
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.pipeline.room import converting_with_room
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.source import shown_path
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.state.model import are_bytes_known, with_done

SETTLED: Final = 10.0
"""Seconds between two looks that find a file unchanged, after which it counts as whole."""


class DropFolder:
    """A folder that is looked into now and then, from one thread."""

    def __init__(
        self,
        folder: Path,
        settings: ShadowserverSettings,
        intake: Intake,
        memory: Memory,
        workdir: Path,
        observe: Observe,
        executor: Executor | None = None,
    ) -> None:
        """``workdir`` is where archives are unpacked.

        With an executor, reports are converted there before their turn.
        """
        self._folder = folder
        self._settings = settings
        self._intake = intake
        self._memory = memory
        self._workdir = workdir
        self._observe = observe
        self._executor = executor
        self._before: Mapping[Path, Look] = {}
        self._stuck: dict[Path, Look] = {}
        self._problem = ""

    def look(self) -> None:
        """Import what is whole, that is unchanged since the look before; raises only Stopping.

        Files that cannot be read or put away, and a folder that cannot be used, are logged once.
        """
        try:
            now = files_in(self._folder)
            ready = [
                path
                for path, look in now.items()
                if self._before.get(path) == look and self._stuck.get(path) != look
            ]
            self._before = now
            self._stuck = {path: look for path, look in self._stuck.items() if path in now}
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
        with unpacking(self._workdir) as work:
            found: Iterator[DroppedReport | DroppedFile] = reports_in(paths, self._before, work)
            convert = self._intake.convert
            if self._executor is not None:
                conversions = Conversions(self._executor, work)
                begin = partial(self._begin, conversions)
                # Most files hold a report, and are told of when it was.
                found = conversions.upcoming(found, begin, work, items_each=2)
                convert = _awaiting_cluster(self._intake.waiter, conversions.convert)
            patiently = converting_with_room(self._intake.waiter, convert)
            with DayWorks(replace(self._intake, convert=patiently)) as works:
                self._import_found(works, found, work)

    def _begin(self, conversions: Conversions, found: DroppedReport | DroppedFile) -> None:
        if isinstance(found, DroppedReport) and not found.problem and self._is_new(found):
            conversions.begin(*found.job, self._intake.options)

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
                # Left in the folder, the file would be sent again at every look.
                reason = describe(error)
            finally:
                release(each.job, work)
            reasons.update({reason: None} if reason else {})

    def _finish(self, file: DroppedFile, reasons: list[str], problem: str) -> None:
        """Put a file away, unless it changed while it waited for its turn.

        One that cannot be read or moved is left, and said once.
        """
        if file.problem is not None and not problem:
            problem = _told(file.problem)
        if not problem:
            try:
                if file.changed or look_at(file.path) != self._before[file.path]:
                    self._intake.waiter.log.info(
                        "Dropped file changed meanwhile, imported again",
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
            self._intake.waiter.log.info("Not wanted or known, nothing to send", _named(info))
            self._observe(ReportSkipped(info.file))
            return None
        if found.problem:
            return found.problem
        result = works.deliver(found.job)
        if isinstance(result, Failure):
            self._observe(ReportFailed(info.file, result.reason, "drop", 1))
            return result.reason
        self._observe(ReportDone(result, 0.0))
        # Under its name, so that the API's copy is known, too.
        self._memory.write(with_done(self._memory.held(), info, found.sha256, ()))
        log = self._intake.waiter.log
        keep_if_wanted(self._settings.archive_dir, info, path, found.sha256, log)
        return None

    def _is_new(self, found: DroppedReport) -> bool:
        known = are_bytes_known(self._memory.held(), found.sha256)
        return not known and (bool(found.problem) or self._is_wanted(found.job[1]))

    def _is_wanted(self, info: ReportInfo) -> bool:
        """Tell whether the settings choose the type; the name of a list may not be told."""
        types = self._settings.report_types
        chosen = not types or info.type in types
        return chosen and info.type not in self._settings.exclude_types

    def _tell(self, path: Path, reasons: list[str]) -> None:
        log = self._intake.waiter.log
        name = shown_name(path)
        if reasons:
            log.error("Dropped file failed", {"file": name, "reasons": reasons})
        else:
            log.info("Dropped file imported", {"file": name})
        self._observe(Dropped(name, "; ".join(reasons)))

    def _say(self, path: Path, reason: str) -> None:
        details = {"path": shown_path(path), "reason": reason}
        self._intake.waiter.log.error("The drop folder cannot be used", details)


def _told(error: Exception) -> str:
    """Say in one line what is wrong, without what is in a file."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return describe(error)


def _awaiting_cluster(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that begins again until the cluster is there: no report is at fault."""
    return lambda *conversion: waiter.until(
        "the Dask cluster", partial(convert, *conversion), retried=ClusterLostError
    )


def _named(info: ReportInfo) -> dict[str, str]:
    return {"file": info.file}
