"""Reports to preview."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.generate import write_report

DAY = date(2024, 1, 31)

MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Return a function that writes a report file and returns the job for it.

    It takes a report type, and either header and rows or a number of rows to generate.
    """

    def make(
        report_type: str,
        rows: Sequence[Sequence[str]] | int,
        header: Sequence[str] = (),
        name: str = "example",
        *,
        hostile: bool = False,
    ) -> Job:
        path = tmp_path / f"{DAY}-{report_type}-{name}.csv"
        if isinstance(rows, int):
            write_report(path, report_type, DAY, rows, with_hostile_cells=hostile)
        else:
            lines = [header, *rows]
            text = "".join(
                ",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n"
                for line in lines
            )
            path.write_text(text, encoding="utf-8")
        return path, ReportInfo(type=report_type, day=DAY, file=path.name)

    return make
