"""Reports of a few findings, and a simple reference history that keeps all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

from shadowserver_connector.history.identified_rows import IdentifiedRows, open_identified_rows
from shadowserver_connector.history.record import day_number, states_of

FIRST = date(2024, 1, 1)

Report = Sequence[tuple[int, int]]
"""Rows: number of the finding, number of its state."""


def day(number: int) -> date:
    """Return a day; number 0 is ``FIRST``."""
    return FIRST + timedelta(number)


def key(finding: int) -> bytes:
    """Return the key of a finding on 192.0.2.n."""
    return b"4" + bytes((192, 0, 2, finding)) + bytes((finding,)) * 6


def state(number: int) -> bytes:
    """Return the digest of a state."""
    return bytes((number,)) * 6


@contextmanager
def rows_of(report: Report) -> Iterator[IdentifiedRows]:
    """Return the rows of a report as a history takes them."""
    with open_identified_rows() as rows:
        for finding, number in report:
            name = f"host{finding}.example.net"
            rows.add(key(finding), state(number), f"{finding}/tcp", name)
        yield rows


class Slow:
    """A simple reference: all reports of one feed, and what follows from them."""

    def __init__(self) -> None:
        self.reports: dict[int, Report] = {}

    def days_of(self, finding: int) -> dict[int, bytes]:
        """Return the states of a finding by day."""
        return {
            number: states_of({state(each) for of, each in report if of == finding})
            for number, report in self.reports.items()
            if any(of == finding for of, _ in report)
        }

    def verdict(self, finding: int, today: int, report: Report, absence: int) -> int:
        """Return the verdict on a finding, before the report is added."""
        days = self.days_of(finding)
        if set(days) <= {today}:
            return 0
        before = max((number for number in days if number < today), default=None)
        absent = before is not None and today - before > absence
        if absent and any(before < number < today for number in self.reports):
            return 3
        if before is not None and today == self.since(finding) == max(days):
            return 1
        states = states_of({state(each) for of, each in report if of == finding})
        return 2 if states == self.compared(days, today) else 1

    def compared(self, days: dict[int, bytes], today: int) -> bytes:
        """Return the states that a day is compared with: those of the last day, or the first."""
        return days[min(days) if today <= min(days) else max(days)]

    def row_verdict(self, row: tuple[int, int], today: int, report: Report, absence: int) -> int:
        """Return the verdict on one row: an unchanged row of a changed finding recurs."""
        verdict = self.verdict(row[0], today, report, absence)
        if verdict != 1:
            return verdict
        days = self.days_of(row[0])
        last = self.compared(days, today)
        each = {last[at : at + 6] for at in range(0, len(last), 6)} if len(last) % 6 == 0 else set()
        return 2 if state(row[1]) in each else 1

    def since(self, finding: int) -> int:
        """Return the day since which a finding has been as on its last day."""
        days = self.days_of(finding)
        since = max(days)
        for number in sorted(days, reverse=True):
            if days[number] != days[max(days)]:
                break
            since = number
        return since

    def gone(self, today: int, report: Report) -> set[int]:
        """Return the findings of the previous report that this one lacks."""
        previous = max((number for number in self.reports if number < today), default=None)
        if previous is None:
            return set()
        here = {of for of, _ in [*report, *self.reports.get(today, [])]}
        return {of for of, _ in self.reports[previous]} - here


def numbered(number: int) -> int:
    """Return the history's number of a day."""
    return day_number(day(number))


def damage_what_only_a_commit_reads(path: Path) -> None:
    """Overwrite the index of the labels, which a comparison does not need."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_labels_1'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
