"""The rows of a report grouped by host, on disk, so that memory stays flat."""

from __future__ import annotations

import errno
import operator
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import orjson

from shadowserver_connector.mapping.rows import CountedRow
from shadowserver_connector.mapping.survey import NumberedRow
from shadowserver_connector.temporary import temporary_directory

GROUP_BYTES: Final = 256 * 1024
"""Size of a group's cells from which it takes no more rows, so that its Note can be sent."""

_CACHE_KIB: Final = 16_384
# SQLite has no word of its own for a quota that is used up.
_NO_ROOM: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR_WRITE: errno.EDQUOT,
}

# Rows that are equal cell by cell are one, with the number of the first.
_SORTED: Final = (
    "SELECT host, MIN(number), cells, COUNT(*) FROM rows GROUP BY host, cells ORDER BY host, cells"
)
_DIFFERENT: Final = "SELECT COUNT(*) FROM (SELECT 1 FROM rows GROUP BY host, cells)"


class HostSort:
    """Rows on disk, to be read again host by host; `sorted_by_host` makes one.

    Each method raises ``OSError`` when the disk fails, with a number of ``DISK_FULL`` when it is
    full.
    """

    def __init__(self, database: sqlite3.Connection, folder: str) -> None:
        self._database = database
        self._folder = folder

    def fill(self, rows: Iterable[NumberedRow], host_of: Callable[[int, list[str]], str]) -> None:
        """Take all rows."""
        with _disk_errors(self._folder):
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO rows VALUES (?, ?, ?)",
                ((host_of(number, row), number, orjson.dumps(row)) for number, row in rows),
            )
            self._database.execute("COMMIT")

    def different(self) -> int:
        """Return how many rows there are, those that are equal cell by cell counted once."""
        with _disk_errors(self._folder):
            return int(self._database.execute(_DIFFERENT).fetchone()[0])

    def by_host(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the rows of each host together, hosts and their rows in order of their text.

        A group has at most ``most`` rows, and fewer where their cells are long; a host with more
        comes in several groups, one after the other. Rows that are equal come as one.
        """
        return self._groups(most, operator.ne)

    def in_turn(self, most: int) -> Iterator[list[CountedRow]]:
        """Yield the same rows in the same order, hosts with few rows several in a group."""
        return self._groups(most, lambda _, __: False)

    def _groups(self, most: int, apart: Callable[[str, str], bool]) -> Iterator[list[CountedRow]]:
        group: list[CountedRow] = []
        current = ""
        size = 0
        with _disk_errors(self._folder):
            for host, number, cells, times in self._database.execute(_SORTED):
                size += len(cells)
                full = len(group) >= most or size > GROUP_BYTES
                if group and (full or apart(host, current)):
                    yield group
                    group = []
                    size = len(cells)
                current = host
                group.append((number, orjson.loads(cells), times))
        if group:
            yield group


@contextmanager
def sorted_by_host() -> Iterator[HostSort]:
    """Make an empty sort, in files of its own in the temporary folder, removed at the end.

    SQLite sorts. Raises ``OSError`` as the sort's methods do.
    """
    with tempfile.TemporaryDirectory(prefix="shadowserver-", dir=temporary_directory()) as folder:
        with _disk_errors(folder):
            database = sqlite3.connect(Path(folder, "rows.db"), isolation_level=None)
        with closing(database):
            with _disk_errors(folder):
                # Nothing here must survive a crash: the report is converted again from its file.
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                database.execute("CREATE TABLE rows (host TEXT, number INTEGER, cells BLOB)")
            yield HostSort(database, folder)


@contextmanager
def _disk_errors(folder: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        number = _NO_ROOM.get(error.sqlite_errorcode, errno.EIO)
        raise OSError(number, os.strerror(number), folder) from error
