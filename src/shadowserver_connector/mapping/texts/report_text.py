"""The text of a Report: what it is, why it matters, and what is in it, in markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from shadowserver_connector.catalogue.catalogue import ReportType
from shadowserver_connector.history.questions import subject_text
from shadowserver_connector.history.record import DIGEST_BYTES
from shadowserver_connector.mapping.cells.addresses import parse_asn, parse_network
from shadowserver_connector.mapping.cells.countries import parse_country
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.tags import SEVERITIES, find_cves, split_tags
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.planning.over_time import MOST_NAMED, OverTime
from shadowserver_connector.mapping.planning.row_statistics import RowStatistics
from shadowserver_connector.mapping.texts.markdown import cell
from shadowserver_connector.report.info import FileFacts, ReportInfo

TOP: Final = 10
"""Lines of each table of most frequent values."""

MOST_BYTES: Final = 64 * 1024
"""Of a Report's text; one has 2 KiB, or 100 where an attacker chose the most frequent values."""


def summary(
    info: ReportInfo,
    report_type: ReportType,
    statistics: RowStatistics,
    facts: FileFacts,
    warnings: Sequence[str],
    options: Options,
    over_time: OverTime | None = None,
) -> str:
    """Return the description of a Report; the same inputs give the same text."""
    blocks = [
        *(_over_time(over_time) if over_time is not None else ()),
        report_type.about,
        _page(report_type, info),
        _severities(statistics),
        *_tops(statistics),
        _left_out(statistics, options),
        _repeated(statistics),
        _unread(statistics),
        _warnings(warnings),
        _file(info, facts, options),
    ]
    return "\n\n".join(_within(blocks, min(MOST_BYTES, options.chunk_bytes // 8)))


def _within(blocks: Iterable[str], most: int) -> Iterator[str]:
    """Yield those of the blocks that have room in so many bytes; each chunk carries them."""
    for block in blocks:
        size = len(block.encode())
        if block and size <= most:
            yield block
            most -= size


def _over_time(over_time: OverTime) -> Iterator[str]:
    """Say what is new, what is still there and what is not reported any more."""
    comparison = over_time.comparison
    counts = comparison.counts
    said = [
        f"{_number(counts['new'], 'new finding')}",
        f"{counts['changed']:,} changed",
        f"{counts['recurring']:,} still there",
        f"{counts['resurfaced']:,} back again",
    ]
    if comparison.previous is None:
        yield f"{', '.join(said)}; no earlier report of this type and list is known."
    else:
        yield (
            f"{', '.join(said)}, {comparison.gone:,} not reported any more since "
            f"{comparison.previous}."
        )
    yield _hosts("Worst new hosts", "Severity", over_time.worst_new())
    yield _hosts("Open longest", "First reported", over_time.open_longest())
    gone = [
        (_subject(each.key), cell(each.label), f"{each.first}", f"{each.last}")
        for each in comparison.which[:MOST_NAMED]
    ]
    if gone:
        table = _table(("Host", "What", "First reported", "Last reported"), gone)
        yield f"Not reported any more, which is not to say fixed:\n\n{table}"


def _hosts(heading: str, column: str, hosts: Sequence[tuple[str, str]]) -> str:
    rows = [(cell(host), said) for host, said in hosts]
    return f"{heading}:\n\n{_table(('Host', column), rows)}" if rows else ""


def _subject(key: bytes) -> str:
    return cell(subject_text(key[:-DIGEST_BYTES]))


def _page(report_type: ReportType, info: ReportInfo) -> str:
    page = report_type.page or info.url
    return f"Shadowserver on this report: [{page}]({page})" if page.startswith("https://") else ""


def _severities(statistics: RowStatistics) -> str:
    if not statistics.kept:
        return "No findings."
    hosts = Counter(statistics.hosts.values())
    rows = [
        (
            severity,
            f"{statistics.severities[severity]:,}",
            f"{hosts[severity]:,}" if hosts else "",
        )
        for severity in reversed(SEVERITIES)
        if statistics.severities[severity]
    ]
    total = _number(statistics.kept, "finding")
    if statistics.hosts:
        more = "" if statistics.hosts_complete else "more than "
        total = f"{total} on {more}{_number(len(statistics.hosts), 'host')}"
    total += "."
    headings = ("Severity", "Findings", "Hosts, by their worst finding")
    if not statistics.hosts_complete or not statistics.hosts:
        return f"{total}\n\n{_table(headings[:2], [row[:2] for row in rows])}"
    return f"{total}\n\n{_table(headings, rows)}"


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Iterable[str]]]]] = {
    "asn": ("Autonomous system", lambda text: (f"AS{parse_asn(text)}",)),
    "country": ("Country", lambda text: (parse_country(text)[1],)),
    "sector": ("Sector", lambda text: (text,)),
    "activity": ("Infection or activity", lambda text: (text,)),
    "tags": ("Tag", split_tags),
}
"""Role of a column whose cells were counted -> heading, and what is counted of a cell."""


