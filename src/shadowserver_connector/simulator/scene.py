"""What is fixed for one generated report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shadowserver_connector.catalogue.model import ReportType
from shadowserver_connector.simulator.hosts import Network


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
