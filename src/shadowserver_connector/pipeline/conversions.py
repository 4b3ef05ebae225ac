"""Conversions that begin as soon as a report's file is there, before it is its turn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path

from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.anywhere import Conversion, convert_anywhere
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.report.info import ReportInfo

Download = Callable[[ReportInfo, Path], Downloaded]


class Conversions:
    """The conversions under way on an executor; their number is bounded by who downloads.

    Their chunks wait on disk, beside the report's file.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._begun: dict[Path, Future[Conversion]] = {}

    def after(self, download: Download, options: Options) -> Download:
        """Return a download that begins to convert the file when it is there."""

        def download_and_begin(report: ReportInfo, folder: Path) -> Downloaded:
            downloaded = download(report, folder)
            self._begun[downloaded.path] = self._begin(downloaded.path, report, options)
            return downloaded

        return download_and_begin

    def convert(
        self, path: Path, info: ReportInfo, options: Options, emit: Callable[[Chunk], None]
    ) -> Outcome:
        """Finish a conversion, begun or not; otherwise as ``convert_report``."""
        begun = self._begun.pop(path, None) or self._begin(path, info, options)
        return begun.result().replay(emit)

    def _begin(self, path: Path, info: ReportInfo, options: Options) -> Future[Conversion]:
        return convert_anywhere(self._executor, path, info, options, path.parent)
