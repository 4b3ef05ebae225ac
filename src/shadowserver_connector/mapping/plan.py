"""A plan: how the rows of one file become findings, compiled once from its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.labels import LabelMaker
from shadowserver_connector.mapping.notes import NoteColumn, note_columns
from shadowserver_connector.mapping.readers import ColumnReader
from shadowserver_connector.mapping.roles import PARSERS, TIME_ROLES
from shadowserver_connector.mapping.sections import Section, compile_sections, sectioned
from shadowserver_connector.mapping.traffic import ROLES as TRAFFIC_ROLES
from shadowserver_connector.mapping.traffic import TrafficMaker, compile_traffic

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
    time: int | None
    span: tuple[int | None, int | None]
    """Columns that tell when something began and ended."""
    count: tuple[int, ColumnReader] | None
    tags: int | None
    unused: tuple[tuple[int, ColumnReader], ...]
    """Columns that become nothing here; their bad cells are counted as those of others."""


def compile_plan(columns: Sequence[Column], context: Context) -> Plan:
    """Return the plan for a header whose columns the catalogue has named."""
    primary = context.report_type.primary
    host = _index(columns, "ip", primary)
    count = _index(columns, "count")
    traffic = compile_traffic(columns, context) if context.options.network_traffic else None
    tops = {role: index for role in TOPS if (index := _index(columns, role, primary)) is not None}
    return Plan(
        context=context,
        columns=tuple(columns),
        sections=compile_sections(columns, context),
        traffic=traffic,
        notes=note_columns(columns, context.memory),
        survey=SurveyColumns(_index(columns, "severity"), host, tops),
        labels=LabelMaker(
            ("shadowserver", context.report_type.name, *context.options.labels), context.memory
        ),
        time=_index(columns, "time"),
        span=(_index(columns, "first_seen"), _index(columns, "last_seen")),
        count=None if count is None else (count, ColumnReader(columns[count], context.memory)),
        tags=_index(columns, "tags"),
        unused=_unused(columns, context, traffic),
    )


def _unused(
    columns: Sequence[Column], context: Context, traffic: TrafficMaker | None
) -> tuple[tuple[int, ColumnReader], ...]:
    """Return the columns whose cells have a form, and that nothing else of a plan reads."""
    used = sectioned(columns, context)
    read = {*TIME_ROLES, "severity", "count", *(TRAFFIC_ROLES if traffic is not None else ())}
    return tuple(
        (at, ColumnReader(column, context.memory))
        for at, column in enumerate(columns)
        if at not in used and column.role in PARSERS and column.role not in read
    )


def _index(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the first column of a role, of the party if there is one, else of the row."""
    for index, column in enumerate(columns):
        wanted = {role, "network"} if role == "ip" else {role}
        if column.role in wanted and (not column.party or not party or column.party == party):
            return index
    return None
