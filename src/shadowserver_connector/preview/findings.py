"""The findings that the page's table holds: their cells as in the file, secrets masked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from shadowserver_connector.mapping.markdown import MASK
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.plan import Plan
from shadowserver_connector.mapping.selection import Selection
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.preview.facets import facet_reader, first_column
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.oddities import Oddities
from shadowserver_connector.report.table import open_table

MAX_CELL: Final = 2_000
"""Characters of one cell that the page holds."""


def read_findings(path: Path, info: ReportInfo, options: Options) -> dict[str, Any]:
    """Return the findings of a report under these options, ``max_findings`` of them at most.

    ``columns`` are ``[name, title]``, only those with a value in one of the findings; ``at``
    says which of them the table shows; ``rows`` are
    ``[row number, severity, time, asn, country, tags, cves, cells]``.
    """
    oddities = Oddities(info.file)
    with open_table(path, oddities) as table:
        plan = compile_for(table.header, info, options)
        selection = Selection(plan, oddities)
        read = facet_reader(plan)
        rows: list[list[Any]] = []
        for number, row in table.rows():
            severity = selection.keep(number, row)
            if severity is not None:
                rows.append([number, severity, *read(row), _cells(plan, row)])
            if len(rows) == options.max_findings:
                break
    return _packed(plan, rows)


def _cells(plan: Plan, row: list[str]) -> list[str]:
    cells = [cell if len(cell) <= MAX_CELL else _cut(cell) for cell in row]
    for index, column in enumerate(plan.columns):
        if column.role == "secret" and cells[index]:
            cells[index] = MASK
    return cells


def _cut(cell: str) -> str:
    return f"{cell[:MAX_CELL]} … ({len(cell)} characters)"


def _packed(plan: Plan, rows: list[list[Any]]) -> dict[str, Any]:
    """Leave out the columns that are empty in all rows."""
    width = len(plan.columns)
    ordered = sorted(range(width), key=lambda index: (plan.columns[index].order, index))
    used = [index for index in ordered if any(row[-1][index] for row in rows)]
    for row in rows:
        row[-1] = [row[-1][index] for index in used]
    columns = plan.columns
    primary = plan.context.report_type.primary
    shown = {
        "address": plan.survey.host,
        "port": first_column(columns, "port", primary),
        "hostname": first_column(columns, "hostname", primary),
    }
    return {
        "columns": [
            [columns[index].name, columns[index].title or columns[index].name] for index in used
        ],
        "at": {name: used.index(index) for name, index in shown.items() if index in used},
        "rows": rows,
    }
