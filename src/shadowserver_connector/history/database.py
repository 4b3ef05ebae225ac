"""The history's file: SQLite in a directory that belongs to one instance."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from shadowserver_connector.errors import (
    DiskFullError,
    HistoryBusyError,
    HistoryDamagedError,
    HistoryInUseError,
    HistoryUnusableError,
    ShadowserverConnectorError,
)
from shadowserver_connector.temporary import lock_or_raise

FILE: Final = "history.sqlite"
LOCK: Final = "history.lock"
"""Locked while an instance runs; SQLite's own locks last no longer than a transaction."""
DAMAGED_FILE: Final = "history.damaged.sqlite"
"""Where a damaged file is moved, replacing an earlier one."""

VERSION: Final = 2
"""Version of tables and keys. A file of an earlier one is moved aside, one of a newer one refused.
"""

HistoryOrigin = Literal["found", "new", "earlier", "damaged"]
"""What was found: a history, none, or one of an earlier version or damaged, moved aside."""

# `key` begins with the subject (mapping/planning/finding_identity.py): the findings of an address,
# and of a network, stand together. Without a rowid a table is stored in the order of its key, once.
# `feed` comes first, because a comparison reads the findings of one feed, in order of their keys.
_TABLES: Final = """
CREATE TABLE feeds (id INTEGER PRIMARY KEY, type TEXT, list TEXT, UNIQUE (type, list));
CREATE TABLE days (feed INTEGER, day INTEGER, PRIMARY KEY (feed, day)) WITHOUT ROWID;
CREATE TABLE labels (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE findings (
    feed INTEGER, key BLOB, states BLOB, first INTEGER, last INTEGER, since INTEGER,
    before INTEGER, days INTEGER, seen BLOB, label INTEGER, first_states BLOB,
    PRIMARY KEY (feed, key)
) WITHOUT ROWID;
CREATE TABLE names (
    subject BLOB, name TEXT, last INTEGER, PRIMARY KEY (subject, name)
) WITHOUT ROWID;
CREATE TABLE owner (id TEXT);
"""
_CLEARED: Final = ("feeds", "days", "labels", "findings", "names")

_BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for another connection's lock."""
# "SHHS", in the header of the file: any other database is refused, and left as it is.
_APPLICATION_ID: Final = 0x53484853
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What only a person can change. Any other error of SQLite may pass by itself.
_NO_ACCESS: Final = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)


