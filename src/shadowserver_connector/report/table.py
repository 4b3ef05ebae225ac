"""Reads a report file row by row, in constant memory; repairs anomalies and reports them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.layout import (
    LONGEST_LINE,
    SURPLUS,
    Layout,
    Quoting,
    column_names,
    declared_delimiter,
    delimiter_of,
    detect_layout,
    read_header,
)
from shadowserver_connector.report.records import RecordReader

BETWEEN: Final = "\0"
"""Separates the cells of a row that is kept as one text: no cell has one."""

EMPTY_ROW = "row without any content, left out"

_BLANK = "\0 \t\r\n"
_BUFFER = 1 << 18
# What ``surrogateescape`` makes of the bytes that are not UTF-8.
_ESCAPED_BYTE = re.compile(r"[\udc80-\udcff]")


@contextmanager
def open_table(path: Path, anomalies: Anomalies) -> Iterator[Table]:
    """Open a CSV report on disk for as many passes over its rows as needed.

    Raises ``NotReadyError`` for a file without content, ``ReportUnreadableError`` for one that
    is no table, both naming ``anomalies.file``, and ``OSError`` where it cannot be read.
    """
    with path.open("rb", buffering=_BUFFER) as file:
        table = Table(file, detect_layout(file, anomalies.file), anomalies)
        try:
            yield table
        finally:
            table.close()


class Table:
    """The rows of a report.

    ``header`` holds the names of the columns, each once. Its last name is always ``_surplus``:
    a virtual column, empty but for rows that are longer than the file's header; then it holds
    their surplus cells as one line of CSV, so that no cell is lost.
    """

    header: tuple[str, ...]
    empty_rows: int
    """Rows without any content that this pass has met so far."""

    def __init__(self, file: BinaryIO, layout: Layout, anomalies: Anomalies) -> None:
        self._file = file
        self._layout = layout
        self._anomalies = anomalies
        self._rows: Generator[tuple[int, list[str]], None, None] | None = None
        # How far earlier passes have reported, so that later ones do not repeat it: the last row,
        # the number of anomalies between rows, the number of empty rows.
        self._reported = 0
        self._reported_between = 0
        self._reported_empty = 0
        self.empty_rows = 0
        with self._text() as text:
            # Truncated lines are reported by the passes, which read these lines again.
            first, separator = _header_line(_capped(text, lambda: None))
        # A delimiter that the file names is ignored if the header does not contain it.
        named = bool(separator) and separator in first
        self._delimiter = separator if named else delimiter_of(first)
        if separator:
            anomalies.add("a spreadsheet's line before the header, sep=, left out", 0)
        self._name_unusual_form()
        self._cells = read_header(first, self._delimiter, anomalies.file)
        if "\0" in first:
            anomalies.add("NUL characters in the header, removed", 0)
        self.header = (*column_names(self._cells, anomalies), SURPLUS)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Return an iterator over the data rows with their numbers, from the first row on.

        Numbers count the data rows, from 1; blank lines, rows without any content and repeated
        headers are not counted. A row has exactly as many cells as ``header``; what is missing is
        empty. Cells hold neither NUL nor lone surrogates. It can be called again for another pass,
        which ends the previous iterator; an anomaly is counted once, however often its row is read.
        """
        self.close()
        self._rows = self._read()
        return self._rows

    def text_of(self, row: list[str]) -> str:
        """Return a row as one text, its cells separated by ``BETWEEN``."""
        return BETWEEN.join(row)

    def close(self) -> None:
        """Close the iterator that `rows` returned last."""
        if self._rows is not None:
            self._rows.close()
            self._rows = None

    def _read(self) -> Generator[tuple[int, list[str]], None, None]:
        cells = self._cells
        width = len(cells)
        clean = self._layout.clean
        escaped = self._layout.quoting is not Quoting.STANDARD
        doubled = self._layout.quoting is Quoting.DOUBLED_ESCAPED
        number = between = 0
        self.empty_rows = 0

        def add_between_rows(kind: str) -> None:
            # Counted on its own: unlike a row, it has no number that shows whether an earlier pass
            # reported it.
            nonlocal between
            between += 1
            if between > self._reported_between:
                self._reported_between = between
                self._anomalies.add(kind, number + 1)

        def cut() -> None:
            add_between_rows("line longer than 2 Mi characters, cut")

        with self._text() as text:
            lines = _capped(text, cut) if self._layout.long_lines else text
            _header_line(lines)
            reader = RecordReader(lines, self._delimiter, escaped, width)
            try:
                for row in reader:
                    if len(row) < 2 and not "".join(row).strip("\0 \t"):
                        if "\0" in "".join(row):
                            add_between_rows("NUL characters between the rows, left out")
                        continue
                    # Nearly every row begins with its time, so one cell is enough to tell.
                    if not row[0].strip(_BLANK) and not "".join(row).strip(_BLANK):
                        self.empty_rows += 1
                        self._empty(number + self.empty_rows)
                        continue
                    # As in files that somebody joined.
                    if row == cells:
                        add_between_rows("header repeated between the rows, left out")
                        continue
                    number += 1
                    if reader.repair:
                        self._add_anomaly(reader.repair, number)
                    if not clean:
                        self._clean(number, row)
                    # The reader took each escaped half of a doubled quote for a quote.
                    if doubled:
                        row = [cell.replace('""', '"') for cell in row]
                    if len(row) == width:
                        row.append("")
                    else:
                        self._fit(number, row)
                    yield number, row
            finally:
                self._reported = max(self._reported, number)

    def _name_unusual_form(self) -> None:
        if self._layout.encoding != "utf-8":
            shown = self._layout.encoding.upper()
            self._anomalies.add(f"written in {shown}, not in UTF-8", 0)
        if self._delimiter != ",":
            shown = {";": "semicolons", "\t": "tabs", "|": "bars"}.get(
                self._delimiter, f"`{self._delimiter}`"
            )
            self._anomalies.add(f"columns separated by {shown}, not by commas", 0)

    def _clean(self, number: int, row: list[str]) -> None:
        """Remove NULs, and read bytes that are not UTF-8 as Windows-1252."""
        joined = "".join(row)
        if joined.isascii() and "\0" not in joined:
            return
        wide = self._layout.encoding != "utf-8"
        for index, cell in enumerate(row):
            if "\0" in cell:
                self._add_anomaly("NUL characters, removed", number, self._name(index))
                cell = cell.replace("\0", "")
            if wide and "\ufffd" in cell:
                self._add_anomaly(
                    "not valid in the encoding of the file, shown as \ufffd",
                    number,
                    self._name(index),
                )
            if not cell.isascii() and _ESCAPED_BYTE.search(cell):
                self._add_anomaly("not UTF-8, read as Windows-1252", number, self._name(index))
                cell = _ESCAPED_BYTE.sub(_windows_1252, cell)
            row[index] = cell

    def _fit(self, number: int, row: list[str]) -> None:
        width = len(self._cells)
        surplus = row[width:]
        if len(row) < width:
            self._add_anomaly("row shorter than the header, padded", number)
            row.extend([""] * (width - len(row)))
        else:
            self._add_anomaly(f"row longer than the header, rest kept in {SURPLUS}", number)
        row[width:] = [_csv_line(surplus) if any(surplus) else ""]

    def _empty(self, place: int) -> None:
        """Report an empty row by its place among all rows, unless an earlier pass did."""
        if self.empty_rows > self._reported_empty:
            self._reported_empty = self.empty_rows
            self._anomalies.add(EMPTY_ROW, place)

    def _add_anomaly(self, kind: str, number: int, column: str = "") -> None:
        if number > self._reported:
            self._anomalies.add(kind, number, column)

    def _name(self, index: int) -> str:
        return self.header[min(index, len(self._cells))]

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        """Read the file's text from its start; the file stays open afterwards."""
        self._file.seek(self._layout.start)
        utf8 = self._layout.encoding == "utf-8"
        text = io.TextIOWrapper(
            io.BufferedReader(_WithoutBlankStretches(self._file), _BUFFER),
            encoding=self._layout.encoding,
            errors="surrogateescape" if utf8 else "replace",
            # The csv module recognises line ends itself, and keeps those within cells.
            newline="",
        )
        try:
            yield text
        finally:
            # Otherwise the wrapper would close the file when it is collected.
            text.detach()


