"""A copy of a parsed table on disk, because parsing the CSV again takes far longer."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.table import BETWEEN
from shadowserver_connector.temporary import as_block, read_blocks

_BLOCK_BYTES: Final = 128 * 1024
_ENTRY_BYTES: Final = 150
"""Estimated memory of a row or an anomaly, in addition to its characters."""

# An anomaly: the number of rows before it in its block, and the arguments of `Anomalies.add`.
_Anomaly = tuple[int, str, int, str, str, int]


class TableCopy(NamedTuple):
    """Where the copy of a table is, and what is known about it without reading its rows."""

    path: Path
    header: tuple[str, ...]
    header_anomalies: tuple[_Anomaly, ...]
    """The anomalies of the file and its header."""
    empty_rows: int


class TableCopier(Anomalies):
    """Copies a table. It takes the place of the table's ``anomalies``; `open_copier` opens one.

    A full disk only ends the copy, because nobody depends on it.
    """

    def __init__(self, file: str, target: BinaryIO | None) -> None:
        super().__init__(file)
        self._target = target
        self._of_header: list[_Anomaly] = []
        self._texts: list[str] = []
        self._of_rows: list[_Anomaly] = []
        self._size = 0

    def add(
        self, kind: str, row: int, column: str = "", detail: str = "", *, times: int = 1
    ) -> bool:
        """Do as `Anomalies.add`, and keep the anomaly at its place among the rows."""
        anomaly = (len(self._texts), kind, row, column, detail, times)
        if row:
            self._of_rows.append(anomaly)
            self._grow(len(detail))
        else:
            self._of_header.append(anomaly)
        return super().add(kind, row, column, detail, times=times)

    def add_row(self, row: list[str]) -> None:
        """Add the next row of the table."""
        text = BETWEEN.join(row)
        self._texts.append(text)
        self._grow(len(text))

    def finish(self, header: tuple[str, ...], empty_rows: int) -> TableCopy | None:
        """Return the copy when all rows were added; ``None`` if the disk had no room for it."""
        self._write()
        if self._target is None:
            return None
        return TableCopy(Path(self._target.name), header, tuple(self._of_header), empty_rows)

    def _grow(self, characters: int) -> None:
        self._size += characters + _ENTRY_BYTES
        if self._size > _BLOCK_BYTES:
            self._write()

    def _write(self) -> None:
        # marshal is read faster than pickle. Its format may change with Python, but the same one
        # reads it.
        packed = marshal.dumps((self._texts, self._of_rows))
        self._texts, self._of_rows = [], []
        self._size = 0
        target = self._target
        if target is None:
            return
        block = as_block(packed)
        written = 0
        with suppress(OSError):
            written = target.write(block)
        if written < len(block):
            # The incomplete copy would take up space that other files need.
            target.truncate(0)
            self._target = None


@contextmanager
def open_copier(file: str, path: Path | None) -> Iterator[TableCopier]:
    """Open a copier for the table of a report, ``file``; the copy at ``path`` stays afterwards.

    Without a path nothing is copied.
    """
    with ExitStack() as stack:
        target = None
        if path is not None:
            with suppress(OSError):
                # Unbuffered, as blocks are large: a full disk shows when one is written.
                target = stack.enter_context(path.open("xb", buffering=0))
        yield TableCopier(file, target)


class TableCopyReader:
    """A table read from its copy, as `Table` is from its file; `open_copy` opens one."""

    def __init__(self, file: BinaryIO, copy: TableCopy, anomalies: Anomalies) -> None:
        self._file = file
        self._anomalies = anomalies
        self.header = copy.header
        self.empty_rows = copy.empty_rows
        self._row: list[str] = []
        self._text = ""
        for anomaly in copy.header_anomalies:
            self._add(anomaly)

    def rows(self, cells: int) -> Iterator[tuple[int, list[str]]]:
        """Yield all rows with their numbers, once; an anomaly is added when it is its turn.

        Of each row only the first ``cells`` cells are split; the last item holds the others.
        """
        number = 0
        for block in read_blocks(self._file):
            # Written by this program, where nobody else may write.
            content: tuple[list[str], list[_Anomaly]] = marshal.loads(block)  # noqa: S302
            texts, anomalies = content
            added = 0
            for at, text in enumerate(texts):
                while added < len(anomalies) and anomalies[added][0] <= at:
                    self._add(anomalies[added])
                    added += 1
                number += 1
                self._text = text
                self._row = text.split(BETWEEN, cells)
                yield number, self._row
            for anomaly in anomalies[added:]:
                self._add(anomaly)

    def text_of(self, row: list[str]) -> str:
        """Do as `Table.text_of`; the text of the row that was read last is there already."""
        return self._text if row is self._row else BETWEEN.join(row)

    def _add(self, anomaly: _Anomaly) -> None:
        _, kind, row, column, detail, times = anomaly
        self._anomalies.add(kind, row, column, detail, times=times)


@contextmanager
def open_copy(copy: TableCopy, anomalies: Anomalies) -> Iterator[TableCopyReader]:
    """Open the copy of a table; ``anomalies`` get what the table's own got, in the same order.

    Raises ``OSError`` where it cannot be read.
    """
    with copy.path.open("rb") as file:
        yield TableCopyReader(file, copy, anomalies)
