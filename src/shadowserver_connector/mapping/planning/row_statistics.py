"""Counts over all rows of a report, which must be known before the first object is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shadowserver_connector.mapping.cells.cache import WIDEST
from shadowserver_connector.mapping.cells.readers import ColumnReader, is_empty
from shadowserver_connector.mapping.cells.text_and_tags import RANK, split_tags
from shadowserver_connector.mapping.planning.highlights import (
    Highlights,
    HistoryHighlights,
    names_found,
)
from shadowserver_connector.mapping.planning.plan import Plan
from shadowserver_connector.memory_limits import COUNT_BYTES
from shadowserver_connector.report.anomalies import Anomalies


class RowFilter:
    """Decides which rows are converted, in order, and counts them.

    A second instance decides the same of the same rows.

    An invalid severity is added to the anomalies; the row then gets that of its report type.
    """

    def __init__(self, plan: Plan, anomalies: Anomalies) -> None:
        options = plan.context.options
        self._anomalies = anomalies
        self._default = plan.context.report_type.severity
        at = plan.statistics.severity
        self._at = -1 if at is None else at
        cache_budget = plan.context.cache_budget
        self._reader = None if at is None else ColumnReader(plan.columns[at], cache_budget)
        self._floor = RANK[options.min_severity]
        self._most = options.max_findings
        self.wanted = 0
        self.filtered = 0
        """Rows below the wanted severity."""
        self.cut = 0
        """Rows beyond the wanted number of findings."""

    def take(self, number: int, row: list[str]) -> str | None:
        """Return the severity of a row that is converted, ``None`` for one that is not."""
        severity = self._default
        if self._reader is not None:
            reading = self._reader.read(row[self._at])
            if reading.bad:
                self._anomalies.add(reading.bad, number, self._reader.name)
            severity = reading.value or severity
        if RANK[severity] < self._floor:
            self.filtered += 1
            return None
        if self._most and self.wanted >= self._most:
            self.cut += 1
            return None
        self.wanted += 1
        return severity


MAX_DISTINCT: Final = 40_000
"""Distinct hosts, or cells of one column, that are counted exactly; memory stays bounded.

