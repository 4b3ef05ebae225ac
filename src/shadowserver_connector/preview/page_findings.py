"""The findings of the page's table: facets to filter by, and what differs between days."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.history.comparison import ReportFeed
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.verdicts import VERDICTS
from shadowserver_connector.logger import SilentLogger
from shadowserver_connector.mapping.cells.addresses import parse_asn
from shadowserver_connector.mapping.cells.countries_and_products import parse_country
from shadowserver_connector.mapping.cells.dates import parse_seen
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.text_and_tags import find_cves, split_tags
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.mapping.texts.markdown import MASK, masked
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.pipeline.report_comparer import ReportComparer, feed_of
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.temporary import temporary_folder

_REMEMBERED_LENGTH: Final = 200
Value = TypeVar("Value")
Distinct = TypeVar("Distinct", bound=Hashable)
Row = Sequence[str]


class Facets(NamedTuple):
    """The values of one finding; empty if its row has none, or an invalid one."""

    time: str
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``; the start of the report's day where the row has no time."""
    asn: str
    """Digits only."""
    country: str
    """ISO 3166-1 alpha-2."""
    tags: tuple[str, ...]
    cves: tuple[str, ...]


def first_column(columns: Sequence[Column], role: str, party: str = "") -> int | None:
    """Return the index of the first column of a role, of the party or of none in particular."""
    for index, column in enumerate(columns):
        if column.role == role and (not party or column.party in ("", party)):
            return index
    return None


def facet_reader(plan: Plan) -> Callable[[Row], Facets]:
    """Return what reads the facets of the rows of a report with this plan."""
    primary = plan.context.report_type.primary
    day = plan.context.day
    time_at = plan.time
    time_of = _cached(partial(_time, end=plan.context.too_late))
    asn_at = first_column(plan.columns, "asn", primary)
    country_at = first_column(plan.columns, "country", primary)
    tags_at = first_column(plan.columns, "tags")
    # Shadowserver names CVEs in tags as well.
    named = [index for index, column in enumerate(plan.columns) if column.role in ("cve", "tags")]

    def read(row: Row) -> Facets:
        return Facets(
            time=(time_of(row[time_at]) if time_at is not None else "") or day,
            asn=_asn(row[asn_at]) if asn_at is not None else "",
            country=_country(row[country_at]) if country_at is not None else "",
            tags=_tags(row[tags_at]) if tags_at is not None else (),
            cves=_united(_cves(row[index]) for index in named),
        )

    return read


def _united(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in several for value in values))


