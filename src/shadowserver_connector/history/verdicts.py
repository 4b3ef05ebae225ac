"""Whether a finding is new, changed, recurring or resurfaced, and what follows for its rows."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from typing import Final
from zlib import crc32

from shadowserver_connector.history.identified_rows import ReportedFinding
from shadowserver_connector.history.record import (
    FindingRecord,
    Known,
    has_state,
    record_of,
    with_day,
)

NEW: Final = 0
"""Never reported before."""
CHANGED: Final = 1
"""Reported before, with another state."""
RECURRING: Final = 2
"""Reported before, with the same state."""
RESURFACED: Final = 3
"""Reported again after an absence."""

VERDICTS: Final = ("new", "changed", "recurring", "resurfaced")
"""Names of the verdicts, by their numbers."""


class Judge:
    """Passes the verdicts on the rows of a report; for the attributes see `Comparison`."""

    def __init__(
        self, rows: int, today: int, absence: int, refresh: int, reports: Collection[int]
    ) -> None:
        """``reports`` are the days of all reports of the feed."""
        self.verdicts = bytearray([RECURRING]) * rows
        self.update_due = bytearray(rows)
        self.known_from_later = bytearray(rows)
        # Two bytes hold a day, see `day_number`.
        self.first_days = array("H", bytes(2 * rows))
        self.unchanged_since = array("H", bytes(2 * rows))
        self.counts = [0] * len(VERDICTS)
        self._today = today
        self._absence = absence
        self._refresh = refresh
        self._reports = reports

    def judge(self, found: ReportedFinding, known: Known | None) -> None:
        """Pass the verdict on a finding's rows; ``known`` is what the history has of it."""
        today = self._today
        if known is not None and known[1] == found.states and 0 < today - known[3] <= self._absence:
            # The most frequent case: the same as yesterday. Most of it is there from the start.
            self.counts[RECURRING] += 1
            due = self._is_due(found.key, known[3])
            for one in found.rows:
                row = one[1]
                if due:
                    self.update_due[row] = 1
                self.first_days[row] = known[2]
                self.unchanged_since[row] = known[4]
            return
        record = None if known is None else record_of(known)
        verdict = _verdict(record, today, found.states, self._absence, self._reports)
        self.counts[verdict] += 1
        after = with_day(record, today, found.states)
        # On an older day, the newest state may have begun later.
        since = min(after.since, today)
        due = record is not None and self._is_due(found.key, _nearest(record, today))
        later = record is not None and record.last > today
        compared = b"" if record is None else record.states_for(today)
        for _, row, state, _, _ in found.rows:
            self.verdicts[row] = verdict
            # Rows of a changed finding that were there before are in OpenCTI already.
            if verdict == CHANGED and has_state(compared, state):
                self.verdicts[row] = RECURRING
            self.update_due[row] = due and self.verdicts[row] == RECURRING
            self.known_from_later[row] = later
            self.first_days[row] = after.first
            self.unchanged_since[row] = since

    def _is_due(self, key: bytes, seen: int) -> bool:
        """Tell whether a new span of days began between two days on which a finding was seen.

        The key determines where spans begin, so that what is due is spread evenly over the days.
        """
        # A hash: the bytes of addresses are not spread evenly, and the digest behind an address is
        # the same for all that have the same port and problem.
        shift = crc32(key)
        return (self._today + shift) // self._refresh != (seen + shift) // self._refresh


def _nearest(record: FindingRecord, today: int) -> int:
    """Return the last day before today on which it was seen; else the first one from today on."""
    before = record.last_day_before(today)
    return before or (today if record.was_seen(today) else record.first_day_after(today))


def _verdict(
    record: FindingRecord | None, today: int, states: bytes, absence: int, reports: Collection[int]
) -> int:
    # If this day was committed before, and no other day is known, it is as new as it was then.
    if record is None or today == record.first == record.last:
        return NEW
    before = record.last_day_before(today)
    # It was absent only if there were reports without it.
    if before and today - before > absence and any(before < day < today for day in reports):
        return RESURFACED
    # Committed before, too: the finding changed on this day.
    if record.before and today == record.since == record.last:
        return CHANGED
    return RECURRING if states == record.states_for(today) else CHANGED
