"""Notes: a finding, or a host's findings, as a markdown table, written as JSON.

Cells recur, so they are kept as they stand in the JSON: nothing is encoded once more per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping import markdown

HOST_ROWS: Final = 200
"""Findings in one Note of a host; a host with more gets further Notes."""

_SHORT: Final = 200
_REMEMBERED: Final = 2_048

Row = list[str]


class NoteColumn:
    """A column as Notes show it; few of its cells differ in most files, so they are kept."""

    __slots__ = ("_render", "_shown", "at", "heading", "lines")

    def __init__(self, at: int, heading: str, render: Callable[[str], str]) -> None:
        self.at = at
        self.heading = heading
        self.lines: dict[str, str] = {}
        """Cells, and their lines in a table of fields and values, in JSON."""
        self._shown: dict[str, str] = {}
        self._render = render

    def line(self, cell: str) -> str:
        """Return a line that is not among ``lines``, and keep it there."""
        return _kept(self.lines, cell, _in_json(f"| {self.heading} | {self._render(cell)}"))

    def shown(self, cell: str) -> str:
        """Return a cell as a table of findings shows it."""
        shown = self._shown.get(cell)
        return _kept(self._shown, cell, self._render(cell)) if shown is None else shown


def _kept(known: dict[str, str], cell: str, text: str) -> str:
    """Keep what a cell looks like, unless it is long, and return it."""
    if len(cell) <= _SHORT:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[cell] = text
    return text


def note_columns(columns: Sequence[Column]) -> tuple[NoteColumn, ...]:
    """Return the columns of a header in the order in which a Note shows them."""
    ordered = sorted(enumerate(columns), key=lambda item: (item[1].order, item[0]))
    return tuple(
        NoteColumn(
            at,
            markdown.cell(column.title or column.name),
            _mask if column.role == "secret" else markdown.cell,
        )
        for at, column in ordered
    )


def _mask(value: str) -> str:
    return markdown.MASK if value else ""


def _in_json(text: str) -> str:
    """Return a text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text).decode()[1:-1]


_FACTS_HEAD: Final = _in_json("| Field | Value |\n| --- | --- |\n")
_LINE_END: Final = _in_json(" |\n")


def finding_notes(columns: Sequence[NoteColumn], rows: Sequence[Row]) -> list[str]:
    """Return a Note of each row."""
    return [finding_note(columns, row) for row in rows]


def finding_note(columns: Sequence[NoteColumn], row: Row) -> str:
    """Return the non-empty cells of a row as a table of fields and values, in JSON."""
    lines = []
    for column in columns:
        cell = row[column.at]
        if cell:
            line = column.lines.get(cell)
            lines.append(column.line(cell) if line is None else line)
    return f'"{_FACTS_HEAD}{_LINE_END.join(lines)} |"' if lines else '"(no cells)"'


def host_note(columns: Sequence[NoteColumn], rows: Sequence[Row]) -> str:
    """Return a host's findings: what they share as fields and values, the rest as rows; in JSON."""
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
        *([column.shown(row[column.at]) for column in varying] for row in rows),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return facts[:-1] + _in_json(f"\n\n**{len(rows)} findings**\n\n{table}") + '"'
