"""The few findings that a Report names, selected while its rows are counted: the worst, the worst
new ones, and those open longest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappush, heapreplace, nlargest, nsmallest
from typing import Final, NamedTuple

from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.record import day_of
from shadowserver_connector.history.verdicts import NEW, RESURFACED
from shadowserver_connector.mapping.cells.addresses import parse_asn
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.text_and_tags import (
    RANK,
    find_attack_ids,
    find_cves,
    one_line,
    split_tags,
)
from shadowserver_connector.mapping.planning.subjects import SubjectReader
from shadowserver_connector.mapping.texts.markdown import masked

SHOWN_HOSTS: Final = 10
SHOWN_FINDINGS: Final = 100
"""Findings of a report shown in its text."""

_MAX_NAMES: Final = 3
"""Names, such as tags, that are shown of what was found."""

_LONGEST: Final = 120
"""Characters of a cell that are shown."""
_HELD: Final = 20 * SHOWN_HOSTS
"""Hosts held before all but the worst are dropped: so they are seldom sorted."""

_HOSTS: Final = frozenset(["ip", "network", "domain", "hostname"])
_REASONS: Final = ("malware", "activity", "cve", "attack_id", "tags")


class HighlightColumns(NamedTuple):
    """Places of the cells that are shown of a row; -1 if the report has no such column."""

    subjects: SubjectReader
    reasons: tuple[tuple[int, str], ...]
    """Place and role of what was found, the most telling first."""
    subject: str
    """What a row is about: ``Host``, or what the column is called."""
    name: int
    port: int
    protocol: int
    asn: int
    as_name: int
    time: int
    malware_names: Mapping[str, str]
    """The catalogue's: another name of a malware -> the name it always gets."""

    @property
    def places(self) -> tuple[int, ...]:
        """Places of all cells that are read."""
        named = (self.name, self.port, self.protocol, self.asn, self.as_name, self.time)
        return (*self.subjects.places, *(at for at, _ in self.reasons), *named)


class Highlight(NamedTuple):
    """One finding as it is shown; texts are as in the file, empty if it says nothing."""

    severity: str
    host: str
    name: str
    port: str
    """With its protocol: ``443/tcp``."""
    what: str
    network: str
    """``AS64496 Example``."""
    time: str
    first: str
    """Day on which it was reported first; empty where no history is kept."""


