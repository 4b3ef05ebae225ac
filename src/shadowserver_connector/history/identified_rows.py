"""The rows of one report, by finding: sorted in memory in parts, and on disk between them."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import Any, BinaryIO, Final

from shadowserver_connector.history.record import states_of, texts_together
from shadowserver_connector.memory_limits import COMPARED_ROWS
from shadowserver_connector.temporary import as_block, read_blocks, temporary_folder

# Rows that are read back at once: while parts are merged, one block of each is in memory.
_BLOCK: Final = 500

# Key, number of the row (from 0), state, what, name: in this order, so that they sort by key and
# row.
_Row = tuple[bytes, int, bytes, str, str]


class ReportedFinding:
    """A finding in one report: all rows of one key."""

    __slots__ = ("key", "rows", "states")

    def __init__(self, rows: list[_Row]) -> None:
        self.key = rows[0][0]
        self.rows = rows
        """In order of their numbers."""
        self.states = rows[0][2] if len(rows) == 1 else states_of({row[2] for row in rows})
        """See `record.states_of`."""

    @property
    def what(self) -> str:
        """What was found, of all rows together."""
        texts = {row[3] for row in self.rows}
        return texts.pop() if len(texts) == 1 else texts_together(texts)

    @property
    def name(self) -> str:
        """Host name of the first row that has one, or empty."""
        return next((row[4] for row in self.rows if row[4]), "")


class IdentifiedRows:
    """The rows of a report, added in their order; `open_identified_rows` makes one.

    Raises ``OSError``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Where its files are; what else is put there is removed with them."""
        self._part: list[_Row] = []
        self._files: list[Path] = []
        self.rows = 0

    def add(self, key: bytes, state: bytes, what: str = "", name: str = "") -> None:
        """Add the next row: its finding's key, its state, what it is, and its host's name."""
        self._part.append((key, self.rows, state, what, name))
        self.rows += 1
        if len(self._part) >= COMPARED_ROWS:
            self._write()

    def findings(self) -> Iterator[ReportedFinding]:
        """Yield the findings in order of their keys; can be called again."""
        self._part.sort()
        files = [path.open("rb") for path in self._files]
        try:
            parts = [_read(file) for file in files]
            rows: list[_Row] = []
            for row in merge(*parts, self._part) if parts else self._part:
                if rows and rows[0][0] != row[0]:
                    yield ReportedFinding(rows)
                    rows = []
                rows.append(row)
            if rows:
                yield ReportedFinding(rows)
        finally:
            for file in files:
                file.close()

    def _write(self) -> None:
        self._part.sort()
        path = self.folder / f"{len(self._files)}"
        with path.open("wb") as file:
            for at in range(0, len(self._part), _BLOCK):
                # Faster than pickle for tuples of texts; no other Python version reads these files.
                block = marshal.dumps(self._part[at : at + _BLOCK])
                file.write(as_block(block))
        self._files.append(path)
        self._part = []


@contextmanager
def open_identified_rows() -> Iterator[IdentifiedRows]:
    """Create an empty collection; its files are in the temporary folder, removed at the end."""
    with temporary_folder() as folder:
        yield IdentifiedRows(folder)


def _read(file: BinaryIO) -> Iterator[_Row]:
    for block in read_blocks(file):
        rows: Any = marshal.loads(block)  # noqa: S302 - ours
        yield from rows
