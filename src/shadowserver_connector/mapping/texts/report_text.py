"""The text of a Report: what it is, why it matters, and what is in it, in markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from shadowserver_connector.catalogue.catalogue import SEVERITIES, ReportType
from shadowserver_connector.history.questions import subject_text
from shadowserver_connector.history.record import DIGEST_BYTES
from shadowserver_connector.mapping.cells.addresses import parse_asn
from shadowserver_connector.mapping.cells.countries_and_products import parse_country
from shadowserver_connector.mapping.cells.readers import PARSERS, is_empty
from shadowserver_connector.mapping.cells.text_and_tags import find_cves, split_tags
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.highlights import MAX_NAMED, HistoryHighlights
from shadowserver_connector.mapping.planning.row_statistics import RowStatistics
from shadowserver_connector.mapping.texts.markdown import cell
from shadowserver_connector.mapping.texts.report_lead import (
    CASE_PREVIEW_CHARACTERS,
    case_lead,
    findings,
    headed,
    of_all,
    report_lead,
    table,
    worst_hosts,
)
from shadowserver_connector.report.info import FileFacts, ReportInfo
from shadowserver_connector.report.wording import counted

TOP: Final = 10
"""Lines of each table of most frequent values."""

MAX_BYTES: Final = 64 * 1024
"""Bytes of a Report's text at most. Only long cells, chosen by somebody, make it that long."""

REPORT_PREVIEW_CHARACTERS: Final = 400
"""Characters of a Report's description that OpenCTI shows before "more", as plain text."""


class ReportFacts(NamedTuple):
    """What the texts of a Report and of its Case are written from; the same gives the same."""

    info: ReportInfo
    report_type: ReportType
    statistics: RowStatistics
    file: FileFacts
    options: Options
    history: HistoryHighlights | None
    """None without a history."""


def report_text(about: ReportFacts, anomalies: Sequence[str]) -> str:
    """Return the description of a Report."""
    report_type, statistics, history = (
        about.report_type,
        about.statistics,
        about.history,
    )
    todo = f"To do: {report_type.todo}." if report_type.todo and statistics.wanted else ""
    prose = [
        report_lead(statistics, history),
        " ".join(filter(None, (report_type.about, todo))),
        *(_changes(statistics, history) if history is not None else ()),
        _guide(statistics, about.file, about.options),
    ]
    changes = list(_history_tables(history)) if history is not None else []
    rest = [
        _severities(statistics),
        *_tops(statistics),
        _left_out(statistics, about.options),
        _duplicates(statistics),
        _unread(statistics, about.options),
        _anomalies(anomalies),
    ]
    file = _file(about.info, about.file, about.options)
    return _assemble(about, prose, changes, [*rest, file], REPORT_PREVIEW_CHARACTERS)


def case_text(about: ReportFacts) -> str:
    """Return the description of a Case, for the person who handles it."""
    report_type, statistics, history = (
        about.report_type,
        about.statistics,
        about.history,
    )
    prose = [
        case_lead(report_type, statistics, history),
        report_type.about,
        _steps(statistics, about.options),
    ]
    changes = list(_history_tables(history)) if history is not None else []
    file = f"File {cell(about.info.file)}, SHA-512 {about.file.sha512}."
    rest = [_severities(statistics), _left_out(statistics, about.options), file]
    return _assemble(about, prose, changes, rest, CASE_PREVIEW_CHARACTERS)


