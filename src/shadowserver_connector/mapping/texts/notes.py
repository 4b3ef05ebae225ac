"""Notes: a finding, or a host's findings, as a markdown table, written as JSON.

Cells recur, so they are kept as they stand in the JSON: nothing is encoded once more per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from shadowserver_connector.catalogue.catalogue import Column
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.record import day_of
from shadowserver_connector.mapping.cells.cache import WIDEST, CacheBudget
from shadowserver_connector.mapping.texts import markdown

HOST_ROWS: Final = 200
"""Findings in one Note of a host; a host with more gets further Notes."""

NOTE_BYTES: Final = 1024 * 1024
"""Of a Note's text in JSON: a row of thousands of columns must not make a message of it."""

_SHORT: Final = 200
_REMEMBERED: Final = 2_048

Row = list[str]

CountedRow = tuple[int, Row, int]
"""Number of the row in the file, from 1, its cells, and how many rows are equal to it."""

NoteText = tuple[str, str]
"""Id of a Note, and its text as JSON."""

NoteWriter = Callable[[Sequence[CountedRow]], Sequence[NoteText]]
"""Returns the Notes of some rows of one host: one of each, one of all, or none."""

Lead = Callable[[Sequence[int]], list[str]]
"""Returns what is said first in a Note of rows with these numbers: lines of a table, in JSON."""


class NoteColumn:
    """A column as Notes show it; few of its cells differ in most files, so they are kept."""

    __slots__ = ("_cached_lines", "_cached_shown", "_render", "_shown", "at", "heading", "lines")

    def __init__(
        self, at: int, heading: str, render: Callable[[str], str], cache_budget: CacheBudget
    ) -> None:
        self.at = at
        self.heading = heading
        self._cached_lines = cache_budget.new_cache(_REMEMBERED)
        self.lines: dict[str, str] = self._cached_lines.known
        """Cells, and their lines in a table of fields and values, in JSON."""
        self._cached_shown = cache_budget.new_cache(_REMEMBERED)
        self._shown: dict[str, str] = self._cached_shown.known
        self._render = render

    def line(self, cell: str) -> str:
        """Return a line that is not among ``lines``, and keep it there."""
        line = _in_json(f"| {self.heading} | {self._render(cell)}")
        if len(cell) <= _SHORT:
            self._cached_lines.keep(cell, line, WIDEST * (len(cell) + len(line)))
        return line

    def shown(self, cell: str) -> str:
        """Return a cell as a table of findings shows it."""
        shown = self._shown.get(cell)
        if shown is None:
            shown = self._render(cell)
            if len(cell) <= _SHORT:
                self._cached_shown.keep(cell, shown, WIDEST * (len(cell) + len(shown)))
        return shown


def note_columns(columns: Sequence[Column], cache_budget: CacheBudget) -> tuple[NoteColumn, ...]:
    """Return the columns of a header in the order in which a Note shows them."""
    ordered = sorted(enumerate(columns), key=lambda item: (item[1].order, item[0]))
    return tuple(
        NoteColumn(
            at,
            markdown.cell(column.title or column.name),
            _mask if column.role == "secret" else markdown.cell,
            cache_budget,
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
_NEW_LINE: Final = _in_json("\n")


def no_lead(numbers: Sequence[int]) -> list[str]:
    """Say nothing before the cells."""
    return []


def history_lead(comparison: Comparison) -> Lead:
    """Return what says since when findings are reported."""

    def lead(numbers: Sequence[int]) -> list[str]:
        days = sorted({comparison.first[number - 1] for number in numbers})
        since = sorted({comparison.since[number - 1] for number in numbers})
        lines = [_in_json(f"| First reported | {_days(days)}")]
        if since != days:
            lines.append(_in_json(f"| Unchanged since | {_days(since)}"))
        return lines

    return lead


def _days(numbers: Sequence[int]) -> str:
    first, last = day_of(numbers[0]), day_of(numbers[-1])
    return f"{first}" if first == last else f"{first} to {last}"


def finding_note(
    columns: Sequence[NoteColumn], row: Row, most: int = NOTE_BYTES, lead: Sequence[str] = ()
) -> str:
    """Return the non-empty cells of a row as a table of fields and values, in JSON.

    ``lead`` are lines that come first. A last line says how many cells there was no room for in
    ``most`` bytes, about.
    """
    lines = list(lead)
    for column in columns:
        cell = row[column.at]
        if cell:
            line = column.lines.get(cell)
            lines.append(column.line(cell) if line is None else line)
    note = f'"{_FACTS_HEAD}{_LINE_END.join(lines)} |"' if lines else '"(no cells)"'
    if len(note) * WIDEST <= most:
        return note
    kept = _within(lines, most)
    if len(kept) == len(lines):
        return note
    kept.append(f"| … | {len(lines) - len(kept):,} more cells: see the original file")
    return f'"{_FACTS_HEAD}{_LINE_END.join(kept)} |"'


def _within(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines that fit into so many bytes, with what ends a line."""
    kept = []
    for line in lines:
        most -= len(line.encode()) + len(_LINE_END)
        if most < 0:
            break
        kept.append(line)
    return kept


def host_note(
    columns: Sequence[NoteColumn],
    rows: Sequence[Row],
    most: int = NOTE_BYTES,
    lead: Sequence[str] = (),
) -> str:
    """Return a host's findings: what they share as fields and values, the rest as rows; in JSON.

    ``lead`` are lines that come first. A last line says how many findings there was no room for in
    ``most`` bytes, about.
    """
    first = rows[0]
    shared: list[NoteColumn] = []
    varying: list[NoteColumn] = []
    for column in columns:
        at = column.at
        same = all(row[at] == first[at] for row in rows)
        (shared if same else varying).append(column)
    facts = finding_note(shared, first, most // 2, lead)
    if not varying:
        return facts
    cells = [
        [column.heading for column in varying],
        ["---"] * len(varying),
        *([column.shown(row[column.at]) for column in varying] for row in rows),
    ]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    table = _in_json("\n".join(lines))
    if len(table) * WIDEST > most // 2:
        kept = _within([_in_json(line) for line in lines], most // 2)
        if left_out := len(lines) - len(kept):
            number = min(left_out, len(rows))
            # Without a row below them, headings are no table.
            kept = [*kept, ""] if len(kept) > 2 else []
            kept.append(f"{number:,} more findings: see the original file")
            table = _NEW_LINE.join(kept)
    return facts[:-1] + _in_json(f"\n\n**{len(rows)} findings**\n\n") + table + '"'
