"""Reports compared with the history of findings before conversion, and committed after delivery."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.errors import HistoryDamagedError
from shadowserver_connector.history.comparison import Comparison, ReportFeed
from shadowserver_connector.history.history import REFRESH_DAYS, RESURFACED_AFTER_DAYS, History
from shadowserver_connector.history.identified_rows import IdentifiedRows, open_identified_rows
from shadowserver_connector.logger import Logger
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.finding_identity import compile_finding_identifier
from shadowserver_connector.pipeline.bounds import has_room_ahead
from shadowserver_connector.pipeline.convert import Convert, convert_report
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.table import open_table
from shadowserver_connector.report.table_copy import TableCopy, open_copier

T = TypeVar("T")


class _ComparedReport(NamedTuple):
    """A report that waits for its delivery."""

    info: ReportInfo
    rows: IdentifiedRows
    table: TableCopy | None
    stack: ExitStack
    """Closing it removes the files of the rows."""

    @property
    def feed(self) -> ReportFeed:
        return feed_of(self.info)


def feed_of(info: ReportInfo) -> ReportFeed:
    """Return the feed of a report: the reports that it is compared with."""
    return ReportFeed(info.type, info.list)


class ReportComparer:
    """Compares reports with a history, and adds each to it once it is delivered.

    It may be used from several threads. While another process has the history, nothing is compared;
    each report tries again. A damaged history is logged and replaced by a new one: what was known
    is lost, and the next report of each feed is sent in full. Other errors of `History` and
    `open_history` are raised.
    """

    def __init__(
        self,
        open_history: Callable[[], History | None],
        log: Logger,
        *,
        absence: int = RESURFACED_AFTER_DAYS,
        refresh: int = REFRESH_DAYS,
    ) -> None:
        """``absence`` and ``refresh`` are days, as `History.compare` takes them."""
        self._open = open_history
        self._log = log
        self._absence = absence
        self._refresh = refresh
        self._lock = threading.Lock()
        self._waiting: dict[Path, _ComparedReport] = {}
        self._history: History | None = None
        self._is_closed = False
        self._open_if_needed()

    def compare(self, path: Path, info: ReportInfo, copy: Path | None = None) -> Comparison | None:
        """Compare all rows of a report with the history, and keep them for `commit`.

        Rows below the least severity that is wanted are compared as well: they were reported. The
        copy of the table is there until the report is committed, discarded or compared again; one
        that is wanted longer is written to ``copy``, for the caller to remove.
        Raises as `open_table` for a file that is no report, and ``OSError`` where a disk fails.
        """
        with self._lock:
            self._discard(path)
            if self._open_if_needed() is None:
                return None
        # Without the lock: no delivered report has to wait for a large file to be parsed.
        compared = _identify_rows(path, info, copy)
        with self._lock:
            if self._is_closed:
                compared.stack.close()
                return None
            self._waiting[path] = compared
            comparison = self._with_history(
                lambda history: history.compare(
                    compared.feed,
                    info.day,
                    compared.rows,
                    absence=self._absence,
                    refresh=self._refresh,
                )
            )
            return comparison and replace(comparison, table=compared.table)

    def is_feed_free(self, info: ReportInfo) -> bool:
        """Tell whether all compared reports of the report's feed are committed.

        Before that, the history lacks their findings, and a comparison would be wrong.
        """
        with self._lock:
            return feed_of(info) not in [each.feed for each in self._waiting.values()]

    def commit(self, path: Path) -> None:
        """Add a report that was compared and delivered, all of it or nothing."""
        with self._lock:
            compared = self._waiting.get(path)
            if compared is None:
                return
            self._with_history(
                lambda history: history.commit(compared.feed, compared.info.day, compared.rows)
            )
            # Not if that fails: while the disk is full, `commit` is repeated.
            self._discard(path)

    def discard(self, path: Path) -> None:
        """Drop the comparison of a report that could not be delivered."""
        with self._lock:
            self._discard(path)

    def forget(self, before: date) -> None:
        """Remove findings that were last seen before a day from the history."""
        with self._lock:
            self._with_history(lambda history: history.forget(before))

    def clear(self) -> None:
        """Forget everything, because OpenCTI was reset; logged if there was anything."""
        with self._lock:
            if self._with_history(lambda history: history.clear()):
                self._log.warning(CLEARED)

    def close(self) -> None:
        """Close the history; what is not committed is forgotten, and nothing more is compared."""
        with self._lock:
            self._is_closed = True
            for path in list(self._waiting):
                self._discard(path)
            self._close()

    def _discard(self, path: Path) -> None:
        compared = self._waiting.pop(path, None)
        if compared is not None:
            compared.stack.close()

    def _with_history(self, call: Callable[[History], T]) -> T | None:
        """Return what the history says; ``None`` if there is none now."""
        history = self._open_if_needed()
        if history is None:
            return None
        try:
            return call(history)
        except HistoryDamagedError as error:
            reason = str(error)
        self._log.error(DAMAGED, {"reason": reason})
        self._close()
        history = self._open_if_needed()
        return None if history is None else call(history)

    def _open_if_needed(self) -> History | None:
        if self._history is None:
            self._history = self._open()
            if self._history is not None:
                self._log_origin(self._history)
        return self._history

    def _log_origin(self, history: History) -> None:
        said = {"history": str(history.path), "kept": str(history.kept)}
        if history.origin == "damaged":
            self._log.error(DAMAGED, said)
        elif history.origin == "earlier":
            self._log.warning(EARLIER_VERSION, said)
        elif history.origin == "new":
            self._log.info(STARTED, {"history": str(history.path)})

    def _close(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            history.close()


DAMAGED: Final = (
    "The history of findings was damaged and starts again; the next reports are sent in full"
)
EARLIER_VERSION: Final = (
    "An earlier version's history of findings was moved aside; the next reports are sent in full"
)
STARTED: Final = (
    "A new history of findings was started; findings that are not in it are sent in full"
)
CLEARED: Final = "The state was reset in OpenCTI, so the history of findings starts again"


def _identify_rows(path: Path, info: ReportInfo, copy: Path | None) -> _ComparedReport:
    catalogue = load_catalogue()
    with ExitStack() as stack:
        rows = stack.enter_context(open_identified_rows())
        # Without room for a copy, the conversion parses the file a second time.
        place = copy or rows.folder / "table"
        with (
            open_copier(info.file, place if has_room_ahead(place.parent) else None) as copier,
            open_table(path, copier) as table,
        ):
            columns = [catalogue.column(info.type, name) for name in table.header]
            report_type = catalogue.report_type(info.type, table.header)
            identifier = compile_finding_identifier(catalogue, report_type, columns)
            for _, row in table.rows():
                copier.add_row(row)
                found = identifier.read(row)
                rows.add(found.key, found.state, found.what, found.name)
            copied = copier.finish(table.header, table.empty_rows)
        # Until the report is committed or discarded, its rows stay on disk.
        return _ComparedReport(info, rows, copied, stack.pop_all())


def with_comparison(comparer: ReportComparer | None) -> Convert:
    """Return ``convert_report``, with a comparison before it if there is a comparer."""
    if comparer is None:
        return convert_report

    def convert(
        path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        return convert_report(path, info, options, emit, comparer.compare(path, info))

    return convert