class Database:
    """An open history file; `open_database` creates one."""

    def __init__(
        self, directory: Path, lock_handle: int, origin: HistoryOrigin, kept: Path | None
    ) -> None:
        self.path = directory / FILE
        self.origin = origin
        self.kept = kept
        """The file that was moved aside when this one was opened."""
        self._lock_handle = lock_handle
        self._writer = _connect(self.path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees the history as it is now, whatever is written meanwhile.

        Raises:
            HistoryUnusableError, HistoryBusyError, DiskFullError, HistoryDamagedError: see
                `errors`.
        """
        with self.setting_damaged_file_aside(), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction, which is made to last at the end.

        After an error, or the end of the process, nothing of it was done. Raises as `reading`.
        """
        with self.setting_damaged_file_aside():
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # After some errors, such as a full disk, SQLite has rolled back by itself; after
                # damage the connection is closed.
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise
            _empty_log(connection)

    def clear(self) -> None:
        """Forget everything, and release the space, unless a reader still needs it."""
        with self.writing() as connection:
            for table in _CLEARED:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        with self.setting_damaged_file_aside():
            # Not above: SQLite refuses this in a transaction.
            self._writer.execute("VACUUM")
            # Until then the smaller file is only in the log.
            _empty_log(self._writer)

    def close(self) -> None:
        """Close the file, and let another instance have the directory."""
        self._writer.close()
        # The lock's file stays: were it removed, two instances could each lock one of that name.
        os.close(self._lock_handle)

    @contextmanager
    def setting_damaged_file_aside(self) -> Iterator[None]:
        """Convert errors of SQLite to ours; what is left of a history that is lost is set aside."""
        try:
            yield
        except sqlite3.Error as error:
            translated = _our_error(error, self.path)
            if isinstance(translated, HistoryDamagedError):
                self._writer.close()
                # SQLite warns against renaming a database that is open.
                _set_aside(self.path)
            raise translated from error


def open_database(directory: Path, owner: str) -> Database:
    """Open the history of the connector id ``owner``; create it where there is none.

    A damaged file, and one of an earlier version, is moved aside and a new one created. A file of
    another program is refused and left as it is.

    Raises:
        HistoryInUseError: another instance uses the directory.
        HistoryUnusableError: the directory cannot be written, has no locks, or has the history of
            another connector id or of a newer version.
        HistoryBusyError: another program holds the file, or the disk fails.
        DiskFullError: the disk is full.
    """
    path = directory / FILE
    lock_handle = _acquire_lock(directory)
    try:
        return Database(directory, lock_handle, *_prepare(path, owner))
    except BaseException:
        os.close(lock_handle)
        raise


@contextmanager
def reading_only(directory: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection for queries, next to an instance that writes. Raises as `Database`."""
    path = directory / FILE
    if not path.is_file():
        raise HistoryUnusableError(f"{path}: there is no history; name the directory that has one")
    try:
        with closing(_connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            version = _check_version(connection, path)
            if version < VERSION:
                raise HistoryUnusableError(
                    f"{path}: was written by an earlier version; the connector starts a new one"
                )
            yield connection
    except sqlite3.Error as error:
        # A reader moves nothing: an instance may be writing to the file.
        raise _our_error(error, path, kept=True) from error


def _acquire_lock(directory: Path) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise HistoryUnusableError(
            f"{directory}: {reason}; the history needs a writable directory"
        ) from error
    try:
        if lock_or_raise(handle):
            return handle
    except OSError as error:
        os.close(handle)
        reason = error.strerror or "unknown error"
        raise HistoryUnusableError(
            f"{directory}: files cannot be locked there ({reason}), so that two instances could "
            "use one history; name a directory on a local disk"
        ) from error
    os.close(handle)
    raise HistoryInUseError(
        f"{directory}: another instance keeps its history there; give each one its own directory"
    )


def _prepare(path: Path, owner: str) -> tuple[HistoryOrigin, Path | None]:
    """Check whether the file is a history of this owner; create it if there is none.

    Returns what was found, and where it is if it was moved aside.
    """
    # SQLite leaves an empty file if it is killed before it writes for the first time.
    there = path.exists() and path.stat().st_size > 0
    try:
        with closing(_connect(path, "rwc")) as connection:
            # Without tables it is what a program leaves that ends while it creates one.
            if not there or _is_blank(connection):
                _create(connection, owner)
                return "new", None
            version = _check_version(connection, path)
            _check_owner(connection, path, owner)
            if version == VERSION:
                _use_log(connection)
                return "found", None
        # Its keys are others, so that each finding would be new, and the one that is there gone.
        kept = _set_aside(path, f"history.version-{version}.sqlite")
        _prepare(path, owner)
        return "earlier", kept
    except sqlite3.Error as error:
        translated = _our_error(error, path)
        # With a new file it would be the same again, endlessly.
        if not there or not isinstance(translated, HistoryDamagedError):
            raise translated from error
    kept = _set_aside(path)
    _prepare(path, owner)
    return "damaged", kept


def _create(connection: sqlite3.Connection, owner: str) -> None:
    _use_log(connection)
    connection.execute("BEGIN IMMEDIATE")
    # Not by executescript: that would commit the transaction, and the version comes last.
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO owner VALUES (?)", (owner,))
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _use_log(connection: sqlite3.Connection) -> None:
    """Let readers see the last commit, and never wait for a writer; the file remembers it."""
    connection.execute("PRAGMA journal_mode = WAL")


def _empty_log(connection: sqlite3.Connection) -> None:
    """Copy the log into the file and truncate it, unless a reader still needs it."""
    # Otherwise the log keeps the size of its longest transaction. Readers are not waited for.
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT * 1000)}")


def _is_blank(connection: sqlite3.Connection) -> bool:
    (objects,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return not objects and not application


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a history, which is this one or an earlier one."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION_ID:
        raise HistoryUnusableError(f"{path}: is not a history of this connector; move it elsewhere")
    if version > VERSION:
        raise HistoryUnusableError(
            f"{path}: was written by a newer version (tables {version}, known are {VERSION});"
            " run that one, or move the file away"
        )
    return version


def _check_owner(connection: sqlite3.Connection, path: Path, owner: str) -> None:
    found = connection.execute("SELECT id FROM owner").fetchone()
    # Another connector's OpenCTI need not have what this one's was sent.
    if found is not None and found[0] != owner:
        raise HistoryUnusableError(
            f"{path}: is the history of connector {found[0]}, not of {owner}; give each one its"
            " own directory"
        )


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open a connection without a transaction of its own; every commit reaches the disk.

    ``mode`` is SQLite's: ``rwc`` creates a file that is not there. An existing file is left as it
    is, because it may be another program's.
    """
    # Several threads may use it, one at a time: pipeline/report_comparer.py has a lock.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # NORMAL could lose the last commits in a power cut, while the state in OpenCTI says that
        # their reports are done.
        connection.execute("PRAGMA synchronous = FULL")
        # In KiB, because it is negative.
        connection.execute("PRAGMA cache_size = -16384")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _our_error(
    error: sqlite3.Error, path: Path, *, kept: bool = False
) -> ShadowserverConnectorError:
    # The low byte is the kind; what is above it says where it happened.
    # Errors of Python's module, such as of a closed connection, have no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        lost = "is gone; the next day of each report is sent in full"
        return HistoryDamagedError(f"{path}: the history {lost}")
    if code in _DAMAGE:
        moved = f" and moved to {DAMAGED_FILE}; the next day of each report is sent in full"
        done = "" if kept else moved
        return HistoryDamagedError(f"{path}: the history is damaged ({error}){done}")
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"{path}: no space left for the history; free some")
    if code in _NO_ACCESS:
        return HistoryUnusableError(f"{path}: {error}; the history needs a writable directory")
    return HistoryBusyError(f"{path}: {error}; tried again later")


def _set_aside(path: Path, name: str = DAMAGED_FILE) -> Path:
    """Move a file that is of no use, and its log, out of the way; return where it is.

    If the file is gone, one that was moved there earlier stays.
    """
    aside = path.with_name(name)
    is_gone = not path.exists()
    # A log that is left would be taken for that of the next file; so would one of a file moved
    # earlier for that of this one.
    for ending in ("", "-wal", "-shm"):
        source = path.with_name(path.name + ending)
        target = aside.with_name(aside.name + ending)
        if is_gone:
            source.unlink(missing_ok=True)
        elif source.exists():
            source.replace(target)
        else:
            target.unlink(missing_ok=True)
    return aside
