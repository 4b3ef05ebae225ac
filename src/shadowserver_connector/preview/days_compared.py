"""Compare the reports of several days: what is new, changed, still there, and gone."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.history.history import open_history
from shadowserver_connector.history.verdicts import VERDICTS, ReportFeed
from shadowserver_connector.logger import SilentLogger
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.pipeline.report_comparer import ReportComparer, feed_of
from shadowserver_connector.report.info import ReportInfo

MOST_COMPARED: Final = 500_000
"""Number of rows above which days are not compared, because all keys are kept in memory."""


class DaysCompared:
    """What the reports of earlier days say about each row; days come in order."""

    def __init__(self, comparer: ReportComparer, several: frozenset[ReportFeed]) -> None:
        self._comparer = comparer
        self._several = several
        self._keys: dict[ReportFeed, dict[str, dict[bytes, list[int]]]] = defaultdict(dict)

    def concerns(self, info: ReportInfo) -> bool:
        """Tell whether reports of this type and list are there for several days."""
        return feed_of(info) in self._several

    def verdicts(self, path: Path, info: ReportInfo) -> list[str]:
        """Return the verdict on each row, in order; empty if there is no earlier day."""
        if not self.concerns(info):
            return []
        try:
            comparison = self._comparer.compare(path, info)
        except (SkippableError, NotReadyError):
            return []
        # At once: the report of the next day is compared with this one.
        self._comparer.commit(path)
        if comparison is None or comparison.previous is None:
            return []
        return [VERDICTS[verdict] for verdict in comparison.verdicts]

    def add(self, info: ReportInfo, key: bytes, place: int | None) -> None:
        """Add a row's finding, and its place in the page if it has one."""
        day = self._keys[feed_of(info)].setdefault(info.day.isoformat(), {})
        places = day.setdefault(key, [])
        if place is not None:
            places.append(place)

    def gone(self) -> Iterator[tuple[int, str]]:
        """Yield the places of rows whose finding is not in the next report, and its day."""
        for days in self._keys.values():
            ordered = sorted(days)
            for day, after in pairwise(ordered):
                for key, places in days[day].items():
                    if key not in days[after]:
                        yield from ((place, after) for place in places)

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Yield the place of each row that has a finding on several days, and its number."""
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
def days_compared(jobs: Sequence[Job], rows: int) -> Iterator[DaysCompared]:
    """Compare the reports of these jobs, with a history that is deleted after the block."""
    days: dict[ReportFeed, set[str]] = defaultdict(set)
    for _, info in jobs:
        days[feed_of(info)].add(info.day.isoformat())
    several = [feed for feed, of in days.items() if len(of) > 1] if rows <= MOST_COMPARED else []
    with tempfile.TemporaryDirectory(prefix="shadowserver-") as folder:
        # As in an import, so that the page shows the verdicts that OpenCTI would get.
        comparer = ReportComparer(lambda: open_history(Path(folder), "preview"), SilentLogger())
        try:
            yield DaysCompared(comparer, frozenset(several))
        finally:
            comparer.close()
