"""Notes: their tables (a finding as fields and values, several as rows, written as JSON), and which
rows share a Note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.record import day_of
from shadowserver_connector.mapping.cells.cache import WIDEST
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.mapping.planning.subjects import OWN_KEY_PREFIX
from shadowserver_connector.mapping.texts.markdown import cell
from shadowserver_connector.mapping.texts.note_columns import NoteColumn, in_json
from shadowserver_connector.stix import ids

HOST_ROWS: Final = 200
"""Findings in one Note of a host; a host with more gets further Notes."""

NOTE_BYTES: Final = 1024 * 1024
"""Bytes of a Note's text in JSON: a row of thousands of columns must not become a message of its
own size.
"""

MAX_COLUMNS: Final = 6
"""Columns of a table of findings; all other cells that differ share one more column."""

_FURTHER: Final = 1_000
"""Characters in that further column, for one finding."""

Row = list[str]

CountedRow = tuple[int, Row, int]
"""Number of the row in the file, from 1, its cells, and how many rows are equal to it."""


# A plain class, as all that rows create: mypyc makes these fastest.
class NoteText:
    """A Note of some rows that stand together."""

    __slots__ = ("abstract", "id", "rows", "severity", "text")

    id: str
    abstract: str
    """What it is about, as a line of markdown."""
    text: str
    """As JSON."""
    rows: int
    """Number of rows that it covers: those that follow the rows of the previous Note."""
    severity: str
    """The highest severity of these rows."""

    def __init__(self, id: str, abstract: str, text: str, rows: int, severity: str) -> None:
        self.id = id
        self.abstract = abstract
        self.text = text
        self.rows = rows
        self.severity = severity


NoteWriter = Callable[[Sequence[CountedRow]], Sequence[NoteText]]
"""Returns the Notes of some rows of one host or of several, in their order; or none."""


class Frame:
    """The texts around the cells in a Note; all of it in JSON."""

    __slots__ = ("days", "head", "intro", "tail")

    def __init__(
        self,
        intro: str = "",
        head: Sequence[str] = (),
        tail: Sequence[str] = (),
        days: Sequence[str] = (),
    ) -> None:
        self.intro = intro
        """A text before the table."""
        self.head = head
        """Lines of the table that come first."""
        self.tail = tail
        """Lines of the table that come last."""
        self.days = days
        """By row: the day on which its finding was first reported; or none."""


_NO_FRAME: Final = Frame()

_FACTS_HEAD: Final = in_json("| Field | Value |\n| --- | --- |\n")
_LINE_END: Final = in_json(" |\n")
_NEW_LINE: Final = in_json("\n")
_NEW_BLOCK: Final = in_json("\n\n")


def finding_note(
    columns: Sequence[NoteColumn], row: Row, most: int = NOTE_BYTES, frame: Frame = _NO_FRAME
) -> str:
    """Return the meaningful cells of a row as a table of fields and values, in JSON.

    If not all fit into about ``most`` bytes, a last line says how many cells are missing.
    """
    return f'"{_facts(columns, row, most, frame)}"'


def _facts(columns: Sequence[NoteColumn], row: Row, most: int, frame: Frame) -> str:
    lines = list(frame.head)
    for column in columns:
        cell = row[column.at]
        if cell and not (column.better and column.is_said_better(row)):
            # Looked up here, as most cells are known: a call for each would cost more than that.
            line = column.lines.get(cell)
            if line is None:
                line = column.line(cell)
            if line:
                lines.append(line)
    intro = f"{frame.intro}{_NEW_BLOCK}" if frame.intro else ""
    if not lines and not frame.tail:
        return f"{intro}(no cells)"
    text = f"{intro}{_FACTS_HEAD}{_LINE_END.join([*lines, *frame.tail])} |"
    # An upper limit of its bytes: nearly no text has to be encoded.
    if len(text) * WIDEST <= most:
        return text
    kept = _within(lines, most)
    if len(kept) == len(lines):
        return text
    kept.append(f"| … | {len(lines) - len(kept):,} more cells: see the original file")
    return f"{intro}{_FACTS_HEAD}{_LINE_END.join([*kept, *frame.tail])} |"


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
    frame: Frame = _NO_FRAME,
) -> str:
    """Return a host's findings: what they share as fields and values, the rest as rows; in JSON.

    If not all fit into about ``most`` bytes, a last line says how many findings are missing.
    """
    first = rows[0]
    if len(rows) == 1:
        return finding_note(columns, first, most, frame)
    shared: list[NoteColumn] = []
    varying: list[NoteColumn] = []
    for column in columns:
        at = column.at
        cell = first[at]
        (shared if all(row[at] == cell for row in rows) else varying).append(column)
    facts = _facts(shared, first, most // 2, frame)
    if not varying:
        return f'"{facts}"'
    lines = [f"| {' | '.join(line)} |" for line in _findings(varying, rows, frame.days)]
    table = in_json("\n".join(lines))
    if len(table) * WIDEST > most // 2:
        kept = _within([in_json(line) for line in lines], most // 2)
        if left_out := len(lines) - len(kept):
            # The lines that are left out may include the headings.
            number = min(left_out, len(rows))
            # In Markdown, headings without a row below them are not a table.
            kept = [*kept, ""] if len(kept) > 2 else []
            kept.append(f"{number:,} more findings: see the original file")
            table = _NEW_LINE.join(kept)
    heading = f"{_NEW_BLOCK}**{len(rows)} findings**{_NEW_BLOCK}"
    return f'"{facts}{heading}{table}"'


def _findings(
    varying: Sequence[NoteColumn], rows: Sequence[Row], days: Sequence[str]
) -> list[list[str]]:
    """Return the cells of a table with a line for each row: header, divider, rows.

    Cells that change on their own do not help to tell findings apart, so they come last.
    """
    told = [column for column in varying if not column.volatile]
    in_columns, further = told[:MAX_COLUMNS], told[MAX_COLUMNS:]
    further += [column for column in varying if column.volatile]
    headings = [column.heading for column in in_columns]
    lines = [[_cell_in_table(column, row) for column in in_columns] for row in rows]
    # A day that all rows share is among the facts above (`Since.lines`).
    if len(set(days)) > 1:
        headings.append("First reported")
        for line, day in zip(lines, days, strict=True):
            line.append(day)
    if further or not headings:
        headings.append("Further")
        for line, row in zip(lines, rows, strict=True):
            line.append(_further(further, row))
    return [headings, ["---"] * len(headings), *lines]


def _cell_in_table(column: NoteColumn, row: Row) -> str:
    """Return a cell as a table shows it; nothing if another says the same better."""
    if column.better and column.is_said_better(row):
        return ""
    return column.shown(row[column.at])


def _further(columns: Sequence[NoteColumn], row: Row) -> str:
    """Join cells into one, as many as there is room for."""
    said = []
    room = _FURTHER
    for column in columns:
        shown = _cell_in_table(column, row)
        if shown:
            room -= len(shown)
            if room < 0:
                said.append("…")
                break
            said.append(f"{column.heading}: {shown}")
    return "; ".join(said)


_DAYS_KEPT: Final = 1_000


class Since:
    """Says since when findings are reported; nothing without a history."""

    def __init__(self, comparison: Comparison | None, *, skips: bool = False) -> None:
        """``skips``: whether Notes leave out rows that recur."""
        self._comparison = comparison
        self._lines: dict[tuple[int, int, int, int], list[str]] = {}
        self.left_out = (
            [in_json("| Also reported | earlier findings that have not changed")]
            if comparison is not None and skips
            else []
        )
        """Lines that say that a host may have more findings than are shown."""

    def lines(self, numbers: Sequence[int]) -> list[str]:
        """Return lines of a table, in JSON, on rows with these numbers."""
        comparison = self._comparison
        if comparison is None:
            return []
        first, since = comparison.first_days, comparison.unchanged_since
        # Most Notes have one row.
        earliest = latest = first[numbers[0] - 1]
        oldest = newest = since[numbers[0] - 1]
        for number in numbers[1:]:
            earliest, latest = min(earliest, first[number - 1]), max(latest, first[number - 1])
            oldest, newest = min(oldest, since[number - 1]), max(newest, since[number - 1])
        days = (earliest, latest, oldest, newest)
        lines = self._lines.get(days)
        if lines is None:
            lines = [in_json(f"| First reported | {_days(*days[:2])}")]
            if days[:2] != days[2:]:
                lines.append(in_json(f"| Unchanged since | {_days(*days[2:])}"))
            if len(self._lines) < _DAYS_KEPT:
                self._lines[days] = lines
        return lines

    def days(self, numbers: Sequence[int]) -> list[str]:
        """Return the first day of each row's finding.

        An empty list without a history, or for a single row.
        """
        comparison = self._comparison
        if comparison is None or len(numbers) == 1:
            return []
        return [_day(comparison.first_days[number - 1]) for number in numbers]


def _days(first: int, last: int) -> str:
    return _day(first) if first == last else f"{_day(first)} to {_day(last)}"


@lru_cache(maxsize=_DAYS_KEPT)
def _day(number: int) -> str:
    return f"{day_of(number)}"


class NoteMaker:
    """Writes the Notes of one report's rows; its methods are called with rows in their order."""

    def __init__(
        self, plan: Plan, since: Since, feed: tuple[str, str], file: str, most: int
    ) -> None:
        """``feed`` is type and list; ``most`` the bytes of a text, about."""
        self._plan = plan
        self._since = since
        self._type, self._list = feed
        # Two Notes of equal texts would become one, so each says which report it is from.
        self._tail = [in_json(f"| Report | {cell(file)}")]
        self._most = most
        self._last = ""
        self._part = 0

    def of_subject(self, rows: Sequence[CountedRow]) -> list[NoteText]:
        number, row, _ = rows[0]
        key = self._plan.subjects.key(number, row)
        self._count(key)
        if key.startswith(OWN_KEY_PREFIX):
            found = self._plan.identify.read(row)
            # Each such row has a Note of its own, so its state must tell it from the others.
            stix_id = ids.note_of_finding(self._type, self._list, found.key + found.state, 0)
        else:
            stix_id = ids.note_of_host(self._type, self._list, key, self._part)
        return [self._write(stix_id, rows, self._part, self._since.left_out)]

    def of_findings(self, rows: Sequence[CountedRow]) -> list[NoteText]:
        """Return a Note for each finding; rows of the same one are adjacent."""
        keys = [self._plan.identify.key(row) for _, row, _ in rows]
        notes = []
        start = 0
        for end in range(1, len(rows) + 1):
            if end < len(rows) and keys[end] == keys[start]:
                continue
            key = keys[start]
            self._count(key.hex())
            stix_id = ids.note_of_finding(self._type, self._list, key, self._part)
            notes.append(self._write(stix_id, rows[start:end], self._part, []))
            start = end
        return notes

    def _count(self, key: str) -> None:
        """Number the Notes on the same subject, which follow each other."""
        self._part = self._part + 1 if key == self._last else 0
        self._last = key

    def _write(
        self, stix_id: str, rows: Sequence[CountedRow], part: int, left_out: list[str]
    ) -> NoteText:
        cells = [row for _, row, _ in rows]
        numbers = [number for number, _, _ in rows]
        title = self._plan.note_titles.write(cells, self._plan.subjects.shown(cells[0]), part)
        head = self._since.lines(numbers)
        frame = Frame(
            in_json(title.sentence), [*head, *left_out], self._tail, self._since.days(numbers)
        )
        text = host_note(self._plan.notes, cells, self._most, frame)
        return NoteText(stix_id, title.title, text, len(rows), title.severity)


def no_notes(rows: Sequence[CountedRow]) -> list[NoteText]:
    """Write no Notes."""
    return []
