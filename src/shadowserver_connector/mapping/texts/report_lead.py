"""What stands first in the text of a Report and of a Case, and the findings behind it.

OpenCTI shows the first 400 characters of a Report's description, and 300 of a Case's, as they are,
until somebody asks for more: they are sentences, and no table or link begins within them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from shadowserver_connector.catalogue.catalogue import SEVERITIES, ReportType
from shadowserver_connector.mapping.planning.highlights import Highlight, HistoryHighlights
from shadowserver_connector.mapping.planning.row_statistics import RowStatistics
from shadowserver_connector.mapping.texts.markdown import cell
from shadowserver_connector.report.wording import counted

CASE_PREVIEW_CHARACTERS: Final = 300
"""Characters of a Case's description that OpenCTI shows before "more": the first sentences of
Report and Case must fit into them.
"""

NO_FINDINGS: Final = "No findings."


def report_lead(statistics: RowStatistics, history: HistoryHighlights | None) -> str:
    """Return how many findings there are, how severe they are, the worst, and how many are new."""
    if not statistics.wanted:
        return NO_FINDINGS
    first, last = _how_many(statistics), _new(statistics, history)
    # Two less, for the spaces between the three sentences.
    return _joined(
        first, _worst(statistics, CASE_PREVIEW_CHARACTERS - len(first) - len(last) - 2), last
    )


def case_lead(
    report_type: ReportType, statistics: RowStatistics, history: HistoryHighlights | None
) -> str:
    """Return what to do, the number of findings, and where to begin."""
    if not statistics.wanted:
        return f"{NO_FINDINGS} Nothing to do."
    first = f"To do: {report_type.todo}." if report_type.todo else ""
    how_many, last = _how_many(statistics), _new(statistics, history)
    # Three less, for the spaces between the four sentences.
    room = CASE_PREVIEW_CHARACTERS - len(first) - len(how_many) - len(last) - 3
    return _joined(first, how_many, _begin(statistics, room), last)


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _how_many(statistics: RowStatistics) -> str:
    text = counted(statistics.wanted, "finding")
    if statistics.hosts:
        more = "" if statistics.hosts_complete else "more than "
        text += f" on {more}{counted(len(statistics.hosts), 'host')}"
    return f"{text}: {severities(statistics.severities)}."


def severities(found: Counter[str]) -> str:
    """Return how many there are of each severity, the worst first."""
    named = [severity for severity in reversed(SEVERITIES) if found[severity]]
    if len(named) == 1:
        return named[0] if found[named[0]] == 1 else f"all {named[0]}"
    return ", ".join(f"{found[severity]:,} {severity}" for severity in named)


def of_all(statistics: RowStatistics) -> str:
    """Return the words before counts of the whole file, where the options leave rows out."""
    left_out = statistics.filtered + statistics.cut
    return f"Of all {counted(statistics.rows, 'finding')}, " if left_out else ""


def _new(statistics: RowStatistics, history: HistoryHighlights | None) -> str:
    if history is None:
        return ""
    comparison = history.comparison
    counts = comparison.counts
    if comparison.previous_day is None:
        return "No earlier report to compare with."
    new = counts["new"]
    verb = "is" if new == 1 else "are"
    back = f", {counts['resurfaced']:,} back again" if counts["resurfaced"] else ""
    gone = f", {comparison.gone_count:,} no longer reported" if comparison.gone_count else ""
    return f"{of_all(statistics)}{new:,} {verb} new since {comparison.previous_day}{back}{gone}."


def _worst(statistics: RowStatistics, room: int) -> str:
    """Return the sentence on the worst finding, as detailed as there is room for."""
    worst = _first(statistics)
    if worst is None:
        return ""
    differ = len(+statistics.severities) > 1
    # Of findings that are all equally severe, none is the worst.
    start, end = ("Worst: ", f", {worst.severity}.") if differ else ("Such as ", ".")
    what = f"{cell(worst.what)} on " if worst.what else ""
    more = [worst.name, worst.network]
    places = [_where(worst, port, more[:count]) for port, count in _EVER_LESS if count < 3]
    sentences = [f"{start}{said}{where}{end}" for where in places for said in (what, "")]
    return _fitting(sentences, room)


def _begin(statistics: RowStatistics, room: int) -> str:
    worst = _first(statistics)
    if worst is None:
        return ""
    more = [worst.what, worst.name, worst.network]
    places = [_where(worst, port, more[:count]) for port, count in _EVER_LESS]
    return _fitting([f"Begin with {where}." for where in places], room)


_EVER_LESS: Final = ((True, 3), (True, 2), (True, 1), (True, 0), (False, 0))
"""Whether the port is included, and how many other details."""


def _where(found: Highlight, port: bool, more: Sequence[str]) -> str:
    where = (
        f"{cell(found.host)} port {cell(found.port)}" if port and found.port else cell(found.host)
    )
    told = ", ".join([cell(text) for text in more if text])
    return f"{where} ({told})" if told else where


def _fitting(sentences: Iterable[str], room: int) -> str:
    return next((sentence for sentence in sentences if len(sentence) <= room), "")


def _first(statistics: RowStatistics) -> Highlight | None:
    highlights = statistics.highlights
    found = [] if highlights is None else highlights.hosts()
    return found[0] if found else None


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table of cells that have been made safe."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def headed(heading: str, text: str) -> str:
    """Return a text under a heading: tables that touch would become one."""
    return f"### {heading}\n\n{text}"


def worst_hosts(statistics: RowStatistics, most: int) -> str:
    """Return the table of the worst hosts within this many bytes; empty if rows name none."""
    highlights = statistics.highlights
    if highlights is None or not (found := highlights.hosts()):
        return ""
    columns = {
        highlights.subject: [each.host for each in found],
        "Name": [each.name for each in found],
        "Port": [each.port for each in found],
        "What": [each.what for each in found],
        "Severity": [each.severity for each in found],
        "Network": [each.network for each in found],
        "First reported": [each.first for each in found],
    }
    lines = _within(_table_lines(columns), most)
    heading = "Worst hosts" if highlights.subject == "Host" else "The worst"
    return headed(heading, table(lines[0], lines[1:])) if len(lines) > 1 else ""


def findings(statistics: RowStatistics, most: int) -> str:
    """Return the table of the findings, the worst first, within this many bytes."""
    highlights = statistics.highlights
    # What differs only in columns that are not shown is one line.
    if highlights is None or not (times := Counter(highlights.findings())):
        return ""
    found = list(times)
    often = [f"{number:,}" for number in times.values()] if max(times.values()) > 1 else []
    columns = {
        "Seen (UTC)": [each.time for each in found],
        highlights.subject: [each.host for each in found],
        "Port": [each.port for each in found],
        "What": [each.what for each in found],
        "Severity": [each.severity for each in found],
        "Name": [each.name for each in found],
        "Network": [each.network for each in found],
        "Times": often,
    }
    lines = _within(_table_lines(columns), most)
    if len(lines) < 2:
        return ""
    text = headed("Findings", table(lines[0], lines[1:]))
    more = statistics.wanted - sum(list(times.values())[: len(lines) - 1])
    return f"{text}\n\n{counted(more, 'more finding')}: see the original file." if more else text


def _table_lines(columns: dict[str, list[str]]) -> list[Sequence[str]]:
    """Return headings and lines of the columns that have content."""
    cells = {name: list(map(cell, texts)) for name, texts in columns.items() if any(texts)}
    return [list(cells), *zip(*cells.values(), strict=True)]


_HEADS: Final = 200
"""Bytes of what stands around the lines of a table."""
# `| ` before the cells, ` |` and a line break after them.
_BETWEEN: Final = 5


def _within(lines: list[Sequence[str]], most: int) -> list[Sequence[str]]:
    kept = []
    most -= _HEADS
    for line in lines:
        most -= len(" | ".join(line).encode()) + _BETWEEN
        if most < 0:
            break
        kept.append(line)
    return kept
