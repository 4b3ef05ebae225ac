"""What a Report says about findings over time: the worst new ones, and those open longest."""

from __future__ import annotations

from heapq import nsmallest
from typing import Final

from shadowserver_connector.history.comparison import NEW, RESURFACED, Comparison
from shadowserver_connector.history.record import day_of
from shadowserver_connector.mapping.cells.tags import RANK

MOST_NAMED: Final = 10
"""Hosts of each kind that are named."""

_LONGEST: Final = 255
"""Characters of a host that is named: no address, URL or account that tells is longer."""


class OverTime:
    """Looks at the rows of a report, one by one, and keeps a few of them."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self._new: dict[str, int] = {}
        self._open: dict[str, int] = {}

    def see(self, number: int, host: str, severity: str) -> None:
        """Look at the row of this number, from 1."""
        if not host or len(host) > _LONGEST:
            return
        at = number - 1
        if self.comparison.verdicts[at] in (NEW, RESURFACED):
            rank = -RANK[severity]
            if rank < self._new.get(host, 1):
                self._new[host] = rank
                self._new = _bounded(self._new)
            return
        first = self.comparison.first[at]
        if first < self._open.get(host, first + 1):
            self._open[host] = first
            self._open = _bounded(self._open)

    def worst_new(self) -> list[tuple[str, str]]:
        """Return host and severity of the worst that are new or back again, worst first."""
        names = {-rank: name for name, rank in RANK.items()}
        return [(host, names[rank]) for host, rank in _first(self._new)]

    def open_longest(self) -> list[tuple[str, str]]:
        """Return host and first day of those that are open longest, oldest first."""
        return [(host, f"{day_of(first)}") for host, first in _first(self._open)]


def _bounded(hosts: dict[str, int]) -> dict[str, int]:
    return dict(_first(hosts)) if len(hosts) > 20 * MOST_NAMED else hosts


def _first(hosts: dict[str, int]) -> list[tuple[str, int]]:
    """Return those with the least numbers; of equal ones, those that were met first."""
    return nsmallest(MOST_NAMED, hosts.items(), key=lambda item: item[1])
