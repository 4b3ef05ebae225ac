"""From reports on disk to the data of the page: the findings shown, and STIX objects, each once."""

from __future__ import annotations

import base64
import gzip
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from shadowserver_connector import __version__
from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.catalogue.catalogue import SEVERITIES, ReportType
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.errors import NotReadyError, SkippableError, is_about
from shadowserver_connector.mapping.cells.countries_and_products import parse_country
from shadowserver_connector.mapping.cells.text_and_tags import RANK
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.finding_identity import compile_finding_identifier
from shadowserver_connector.mapping.planning.row_statistics import RowFilter
from shadowserver_connector.pipeline.convert import compile_for, convert_report
from shadowserver_connector.pipeline.outcome import Failure, Job
from shadowserver_connector.preview.page_findings import DayComparer, Findings, open_day_comparer
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.table import open_table
from shadowserver_connector.report.wording import unreadable_error

MAX_FINDINGS: Final = 100_000
"""Limit of the findings in the page; if there are more, it has the most severe ones."""

MAX_DRAWN: Final = 20_000
"""Limit of the findings with STIX objects in the page: a fair share of each report."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of the rows of one report; ``rows == wanted + filtered + cut``."""

    path: Path
    info: ReportInfo
    type: ReportType
    rows: int
    wanted: Counter[str]
    """By severity."""
    filtered: int
    cut: int


@dataclass(frozen=True, slots=True)
class PageData:
    """What the page is made of."""

    overview: dict[str, Any]
    """Reports and totals."""
    findings: Findings
    objects: ObjectsById
    failures: tuple[Failure, ...]


def collect_page_data(
    jobs: Sequence[Job],
    options: Options,
    *,
    max_findings: int = MAX_FINDINGS,
    max_drawn: int = MAX_DRAWN,
    advance: Callable[[], object] = lambda: None,
) -> PageData:
    """Read and convert reports; ``advance`` is called twice for each.

    The page contains at most ``max_findings``. If there are more, it contains the most severe
    ones; of the severity that does not fit completely, each report has a fair share, from its first
    row on. The STIX objects are those of ``max_drawn`` findings. A report that cannot be read is
    listed among the failures; the others are still read. Raises ``OSError`` if a disk fails.
    """
    # A page is passed on more easily than a platform is opened: links that open without
    # credentials stay out of it.
    options = replace(options, link_download=False)
    # Days in their order, as the history has them.
    jobs = sorted(jobs, key=lambda job: (job[1].day, job[1].type, job[1].list, job[1].file))
    counted, failures = _count_all(jobs, options, advance)
    shares = shares_by_severity([report.wanted for report in counted], max_findings)
    wanted = [report.wanted.total() for report in counted]
    findings, objects = Findings(), ObjectsById()
    reports: list[dict[str, Any]] = []
    to_draw = fair_shares(wanted, max_drawn)
    with open_day_comparer(jobs, sum(report.rows for report in counted)) as days:
        for report, share, drawn_of in zip(counted, shares, to_draw, strict=True):
            before = len(findings)
            group = _read_findings(report, options, share, findings, days)
            if drawn_of:
                cut = replace(options, max_findings=drawn_of)
                convert_report(report.path, report.info, cut, objects.add)
            # By this order the page knows which report a finding is from.
            reports.append(_report(report, len(findings) - before, group))
            advance()
        findings.finish(days)
    return PageData(
        overview={
            "program": f"shadowserver-connector {__version__}",
            "marking": options.marking,
            "reports": reports,
            "types": {report.type.name: _type(report.type) for report in counted},
            "countries": {
                code: parse_country(code).name for code in findings.fields["country"].values if code
            },
            "failed": [[failure.info.file, failure.reason] for failure in failures],
            "findings": sum(wanted),
            "shown": len(findings),
            "drawn": sum(to_draw),
            "objects": len(objects),
        },
        findings=findings,
        objects=objects,
        failures=tuple(failures),
    )


def fair_shares(wanted: Sequence[int], most: int) -> list[int]:
    """Divide ``most``: each gets what it wants, up to a limit that is the same for all."""
    shares = [0] * len(wanted)
    left = most
    # The smallest first: what it does not need of an equal share is divided among the others.
    for place, index in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        level = left // (len(wanted) - place)
        shares[index] = min(wanted[index], level)
        left -= shares[index]
    return shares


def shares_by_severity(wanted: Sequence[Counter[str]], most: int) -> list[Counter[str]]:
    """Divide ``most`` by severity, the highest first, and fairly within the one that does not
    fit.
    """
    shares: list[Counter[str]] = [Counter() for _ in wanted]
    left = most
    for severity in reversed(SEVERITIES):
        for index, share in enumerate(fair_shares([each[severity] for each in wanted], left)):
            shares[index][severity] = share
            left -= share
    return shares


def _count_all(
    jobs: Sequence[Job], options: Options, advance: Callable[[], object]
) -> tuple[list[RowCounts], list[Failure]]:
    counted: list[RowCounts] = []
    failures: list[Failure] = []
    for path, info in jobs:
        try:
            counted.append(_count(path, info, options))
        except (SkippableError, NotReadyError) as error:
            failures.append(Failure(info, str(error)))
        except OSError as error:
            # Not about this file: a disk that fails would fail the other reports as well.
            if not is_about(error, path):
                raise
            failures.append(Failure(info, str(unreadable_error(info.file, error))))
        advance()
    # For the second reading, which these will not have.
    for _ in failures:
        advance()
    return counted, failures