def _tops(statistics: RowStatistics) -> Iterable[str]:
    for role, (heading, read) in _READERS.items():
        if role in statistics.tops:
            yield _top(heading, _recount(role, statistics.tops[role], read)[0])
    cves: Counter[str] = Counter()
    for role in ("tags", "cve"):
        cves += _recount(role, statistics.tops.get(role, Counter()), find_cves)[0]
    yield _top("Vulnerability", cves)


def _recount(
    role: str, cells: Counter[str], read: Callable[[str], Iterable[str]]
) -> tuple[Counter[str], int]:
    """Return the values in some cells, counted, and the number of cells that hold none."""
    counted: Counter[str] = Counter()
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
            counted[value] += number
    return counted, unread


def _top(heading: str, counted: Counter[str]) -> str:
    if not counted:
        return ""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows = [(cell(value), f"{number:,}") for value, number in ordered[:TOP]]
    if len(ordered) > TOP:
        rest = sum(number for _, number in ordered[TOP:])
        rows.append((f"{len(ordered) - TOP:,} more", f"{rest:,}"))
    return _table((heading, "Findings"), rows)


def _left_out(statistics: RowStatistics, options: Options) -> str:
    lines = []
    if statistics.filtered:
        below = _number(statistics.filtered, "finding")
        lines.append(f"- {below} below severity {options.min_severity}")
    if statistics.cut:
        beyond = _number(statistics.cut, "finding")
        lines.append(f"- {beyond} beyond the first {options.max_findings:,}")
    return "Left out, as configured:\n\n" + "\n".join(lines) if lines else ""


def _repeated(statistics: RowStatistics) -> str:
    if not statistics.repeated:
        return ""
    rows = _number(statistics.repeated, "finding")
    return f"Merged: {rows} equal to another, cell by cell; each is shown once."


def _unread(statistics: RowStatistics) -> str:
    """Return what is known before any object is made; the log names the rows."""
    lines = []
    hosts = sum(not _is_address(host) for host in statistics.hosts)
    if hosts:
        lines.append(f"- addresses of {_number(hosts, 'host')}")
    for role, (heading, read) in _READERS.items():
        _, unread = _recount(role, statistics.tops.get(role, Counter()), read)
        if unread:
            lines.append(f"- {heading.lower()} of {_number(unread, 'finding')}")
    return "Could not be read and stands in Notes only:\n\n" + "\n".join(lines) if lines else ""


def _is_address(text: str) -> bool:
    try:
        parse_network(text.strip())
    except ValueError:
        return is_empty("ip", text)
    return True


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [f"- {cell(line)}" for line in lines[:TOP]]
    if len(lines) > TOP:
        shown.append(f"- and {len(lines) - TOP:,} more kinds")
    return "Odd in the file:\n\n" + "\n".join(shown)


def _file(info: ReportInfo, facts: FileFacts, options: Options) -> str:
    text = f"File {cell(info.file)}, {facts.size:,} bytes, SHA-256 {facts.sha256}."
    if facts.size <= options.artifact_max_size:
        return text
    return (
        f"{text} It is larger than the largest file that is imported "
        f"({options.artifact_max_size:,} bytes), so there is no Artifact. "
        f"MD5 {facts.md5}, SHA-1 {facts.sha1}, SHA-512 {facts.sha512}."
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
