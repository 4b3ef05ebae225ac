"""Conversions that begin as soon as a report's file is there, before it is its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from shadowserver_connector.api.download import Downloaded, Take
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import DISK_FULL
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.ahead import has_room_ahead, in_order
from shadowserver_connector.pipeline.anywhere import Conversion, convert_anywhere
from shadowserver_connector.pipeline.bounded import Download
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.executors import capacity
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo

Item = TypeVar("Item")

Convert = Callable[[Path, ReportInfo, Options, Callable[[Chunk], None]], Outcome]
"""As ``convert_report``."""


class Conversions:
    """The conversions under way on an executor; their number is bounded by who begins them."""

    def __init__(self, executor: Executor, spool: Path | None = None) -> None:
        """``spool`` is the folder where chunks wait; by default the one of the report's file."""
        self._executor = executor
        self._spool = spool
        self._begun: dict[Path, Future[Conversion]] = {}

    def begin(self, path: Path, info: ReportInfo, options: Options) -> None:
        """Begin to convert a report, unless that was begun already."""
        if path not in self._begun:
            spool = self._spool or path.parent
            self._begun[path] = convert_anywhere(self._executor, path, info, options, spool)

    def convert(
        self, path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        """Finish a conversion, begun or not; otherwise as ``convert_report``.

        Where the disk has no room for the chunks, they are made here and need none.
        """
        if path not in self._begun:
            self.begin(path, info, options)
        try:
            conversion = self._begun.pop(path).result()
        except OSError as error:
            if error.errno in DISK_FULL:
                return convert_report(path, info, options, emit)
            raise
        return conversion.replay(emit)

    def after(self, download: Download, options: Options) -> Download:
        """Return a download that begins to convert the file when it is there."""

        def download_and_begin(report: ReportInfo, folder: Path, take: Take) -> Downloaded:
            downloaded = download(report, folder, take)
            self.begin(downloaded.path, report, options)
            return downloaded

        return download_and_begin

    def upcoming(
        self,
        items: Iterable[Item],
        begin: Callable[[Item], None],
        folder: Path,
        *,
        items_each: int = 1,
    ) -> Iterator[Item]:
        """Yield items in their order, with ``begin`` called for the next ones already.

        That is for twice as many reports, of ``items_each`` items, as are converted at the same
        time, and only while ``folder`` has room for what is ahead.
        """
        most = 2 * capacity(self._executor) * items_each
        has_room = partial(has_room_ahead, folder)
        for item, _ in in_order(begin, items, ahead=most, has_room=has_room):
            yield item
