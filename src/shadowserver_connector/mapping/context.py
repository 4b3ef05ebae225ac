"""What all rows of a report have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shadowserver_connector.catalogue.activities import Activities
from shadowserver_connector.catalogue.model import Meaning, ReportType
from shadowserver_connector.mapping.encoders import Encoders
from shadowserver_connector.mapping.memory import Memory
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.values.dates import end_of_report
from shadowserver_connector.stix.origin import Origin


@dataclass(frozen=True, slots=True)
class Context:
    """The report, what is wanted of it, and what writes it."""

    origin: Origin
    day: str
    """Start of the day covered, ``YYYY-MM-DDT00:00:00.000Z``."""
    report_type: ReportType
    meanings: Mapping[str, Meaning]
    activities: Activities
    """Cells of a malware column that name an activity."""
    options: Options
    encode: Encoders
    memory: Memory
    """What is kept of the cells that were met."""

    @property
    def end(self) -> str:
        """Time from which on no row can have been seen; texts of times are compared with it."""
        return end_of_report(self.day)

    def meaning(self, party: str) -> Meaning:
        """Return what a party is in this report."""
        return self.meanings[self.report_type.parties.get(party, "other")]
