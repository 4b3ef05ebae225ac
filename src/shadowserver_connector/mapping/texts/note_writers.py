"""Which rows share a Note, and its title and text."""

from __future__ import annotations

from collections.abc import Sequence

from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.record import day_of
from shadowserver_connector.mapping.planning.finding_identity import FindingIdentifier
from shadowserver_connector.mapping.planning.subjects import NO_SUBJECT, Subjects
from shadowserver_connector.mapping.texts.markdown import cell
from shadowserver_connector.mapping.texts.note_columns import NoteColumn, in_json
from shadowserver_connector.mapping.texts.note_wording import NoteWording
from shadowserver_connector.mapping.texts.notes import (
    CountedRow,
    Frame,
    NoteText,
    host_note,
)
from shadowserver_connector.stix import ids


class Since:
    """Says since when findings are reported; nothing without a history."""

    def __init__(self, comparison: Comparison | None, *, skips: bool = False) -> None:
        """``skips``: whether Notes leave out rows that recur."""
        self._comparison = comparison
        self._left_out = (
            [in_json("| Also reported | earlier findings that have not changed")]
            if comparison is not None and skips
            else []
        )

    def lines(self, numbers: Sequence[int]) -> list[str]:
        """Return lines of a table, in JSON, on rows with these numbers."""
        comparison = self._comparison
        if comparison is None:
            return []
        days = sorted({comparison.first[number - 1] for number in numbers})
        since = sorted({comparison.since[number - 1] for number in numbers})
        lines = [in_json(f"| First reported | {_days(days)}")]
        if since != days:
            lines.append(in_json(f"| Unchanged since | {_days(since)}"))
        return lines

    def days(self, numbers: Sequence[int]) -> list[str]:
        """Return the first day of the finding of each row; none where nothing is known."""
        comparison = self._comparison
        if comparison is None:
            return []
        return [f"{day_of(comparison.first[number - 1])}" for number in numbers]

    def left_out(self) -> list[str]:
        """Return lines that say that a host may have more findings than are shown."""
        return self._left_out


def _days(numbers: Sequence[int]) -> str:
    first, last = day_of(numbers[0]), day_of(numbers[-1])
    return f"{first}" if first == last else f"{first} to {last}"


class NoteMaker:
    """Writes the Notes of one report's rows; its methods are called with rows in their order."""

    def __init__(
        self,
        columns: Sequence[NoteColumn],
        wording: NoteWording,
        subjects: Subjects,
        identify: FindingIdentifier,
        since: Since,
        feed: tuple[str, str],
        file: str,
        most: int,
    ) -> None:
        """``feed`` is type and list; ``most`` the bytes of a text, about."""
        self._columns = columns
        self._wording = wording
        self._subjects = subjects
        self._identify = identify
        self._since = since
        self._type, self._list = feed
        # Two Notes of equal texts would become one, so each says which report it is from.
        self._tail = [in_json(f"| Report | {cell(file)}")]
        self._most = most
        self._last = ""
        self._part = 0

    def of_subject(self, rows: Sequence[CountedRow]) -> list[NoteText]:
        """Return the one Note of rows of one subject."""
        number, row, _ = rows[0]
        key = self._subjects.key(number, row)
        self._count(key)
        if key.startswith(NO_SUBJECT):
            found = self._identify.read(row)
            stix_id = ids.note_of_finding(self._type, self._list, found.key + found.state, 0)
        else:
            stix_id = ids.note_of_host(self._type, self._list, key, self._part)
        return [self._written(stix_id, rows, self._part, self._since.left_out())]

    def of_findings(self, rows: Sequence[CountedRow]) -> list[NoteText]:
        """Return a Note for each finding; rows of the same one are adjacent."""
        keys = [self._identify.read(row).key for _, row, _ in rows]
        notes = []
        start = 0
        for end in range(1, len(rows) + 1):
            if end < len(rows) and keys[end] == keys[start]:
                continue
            key = keys[start]
            self._count(key.hex())
            stix_id = ids.note_of_finding(self._type, self._list, key, self._part)
            notes.append(self._written(stix_id, rows[start:end], self._part, []))
            start = end
        return notes

    def _count(self, key: str) -> None:
        """Number the Notes on the same subject, which follow each other."""
        self._part = self._part + 1 if key == self._last else 0
        self._last = key

    def _written(
        self, stix_id: str, rows: Sequence[CountedRow], part: int, left_out: list[str]
    ) -> NoteText:
        cells = [row for _, row, _ in rows]
        numbers = [number for number, _, _ in rows]
        said = self._wording.describe(cells, self._subjects.shown(cells[0]), part)
        head = self._since.lines(numbers)
        frame = Frame(
            in_json(said.sentence), [*head, *left_out], self._tail, self._since.days(numbers)
        )
        text = host_note(self._columns, cells, self._most, frame)
        return NoteText(stix_id, said.title, text, len(rows), said.severity)


def no_notes(rows: Sequence[CountedRow]) -> list[NoteText]:
    """Write no Notes."""
    return []
