"""A history of findings: what is new in a report compared with earlier ones, and what is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from heapq import nsmallest
from pathlib import Path
from typing import Final, Self

from shadowserver_connector.history.comparison import Comparison, GoneFinding, ReportFeed
from shadowserver_connector.history.database import Database, HistoryOrigin, open_database
from shadowserver_connector.history.identified_rows import IdentifiedRows, ReportedFinding
from shadowserver_connector.history.record import (
    DIGEST_BYTES,
    FindingRecord,
    Known,
    day_number,
    day_of,
    record_of,
    texts_together,
    with_day,
)
from shadowserver_connector.history.verdicts import VERDICTS, Judge

# For callers without settings, such as convert and the preview; these are the settings' defaults.
RESURFACED_AFTER_DAYS: Final = 14
"""Days of absence after which a finding counts as resurfaced, not recurring."""

MAX_GONE: Final = 100
"""Maximum number of findings that are no longer reported and are listed one by one."""

# Every day, it would cost an object a finding; the goal is 0.2 a row (docs/scaling.md).
REFRESH_DAYS: Final = 7
"""Days after which OpenCTI is updated about a finding that is still there."""

NAME_DAYS: Final = 7
"""The stored last day of a name may lag behind by this many days, which saves writes."""

# Findings in one executemany: the rest of a report is on disk until its turn.
_WRITTEN: Final = 2_000
# Cached labels. Most findings share a few, but ports and malware combine to many.
_LABELS: Final = 20_000

_COLUMNS: Final = "key, states, first, last, since, before, days, seen, label, first_states"


class History:
    """What has been reported; `open_history` creates one. Its methods raise as `Database` says.

    A report is compared first and committed when OpenCTI's broker has all of it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def origin(self) -> HistoryOrigin:
        """What was found when it was opened."""
        return self._database.origin

    @property
    def kept(self) -> Path | None:
        """The file that was moved aside when it was opened."""
        return self._database.kept

    @property
    def path(self) -> Path:
        return self._database.path

    def compare(
        self,
        feed: ReportFeed,
        day: date,
        rows: IdentifiedRows,
        *,
        absence: int = RESURFACED_AFTER_DAYS,
        refresh: int = REFRESH_DAYS,
    ) -> Comparison:
        """Return what is new in a report; nothing is written.

        A finding is compared with the last day on which it was seen. A day before all that is known
        of it (a first import goes back in time) is compared with the first day: there it recurs or
        has changed, as OpenCTI has it already. Compared again after its commit, the newest day
        gets the same counts.

        ``refresh`` is the number of days within which a finding that recurs is due once. The
        findings of a report are due on different days.
        """
        today = day_number(day)
        with self._database.reading() as connection:
            number = _feed(connection, feed)
            previous, reports = _reports(connection, number, today)
            judge = Judge(rows.rows, today, absence, refresh, reports)
            lost = _GoneFinder(previous, today)
            _merge(rows.findings(), _known(connection, number), judge.judge, lost.check)
            which = lost.which(connection)
        return Comparison(
            verdicts=bytes(judge.verdicts),
            update_due=bytes(judge.update_due),
            known_from_later=bytes(judge.known_from_later),
            first_days=judge.first_days,
            unchanged_since=judge.unchanged_since,
            counts=dict(zip(VERDICTS, judge.counts, strict=True)),
            previous_day=day_of(previous) if previous else None,
            gone_count=lost.number,
            gone_findings=which,
        )

    def commit(self, feed: ReportFeed, day: date, rows: IdentifiedRows) -> None:
        """Add a report of a day, all of it or nothing; adding it again changes nothing."""
        today = day_number(day)
        # Merging reads on a connection of its own: what it writes must not look known already.
        with self._database.writing() as connection, self._database.reading() as before:
            connection.execute("INSERT OR IGNORE INTO feeds (type, list) VALUES (?, ?)", feed)
            number = _feed(connection, feed)
            again = connection.execute(
                "SELECT 1 FROM days WHERE feed = ? AND day = ?", (number, today)
            ).fetchone()
            connection.execute("INSERT OR IGNORE INTO days VALUES (?, ?)", (number, today))
            writer = _Writer(connection, number, today, known_day=again is not None)
            _merge(rows.findings(), _known(before, number), writer.add, lambda _: None)
            writer.flush()

    def forget(self, before: date) -> int:
        """Forget findings that were last seen before a day; return their number."""
        day = day_number(before)
        with self._database.writing() as connection:
            forgotten = connection.execute("DELETE FROM findings WHERE last < ?", (day,)).rowcount
            connection.execute("DELETE FROM days WHERE day < ?", (day,))
            # Stored last days lag behind: a name must not go before its finding.
            connection.execute("DELETE FROM names WHERE last < ?", (day - NAME_DAYS,))
            connection.execute(
                "DELETE FROM labels WHERE id NOT IN (SELECT DISTINCT label FROM findings)"
            )
        return forgotten

    def clear(self) -> bool:
        """Forget everything, as after a reset in OpenCTI; return whether there was anything."""
        with self._database.reading() as connection:
            there = connection.execute("SELECT 1 FROM feeds").fetchone() is not None
        if there:
            self._database.clear()
        return there

    def close(self) -> None:
        """Close the file; another instance may open it then."""
        self._database.close()


def open_history(directory: Path, owner: str) -> History:
    """Open the history of a connector id in its directory, see `database.open_database`."""
    return History(open_database(directory, owner))


