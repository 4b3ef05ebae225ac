"""Notes: a finding, or a host's findings, as a markdown table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping import markdown

MASK: Final = "••••••••"
"""Stands for a secret of the victim, whatever its length."""

HOST_ROWS: Final = 200
"""Findings in one Note of a host; a host with more gets further Notes."""

_FACTS_HEAD: Final = "| Field | Value |\n| --- | --- |\n"
_LINE_END: Final = " |\n"

_SHORT: Final = 200
_REMEMBERED: Final = 2_048

Row = list[str]


class NoteColumn(NamedTuple):
    """A column as Notes show it."""

    at: int
    heading: str
    prefix: str
    """Start of the column's line in a table of fields and values."""
    shown: dict[str, str]
    """Cells that were rendered already; few differ in most columns."""
    render: Callable[[str], str]


def note_columns(columns: Sequence[Column]) -> tuple[NoteColumn, ...]:
    """Return the columns of a header in the order in which a Note shows them."""
    ordered = sorted(enumerate(columns), key=lambda item: (item[1].order, item[0]))
    return tuple(_note_column(at, column) for at, column in ordered)


def _note_column(at: int, column: Column) -> NoteColumn:
    heading = markdown.cell(column.title or column.name)
    render = _mask if column.role == "secret" else markdown.cell
    return NoteColumn(at, heading, f"| {heading} | ", {"": ""}, render)


def _mask(value: str) -> str:
    return MASK if value else ""


def _shown(column: NoteColumn, value: str) -> str:
    shown = column.render(value)
    if len(value) <= _SHORT:
        if len(column.shown) >= _REMEMBERED:
            column.shown.clear()
        column.shown[value] = shown
    return shown


def finding_note(columns: Sequence[NoteColumn], row: Row) -> str:
    """Return the non-empty cells of a row as a table of fields and values."""
    lines = []
    for column in columns:
        at, _, prefix, known, _ = column
        value = row[at]
        if value:
            shown = known.get(value)
            if shown is None:
                shown = _shown(column, value)
            if shown:
                lines.append(prefix + shown)
    return f"{_FACTS_HEAD}{_LINE_END.join(lines)} |" if lines else "(no cells)"


def host_note(columns: Sequence[NoteColumn], rows: Sequence[Row]) -> str:
    """Return a host's findings: what they share as fields and values, the rest as rows."""
    first = rows[0]
    shared: list[NoteColumn] = []
    varying: list[NoteColumn] = []
    for column in columns:
        at = column.at
        same = all(row[at] == first[at] for row in rows)
        (shared if same else varying).append(column)
    facts = finding_note(shared, first)
    if not varying:
        return facts
    lines = [
        [column.heading for column in varying],
        ["---"] * len(varying),
        *([_shown(column, row[column.at]) for column in varying] for row in rows),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{facts}\n\n**{len(rows)} findings**\n\n{table}"