def _count(path: Path, info: ReportInfo, options: Options) -> RowCounts:
    anomalies = Anomalies(info.file)
    wanted: Counter[str] = Counter()
    with open_table(path, anomalies) as table:
        plan = compile_for(table.header, info, options)
        selection = RowFilter(plan, anomalies)
        for number, row in table.rows():
            severity = selection.take(number, row)
            if severity is not None:
                wanted[severity] += 1
    return RowCounts(
        path=path,
        info=info,
        type=plan.context.report_type,
        rows=selection.wanted + selection.filtered + selection.cut,
        wanted=wanted,
        filtered=selection.filtered,
        cut=selection.cut,
    )


def _read_findings(
    report: RowCounts,
    options: Options,
    share: Counter[str],
    findings: Findings,
    days: DayComparer,
) -> int:
    """Add a report's findings, so many of each severity; return the number of their group."""
    info = report.info
    anomalies = Anomalies(info.file)
    left = share.copy()
    verdicts = days.compare_and_commit(report.path, info)
    concerned = days.concerns(info)
    catalogue = load_catalogue()
    with open_table(report.path, anomalies) as table:
        plan = compile_for(table.header, info, options)
        columns = [catalogue.column(info.type, name) for name in table.header]
        identify = compile_finding_identifier(catalogue, report.type, columns).read
        # Decides as in the first reading, so every severity has as many rows as were counted.
        selection = RowFilter(plan, anomalies)
        add = findings.row_adder(plan)
        for number, row in table.rows():
            severity = selection.take(number, row)
            place = None
            if severity is not None and left[severity]:
                left[severity] -= 1
                place = len(findings)
                add(number, severity, row, verdicts[number - 1] if verdicts else "")
            # All rows count, shown or not, as in the history: a row that is cut is not gone.
            if concerned:
                days.add(info, identify(row).key, place)
        return findings.group_of(plan).number


def _report(report: RowCounts, shown: int, group: int) -> dict[str, Any]:
    return {
        "file": report.info.file,
        "type": report.type.name,
        "day": report.info.day.isoformat(),
        "list": report.info.list,
        "severity": max(report.wanted, key=RANK.__getitem__, default=SEVERITIES[0]),
        "rows": report.rows,
        "findings": report.wanted.total(),
        "filtered": report.filtered,
        "cut": report.cut,
        "shown": shown,
        "group": group,
    }


def _type(report_type: ReportType) -> dict[str, str]:
    return {
        "title": report_type.title,
        "short": report_type.short,
        "about": report_type.about,
        "todo": report_type.todo,
        "page": report_type.page,
    }


# Level 8 takes a third longer and saves only one to two percent.
_LEVEL: Final = 7


def packed(pieces: Iterable[bytes]) -> bytes:
    """Return the pieces, joined, for the page to unpack.

    They take a tenth of their space, because findings are alike.
    """
    whole = io.BytesIO()
    # Both are what a browser unpacks by itself: gzip by `DecompressionStream`, base64 by `atob`.
    # Without a time, the same data give the same bytes.
    with gzip.GzipFile(fileobj=whole, mode="wb", compresslevel=_LEVEL, mtime=0) as file:
        for piece in pieces:
            file.write(piece)
    return base64.b64encode(whole.getbuffer())


def array_of(values: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a JSON array of encoded values, which need not be in memory at once."""
    separator = b"["
    for value in values:
        yield separator
        yield value
        separator = b",\n"
    yield b"[]" if separator == b"[" else b"]"


MAX_TEXT: Final = 4_000
"""Characters of one property that the page holds."""

_UUID: Final = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_BEFORE: Final = b"\x01%x\x02"
"""Stands for a UUID. In JSON these two bytes are always escaped, so nothing else looks like it."""


class ObjectsById:
    """Collects objects chunk by chunk; a further copy adds to the first, as in OpenCTI."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the JSON of each object, in the order in which they came."""
        return iter(self._known.values())

    def add(self, chunk: Chunk) -> None:
        for encoded in chunk.objects:
            stix_id, body = encoded.id, encoded.json
            known = self._known.get(stix_id)
            if known is None:
                # A body this short has no longer property.
                self._known[stix_id] = body if len(body) <= MAX_TEXT else _shortened(body)
            elif known != body:
                self._known[stix_id] = _united(known, body)

    def packed(self) -> tuple[bytes, bytes]:
        r"""Return a JSON array of all objects, and its UUIDs, both for the page to unpack.

        In the array ``\x01<number in hexadecimal>\x02`` stands for a UUID. The UUIDs are 16 bytes
        each, in base64: nothing makes them smaller.
        """
        numbers: dict[bytes, int] = {}

        def numbered(found: re.Match[bytes]) -> bytes:
            return _BEFORE % numbers.setdefault(found[0], len(numbers))

        objects = packed(array_of(_UUID.sub(numbered, body) for body in self))
        uuids = b"".join(bytes.fromhex(text.replace(b"-", b"").decode()) for text in numbers)
        return objects, base64.b64encode(uuids)


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
    """Return the later copy, with the lists of both merged and the time span widened."""
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
