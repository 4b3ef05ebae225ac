"""The text of a Report: what it is, why it matters, and what is in it, in markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from shadowserver_connector.catalogue.model import ReportType
from shadowserver_connector.mapping.markdown import cell
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.survey import Survey
from shadowserver_connector.mapping.values.asn import parse_asn
from shadowserver_connector.mapping.values.countries import parse_country
from shadowserver_connector.mapping.values.cve import find_cves
from shadowserver_connector.mapping.values.severity import SEVERITIES
from shadowserver_connector.mapping.values.tags import split_tags
from shadowserver_connector.report.hashing import FileFacts
from shadowserver_connector.report.info import ReportInfo

TOP: Final = 10
"""Lines of each table of most frequent values."""


def summary(
    info: ReportInfo,
    report_type: ReportType,
    survey: Survey,
    facts: FileFacts,
    oddities: Sequence[str],
    options: Options,
) -> str:
    """Return the description of a Report; the same inputs give the same text."""
    blocks = [
        report_type.about,
        _page(report_type, info),
        _severities(survey),
        *_tops(survey),
        _left_out(survey, options),
        _oddities(oddities),
        _file(info, facts, options),
    ]
    return "\n\n".join(block for block in blocks if block)


def _page(report_type: ReportType, info: ReportInfo) -> str:
    page = report_type.page or info.url
    return f"Shadowserver on this report: [{page}]({page})" if page.startswith("https://") else ""


def _severities(survey: Survey) -> str:
    if not survey.kept:
        return "No findings."
    hosts = Counter(survey.hosts.values())
    rows = [
        (severity, str(survey.severities[severity]), str(hosts[severity]) if hosts else "")
        for severity in reversed(SEVERITIES)
        if survey.severities[severity]
    ]
    if survey.hosts:
        more = "" if survey.hosts_complete else "more than "
        total = f"{survey.kept} findings on {more}{len(survey.hosts)} hosts."
    else:
        total = f"{survey.kept} findings."
    headings = ("Severity", "Findings", "Hosts, by their worst finding")
    if not survey.hosts_complete or not survey.hosts:
        return f"{total}\n\n{_table(headings[:2], [row[:2] for row in rows])}"
    return f"{total}\n\n{_table(headings, rows)}"


def _tops(survey: Survey) -> Iterable[str]:
    readers: Mapping[str, tuple[str, Callable[[str], Iterable[str]]]] = {
        "asn": ("Autonomous system", lambda text: (f"AS{parse_asn(text)}",)),
        "country": ("Country", lambda text: (parse_country(text)[1],)),
        "sector": ("Sector", lambda text: (text,)),
        "tags": ("Tag", split_tags),
    }
    for role, cells in survey.tops.items():
        heading, read = readers[role]
        yield _top(heading, _recount(cells, read))
    yield _top("Vulnerability", _recount(survey.tops.get("tags", Counter()), find_cves))


def _recount(cells: Counter[str], read: Callable[[str], Iterable[str]]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for text, number in cells.items():
        try:
            values = tuple(read(text.strip()))
        except ValueError:
            continue
        for value in values:
            counted[value] += number
    return counted


def _top(heading: str, counted: Counter[str]) -> str:
    if not counted:
        return ""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows = [(cell(value), str(number)) for value, number in ordered[:TOP]]
    if len(ordered) > TOP:
        rows.append((f"{len(ordered) - TOP} more", str(sum(n for _, n in ordered[TOP:]))))
    return _table((heading, "Findings"), rows)


def _left_out(survey: Survey, options: Options) -> str:
    lines = []
    if survey.filtered:
        lines.append(f"- {survey.filtered} findings below severity {options.min_severity}")
    if survey.cut:
        lines.append(f"- {survey.cut} findings beyond the first {options.max_findings}")
    return "Left out, as configured:\n\n" + "\n".join(lines) if lines else ""


def _oddities(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [f"- {cell(line)}" for line in lines[:TOP]]
    if len(lines) > TOP:
        shown.append(f"- and {len(lines) - TOP} more kinds")
    return "Odd in the file:\n\n" + "\n".join(shown)


def _file(info: ReportInfo, facts: FileFacts, options: Options) -> str:
    text = f"File {cell(info.file)}, {facts.size} bytes, SHA-256 {facts.sha256}."
    if facts.size <= options.artifact_max_size:
        return text
    return (
        f"{text} It is larger than the largest file that is imported "
        f"({options.artifact_max_size} bytes), so there is no Artifact. "
        f"MD5 {facts.md5}, SHA-1 {facts.sha1}, SHA-512 {facts.sha512}."
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
