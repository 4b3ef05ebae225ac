"""The rows of a report grouped by host, on disk, so that memory stays flat."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import orjson

from shadowserver_connector.temporary import temporary_directory

NumberedRow = tuple[int, list[str]]

GROUP_BYTES: Final = 256 * 1024
"""Size of a group's cells from which it takes no more rows, so that its Note can be sent."""

_CACHE_KIB: Final = 16_384
# SQLite has no word of its own for a quota that is used up.
_NO_ROOM: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR_WRITE: errno.EDQUOT,
}


def grouped_by_host(
    rows: Iterable[NumberedRow], host_of: Callable[[int, list[str]], str], most: int
) -> Iterator[list[NumberedRow]]:
    """Yield the rows of each host together, hosts in order of their text, rows as in the file.

    A group has at most ``most`` rows, and fewer where their cells are long; a host with more comes
    in several groups, one after the other. SQLite sorts, in files of its own in the temporary
    folder. Raises ``OSError`` when that fails, with a number of ``DISK_FULL`` when it is full.
    """
    with (
        tempfile.TemporaryDirectory(prefix="shadowserver-", dir=temporary_directory()) as folder,
        closing(sqlite3.connect(Path(folder, "rows.db"), isolation_level=None)) as database,
    ):
        try:
            yield from _sorted_groups(database, rows, host_of, most)
        except sqlite3.OperationalError as error:
            number = _NO_ROOM.get(error.sqlite_errorcode, errno.EIO)
            raise OSError(number, os.strerror(number), folder) from error


def _sorted_groups(
    database: sqlite3.Connection,
    rows: Iterable[NumberedRow],
    host_of: Callable[[int, list[str]], str],
    most: int,
) -> Iterator[list[NumberedRow]]:
    # Nothing here must survive a crash: the report is converted again from its file.
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    database.execute("CREATE TABLE rows (host TEXT, number INTEGER, cells BLOB)")
    database.execute("BEGIN")
    database.executemany(
        "INSERT INTO rows VALUES (?, ?, ?)",
        ((host_of(number, row), number, orjson.dumps(row)) for number, row in rows),
    )
    database.execute("COMMIT")
    group: list[NumberedRow] = []
    current = ""
    size = 0
    for host, number, cells in database.execute(
        "SELECT host, number, cells FROM rows ORDER BY host, number"
    ):
        size += len(cells)
        if group and (host != current or len(group) >= most or size > GROUP_BYTES):
            yield group
            group = []
            size = len(cells)
        current = host
        group.append((number, orjson.loads(cells)))
    if group:
        yield group