def _assemble(
    about: ReportFacts,
    prose: Sequence[str],
    changes: Sequence[str],
    rest: Sequence[str],
    preview: int,
) -> str:
    """Join the blocks of a text: sentences first, then tables, the link last.

    The last of ``rest`` says what the file is. ``preview`` is the number of characters that OpenCTI
    shows first.
    """
    # Every chunk carries this text, in its copy of the Report.
    most = min(MAX_BYTES, about.options.chunk_bytes // 8)
    # Shorter prose needs the line on the file, to keep tables out of what is shown first.
    if len("\n\n".join(filter(None, prose))) < preview:
        prose, rest = [*prose, rest[-1]], rest[:-1]
    # At most three quarters: the rest is for the prose and the counts.
    tables = [worst_hosts(about.statistics, most // 4), findings(about.statistics, most // 2)]
    page = _page(about.report_type, about.info)
    # The most important get room first; what has changed is read before what there is.
    kept = set(_within([*prose, page, *tables, *changes, *rest], most))
    blocks = [*prose, *changes, *tables, *rest, page]
    return "\n\n".join(block for block in blocks if block in kept)


def _within(blocks: Iterable[str], most: int) -> Iterator[str]:
    """Yield those of the blocks that fit in this many bytes; each chunk carries them."""
    for block in blocks:
        size = len(block.encode()) + 2
        if block and size <= most:
            yield block
            most -= size


def _guide(statistics: RowStatistics, facts: FileFacts, options: Options) -> str:
    if not statistics.wanted:
        return ""
    said = "Below: the worst hosts, the findings, and counts by network, tag and more."
    if options.notes != "none":
        said += " The Note on the page of a host has everything that was reported about it."
    if facts.size <= options.artifact_max_size:
        said += " The original file is attached as an Artifact."
    return said


def _steps(statistics: RowStatistics, options: Options) -> str:
    if not statistics.wanted:
        return ""
    notes = "; the Note on its page has everything that was reported"
    return (
        "1. Find out who runs each host or account below and notify them"
        f"{notes if options.notes != 'none' else ''}.\n"
        "2. Record what they have done, and ask again if they do not answer.\n"
        "3. Close this Case when a later Report no longer lists what is below. No longer "
        "reported does not mean fixed: it may have been unreachable."
    )


def _changes(statistics: RowStatistics, history: HistoryHighlights) -> Iterator[str]:
    comparison = history.comparison
    counts = comparison.counts
    said = [
        f"{of_all(statistics)}{counted(counts['new'], 'new finding')}",
        f"{counts['changed']:,} changed",
        f"{counts['recurring']:,} still there",
        f"{counts['resurfaced']:,} back again",
    ]
    # Above, each row is one.
    once = len(comparison.verdicts) > sum(counts.values())
    note = " Rows about the same finding count once here." if once else ""
    if comparison.previous_day is None:
        yield f"{', '.join(said)}; no earlier report of this type and list is known.{note}"
    else:
        yield (
            f"{', '.join(said)}, {comparison.gone_count:,} no longer reported since "
            f"{comparison.previous_day}.{note}"
        )


def _history_tables(history: HistoryHighlights) -> Iterator[str]:
    """Yield tables of what is new, what has been open longest and what is no longer reported.

    There is none without an earlier report: all would be new, and the tables of all have it.
    """
    if history.comparison.previous_day is None:
        return
    yield _hosts("Worst new hosts", "Severity", history.worst_new())
    yield _hosts("Open longest", "First reported", history.open_longest())
    gone = [
        (
            cell(subject_text(each.key[:-DIGEST_BYTES])),
            cell(each.what),
            f"{each.first}",
            f"{each.last}",
        )
        for each in history.comparison.gone_findings[:MAX_NAMED]
    ]
    if gone:
        lines = table(("Host", "What", "First reported", "Last reported"), gone)
        yield headed("No longer reported", f"This does not mean that they are fixed:\n\n{lines}")


def _hosts(heading: str, column: str, hosts: Sequence[tuple[str, str]]) -> str:
    rows = [(cell(host), said) for host, said in hosts]
    return headed(heading, table(("Host", column), rows)) if rows else ""


def _page(report_type: ReportType, info: ReportInfo) -> str:
    page = report_type.page or info.url
    # Without a space: OpenCTI cuts a text at one, and half a link is useless.
    return f"More: [shadowserver.org]({page})" if page.startswith("https://") else ""


def _severities(statistics: RowStatistics) -> str:
    if not statistics.wanted:
        return ""
    hosts = Counter(statistics.hosts.values())
    rows = [
        (severity, f"{statistics.severities[severity]:,}", f"{hosts[severity]:,}" if hosts else "")
        for severity in reversed(SEVERITIES)
        if statistics.severities[severity]
    ]
    headings = ("Severity", "Findings", "Hosts, by their worst finding")
    if not statistics.hosts_complete or not statistics.hosts:
        return headed("By severity", table(headings[:2], [row[:2] for row in rows]))
    return headed("By severity", table(headings, rows))


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Iterable[str]]]]] = {
    "asn": ("Autonomous system", lambda text: (f"AS{parse_asn(text)}",)),
    "country": ("Country", lambda text: (parse_country(text)[1],)),
    "sector": ("Sector", lambda text: (text,)),
    "activity": ("Malware or activity", lambda text: (text,)),
    "tags": ("Tag", split_tags),
}
"""Role of a column whose cells were counted -> heading, and what is counted in a cell."""


