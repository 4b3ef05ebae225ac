"""A report compared with the history: the verdict on each row, and on the report as a whole."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from shadowserver_connector.report.table_copy import TableCopy


class ReportFeed(NamedTuple):
    """Reports of the same type and list: these are compared with each other."""

    type: str
    list: str


class GoneFinding(NamedTuple):
    """A finding of the last report that is not in this one."""

    key: bytes
    what: str
    first: date
    last: date
    days: int
    """Number of days on which it was reported."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report compared with the history, as a whole and by row: from 0, as they were added."""

    # Bytes and arrays: a comparison travels to processes and clusters, with millions of rows.
    verdicts: bytes
    """By row: one of the constants of `history.verdicts`, such as `NEW`."""
    update_due: bytes
    """By row: 1 if its finding recurs and OpenCTI is due for an update, else 0."""
    known_from_later: bytes
    """By row: 1 if its finding is known from a later day, as in a first import, else 0."""
    first_days: array[int]
    """By row: number of the first day of its finding (`record.day_of`)."""
    unchanged_since: array[int]
    """By row: number of the day since which its finding has been unchanged."""
    counts: Mapping[str, int]
    """Number of findings by verdict (`verdicts.VERDICTS`); several rows may be one finding."""
    previous_day: date | None
    """Day of the last report of the feed before this one; without one nothing can be gone."""
    gone_count: int
    """Findings of that report that are not in this one."""
    gone_findings: tuple[GoneFinding, ...]
    """Those of the gone findings that had been open longest, at most `history.MAX_GONE`."""
    table: TableCopy | None = None
    """The copy of the compared rows, as long as it exists."""

    def summary(self) -> dict[str, int]:
        """Return the number of findings by verdict, and ``gone``."""
        return {**self.counts, "gone": self.gone_count}