class _WithoutBlankStretches(io.RawIOBase):
    """A file in which a long stretch of empty lines is shortened to a few reads of 256 KiB.

    Reading hundreds of megabytes of empty lines one by one took minutes. No row is lost, and no
    cell is changed: none contains that many consecutive line ends.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._is_blank = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while piece := self._file.read(len(buffer)):
            was_blank, self._is_blank = self._is_blank, not piece.strip(b"\r\n")
            if not (was_blank and self._is_blank):
                buffer[: len(piece)] = piece
                return len(piece)
        return 0


def _header_line(lines: Iterable[str]) -> tuple[str, str]:
    """Read lines up to the header; return it, and the delimiter named on a line before it.

    The header is the first line that is neither blank nor a spreadsheet's ``sep=;``.
    """
    separator = ""
    for line in lines:
        if not line.strip("\0 \t\r\n"):
            continue
        named = "" if separator else declared_delimiter(line)
        if not named:
            return line, separator
        separator = named
    return "", separator


def _capped(text: io.TextIOWrapper, cut: Callable[[], None]) -> Iterator[str]:
    """Yield lines of bounded length; a line truncated inside quotes gets its closing quote."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            cut()
            while (rest := text.readline(LONGEST_LINE)) and rest[-1] not in "\r\n":
                pass
            line += '"\n' if line.count('"') % 2 else "\n"
        yield line


def _windows_1252(match: re.Match[str]) -> str:
    byte = bytes([ord(match.group()) - 0xDC00])
    # Five bytes have no meaning in Windows-1252.
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
