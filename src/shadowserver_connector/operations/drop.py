"""The drop folder: report files as they come by mail, imported once and put away.

A file is left alone until two looks have found it with the same size and time, so that a copy
under way is not taken for a whole file. Then it goes to ``done/``, or to ``failed/`` with its
reason beside it. What has been imported is known by its content, whatever its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

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
    reports_in,
    unpacking,
)
from shadowserver_connector.operations.importing import release
from shadowserver_connector.operations.intake import DayWorks, Intake
from shadowserver_connector.pipeline.archive import keep_if_wanted
from shadowserver_connector.pipeline.batch import Failure
from shadowserver_connector.pipeline.conversions import Conversions, Convert
from shadowserver_connector.pipeline.lost import ClusterLostError
from shadowserver_connector.pipeline.room import converting_with_room
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings.shadowserver import ShadowserverSettings
from shadowserver_connector.sink.waiting import Waiter
from shadowserver_connector.state.model import State, is_content_known, is_done, with_done

SETTLED: Final = 10.0
"""Seconds between two looks that find a file unchanged, after which it counts as whole."""
_ENDINGS: Final = (".csv", ".gz", ".zip")


class Look(NamedTuple):
    """What tells whether a file is still being written, or was given other rights since."""

    size: int
    mtime_ns: int
    ctime_ns: int


def files_in(folder: Path) -> dict[Path, Look]:
    """Return the report files in a folder, by name: no links, nothing hidden, nothing empty."""
    return dict(sorted(_files_in(folder)))


def _files_in(folder: Path) -> Iterator[tuple[Path, Look]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith(_ENDINGS):
                continue
            if not entry.is_file(follow_symlinks=False):
                continue
            facts = entry.stat(follow_symlinks=False)
            if facts.st_size:
                yield folder / entry.name, _look(facts)


def _look(facts: os.stat_result) -> Look:
    return Look(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


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
        self._usable = True

    def look(self) -> None:
        """Import what is whole, that is unchanged since the look before; raises Stopping.

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
            if ready:
                self._import(ready)
        except (StateResetError, NewerStateError):
            # Whoever waits for the next run notices, or the run said so; the files are still there.
            return
        except OSError as error:
            if self._usable:
                self._say(self._folder, error)
            self._usable = False
        else:
            self._usable = True

    def _import(self, paths: list[Path]) -> None:
        with unpacking(self._workdir) as work:
            found: Iterator[DroppedReport | DroppedFile] = reports_in(paths, work)
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
        if isinstance(found, DroppedReport) and self._is_new(found):
            conversions.begin(*found.job, self._intake.options)

    def _import_found(
        self, works: DayWorks, found: Iterable[DroppedReport | DroppedFile], work: Path
    ) -> None:
        reasons: dict[str, None] = {}
        problem: OSError | None = None
        for each in found:
            if isinstance(each, DroppedFile):
                self._finish(each, [*reasons, *each.reasons], problem or each.problem)
                reasons, problem = {}, None
                continue
            try:
                reason = None if problem else self._import_report(works, each)
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise
                problem = error
            else:
                reasons.update({reason: None} if reason else {})
            finally:
                release(each.job, work)

    def _finish(self, file: DroppedFile, reasons: list[str], problem: OSError | None) -> None:
        """Put a file away, unless it changed while it waited for its turn.

        One that cannot be read or moved is left, and said once.
        """
        try:
            if problem:
                raise problem
            if not self._is_as_before(file.path):
                self._intake.waiter.log.info(
                    "Dropped file changed meanwhile, imported again", {"file": file.path.name}
                )
                return
            put_away(file.path, reasons)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            self._stuck[file.path] = self._before[file.path]
            self._say(file.path, error)
        else:
            self._tell(file.path, reasons)

    def _import_report(self, works: DayWorks, found: DroppedReport) -> str | None:
        """Import a report, unless it is known or not wanted; return what is wrong with it."""
        path, info = found.job
        if not self._is_new(found):
            self._intake.waiter.log.info("Not wanted or known, nothing to send", _named(info))
            self._observe(ReportSkipped(info.file))
            return None
        result = works.deliver(found.job)
        if isinstance(result, Failure):
            self._observe(ReportFailed(info.file, result.reason, "drop", 1))
            return result.reason
        self._observe(ReportDone(result, 0.0))
        self._memory.write(_with_known(self._memory.held(), info, found.sha256))
        log = self._intake.waiter.log
        if path not in self._before or self._is_as_before(path):
            keep_if_wanted(self._settings.archive_dir, info, path, found.sha256, log)
        return None

    def _is_as_before(self, path: Path) -> bool:
        """Tell whether a file still is what the last look found, and so what was converted."""
        return _look(path.stat(follow_symlinks=False)) == self._before[path]

    def _is_new(self, found: DroppedReport) -> bool:
        info = found.job[1]
        return self._is_wanted(info) and not _is_known(self._memory.held(), info, found.sha256)

    def _is_wanted(self, info: ReportInfo) -> bool:
        """Tell whether the settings choose the type; the name of a list may not be told."""
        types = self._settings.report_types
        chosen = not types or info.type in types
        return chosen and info.type not in self._settings.exclude_types

    def _tell(self, path: Path, reasons: list[str]) -> None:
        log = self._intake.waiter.log
        if reasons:
            log.error("Dropped file failed", {"file": path.name, "reasons": reasons})
        else:
            log.info("Dropped file imported", {"file": path.name})
        self._observe(Dropped(path.name, "; ".join(reasons)))

    def _say(self, path: Path, error: OSError) -> None:
        self._intake.waiter.log.error(
            "The drop folder cannot be used",
            {"path": str(path), "reason": error.strerror or type(error).__name__},
        )


def put_away(path: Path, reasons: list[str]) -> Path:
    """Move a file to ``done/``, or with reasons to ``failed/``; return where it is.

    Nothing there is overwritten. Raises ``OSError``.
    """
    folder = path.parent / ("failed" if reasons else "done")
    folder.mkdir(exist_ok=True)
    target = _free(folder, path.name)
    path.rename(target)
    if reasons:
        text = "".join(f"{reason}\n" for reason in reasons)
        target.with_name(f"{target.name}.reason").write_text(text, encoding="utf-8")
    return target


def _free(folder: Path, name: str) -> Path:
    target, number = folder / name, 1
    while target.exists():
        target = folder / f"{number}-{name}"
        number += 1
    return target


def _awaiting_cluster(waiter: Waiter, convert: Convert) -> Convert:
    """Return a conversion that begins again until the cluster is there: no report is at fault."""
    return lambda *conversion: waiter.until(
        "the Dask cluster", partial(convert, *conversion), retried=ClusterLostError
    )


def _by_content(info: ReportInfo, sha256: str) -> ReportInfo:
    """Return a stand-in that is the same for each copy of a report, whatever its name."""
    return replace(info, file="", list="", id=sha256)


def _is_known(state: State, info: ReportInfo, sha256: str) -> bool:
    return is_content_known(state, info, sha256) or is_done(state, _by_content(info, sha256))


def _with_known(state: State, info: ReportInfo, sha256: str) -> State:
    """Remember a report under its name, so that the API's copy is known too, and by content."""
    return with_done(with_done(state, info, sha256, ()), _by_content(info, sha256), sha256, ())


def _named(info: ReportInfo) -> dict[str, str]:
    return {"file": info.file}
