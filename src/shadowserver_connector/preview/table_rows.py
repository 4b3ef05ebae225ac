"""The findings of the page's table, and what they are counted and filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from shadowserver_connector.catalogue.catalogue import Column
from shadowserver_connector.mapping.cells.addresses import parse_asn
from shadowserver_connector.mapping.cells.countries import parse_country
from shadowserver_connector.mapping.cells.dates import parse_seen
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.tags import find_cves, split_tags
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.mapping.planning.row_statistics import RowFilter
from shadowserver_connector.mapping.texts.markdown import MASK
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.parse_warnings import ParseWarnings
from shadowserver_connector.report.table import open_table

_REMEMBERED_LENGTH: Final = 200
Value = TypeVar("Value")
Row = Sequence[str]


class Facets(NamedTuple):
    """The values of one finding; empty where its row does not tell, or tells nonsense."""

    time: str
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``; the start of the report's day where the row has no time."""
    asn: str
    """Digits only."""
    country: str
    """ISO 3166-1 alpha-2."""
    tags: tuple[str, ...]
    cves: tuple[str, ...]


def first_column(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the index of the first column of a role, of the party or of none in particular."""
    for index, column in enumerate(columns):
        if column.role == role and (not party or column.party in ("", party)):
            return index
    return None


def facet_reader(plan: Plan) -> Callable[[Row], Facets]:
    """Return what reads the facets of the rows of a report with this plan."""
    primary = plan.context.report_type.primary
    day = plan.context.day
    time_at = plan.time
    time_of = _remembered(partial(_time, end=plan.context.end))
    asn_at = first_column(plan.columns, "asn", primary)
    country_at = first_column(plan.columns, "country", primary)
    tags_at = first_column(plan.columns, "tags")
    named = [index for index, column in enumerate(plan.columns) if column.role in ("cve", "tags")]

    def read(row: Row) -> Facets:
        return Facets(
            time=(time_of(row[time_at]) if time_at is not None else "") or day,
            asn=_asn(row[asn_at]) if asn_at is not None else "",
            country=_country(row[country_at]) if country_at is not None else "",
            tags=_tags(row[tags_at]) if tags_at is not None else (),
            cves=_united(_cves(row[index]) for index in named),
        )

    return read


def _united(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in several for value in values))


def _remembered(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Remember what short cells mean; a hostile megabyte must not stay in memory."""
    cached = lru_cache(maxsize=16_384)(read)
    return lambda cell: cached(cell) if len(cell) <= _REMEMBERED_LENGTH else read(cell)


def _time(cell: str, end: str) -> str:
    try:
        return parse_seen(cell.strip(), end)
    except ValueError:
        return ""


@_remembered
def _asn(cell: str) -> str:
    if is_empty("asn", cell):
        return ""
    try:
        return str(parse_asn(cell.strip()))
    except ValueError:
        return ""


@_remembered
def _country(cell: str) -> str:
    if is_empty("country", cell):
        return ""
    try:
        return parse_country(cell.strip()).code
    except ValueError:
        return ""


_tags = _remembered(split_tags)
_cves = _remembered(find_cves)

MAX_CELL: Final = 2_000
"""Characters of one cell that the page holds."""


def read_findings(path: Path, info: ReportInfo, options: Options) -> dict[str, Any]:
    """Return the findings of a report under these options, ``max_findings`` of them at most.

    ``columns`` are ``[name, title]``, only those with a value in one of the findings; ``at``
    says which of them the table shows; ``rows`` are
    ``[row number, severity, time, asn, country, tags, cves, cells]``.
    """
    warnings = ParseWarnings(info.file)
    with open_table(path, warnings) as table:
        plan = compile_for(table.header, info, options)
        selection = RowFilter(plan, warnings)
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
        "address": plan.statistics.host,
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
