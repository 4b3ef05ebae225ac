"""From reports on disk to the data of the page, in memory bounded by the findings shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from shadowserver_connector import __version__
from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import AUTO_FINDING_NOTES, convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.preview.counts import Counts, ReportCounts, count_report
from shadowserver_connector.preview.findings import read_findings
from shadowserver_connector.preview.objects import Objects
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.source import unreadable

MAX_FINDINGS: Final = 10_000
"""Findings in the page's table and graph; its charts count all."""

Counted = tuple[Path, ReportInfo, ReportCounts]


@dataclass(frozen=True, slots=True)
class Model:
    """What the page is made of."""

    overview: dict[str, Any]
    """Reports, totals and charts."""
    findings: list[dict[str, Any]]
    """By report, as ``read_findings`` returns them."""
    objects: Objects
    failures: tuple[Failure, ...]


def collect(
    jobs: Sequence[Job],
    options: Options,
    *,
    most: int = MAX_FINDINGS,
    advance: Callable[[], object] = lambda: None,
) -> Model:
    """Read and convert reports; ``advance`` is called twice for each.

    The charts count every finding. Table and graph hold ``most`` findings at most: where there
    are more, each report has its fair share, from its first row on. A report that cannot be read
    is among the failures, and the others go on. Raises ``OSError`` where a disk fails.
    """
    # A page is passed on more easily than a platform is opened: links that open without
    # credentials stay out of it.
    options = replace(options, link_download=False)
    counts = Counts()
    counted, failures = _counted(jobs, options, counts, advance)
    shares = fair_shares([report.kept for _, _, report in counted], most)
    objects = Objects()
    findings: list[dict[str, Any]] = []
    for (path, info, report), share in zip(counted, shares, strict=True):
        if share:
            cut = _cut_to(options, share, report)
            findings.append(read_findings(path, info, cut))
            convert_report(path, info, cut, objects.add)
        else:
            findings.append({"columns": [], "at": {}, "rows": []})
        advance()
    return Model(
        overview={
            "program": f"shadowserver-connector {__version__}",
            "marking": options.marking,
            "reports": [
                _report(info, report, share)
                for (_, info, report), share in zip(counted, shares, strict=True)
            ],
            "failed": [[failure.info.file, failure.reason] for failure in failures],
            "findings": counts.severities.total(),
            "shown": sum(shares),
            "objects": len(objects),
            "charts": {**counts.charts(), "object": objects.by_type()},
        },
        findings=findings,
        objects=objects,
        failures=tuple(failures),
    )


def fair_shares(wanted: Sequence[int], most: int) -> list[int]:
    """Share ``most`` out: all get what they want up to a level that is the same for all."""
    shares = [0] * len(wanted)
    left = most
    for place, index in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        level = left // (len(wanted) - place)
        shares[index] = min(wanted[index], level)
        left -= shares[index]
    return shares


def _counted(
    jobs: Sequence[Job], options: Options, counts: Counts, advance: Callable[[], object]
) -> tuple[list[Counted], list[Failure]]:
    counted: list[Counted] = []
    failures: list[Failure] = []
    for path, info in jobs:
        try:
            counted.append((path, info, count_report(path, info, options, counts)))
        except (SkippableError, NotReadyError) as error:
            failures.append(Failure(info, str(error)))
            advance()
        except OSError as error:
            if error.filename != str(path):
                raise
            failures.append(Failure(info, str(unreadable(info.file, error))))
            advance()
        advance()
    return counted, failures


def _cut_to(options: Options, share: int, report: ReportCounts) -> Options:
    """Return the options under which a part of a report is converted as the whole would be."""
    notes = options.notes
    if notes == "auto":
        notes = "finding" if report.kept <= AUTO_FINDING_NOTES else "host"
    return replace(options, max_findings=share, notes=notes)


def _report(info: ReportInfo, report: ReportCounts, shown: int) -> dict[str, Any]:
    return {
        "file": info.file,
        "type": info.type,
        "day": info.day.isoformat(),
        "title": report.title,
        "about": report.about,
        "severity": report.severity,
        "rows": report.rows,
        "findings": report.kept,
        "filtered": report.filtered,
        "cut": report.cut,
        "shown": shown,
    }
