"""Days on which hardly anything changes: what OpenCTI is sent, asked and made to refer to."""

from __future__ import annotations

import csv
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Final

from tests.sink.pycti_fakes import FakeHelper

from benchmarks.reports import DAY, report
from benchmarks.results import Result
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.catalogue.columns import STATE, VOLATILE
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.history.history import REFRESH_DAYS, open_history
from shadowserver_connector.mapping.options import Options, Repeats
from shadowserver_connector.pipeline.report_comparer import ReportComparer, with_comparison
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.sink.opencti import Delivery
from shadowserver_connector.sink.platform import find_abilities
from shadowserver_connector.waiting import Waiter

ROWS: Final = 100
NEW: Final = 0.05
CHANGED: Final = 0.02
NEVER: Final = 1_000_000
"""Days after which no finding is due in any of these."""

TYPES: Final = (
    *("scan_ssl", "scan_ssh", "scan_cwmp", "device_id", "scan_http_vulnerable", "scan_rdp"),
    *("event4_sinkhole", "event4_sinkhole_http", "event4_honeypot_brute_force"),
    *("compromised_website", "malware_url", "blocklist"),
)

# Milliseconds, measured on a running OpenCTI 7.260817: docs/scaling.md.
_OBJECT: Final = 65.0
_REFERENCE: Final = 1.0
_QUESTION: Final = 0.2


@dataclass
class Day:
    """What one day of all types costs OpenCTI."""

    rows: int
    objects: int
    references: int
    questions: int

    @property
    def a_row(self) -> float:
        """Objects sent for a row."""
        return self.objects / self.rows


def measure(folder: Path, *, quick: bool) -> Result:
    """Deliver days to an OpenCTI that keeps up, by a connector with a history."""
    types = TYPES[:3] if quick else TYPES
    month = 4 if quick else 30
    result = Result(
        f"Objects sent for a day of {ROWS} rows a report, {len(types)} types",
        ("days", "first day, a row", "last day, a row", "of a first day", "month, in first days"),
    )

    def days(
        name: str,
        order: Sequence[int],
        repeats: Repeats,
        *,
        refresh: int = REFRESH_DAYS,
        moving: bool = False,
    ) -> Sequence[Day]:
        made = folder / f"repeats-{name.replace(' ', '-')}"
        found = list(_days(made, types, order, repeats, refresh=refresh, moving=moving))
        share = found[-1].objects / found[0].objects
        total = sum(day.objects for day in found) / found[0].objects
        result.rows.append((name, found[0].a_row, found[-1].a_row, share, total))
        return found

    for repeats in ("refer", "skip"):
        still = days(f"unchanged, {repeats}", range(2), repeats, refresh=NEVER)[-1]
        result.goal(
            f"known and unchanged, {repeats}: at most 0.05 objects a row",
            f"{still.a_row:.3f}",
            met=still.a_row <= 0.05,
        )
    open_for = 9 if quick else 30
    refreshed = days("unchanged, refreshed", range(open_for), "refer")
    most = max(day.a_row for day in refreshed[1:])
    result.goal("with the refresh: at most 0.2 a row", f"{most:.3f}", met=most <= 0.2)
    lasting = sum(day.a_row for day in refreshed)
    result.goal(
        f"a finding that is open for {open_for} days: at most 12 objects",
        f"{lasting:.1f}",
        met=lasting <= 12,
    )
    moving = f"5 % new, 2 % changed, {month} days"
    moved = days(moving, range(month), "refer", moving=True)
    share = fmean(day.objects for day in moved[1:]) / moved[0].objects
    result.goal(
        "such a day, on average: at most 0.1 of a first day", f"{share:.3f}", met=share <= 0.1
    )
    first_import = days(f"{moving}, back", range(month)[::-1], "refer", moving=True)
    for said, found in (("one after the other", moved), ("newest first", first_import)):
        total = sum(day.objects for day in found) / found[0].objects
        result.goal(
            f"{month} such days, {said}: at most 4 first days", f"{total:.2f}", met=total <= 4
        )
    asking = refreshed[1].questions * _QUESTION + refreshed[1].references * _REFERENCE
    sending = refreshed[0].objects * _OBJECT
    result.goal(
        "asking and referring: at most 5 % of what sending costs",
        f"{asking / sending:.1%}",
        met=asking / sending <= 0.05,
    )
    result.notes.append(
        f"by {_OBJECT:g} ms an object, {_REFERENCE:g} ms a reference, {_QUESTION:g} ms a question"
    )
    return result


