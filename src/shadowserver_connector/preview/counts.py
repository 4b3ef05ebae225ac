"""The pass over all findings: what the charts show, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from shadowserver_connector.mapping.cells.countries import parse_country
from shadowserver_connector.mapping.cells.tags import RANK, SEVERITIES
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.row_statistics import MAX_DISTINCT, RowFilter
from shadowserver_connector.pipeline.convert import compile_for
from shadowserver_connector.preview.table_rows import facet_reader, first_column
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.parse_warnings import ParseWarnings
from shadowserver_connector.report.table import open_table

TOP: Final = 15
"""Bars of one chart."""

MAX_BARS: Final = 120
"""Bars over time; more than these are drawn by the next longer unit."""

_UNITS: Final = (("hour", 13), ("day", 10), ("month", 7), ("year", 4))
"""Unit -> length of the ISO 8601 time that names it."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ReportCounts:
    """What became of the rows of one report; ``rows == kept + filtered + cut``."""

    title: str
    page: str
    about: str
    severity: str
    """Highest of the findings that are kept."""
    rows: int
    kept: int
    filtered: int
    cut: int


@dataclass(slots=True)
class Counts:
    """Findings of all reports, counted by what the charts show."""

    severities: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    asns: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    cves: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(Hour as ``YYYY-MM-DDTHH``, severity)."""
    as_names: dict[str, str] = field(default_factory=dict)
    """ASN -> the first name that a row gives it."""

    def charts(self) -> dict[str, Any]:
        """Return the data of the charts: lists of ``[key, label, findings]``, largest first."""
        return {
            "severity": [
                [name, name, self.severities[name]]
                for name in reversed(SEVERITIES)
                if self.severities[name]
            ],
            "type": _top(self.types, {}),
            "asn": _top(
                self.asns,
                {asn: f"AS{asn} {self.as_names.get(asn, '')}".strip() for asn in self.asns},
            ),
            "country": _top(
                self.countries, {code: parse_country(code).name for code in self.countries}
            ),
            "tag": _top(self.tags, {}),
            "cve": _top(self.cves, {}),
            "time": self._over_time(),
        }

    def _over_time(self) -> dict[str, Any]:
        hours = sorted({hour for hour, _ in self.hours})
        unit, length = next(
            (
                (unit, length)
                for unit, length in _UNITS
                if len({hour[:length] for hour in hours}) <= MAX_BARS
            ),
            _UNITS[-1],
        )
        by_unit: Counter[tuple[str, str]] = Counter()
        for (hour, severity), number in self.hours.items():
            by_unit[hour[:length], severity] += number
        keys = sorted({key for key, _ in by_unit})[-MAX_BARS:]
        return {
            "unit": unit,
            "keys": keys,
            "series": {
                severity: [by_unit[key, severity] for key in keys]
                for severity in SEVERITIES
                if self.severities[severity]
            },
        }


def count_report(path: Path, info: ReportInfo, options: Options, counts: Counts) -> ReportCounts:
    """Read all rows of a report once and add its findings to ``counts``.

    Raises what ``open_table`` raises; ``counts`` is then as it was.
    """
    warnings = ParseWarnings(info.file)
    with open_table(path, warnings) as table:
        plan = compile_for(table.header, info, options)
        report_type = plan.context.report_type
        selection = RowFilter(plan, warnings)
        read = facet_reader(plan)
        name_at = first_column(plan.columns, "as_name", report_type.primary)
        highest = SEVERITIES[0]
        for number, row in table.rows():
            severity = selection.keep(number, row)
            if severity is None:
                continue
            facets = read(row)
            highest = max(highest, severity, key=RANK.__getitem__)
            counts.severities[severity] += 1
            counts.types[report_type.name] += 1
            _count(counts.asns, (facets.asn,))
            _count(counts.countries, (facets.country,))
            _count(counts.tags, facets.tags)
            _count(counts.cves, facets.cves)
            _count(counts.hours, ((facets.time[:13], severity),))
            if name_at is not None and facets.asn in counts.asns and row[name_at]:
                counts.as_names.setdefault(facets.asn, row[name_at][:80])
    return ReportCounts(
        title=report_type.title,
        page=report_type.page,
        about=report_type.about,
        severity=highest,
        rows=selection.kept + selection.filtered + selection.cut,
        kept=selection.kept,
        filtered=selection.filtered,
        cut=selection.cut,
    )


def _count(counter: Counter[Key], keys: Iterable[Key]) -> None:
    for key in keys:
        if key and (key in counter or len(counter) < MAX_DISTINCT):
            counter[key] += 1


def _top(counter: Counter[str], labels: Mapping[str, str]) -> list[list[str | int]]:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return [[key, labels.get(key, key), number] for key, number in ranked]