def _cached(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Remember what short cells mean; a hostile megabyte must not stay in memory."""
    cached = lru_cache(maxsize=16_384)(read)
    return lambda cell: cached(cell) if len(cell) <= _REMEMBERED_LENGTH else read(cell)


def _time(cell: str, end: str) -> str:
    try:
        return parse_seen(cell.strip(), end)
    except ValueError:
        return ""


@_cached
def _asn(cell: str) -> str:
    if is_empty("asn", cell):
        return ""
    try:
        return str(parse_asn(cell.strip()))
    except ValueError:
        return ""


@_cached
def _country(cell: str) -> str:
    if is_empty("country", cell):
        return ""
    try:
        return parse_country(cell.strip()).code
    except ValueError:
        return ""


_tags = _cached(split_tags)
_cves = _cached(find_cves)

MAX_CELL: Final = 2_000
"""Limit of the characters of one cell in the page."""

_ROOM: Final = 64_000_000
_CROWDED_CELL: Final = 200
"""Limit of the characters of a cell, once the page has ``_ROOM`` characters of distinct cells."""

FIELDS: Final = (
    *("severity", "subject", "port", "name", "asn", "country"),
    *("malware", "verdict", "gone"),
)
"""What the table shows and is filtered by, one text a finding; ``SETS`` are tuples of texts."""
SETS: Final = ("tags", "cves")


class CodedColumn(Generic[Distinct]):
    """A column: each distinct value once, and for each row the number of its value."""

    __slots__ = ("at", "values")

    def __init__(self) -> None:
        self.values: dict[Distinct, int] = {}
        # Four bytes a row; a list takes eight for each reference to a number.
        self.at = array("I")

    def __len__(self) -> int:
        return len(self.at)

    def add(self, value: Distinct) -> bool:
        """Add the value of the next row; tell whether it is a new one."""
        known = len(self.values)
        number = self.values.setdefault(value, known)
        self.at.append(number)
        return number == known

    def plain(self) -> dict[str, Any]:
        """Return ``v``, the values, and ``a``, the number of each row's value. Without ``a``, each
        row has a value of its own, in order, or all have the same and ``n`` is the number of rows.
        """
        if len(self.values) == len(self.at) and self.at == array("I", range(len(self.at))):
            return {"v": list(self.values)}
        if len(self.values) == 1:
            return {"v": list(self.values), "n": len(self.at)}
        return {"v": list(self.values), "a": self.at.tolist()}


class Findings:
    """All findings of the page, as columns: what they are filtered by, and their cells by header.

    Reports of the same type and header are a group; what their cells have in common is stored once.
    """

    def __init__(self) -> None:
        self.fields: dict[str, CodedColumn[str]] = {name: CodedColumn() for name in FIELDS}
        self.sets: dict[str, CodedColumn[tuple[str, ...]]] = {name: CodedColumn() for name in SETS}
        self.row_numbers = array("I")
        """Of the rows in their files, from 1."""
        self.seconds = array("q")
        """Since 1970."""
        self.finding = array("I")
        """The same number for the rows of one finding on several days; 0 if there is only one
        day.
        """
        self.as_names: dict[str, str] = {}
        """ASN -> the first name that a row gives it."""
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
        self._spent = 0

    def __len__(self) -> int:
        return len(self.row_numbers)

    def group_of(self, plan: Plan) -> _Group:
        """Return the group that the rows of a report with this plan belong to."""
        key = (plan.context.report_type.name, tuple(column.name for column in plan.columns))
        if key not in self._groups:
            self._groups[key] = _Group(len(self._groups), plan)
        return self._groups[key]

    def row_adder(self, plan: Plan) -> Callable[[int, str, Row, str], None]:
        """Return what adds a row: number, severity, cells, verdict."""
        group = self.group_of(plan)
        primary = plan.context.report_type.primary
        facets = facet_reader(plan)
        subject = plan.subjects.shown
        fields, sets = self.fields, self.sets
        read_port = cell_reader(plan, "port", primary)
        read_name = cell_reader(plan, "hostname", primary)
        read_malware = cell_reader(plan, "malware")
        read_activity = cell_reader(plan, "activity")
        read_as_name = cell_reader(plan, "as_name", primary)

        def add(number: int, severity: str, row: Row, verdict: str) -> None:
            time, asn, country, tags, cves = facets(row)
            self.row_numbers.append(number)
            self.seconds.append(_seconds(time))
            self.finding.append(0)
            values = (
                severity,
                masked(subject(row))[:MAX_FIELD],
                read_port(row),
                read_name(row),
                asn,
                country,
                read_malware(row) or read_activity(row),
                verdict,
                "",  # the day when it is gone: `finish` adds it, once all days are read
            )
            for name, value in zip(FIELDS, values, strict=True):
                fields[name].add(value)
            sets["tags"].add(tags)
            sets["cves"].add(cves)
            if asn and (as_name := read_as_name(row)):
                self.as_names.setdefault(asn, as_name[:80])
            self._spent += group.add(row, MAX_CELL if self._spent < _ROOM else _CROWDED_CELL)

        return add

    def finish(self, days: DayComparer) -> None:
        """Add the comparison of the days, once all rows are added."""
        gone = self.fields["gone"]
        for place, day in days.gone():
            gone.at[place] = gone.values.setdefault(day, len(gone.values))
        for place, number in days.finding_numbers():
            self.finding[place] = number

    def table(self) -> dict[str, Any]:
        """Return what the table shows and is filtered by."""
        return {
            **{name: coded.plain() for name, coded in self.fields.items()},
            **{name: coded.plain() for name, coded in self.sets.items()},
            "number": self.row_numbers.tolist(),
            "seconds": self.seconds.tolist(),
            "finding": self.finding.tolist(),
            "as_names": self.as_names,
        }

    def groups(self) -> list[_Group]:
        """Return the groups in the order of their numbers."""
        return list(self._groups.values())


class _Group:
    """The cells of all reports with one type and header."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.number = number
        self._columns = plan.columns
        self._cells: list[CodedColumn[str]] = [CodedColumn() for _ in plan.columns]
        self._masked = {at for at, column in enumerate(plan.columns) if column.role == "secret"}

    def add(self, row: Row, longest: int) -> int:
        """Add the cells of a row; return the characters that this takes."""
        taken = 0
        for at, coded in enumerate(self._cells):
            cell = row[at]
            # Before the cut, which might remove the @ that marks a password.
            if "@" in cell:
                cell = masked(cell)
            if len(cell) > longest:
                cell = f"{cell[:longest]} … ({len(cell)} characters)"
            if at in self._masked and cell:
                cell = MASK
            # A cell that is known takes only its number.
            if coded.add(cell):
                taken += len(cell)
        return taken

    def plain(self) -> dict[str, Any]:
        """Return columns and cells; columns that are empty in all rows take no space."""
        # As a Note shows them.
        order = sorted(
            range(len(self._columns)), key=lambda index: (self._columns[index].order, index)
        )
        used = [index for index in order if any(self._cells[index].values)]
        return {
            "columns": [
                [column.name, column.title or column.name, column.role, column.party]
                for column in (self._columns[index] for index in used)
            ],
            "cells": [self._cells[index].plain() for index in used],
        }


def cell_reader(plan: Plan, role: str, party: str = "") -> Callable[[Row], str]:
    """Return a reader of the cell of a role; it returns "" for no column, or no value."""
    at = first_column(plan.columns, role, party)
    if at is None:
        return lambda row: ""
    return lambda row: "" if is_empty(role, row[at]) else row[at].strip()[:MAX_FIELD]


MAX_FIELD: Final = 300
"""Limit of the characters of a cell in the table."""


@lru_cache(maxsize=16_384)
def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


MAX_COMPARED: Final = 500_000
"""Number of rows above which days are not compared, because all keys are kept in memory."""


class DayComparer:
    """Compares reports with those of earlier days; must be given the days in order."""

    def __init__(self, comparer: ReportComparer, several: frozenset[ReportFeed]) -> None:
        self._comparer = comparer
        self._several = several
        self._keys: dict[ReportFeed, dict[str, dict[bytes, list[int]]]] = defaultdict(dict)

    def concerns(self, info: ReportInfo) -> bool:
        """Tell whether reports of this type and list are there for several days."""
        return feed_of(info) in self._several

    def compare_and_commit(self, path: Path, info: ReportInfo) -> list[str]:
        """Return the verdict on each row, in order; empty if there is no earlier day."""
        if not self.concerns(info):
            return []
        try:
            comparison = self._comparer.compare(path, info)
        except (SkippableError, NotReadyError):
            return []
        # At once: the report of the next day is compared with this one.
        self._comparer.commit(path)
        # A report without any row makes all of the day before gone.
        self._findings_of_day(info)
        if comparison is None or comparison.previous_day is None:
            return []
        return [VERDICTS[verdict] for verdict in comparison.verdicts]

    def add(self, info: ReportInfo, key: bytes, place: int | None) -> None:
        """Add a row's finding, and its place in the page if it has one."""
        places = self._findings_of_day(info).setdefault(key, [])
        if place is not None:
            places.append(place)

    def _findings_of_day(self, info: ReportInfo) -> dict[bytes, list[int]]:
        return self._keys[feed_of(info)].setdefault(info.day.isoformat(), {})

    def gone(self) -> Iterator[tuple[int, str]]:
        """Yield the places of rows whose finding is not in the next report, and its day."""
        for days in self._keys.values():
            ordered = sorted(days)
            for day, after in pairwise(ordered):
                for key, places in days[day].items():
                    if key not in days[after]:
                        yield from ((place, after) for place in places)

    def finding_numbers(self) -> Iterator[tuple[int, int]]:
        """Yield the place of each row in the page, and the number of its finding."""
        number = 0
        for days in self._keys.values():
            places: dict[bytes, list[int]] = defaultdict(list)
            for keys in days.values():
                for key, found in keys.items():
                    places[key] += found
            for found in places.values():
                number += 1
                yield from ((place, number) for place in found)


@contextmanager
def open_day_comparer(jobs: Sequence[Job], rows: int) -> Iterator[DayComparer]:
    """Give a comparer for the reports of these jobs; its history is deleted after the block."""
    days: dict[ReportFeed, set[str]] = defaultdict(set)
    for _, info in jobs:
        days[feed_of(info)].add(info.day.isoformat())
    several = [feed for feed, of in days.items() if len(of) > 1] if rows <= MAX_COMPARED else []
    with temporary_folder() as folder:
        # As in an import, so that the page shows the verdicts that OpenCTI would get.
        comparer = ReportComparer(lambda: open_history(folder, "preview"), SilentLogger())
        try:
            yield DayComparer(comparer, frozenset(several))
        finally:
            comparer.close()
