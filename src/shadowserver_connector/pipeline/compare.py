"""A report file against the history of findings: what is new in it, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.history.comparison import Comparison, ReportFeed
from shadowserver_connector.history.day_rows import DayRows, collected
from shadowserver_connector.history.history import History
from shadowserver_connector.mapping.planning.finding_identity import compile_finding_identifier
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.parse_warnings import ParseWarnings
from shadowserver_connector.report.table import open_table


def compare_and_commit(history: History, path: Path, info: ReportInfo) -> Comparison:
    """Compare all rows of a report with the history, then add them to it, all or none.

    Rows that a setting leaves out count as well: they were reported. Raises as `History` does,
    and as `open_table` for a file that is no report.
    """
    feed = ReportFeed(info.type, info.list)
    with _sightings(path, info) as rows:
        comparison = history.compare(feed, info.day, rows)
        history.commit(feed, info.day, rows)
    return comparison


@contextmanager
def _sightings(path: Path, info: ReportInfo) -> Iterator[DayRows]:
    catalogue = load_catalogue()
    # What is odd in the file is told by its conversion.
    with collected() as rows, open_table(path, ParseWarnings(info.file)) as table:
        columns = [catalogue.column(info.type, name) for name in table.header]
        report_type = catalogue.report_type(info.type, table.header)
        read = compile_finding_identifier(catalogue, report_type, columns).read
        for _, row in table.rows():
            seen = read(row)
            rows.add(seen.key, seen.state, seen.label, seen.name)
        yield rows
