"""From files on disk to jobs: type and day by name, or day by the first row that has a time."""

from __future__ import annotations

from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.values.dates import parse_seen
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.report.filename import has_day, info_from_filename
from shadowserver_connector.report.oddities import Oddities
from shadowserver_connector.report.source import ReportFile, unreadable
from shadowserver_connector.report.table import open_table

_ROWS_SEARCHED: Final = 1_000
_END: Final = "2100"
"""What is later is the end of a clock, and not the day of a report."""


def job_of(file: ReportFile) -> Job:
    """Return what to convert; the day of a file without one in its name is its first row's.

    Raises ``ReportUnreadableError`` or ``NotReadyError`` where neither tells.
    """
    known = load_catalogue().types
    try:
        day = None if has_day(file.name) else _first_day(file.path, file.name)
    except OSError as error:
        raise unreadable(file.original, error) from error
    return file.path, info_from_filename(file.name, known, day)


def _first_day(path: Path, name: str) -> date | None:
    with open_table(path, Oddities(name)) as table:
        if "timestamp" not in table.header:
            return None
        at = table.header.index("timestamp")
        for _, row in islice(table.rows(), _ROWS_SEARCHED):
            try:
                return date.fromisoformat(parse_seen(row[at].strip(), _END)[:10])
            except ValueError:
                continue
    return None