def _tops(statistics: RowStatistics) -> Iterable[str]:
    incomplete = statistics.tops_incomplete
    for role, (heading, read) in _READERS.items():
        if role in statistics.tops:
            found = _recount(role, statistics.tops[role], read)[0]
            yield _top(heading, found, complete=role not in incomplete, several=role == "tags")
    cves: Counter[str] = Counter()
    for role in ("tags", "cve"):
        # The larger number, not the sum: a row may name the same one in both columns.
        cves |= _recount(role, statistics.tops.get(role, Counter()), find_cves)[0]
    yield _top("Vulnerability", cves, complete=incomplete.isdisjoint(("tags", "cve")), several=True)


def _recount(
    role: str, cells: Counter[str], read: Callable[[str], Iterable[str]]
) -> tuple[Counter[str], int]:
    """Return the values in some cells, counted, and the number of cells that contain none."""
    found: Counter[str] = Counter()
    unread = 0
    for text, number in cells.items():
        if is_empty(role, text):
            continue
        try:
            values = tuple(read(text.strip()))
        except ValueError:
            unread += number
            continue
        for value in values:
            found[value] += number
    return found, unread


def _top(heading: str, found: Counter[str], *, complete: bool, several: bool) -> str:
    """Return the table of the most frequent values; ``several``: a finding may have more than one.

    If not ``complete``, cells were left out, so any of the numbers may be higher.
    """
    if not found:
        return ""
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rows = [(cell(value), f"{number:,}") for value, number in ordered[:TOP]]
    at_least = "" if complete else "at least "
    if len(ordered) > TOP:
        # The findings with several of these values would count several times.
        rest = "" if several else f"{sum(number for _, number in ordered[TOP:]):,}"
        rows.append((f"{at_least}{len(ordered) - TOP:,} more", rest))
    headings = (heading, "Findings" if complete else "Findings, at least")
    return headed(f"By {heading[0].lower()}{heading[1:]}", table(headings, rows))


def _left_out(statistics: RowStatistics, options: Options) -> str:
    lines = []
    if statistics.filtered:
        below = counted(statistics.filtered, "finding")
        lines.append(f"- {below} below severity {options.min_severity}")
    if statistics.cut:
        beyond = counted(statistics.cut, "finding")
        lines.append(f"- {beyond} beyond the first {options.max_findings:,}")
    return "Left out, as configured:\n\n" + "\n".join(lines) if lines else ""


def _duplicates(statistics: RowStatistics) -> str:
    if not statistics.duplicates:
        return ""
    rows = counted(statistics.duplicates, "finding")
    return f"Duplicates: {rows} identical to another; each is shown once."


def _unread(statistics: RowStatistics, options: Options) -> str:
    """Return what is known before any object is created; the log names the rows."""
    lines = []
    hosts = sum(not _is_host(statistics.host_role, host) for host in statistics.hosts)
    if hosts:
        lines.append(f"- addresses of {counted(hosts, 'host')}")
    for role, (heading, read) in _READERS.items():
        _, unread = _recount(role, statistics.tops.get(role, Counter()), read)
        if unread:
            lines.append(f"- {heading.lower()} of {counted(unread, 'finding')}")
    where = "the original file" if options.notes == "none" else "Notes"
    return f"Could not be read, and is in {where} only:\n\n" + "\n".join(lines) if lines else ""


def _is_host(role: str, text: str) -> bool:
    """Tell whether a cell can be read as its role says, or says that there is no value."""
    try:
        PARSERS[role](text.strip())
    except ValueError:
        return is_empty(role, text)
    return True


def _anomalies(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [f"- {cell(line)}" for line in lines[:TOP]]
    if len(lines) > TOP:
        shown.append(f"- and {len(lines) - TOP:,} more kinds")
    return "Anomalies in the file:\n\n" + "\n".join(shown)


def _file(info: ReportInfo, facts: FileFacts, options: Options) -> str:
    # OpenCTI titles the Artifact by its SHA-512.
    text = f"File {cell(info.file)}, {facts.size:,} bytes, SHA-512 {facts.sha512}."
    if facts.size <= options.artifact_max_size:
        return text
    return (
        f"{text} It exceeds the maximum size of an Artifact "
        f"({options.artifact_max_size:,} bytes), so it is not attached. "
        f"MD5 {facts.md5}, SHA-1 {facts.sha1}, SHA-256 {facts.sha256}."
    )