With a few thousand more, a dict doubles the memory that it takes.
"""

MAX_COUNTED_CHARACTERS: Final = 1_000
"""Characters of a cell that is counted: no address, tag list or sector has more."""

MAX_REPORT_TAGS: Final = 10
"""Tags of its rows that a Report has as labels."""

# Memory of a text in addition to its characters: the head of the object, its place in a dict.
_ENTRY_BYTES: Final = 150

NumberedRow = tuple[int, list[str]]
"""Number of a data row in its file, from 1, and its cells."""


@dataclass(slots=True)
class RowStatistics:
    """Counts over the rows that the options select, and over those that they leave out."""

    rows: int = 0
    filtered: int = 0
    cut: int = 0
    duplicates: int = 0
    """Rows to be converted that are equal, cell by cell, to another one."""
    skipped: int = 0
    """Rows that are selected and not converted, because OpenCTI has what they would become."""
    severities: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, str] = field(default_factory=dict)
    """Cell of the primary address -> highest severity seen there."""
    host_role: str = "ip"
    """Role of that column: ``ip`` or ``network``."""
    hosts_complete: bool = True
    """False if there are more hosts than are counted."""
    tops: Mapping[str, Counter[str]] = field(default_factory=dict)
    """Role of a column -> its cells that say something, as they are in the file, counted.

    Of ``activity``, the names of the malware instead.
    """
    tops_incomplete: set[str] = field(default_factory=set)
    """Roles of columns that have more distinct cells than are counted."""
    highlights: Highlights | None = None
    """The worst of the selected rows; none before they are counted."""
    reserved_bytes: int = 0
    """Bytes that hosts and tops take, about."""

    @property
    def highest(self) -> str:
        """Highest severity of the selected rows; ``info`` where there is none."""
        return max(self.severities, key=RANK.__getitem__, default="info")

    def frequent_tags(self) -> tuple[str, ...]:
        """Return the most frequent tags of the selected rows, `MAX_REPORT_TAGS` at most.

        Tags that are equally frequent are sorted by name.
        """
        tags: Counter[str] = Counter()
        for cell, number in self.tops.get("tags", {}).items():
            for tag in split_tags(cell):
                tags[tag] += number
        frequent = sorted(tags.items(), key=lambda each: (-each[1], each[0]))
        return tuple([tag for tag, _ in frequent[:MAX_REPORT_TAGS]])

    @property
    def wanted(self) -> int:
        """Rows that the options select, those that are ``skipped`` included."""
        return self.severities.total()


def select_and_count(
    rows: Iterable[NumberedRow],
    plan: Plan,
    statistics: RowStatistics,
    anomalies: Anomalies,
    history: HistoryHighlights | None = None,
) -> Iterator[NumberedRow]:
    """Yield the rows that the options select, and count all rows on the way.

    ``statistics`` is complete when all rows have been taken.
    """
    selection = RowFilter(plan, anomalies)
    host_at = plan.statistics.host
    if host_at is not None:
        statistics.host_role = plan.columns[host_at].role
    # Counted in plain dicts, which are faster than a Counter cell by cell.
    counts: dict[str, dict[str, int]] = {role: {} for role in plan.statistics.tops}
    tops = [(role, counts[role], *places) for role, places in plan.statistics.tops.items()]
    comparison = None if history is None else history.comparison
    highlights = Highlights(plan.statistics.highlights, comparison)
    statistics.highlights = highlights
    severities: dict[str, int] = {}
    for numbered in rows:
        row = numbered[1]
        severity = selection.take(numbered[0], row)
        if severity is None:
            continue
        severities[severity] = severities.get(severity, 0) + 1
        host = "" if host_at is None else row[host_at]
        # A host that is counted is no placeholder, so a cell is tested only until it is.
        if host and (host in statistics.hosts or not is_empty(statistics.host_role, host)):
            _count_host(statistics, host, severity)
            if history is not None:
                history.see(numbered[0], host, severity)
        highlights.see(numbered[0], row, severity)
        # ``better`` is the place of a column that says the same more clearly, if there is one.
        for role, counter, index, better in tops:
            # As the file has them: the text of the Report reads each different cell, but only once.
            cell = row[better]
            known = counter.get(cell)
            # What is counted is no placeholder, so cells are tested only until they are.
            if known is None and (not cell or is_empty(role, cell)):
                cell = row[index]
                known = counter.get(cell)
            if known is not None:
                counter[cell] = known + 1
            elif cell and not is_empty(role, cell):
                if len(counter) < MAX_DISTINCT and _reserve(statistics, cell):
                    counter[cell] = 1
                else:
                    statistics.tops_incomplete.add(role)
        yield numbered
    statistics.severities = Counter(severities)
    if "activity" in counts:
        names = plan.context.catalogue.cell_words.malware_names
        counts["activity"] = _by_name(counts["activity"], names)
    statistics.tops = {role: Counter(counter) for role, counter in counts.items()}
    statistics.rows = selection.wanted + selection.filtered + selection.cut
    statistics.filtered, statistics.cut = selection.filtered, selection.cut


def _by_name(cells: Mapping[str, int], malware_names: Mapping[str, str]) -> dict[str, int]:
    """Return counts by the name of what cells become; in the case in which it is met first."""
    found: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for cell, number in cells.items():
        for name in names_found("activity", cell, malware_names):
            name = spelled.setdefault(name.lower(), name)
            found[name] = found.get(name, 0) + number
    return found


def _count_host(statistics: RowStatistics, host: str, severity: str) -> None:
    known = statistics.hosts.get(host)
    if known == severity:
        return
    if known is None:
        if len(statistics.hosts) >= MAX_DISTINCT:
            statistics.hosts_complete = False
        elif _reserve(statistics, host):
            statistics.hosts[host] = severity
        # A cell that is too long is no host, so none is missing.
        elif len(host) <= MAX_COUNTED_CHARACTERS:
            statistics.hosts_complete = False
    elif RANK[severity] > RANK[known]:
        statistics.hosts[host] = severity


def _reserve(statistics: RowStatistics, cell: str) -> bool:
    """Reserve memory for a new cell; return whether there was enough, so that it is counted."""
    size = WIDEST * len(cell) + _ENTRY_BYTES
    if len(cell) > MAX_COUNTED_CHARACTERS or statistics.reserved_bytes + size > COUNT_BYTES:
        return False
    statistics.reserved_bytes += size
    return True
