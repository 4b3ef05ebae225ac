"""A plan: how the rows of one file become findings, compiled once from its header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.labels import LabelMaker
from shadowserver_connector.mapping.notes import NoteColumn, note_columns
from shadowserver_connector.mapping.sections import Section, compile_sections
from shadowserver_connector.mapping.traffic import TrafficMaker, compile_traffic
from shadowserver_connector.mapping.values.severity import parse_severity

TOPS: Final = ("asn", "country", "sector", "activity", "tags", "cve")
"""Roles whose most frequent values the Report shows."""


@dataclass(frozen=True, slots=True)
class SurveyColumns:
    """Where the first pass looks; ``None`` where the report has no such column."""

    severity: int | None
    host: int | None
    tops: Mapping[str, int]
    """Role -> index of the column."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the row loop needs; it looks nothing up by name."""

    context: Context
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    traffic: TrafficMaker | None
    notes: tuple[NoteColumn, ...]
    survey: SurveyColumns
    labels: LabelMaker
    severity_of: Callable[[str], str]
    time: int | None
    count: int | None
    tags: int | None


def compile_plan(columns: Sequence[Column], context: Context) -> Plan:
    """Return the plan for a header whose columns the catalogue has named."""
    primary = context.report_type.primary
    host = _index(columns, "ip", primary)
    tops = {role: index for role in TOPS if (index := _index(columns, role, primary)) is not None}
    return Plan(
        context=context,
        columns=tuple(columns),
        sections=compile_sections(columns, context),
        traffic=compile_traffic(columns, context) if context.options.network_traffic else None,
        notes=note_columns(columns),
        survey=SurveyColumns(_index(columns, "severity"), host, tops),
        labels=LabelMaker(("shadowserver", context.report_type.name, *context.options.labels)),
        severity_of=_severity_reader(context.report_type.severity),
        time=_index(columns, "time"),
        count=_index(columns, "count"),
        tags=_index(columns, "tags"),
    )


def _index(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the first column of a role, of the party if there is one, else of the row."""
    for index, column in enumerate(columns):
        wanted = {role, "network"} if role == "ip" else {role}
        if column.role in wanted and (not column.party or not party or column.party == party):
            return index
    return None


def _severity_reader(default: str) -> Callable[[str], str]:
    known: dict[str, str] = {}

    def severity_of(cell: str) -> str:
        found = known.get(cell)
        if found is None:
            try:
                found = parse_severity(cell.strip())
            except ValueError:
                found = default
            if len(known) < 100:
                known[cell] = found
        return found

    return severity_of
