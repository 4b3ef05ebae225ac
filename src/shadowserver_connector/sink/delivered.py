"""Which objects need not be sent again: sent in this work with the same content, and in OpenCTI."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, Final

from shadowserver_connector.bundle.chunk import ChunkObject, LabelsAndScore, labels_and_score
from shadowserver_connector.sink.platform import has_error_answer, to_sink_error
from shadowserver_connector.temporary import temporary_directory

# pycti has a call for this, but it logs every id that it asks for. OpenCTI gives Network-Traffic an
# id of its own, and stores ours in x_opencti_stix_ids.
_QUERY: Final = """
query Held($filters: FilterGroup, $first: Int) {
  stixObjectOrStixRelationships(filters: $filters, first: $first) {
    edges {
      node {
        ... on StixObject { standard_id x_opencti_stix_ids }
        ... on StixCyberObservable { x_opencti_score objectLabel { value } }
        ... on StixCoreRelationship { standard_id }
      }
    }
  }
}
"""
# Each id becomes a clause of the platform's search, which allows about a thousand.
_AT_ONCE: Final = 200


def existing_objects(helper: Any, ids: Sequence[str]) -> dict[str, LabelsAndScore]:
    """Return which of the ids OpenCTI has, each with the object's labels and score.

    Ids about which it refuses to answer are missing. Raises SinkUnavailableError if it cannot be
    reached.
    """
    wanted = frozenset(ids)
    parts = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
    existing = (found for part in parts for found in _query_existing(helper, part))
    # An object has further ids, which nobody asked for.
    return {stix_id: tags for stix_id, tags in existing if stix_id in wanted}


def _query_existing(helper: Any, ids: Sequence[str]) -> Iterator[tuple[str, LabelsAndScore]]:
    # As pycti asks when it exports: "ids" is compared with every id that an object has.
    filters = {
        "mode": "and",
        "filters": [{"key": "ids", "values": list(ids), "mode": "or"}],
        "filterGroups": [],
    }
    try:
        answer = helper.api.query(_QUERY, {"filters": filters, "first": len(ids)})
    except Exception as error:
        if has_error_answer(error):
            return
        raise to_sink_error(error) from None
    listed = answer["data"]["stixObjectOrStixRelationships"] or {"edges": []}
    for edge in listed["edges"]:
        node = edge["node"]
        labels = [label["value"] for label in node.get("objectLabel") or ()]
        tags = labels_and_score(labels, node.get("x_opencti_score"))
        for stix_id in (node.get("standard_id"), *(node.get("x_opencti_stix_ids") or ())):
            yield str(stix_id), tags


_TABLE: Final = """
CREATE TABLE sent (digest BLOB PRIMARY KEY, held INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID
"""
# The file does not outlive the process, so it need not survive a crash. A negative cache size is in
# KiB.
_SETTINGS: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -4096;
"""
# SQLite takes a limited number of values in a statement.
_MAX_VALUES: Final = 500


class SentObjects:
    """Remembers what was sent in a work, however much, in a temporary SQLite file.

    If that cannot be written, nothing is remembered about the work, and objects are sent again.
    """

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None
        self._is_given_up = False

    def add(self, objects: Iterable[ChunkObject]) -> None:
        """Remember objects whose message the broker has confirmed."""
        if self._is_given_up:
            return
        digests = [(_digest(each),) for each in objects]
        try:
            if self._database is None:
                self._database = _new_database()
                # Closes the database even if this object is dropped without `clear`.
                weakref.finalize(self, self._database.close)
            _at_once(self._database, "INSERT OR IGNORE INTO sent (digest) VALUES (?)", digests)
        except (OSError, sqlite3.Error):
            self._give_up()

    def already_delivered(
        self, objects: Iterable[ChunkObject], existing_ids: Callable[[Sequence[str]], Iterable[str]]
    ) -> frozenset[str]:
        """Return the ids of the objects that need not be sent: sent before, and in OpenCTI.

        ``existing_ids`` returns which of some ids OpenCTI has. It is called only for objects that
        were sent before but have not yet been found there, and not at all if there are none.
        """
        if self._database is None:
            return frozenset()
        ids = {_digest(each): each.id for each in objects}
        try:
            found = dict(_rows(self._database, list(ids)))
            unknown = {ids[digest]: digest for digest, known in found.items() if not known}
            now = set(existing_ids(list(unknown))) if unknown else set()
            _at_once(
                self._database,
                "UPDATE sent SET held = 1 WHERE digest = ?",
                [(digest,) for each, digest in unknown.items() if each in now],
            )
        except sqlite3.Error:
            self._give_up()
            return frozenset()
        return frozenset(
            ids[digest] for digest, known in found.items() if known or ids[digest] in now
        )

    def clear(self) -> None:
        """Forget everything: another work, or OpenCTI was reset."""
        self._close()
        self._is_given_up = False

    def _give_up(self) -> None:
        # The disk may be full: closing the file frees its room for others.
        self._close()
        self._is_given_up = True

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _new_database() -> sqlite3.Connection:
    # The file loses its name at once, so that it is gone with the process. SQLite could make such a
    # file itself, but without TMPDIR it prefers another directory. Delivering and closing may be in
    # different threads, though never at the same time.
    with tempfile.NamedTemporaryFile(prefix="shadowserver-", dir=temporary_directory()) as file:
        database = sqlite3.connect(file.name, isolation_level=None, check_same_thread=False)
        try:
            # The file is opened by the first statement.
            database.executescript(_SETTINGS + _TABLE)
        except sqlite3.Error:
            database.close()
            raise
    return database


def _at_once(database: sqlite3.Connection, statement: str, rows: Sequence[tuple[bytes]]) -> None:
    # In one transaction: otherwise each row would be written to the file on its own.
    database.execute("BEGIN")
    database.executemany(statement, rows)
    database.execute("COMMIT")


def _rows(database: sqlite3.Connection, digests: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    waiting = iter(digests)
    while some := list(islice(waiting, _MAX_VALUES)):
        marks = ",".join("?" * len(some))
        # Only question marks are inserted here, no values.
        query = f"SELECT digest, held FROM sent WHERE digest IN ({marks})"  # noqa: S608
        with closing(database.execute(query, some)) as rows:
            yield from rows


def _digest(encoded: ChunkObject) -> bytes:
    return hashlib.blake2b(encoded.json, digest_size=16).digest()
