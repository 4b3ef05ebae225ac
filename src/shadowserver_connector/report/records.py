"""From lines to records, even if quotes are wrong."""

from __future__ import annotations

import csv
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator

RECORD_LINES = 10_000
"""Lines that one quoted cell may span before its quote counts as never closed."""

RECORD_CHARACTERS = 4 << 20
"""The same, in characters."""

REPAIRED_LINES = 200
"""Lines that a cell may span in a record whose quotes are wrong."""

REPAIRED_CHARACTERS = 1 << 20
"""The same, in characters: a record with wrong quotes is assembled again and again."""

REPAIR_ATTEMPTS = 8
"""Ends of such a record that are tried."""

FAILED_REPAIRS = 1_000
"""Records that could not be assembled before the attempt is given up: a file of nothing but bad
quotes must not take hours.
"""

_STRAY_QUOTE = "stray quote, kept in its cell"

# The limit of the csv module is one for the whole process, and too small for a certificate
# chain or a request body. Lines are bounded by LONGEST_LINE, records by RECORD_LINES.
csv.field_size_limit(1 << 30)


class RecordReader:
    """Iterates over the records of a table, each as a list of cells.

    A record that violates the CSV grammar is read again, more tolerantly. Its lines are kept until
    it is complete, so a quote that is never closed costs one record, not the rest of the file.
    After each record ``repair`` names what was done to it, or is empty.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, escaped: bool, width: int) -> None:
        self.repair = ""
        self._source = iter(lines)
        self._delimiter = delimiter
        self._escape = "\\" if escaped else None
        self._width = width
        self._pending: list[str] = []
        self._back: deque[str] = deque()
        self._ran_dry = False
        self._failed_repairs = 0

    def __iter__(self) -> Iterator[list[str]]:
        pending = self._pending
        reader = self._reader()
        while True:
            pending.clear()
            try:
                for row in reader:
                    # If the first line is a whole record, a stray quote joined the others to it.
                    if len(pending) > 1 and len(row) > self._width and self._is_whole(pending[0]):
                        break
                    yield row
                    pending.clear()
                else:
                    return
            except csv.Error:
                pass
            row, self.repair = self._repair()
            yield row
            self.repair = ""
            reader = self._reader()

    def _reader(self) -> Iterator[list[str]]:
        # Unless it is strict, csv accepts text after a closing quote, and a cell that never ends.
        return csv.reader(
            self._feed(), delimiter=self._delimiter, escapechar=self._escape, strict=True
        )

    def _feed(self) -> Iterator[str]:
        """Yield line after line, and stop early if a record grows too large."""
        pending = self._pending
        size = 0
        self._ran_dry = False
        while self._back:
            line = self._back.popleft()
            pending.append(line)
            yield line
        for line in self._source:
            if not pending:
                size = 0
            elif len(pending) >= RECORD_LINES or size > RECORD_CHARACTERS:
                # For a strict reader, the end of its lines within a cell is an error.
                self._back.append(line)
                break
            size += len(line)
            pending.append(line)
            yield line
        self._ran_dry = True

    def _is_whole(self, line: str) -> bool:
        return len(split_loosely(line, self._delimiter, self._escape)[0]) == self._width

    def _repair(self) -> tuple[list[str], str]:
        """Return the record at the pending lines, and give back the lines it does not need."""
        first = self._pending[0]
        self._give_back(self._pending[1:])
        cells, is_open = split_loosely(first, self._delimiter, self._escape)
        if not is_open:
            return cells, _STRAY_QUOTE
        if self._failed_repairs < FAILED_REPAIRS:
            if spanning := self._read_on(first):
                return spanning, _STRAY_QUOTE
            self._failed_repairs += 1
        return cells, "quote never closed, row read by itself"

    def _read_on(self, first: str) -> list[str] | None:
        """Read on from ``first`` to a possible end of its open cell; None if that makes no record.

        A line that is a record by itself is not part of a cell.
        """
        lines = [first]
        attempts = 0
        size = len(first)
        for line in itertools.islice(self._feed(), REPAIRED_LINES):
            lines.append(line)
            size += len(line)
            if size > REPAIRED_CHARACTERS:
                break
            # Counting first, as splitting takes far longer.
            if line.count(self._delimiter) >= self._width - 1 and self._is_whole(line):
                break
            # Nowhere in such a line can the cell end.
            if not line.rstrip("\r\n").endswith('"') and f'"{self._delimiter}' not in line:
                continue
            attempts += 1
            cells, is_open = split_loosely("".join(lines), self._delimiter, self._escape)
            if not is_open and len(cells) == self._width:
                return cells
            if not is_open or attempts == REPAIR_ATTEMPTS:
                break
        else:
            # A file that was cut ends within a cell.
            cells, _ = split_loosely("".join(lines), self._delimiter, self._escape)
            if self._ran_dry and len(cells) == self._width:
                return cells
        self._give_back(lines[1:])
        return None

    def _give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self._pending.clear()


def split_loosely(line: str, delimiter: str, escape: str | None) -> tuple[list[str], bool]:
    """Split a line into cells, taking a quote as closing only at the end of a cell.

    Return the cells, and whether one was opened and not closed: then the quote is part of the
    cell. Works in linear time.
    """
    line = line.rstrip("\r\n")
    end = re.compile(f'"(?={re.escape(delimiter)}|\\Z)')
    cells: list[str] = []
    position = 0
    is_open = False
    while position <= len(line):
        stop = -1
        if not is_open and line.startswith('"', position):
            stop = _closing(line, position + 1, end, escape)
            is_open = stop < 0
        if stop >= 0:
            cells.append(_unquoted(line[position + 1 : stop], escape))
            position = stop + 2
            continue
        stop = line.find(delimiter, position)
        stop = len(line) if stop < 0 else stop
        cells.append(line[position:stop])
        position = stop + 1
    return cells, is_open


def _closing(line: str, position: int, end: re.Pattern[str], escape: str | None) -> int:
    for match in end.finditer(line, position):
        start = match.start()
        while escape and start > position and line[start - 1] == escape:
            start -= 1
        # Two backslashes are an escaped one, and do not escape the quote.
        if (match.start() - start) % 2 == 0:
            return match.start()
    return -1


def _unquoted(cell: str, escape: str | None) -> str:
    if escape:
        return re.sub(r"\\(.)", r"\1", cell, flags=re.DOTALL)
    return cell.replace('""', '"')
