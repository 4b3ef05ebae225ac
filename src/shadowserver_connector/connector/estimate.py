"""What a first import will cost OpenCTI, told before it begins."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.report.info import ReportInfo

OBJECTS_PER_SECOND: Final = 25
"""What a usual installation of OpenCTI takes in, by public reports."""


class Estimate(NamedTuple):
    """Rough numbers: the order of magnitude is what counts."""

    reports: int
    findings: int
    objects: int

    @property
    def hours(self) -> float:
        """How long OpenCTI's workers will be busy."""
        return self.objects / OBJECTS_PER_SECOND / 3600


def estimate(
    reports: Collection[ReportInfo], stats: Iterable[DayEvents], options: Options
) -> Estimate:
    """Estimate the import of ``reports``, of whose days ``stats`` counts the events.

    The API counts by day and type, over all lists: a subscriber who takes only some of the lists
    gets a number that is too high.
    """
    wanted = {(report.day, report.type) for report in reports}
    findings = sum(each.events for each in stats if (each.day, each.type) in wanted)
    # A Report and an Artifact for each file.
    objects = 2 * len(reports) + findings * objects_per_finding(options)
    return Estimate(len(reports), findings, objects)


def objects_per_finding(options: Options) -> int:
    """Return how many objects a usual finding, one address with one open port, makes.

    Address and Autonomous System always; then what the options add.
    """
    relationships = sum(options.relates(name) for name in ("belongs-to", "located-at"))
    return (
        2
        + (options.notes != "none")
        + options.observed_data
        + options.network_traffic
        + relationships
    )
