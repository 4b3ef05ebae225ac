"""What is fixed for one generated report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from shadowserver_connector.catalogue.catalogue import ReportType
from shadowserver_connector.simulator.numbered_hosts import Network

POOL = 256
"""Distinct cells of a column that varies neither by row nor by host."""


class Block(IntEnum):
    """Which of a row's numbers a cell is made from."""

    ROW = 0
    """The row's own: times, source ports."""
    HOST = 1
    """The host that the row is about."""
    KIND = 2
    """What the host shares with every ``POOL``th: place, device, certificate."""
    FINDING = 3
    """What was found on the host; less than ``POOL``."""
    REMOTE = 4
    """The other side: sensor, sinkhole, target; few."""
    EVENT = 5
    """Row and finding in one: the row times ``POOL`` plus the finding."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One report to be generated."""

    type: ReportType
    day: date
    rows: int
    seed: int
    own: Network
    remote: Network

    @property
    def stem(self) -> str:
        """Return the type's name without the prefix that its family has."""
        name = self.type.name
        for prefix in ("scan6_", "scan_", "population6_", "population_", "event4_honeypot_"):
            name = name.removeprefix(prefix)
        return name.removeprefix("event4_").removeprefix("event6_").removeprefix("compromised_")