def names_found(role: str, cell: str, malware_names: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a cell says was found, named as the objects and labels that it becomes.

    There is none if the cell is empty or a placeholder.
    """
    if not cell or is_empty(role, cell):
        return ()
    if role == "tags":
        found = (*find_cves(cell), *split_tags(cell))
    elif role in ("cve", "attack_id"):
        # Either column may have ids of both kinds.
        found = (*find_cves(cell), *find_attack_ids(cell)) or (one_line(cell),)
    else:
        name = one_line(cell)
        cves = find_cves(name)
        found = cves if cves == (name.upper(),) else (name,)
    return tuple([malware_names.get(name.lower(), name) for name in found if name])


def highlight_columns(
    columns: Sequence[Column],
    primary: str,
    port_of: str,
    subjects: SubjectReader,
    malware_names: Mapping[str, str],
) -> HighlightColumns:
    """Return where rows with these columns say what is shown of them.

    ``primary`` is the party that they are about, ``port_of`` the one whose port was reached;
    ``subjects`` reads whom a row is about.
    """

    def places(role: str, party: str) -> list[int]:
        return [
            at
            for at, column in enumerate(columns)
            if column.role == role and column.party in ("", party)
        ]

    def first(role: str, party: str = primary) -> int:
        return next(iter(places(role, party)), -1)

    about = next((columns[at] for at in subjects.places), None)
    return HighlightColumns(
        subjects=subjects,
        subject="Host" if about is None or about.role in _HOSTS else about.title,
        reasons=tuple((at, role) for role in _REASONS for at in places(role, primary)),
        name=first("hostname"),
        port=first("port", port_of),
        protocol=first("protocol"),
        asn=first("asn"),
        as_name=first("as_name"),
        time=first("time"),
        malware_names=malware_names,
    )


class Highlights:
    """Looks at the rows of a report in order and keeps a few of them.

    The more severe come first; of equally severe ones, a new one, then the earlier row.
    """

    def __init__(self, columns: HighlightColumns, comparison: Comparison | None = None) -> None:
        self.subject = columns.subject
        """What the rows are about: ``Host``, or what its column is called."""
        self._columns = columns
        self._subject = columns.subjects.shown
        self._comparison = comparison
        self._verdicts = b"" if comparison is None else comparison.verdicts
        # (Order, negative row number, cells): of rows of equal order, the earlier is the greater.
        self._findings: list[tuple[int, int, tuple[str, ...]]] = []
        self._hosts: dict[str, tuple[int, int, tuple[str, ...]]] = {}
        self._host_floor = -1
        self._floor = -1

    def see(self, number: int, row: Sequence[str], severity: str) -> None:
        """Look at the row of this number, from 1."""
        order = 2 * RANK[severity] + self._is_new(number)
        if order <= self._floor:
            return
        host = self._subject(row)[:_LONGEST]
        if len(self._findings) < SHOWN_FINDINGS:
            heappush(self._findings, self._ranked(order, number, row))
        elif order > self._findings[0][0]:
            heapreplace(self._findings, self._ranked(order, number, row))
        if host and order > self._host_floor:
            known = self._hosts.get(host)
            if known is None or known[0] < order:
                self._hosts[host] = self._ranked(order, number, row)
                self._bound()
        if len(self._findings) == SHOWN_FINDINGS:
            # A row that can be neither among the findings nor among the hosts is not looked at.
            self._floor = min(self._findings[0][0], self._host_floor)

    def findings(self) -> list[Highlight]:
        """Return the worst findings, the worst first."""
        return [self._shown(kept) for kept in sorted(self._findings, reverse=True)]

    def hosts(self) -> list[Highlight]:
        """Return the worst hosts, each by its worst finding, the worst first."""
        return [self._shown(kept) for kept in nlargest(SHOWN_HOSTS, self._hosts.values())]

    def _bound(self) -> None:
        if len(self._hosts) > _HELD:
            kept = nlargest(SHOWN_HOSTS, self._hosts.items(), key=lambda item: item[1])
            self._hosts = dict(kept)
            # A later row can only get among these if it is worse than the last of them.
            self._host_floor = kept[-1][1][0]

    def _is_new(self, number: int) -> bool:
        return bool(self._verdicts) and self._verdicts[number - 1] in (NEW, RESURFACED)

    def _ranked(
        self, order: int, number: int, row: Sequence[str]
    ) -> tuple[int, int, tuple[str, ...]]:
        columns = self._columns
        port, protocol = _cell(row, columns.port, "port"), _cell(row, columns.protocol, "protocol")
        asn, name = _asn(row, columns.asn), _cell(row, columns.as_name, "as_name")
        cells = (
            _cut(self._subject(row)),
            _cell(row, columns.name, "hostname"),
            f"{port}/{protocol.lower()}" if port and protocol else port,
            self._reason(row),
            f"{asn} {name}".strip(),
            _cell(row, columns.time, "time"),
        )
        return order, -number, cells

    def _reason(self, row: Sequence[str]) -> str:
        for at, role in self._columns.reasons:
            names = names_found(role, row[at], self._columns.malware_names)
            if names:
                if role == "tags":
                    # Of several tags, a CVE id tells best what was found.
                    names = find_cves(row[at]) or names
                return _cut(", ".join(names[:_MAX_NAMES]))
        return ""

    def _shown(self, kept: tuple[int, int, tuple[str, ...]]) -> Highlight:
        order, number, (host, name, port, what, network, time) = kept
        severity = next(name for name, rank in RANK.items() if rank == order // 2)
        comparison = self._comparison
        first = "" if comparison is None else f"{day_of(comparison.first_days[-number - 1])}"
        return Highlight(severity, host, name, port, what, network, time, first)


def _cell(row: Sequence[str], at: int, role: str) -> str:
    if at < 0:
        return ""
    cell = row[at].strip()
    return "" if is_empty(role, cell) else _cut(cell)


def _asn(row: Sequence[str], at: int) -> str:
    try:
        return f"AS{parse_asn(row[at])}" if at >= 0 else ""
    except ValueError:
        return ""


def _cut(text: str) -> str:
    # Masked first: a cut might remove the @ that marks a password.
    return text if len(text) <= _LONGEST else masked(text)[:_LONGEST]


MAX_NAMED: Final = 10
"""Hosts of each kind that are named."""

_NEVER: Final = 1 << 30
"""More than any rank or number of a day."""
_LONGEST_HOST: Final = 255
"""Characters of a host that is named: no address, URL or account worth reading is longer."""


class HistoryHighlights:
    """The worst new hosts of a report, and those open longest, by what the history says."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self._verdicts = comparison.verdicts
        self._new = _Lowest()
        self._open = _Lowest()

    def see(self, number: int, host: str, severity: str) -> None:
        """Look at the row of this number, from 1."""
        if not host or len(host) > _LONGEST_HOST:
            return
        at = number - 1
        if self._verdicts[at] in (NEW, RESURFACED):
            # The lowest numbers are kept, so the worst must be the lowest.
            self._new.add(host, -RANK[severity])
        else:
            self._open.add(host, self.comparison.first_days[at])

    def worst_new(self) -> list[tuple[str, str]]:
        """Return host and severity of the worst that are new or back again, worst first."""
        names = {-rank: name for name, rank in RANK.items()}
        return [(host, names[rank]) for host, rank in self._new.hosts()]

    def open_longest(self) -> list[tuple[str, str]]:
        """Return host and first day of those that are open longest, oldest first."""
        return [(host, f"{day_of(first)}") for host, first in self._open.hosts()]


class _Lowest:
    """Keeps the hosts with the lowest numbers; of equal ones, those that were met first."""

    def __init__(self) -> None:
        self._hosts: dict[str, int] = {}
        self._bound = _NEVER

    def add(self, host: str, number: int) -> None:
        """Add a host, or a lower number of one."""
        # Most rows are neither new nor old: all of a report may have the same number.
        if number >= self._bound or number >= self._hosts.get(host, _NEVER):
            return
        self._hosts[host] = number
        if len(self._hosts) > 20 * MAX_NAMED:
            self._hosts = dict(self.hosts())
            self._bound = max(self._hosts.values())

    def hosts(self) -> list[tuple[str, int]]:
        """Return the hosts and their numbers, the lowest first, at most ``MAX_NAMED``."""
        return nsmallest(MAX_NAMED, self._hosts.items(), key=lambda item: item[1])
