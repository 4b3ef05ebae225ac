"""What an import will cost, before anything is downloaded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from shadowserver_connector.api.answers import DayEvents
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.history.history import open_history
from shadowserver_connector.logger import SilentLogger
from shadowserver_connector.mapping.objects.context import RelationshipRules
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.report_comparer import ReportComparer, with_comparison
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.generate import write_report
from shadowserver_connector.temporary import temporary_folder

OBJECTS_PER_SECOND: Final = 25
"""What a typical OpenCTI installation imports, according to public reports."""
_SAMPLE_ROWS: Final = 100
"""Rows of a generated report; a larger one makes as many objects a row, or a few less."""
# Fixed, so that an estimate does not depend on the day on which it is made.
_DAY: Final = date(2024, 1, 1)


class Estimate(NamedTuple):
    """What an import is expected to bring."""

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

    For each type, generated reports of two days in a row are converted, and the objects sent are
    counted: fewer on the second day, as most of its findings recur. The API counts by day and type,
    over all lists: a subscriber who takes only some of the lists gets a number that is too high.
    Raises OSError where the temporary directory cannot be used.
    """
    files = Counter((report.day, report.type) for report in reports)
    events: dict[str, list[tuple[date, int]]] = defaultdict(list)
    findings: Counter[tuple[date, str]] = Counter()
    for each in stats:
        if (each.day, each.type) in files:
            findings[each.day, each.type] += each.events
    for day, name in files:
        events[name].append((day, findings[day, name]))
    objects = 0.0
    with ExitStack() as stack:
        samples = _Samples(stack.enter_context(temporary_folder()), options)
        stack.callback(samples.close)
        for name, days in sorted(events.items()):
            # The newest day is imported first, in full.
            for later, (day, count) in enumerate(sorted(days, reverse=True)):
                number = files[day, name]
                objects += number * samples.objects(name, count / number, later=bool(later))
    return Estimate(len(reports), findings.total(), round(objects))


class _Samples:
    """What the connector sends of generated reports, each type's made when it is asked for."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._folder = folder
        self._options = options
        self._comparer = ReportComparer(lambda: open_history(folder, "samples"), SilentLogger())
        self._made: dict[str, tuple[int, tuple[int, ...]]] = {}

    def close(self) -> None:
        self._comparer.close()

    def objects(self, name: str, findings: float, *, later: bool) -> float:
        """Return the objects of a report of so many findings, on its first or on a later day."""
        if name not in load_catalogue().types:
            # Nothing can be generated of an unknown type; the 2 are Report and Artifact.
            return 2 + findings * objects_per_unknown_finding(self._options)
        if name not in self._made:
            rows = max(1, min(round(findings), _SAMPLE_ROWS))
            self._made[name] = rows, tuple(self._sent(name, rows))
        rows, sent = self._made[name]
        return sent[later] * findings / rows

    def _sent(self, name: str, rows: int) -> Iterator[int]:
        convert = with_comparison(self._comparer)
        for number in range(2):
            # Back in time, as a first import goes.
            info = ReportInfo(name, _DAY - timedelta(days=number), f"{number}.csv")
            path = self._folder / info.file
            write_report(path, name, info.day, rows)
            outcome = convert(path, info, self._options, lambda _: None)
            self._comparer.commit(path)
            yield sum(outcome.objects.values())


def objects_per_unknown_finding(options: Options) -> int:
    """Return how many objects a finding of an unknown type makes: one address with one open port.

    Address and Autonomous System always; then what the options add.
    """
    rules = RelationshipRules(load_catalogue().links, options, joined=True)
    of_address = (("belongs-to", "autonomous-system"), ("located-at", "location"))
    relationships = sum(rules.creates(name, "ipv4-addr", to, "primary") for name, to in of_address)
    return (
        2
        + (options.notes != "none")
        + options.observed_data
        + options.network_traffic
        + relationships
    )
