"""From reports on disk to the data of the page, in memory bounded by the findings shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from shadowserver_connector import __version__
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.errors import NotReadyError, SkippableError
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.convert import convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.preview.counts import Counts, ReportCounts, count_report
from shadowserver_connector.preview.table_rows import read_findings
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.report_files import unreadable

MAX_TEXT: Final = 4_000
"""Characters of one property that the page holds."""


class ObjectsById:
    """Collects objects chunk by chunk; a further copy adds to the first, as in OpenCTI."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, chunk: Chunk) -> None:
        for encoded in chunk.objects:
            stix_id, body = encoded.id, encoded.json
            known = self._known.get(stix_id)
            if known is None:
                self._known[stix_id] = body if len(body) <= MAX_TEXT else _shortened(body)
            elif known != body:
                self._known[stix_id] = _united(known, body)

    def by_type(self) -> list[list[str | int]]:
        """Return ``[type, type, number]`` of each STIX type, largest first."""
        types = Counter(stix_id.partition("--")[0] for stix_id in self._known)
        ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))
        return [[name, name, number] for name, number in ranked]

    def encoded(self) -> bytes:
        """Return a JSON array of all objects, in the order in which they came."""
        return b"[" + b",\n".join(self._known.values()) + b"]"


def _shortened(body: bytes) -> bytes:
    stix = orjson.loads(body)
    if stix["type"] == "artifact" and "payload_bin" in stix:
        # The original file itself; the page shows what is in it.
        stix["payload_bin"] = f"({len(stix['payload_bin'])} characters, left out of this page)"
    for name, value in stix.items():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            stix[name] = f"{value[:MAX_TEXT]} … ({len(value)} characters)"
    return orjson.dumps(stix)


def _united(known: bytes, body: bytes) -> bytes:
    """Return the later copy, its lists united with the earlier one's, its time span widened."""
    earlier: dict[str, Any] = orjson.loads(known)
    later: dict[str, Any] = orjson.loads(_shortened(body))
    for name, value in earlier.items():
        if isinstance(value, list):
            strings = [*value, *later.get(name, [])]
            if all(isinstance(item, str) for item in strings):
                later[name] = list(dict.fromkeys(strings))
        elif name == "first_observed":
            later[name] = min(value, later[name])
        elif name == "last_observed":
            later[name] = max(value, later[name])
    return orjson.dumps(later)


MAX_FINDINGS: Final = 10_000
"""Findings in the page's table and graph; its charts count all."""

Counted = tuple[Path, ReportInfo, ReportCounts]


@dataclass(frozen=True, slots=True)
class PageData:
    """What the page is made of."""

    overview: dict[str, Any]
    """Reports, totals and charts."""
    findings: list[dict[str, Any]]
    """By report, as ``read_findings`` returns them."""
    objects: ObjectsById
    failures: tuple[Failure, ...]


def collect(
    jobs: Sequence[Job],
    options: Options,
    *,
    most: int = MAX_FINDINGS,
    advance: Callable[[], object] = lambda: None,
) -> PageData:
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
    objects = ObjectsById()
    findings: list[dict[str, Any]] = []
    for (path, info, _), share in zip(counted, shares, strict=True):
        if share:
            cut = replace(options, max_findings=share)
            findings.append(read_findings(path, info, cut))
            convert_report(path, info, cut, objects.add)
        else:
            findings.append({"columns": [], "at": {}, "rows": []})
        advance()
    return PageData(
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