def _days(
    folder: Path,
    types: Sequence[str],
    order: Sequence[int],
    repeats: Repeats,
    *,
    refresh: int,
    moving: bool,
) -> Iterator[Day]:
    """Deliver the days of a network in an order; 0 is the oldest."""
    folder.mkdir()
    helper = FakeHelper()
    log = helper.connector_logger
    waiter = Waiter(threading.Event(), log, queue_numbers_delay=0.0)
    comparer = ReportComparer(lambda: open_history(folder, "one"), log, refresh=refresh)
    convert = with_comparison(comparer)
    files = [dict[str, Path]() for _ in order]
    for name in types:
        network = _Network(folder, name)
        for number, written in enumerate(files):
            path = folder / f"{DAY + timedelta(number)}-{name}-example.csv"
            written[name] = network.write(path, number, moving=moving)
    try:
        for number in order:
            day = DAY + timedelta(number)
            helper.messages.clear()
            helper.lookups.clear()
            delivery = Delivery(helper, find_abilities(helper), waiter, f"{day}")
            for name, path in files[number].items():
                info = ReportInfo(name, day, path.name, "example")
                send = partial(_send, delivery, path)
                convert(path, info, Options(repeats=repeats), send)
                comparer.commit(path)
                helper.held.update(helper.sent_ids())
            yield Day(
                rows=ROWS * len(types),
                objects=delivery.objects,
                references=_references(helper),
                questions=sum(map(len, helper.lookups)),
            )
    finally:
        comparer.close()


def _send(delivery: Delivery, path: Path, chunk: Chunk) -> None:
    delivery.send(chunk, path)


def _references(helper: FakeHelper) -> int:
    """Return how many references of Reports OpenCTI was sent."""
    return sum(
        len(stix["object_refs"])
        for _, bundle in helper.messages
        for stix in bundle["objects"]
        if stix["type"] == "report"
    )


class _Network:
    """The rows of one report type, from day to day."""

    def __init__(self, folder: Path, report_type: str) -> None:
        self._folder = folder
        self._type = report_type
        self._header, self._rows = self._generated(1)
        catalogue = load_catalogue()
        known = catalogue.report_type(report_type, self._header)
        self._parts = [
            catalogue.finding_part(known, catalogue.column(report_type, name))
            for name in self._header
        ]
        self._random = random.Random(1)  # noqa: S311 - the same in every run

    def write(self, path: Path, day: int, *, moving: bool) -> Path:
        """Write the report of a day: clocks and counters always move, findings if asked for."""
        if day:
            _, others = self._generated(day + 1)
            self._rows = [
                [theirs if part == VOLATILE else ours for part, ours, theirs in cells]
                for cells in (
                    list(zip(self._parts, ours, theirs, strict=True))
                    for ours, theirs in zip(self._rows, others, strict=True)
                )
            ]
            if moving:
                self._move(others)
        with path.open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([self._header, *self._rows])
        return path

    def _move(self, others: Sequence[list[str]]) -> None:
        chosen = self._random.sample(range(ROWS), round(ROWS * (NEW + CHANGED)))
        new = chosen[: round(ROWS * NEW)]
        states = [
            at
            for at, part in enumerate(self._parts)
            if part == STATE and len({row[at] for row in self._rows}) > 1
        ]
        for at in chosen:
            if at in new:
                self._rows[at] = others[at]
            elif states:
                place = self._random.choice(states)
                values = sorted({row[place] for row in self._rows} - {self._rows[at][place]})
                self._rows[at][place] = self._random.choice(values)

    def _generated(self, seed: int) -> tuple[list[str], list[list[str]]]:
        made = report(self._folder, self._type, ROWS, seed=seed)
        with made.path.open(newline="") as file:
            header, *rows = csv.reader(file)
        return header, rows
