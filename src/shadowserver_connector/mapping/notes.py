"""Notes: a finding, or a host's findings, as a markdown table, written as JSON.

Cells recur, so they are kept as they stand in the JSON: nothing is encoded once more per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import orjson

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping import markdown

HOST_ROWS: Final = 200
"""Findings in one Note of a host; a host with more gets further Notes."""

_SHORT: Final = 200
_REMEMBERED: Final = 2_048

Row = list[str]


class Shown(dict[str, str]):
    """Cells of one column as Notes show them; few differ in most columns, so they are kept."""

    def __init__(self, render: Callable[[str], str]) -> None:
        super().__init__()
        self._render = render

    def __missing__(self, value: str) -> str:
        """Render a cell that was not met lately."""
        shown = self._render(value)
        if len(value) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = shown
        return shown


Fact = tuple[int, Shown]
"""Index of a column, and the lines of its cells in a table of fields and values, in JSON."""


class NoteColumn(NamedTuple):
    """A column as Notes show it."""

    heading: str
    fact: Fact
    shown: Shown
    """Its cells in a table of findings."""


def note_columns(columns: Sequence[Column]) -> tuple[NoteColumn, ...]:
    """Return the columns of a header in the order in which a Note shows them."""
    ordered = sorted(enumerate(columns), key=lambda item: (item[1].order, item[0]))
    return tuple(_note_column(at, column) for at, column in ordered)


def _note_column(at: int, column: Column) -> NoteColumn:
    heading = markdown.cell(column.title or column.name)
    render = _mask if column.role == "secret" else markdown.cell

    def line(value: str) -> str:
        return _in_json(f"| {heading} | {render(value)}")

    return NoteColumn(heading, (at, Shown(line)), Shown(render))


def _mask(value: str) -> str:
    return markdown.MASK if value else ""


def _in_json(text: str) -> str:
    """Return a text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]


_FACTS_HEAD: Final = _in_json("| Field | Value |\n| --- | --- |\n")
_LINE_END: Final = _in_json(" |\n")


def finding_note(facts: Sequence[Fact], row: Row) -> str:
    """Return the non-empty cells of a row as a table of fields and values, in JSON."""
    lines = [line[row[at]] for at, line in facts if row[at]]
    return f'"{_FACTS_HEAD}{_LINE_END.join(lines)} |"' if lines else '"(no cells)"'


def host_note(columns: Sequence[NoteColumn], rows: Sequence[Row]) -> str:
    """Return a host's findings: what they share as fields and values, the rest as rows; in JSON."""
    first = rows[0]
    shared: list[NoteColumn] = []
    varying: list[NoteColumn] = []
    for column in columns:
        at = column.fact[0]
        same = all(row[at] == first[at] for row in rows)
        (shared if same else varying).append(column)
    facts = finding_note([column.fact for column in shared], first)
    if not varying:
        return facts
    lines = [
        [column.heading for column in varying],
        ["---"] * len(varying),
        *([shown[row[at]] for _, (at, _), shown in varying] for row in rows),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return facts[:-1] + _in_json(f"\n\n**{len(rows)} findings**\n\n{table}") + '"'