class _GoneFinder:
    """Looks for findings of the previous report that are not in this one."""

    def __init__(self, previous: int, today: int) -> None:
        self._previous = previous
        self._today = today
        self._oldest: list[tuple[int, Known]] = []
        self.number = 0

    def check(self, known: Known) -> None:
        record = record_of(known)
        if not self._previous or not record.was_seen(self._previous):
            return
        # Another file of today has it, so it is not gone.
        if record.was_seen(self._today):
            return
        self.number += 1
        self._oldest.append((record.first, known))
        # At twice as many, so that not each one has to be sorted in.
        if len(self._oldest) >= 2 * MAX_GONE:
            self._oldest = nsmallest(MAX_GONE, self._oldest)

    def which(self, connection: sqlite3.Connection) -> tuple[GoneFinding, ...]:
        gone = []
        for _, known in nsmallest(MAX_GONE, self._oldest):
            record = record_of(known)
            text = connection.execute("SELECT text FROM labels WHERE id = ?", (record.what,))
            (label,) = text.fetchone() or ("",)
            first, last = day_of(record.first), day_of(record.last)
            gone.append(GoneFinding(known[0], label, first, last, record.days))
        return tuple(gone)


class _Labels:
    """Numbers of texts that many findings share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, int] = {}

    def number(self, text: str) -> int:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _LABELS:
                self._known.clear()
            self._connection.execute("INSERT OR IGNORE INTO labels (text) VALUES (?)", (text,))
            # After an ignored INSERT, lastrowid is that of an earlier one.
            found = self._connection.execute("SELECT id FROM labels WHERE text = ?", (text,))
            (known,) = found.fetchone()
            self._known[text] = known
        return known

    def text(self, number: int) -> str:
        found = self._connection.execute("SELECT text FROM labels WHERE id = ?", (number,))
        text: str = (found.fetchone() or ("",))[0]
        return text


class _Writer:
    """Writes findings with a day added to what was known about them."""

    def __init__(
        self, connection: sqlite3.Connection, feed: int, today: int, *, known_day: bool
    ) -> None:
        """``known_day``: see `with_day`."""
        self._connection = connection
        self._feed = feed
        self._today = today
        self._known_day = known_day
        self._labels = _Labels(connection)
        self._rows: list[tuple[object, ...]] = []
        self._names: list[tuple[object, ...]] = []

    def add(self, found: ReportedFinding, known: Known | None) -> None:
        today = self._today
        record = None if known is None else record_of(known)
        after = with_day(record, today, found.states, known_day=self._known_day)
        # An older day does not change the text that describes it; a second file adds to it.
        if record is None or today > record.last:
            after.what = self._labels.number(found.what)
        elif today == record.last:
            both = texts_together([self._labels.text(record.what), found.what])
            after.what = self._labels.number(both)
        # A BLOB, because SQLite's integers have 64 bits; as short as it can be.
        seen = after.seen_bits.to_bytes((after.seen_bits.bit_length() + 7) // 8, "little")
        self._rows.append(
            (
                *(self._feed, found.key, after.states, after.first, after.last, after.since),
                *(after.before, after.days, seen, after.what, after.first_states),
            )
        )
        if found.name and _name_is_due(record, found, today):
            self._names.append((found.key[:-DIGEST_BYTES], found.name, today))
        if len(self._rows) >= _WRITTEN:
            self.flush()

    def flush(self) -> None:
        """Write what has been added since the last time."""
        # Each row has all columns, so replacing loses nothing.
        self._connection.executemany(
            "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._rows
        )
        self._connection.executemany(
            "INSERT INTO names VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET last = ?3"
            " WHERE ?3 > last",
            self._names,
        )
        self._rows.clear()
        self._names.clear()


def _name_is_due(record: FindingRecord | None, found: ReportedFinding, today: int) -> bool:
    """Tell whether a name may be new, or its last day is to be brought up to date."""
    # Host names are part of the state: a new one comes with another state.
    if record is None or record.states != found.states:
        return True
    return today // NAME_DAYS != record.last // NAME_DAYS


def _merge(
    found: Iterator[ReportedFinding],
    known: Iterator[Known],
    each: Callable[[ReportedFinding, Known | None], None],
    missing: Callable[[Known], None],
) -> None:
    """Call ``each`` with each finding of a report and what is known about it.

    Both come in order of their keys. ``missing`` is called with what is known about a finding that
    is not in the report.
    """
    nothing: Known | None = None
    old = next(known, nothing)
    for finding in found:
        key = finding.key
        while old is not None and old[0] < key:
            missing(old)
            old = next(known, nothing)
        if old is not None and old[0] == key:
            each(finding, old)
            old = next(known, nothing)
        else:
            each(finding, None)
    while old is not None:
        missing(old)
        old = next(known, nothing)


def _known(connection: sqlite3.Connection, feed: int) -> Iterator[Known]:
    # SQLite orders BLOBs by their bytes, as Python does: `_merge` depends on it.
    query = f"SELECT {_COLUMNS} FROM findings WHERE feed = ? ORDER BY key"  # noqa: S608 - no input
    return iter(connection.execute(query, (feed,)))


def _feed(connection: sqlite3.Connection, feed: ReportFeed) -> int:
    """Return the number of a feed, 0 where there is none yet."""
    found = connection.execute("SELECT id FROM feeds WHERE type = ? AND list = ?", feed).fetchone()
    return found[0] if found else 0


def _reports(connection: sqlite3.Connection, feed: int, today: int) -> tuple[int, list[int]]:
    """Return the day of the last report before one, or 0, and all days of reports."""
    found = connection.execute("SELECT day FROM days WHERE feed = ? ORDER BY day", (feed,))
    reports = [day for (day,) in found]
    return max((day for day in reports if day < today), default=0), reports
