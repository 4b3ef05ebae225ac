"""``explain`` and ``history``: how a file is read, and what was reported when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from shadowserver_connector.bundle.chunk import Chunk
from shadowserver_connector.cli.console import (
    NO_REPORT,
    OutputFormat,
    out,
    print_failures,
    print_json,
    print_line,
    print_table,
)
from shadowserver_connector.cli.usage import STANDARD_INPUT, with_standard_input
from shadowserver_connector.errors import (
    OK,
    SOME_FAILED,
    NotReadyError,
    ReportUnreadableError,
    SkippableError,
    UsageError,
    is_about,
)
from shadowserver_connector.history.database import reading_only
from shadowserver_connector.history.questions import (
    FindingHistory,
    findings_about,
    is_mistyped,
    open_longest,
    reported_days,
)
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.explain import explain_columns
from shadowserver_connector.pipeline.batch import (
    job_of,
)
from shadowserver_connector.pipeline.convert import compile_for, convert_report
from shadowserver_connector.pipeline.outcome import Job
from shadowserver_connector.report.anomalies import Anomalies
from shadowserver_connector.report.layout import SURPLUS
from shadowserver_connector.report.report_files import find_reports
from shadowserver_connector.report.table import open_table
from shadowserver_connector.report.wording import counted, printable, unreadable_error
from shadowserver_connector.temporary import temporary_folder


def explain(
    paths: Sequence[Path], options: Options, *, form: OutputFormat, name: str = STANDARD_INPUT
) -> int:
    """Show how the columns of files are read and what becomes of them; return the exit code."""
    failed: list[Exception] = []
    explained: list[dict[str, Any]] = []
    with temporary_folder() as work:
        for file in find_reports(with_standard_input(paths, work, name), work, failed.append):
            try:
                explained.append(_explain(job_of(file), options))
            except (SkippableError, NotReadyError) as error:
                failed.append(error)
                continue
            except OSError as error:
                # Not about this file: a disk that fails would fail the others as well.
                if not is_about(error, file.path):
                    raise
                failed.append(unreadable_error(file.shown_path, error))
                continue
            if form is OutputFormat.TABLES:
                _print_explained(explained[-1])
    if form is OutputFormat.JSON:
        print_json(explained)
    elif form is OutputFormat.CSV:
        rows = [(each["file"], *row) for each in explained for row in _column_rows(each)]
        print_table(("File", *_COLUMN_HEADINGS), rows, form)
    if not explained and not failed:
        failed.append(ReportUnreadableError(NO_REPORT))
    print_failures(failed)
    return SOME_FAILED if failed else OK


def _explain(job: Job, options: Options) -> dict[str, Any]:
    path, info = job
    anomalies = Anomalies(info.file)
    with open_table(path, anomalies) as table:
        plan = compile_for(table.header, info, options)
        columns = [
            column
            for column in explain_columns(table.rows(), plan.columns, plan.context)
            # For cells beyond the header each table has one more column, mostly empty.
            if column.name != SURPLUS or column.filled
        ]
    ids: set[str] = set()

    def collect(chunk: Chunk) -> None:
        ids.update([encoded.id for encoded in chunk.objects])

    outcome = convert_report(path, info, options, collect)
    by_type = Counter(stix_id.partition("--")[0] for stix_id in ids)
    report_type = plan.context.report_type
    return {
        "file": info.file,
        "type": info.type,
        "title": report_type.title,
        "known": report_type.known,
        "rows": outcome.rows,
        "severity": outcome.severity,
        "parties": {
            party: plan.context.meaning(party).text for party in sorted(report_type.parties)
        },
        "columns": [asdict(column) for column in columns],
        "objects": dict(sorted(by_type.items())),
        "remarks": anomalies.lines(),
    }


_COLUMN_HEADINGS = ("Column", "Role", "Whose", "Filled", "Bad", "Becomes")


def _column_rows(explained: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (
            column["name"],
            column["role"],
            column["party"],
            column["filled"],
            column["bad"],
            f"{column['becomes']} ({column['reason']})" if column["bad"] else column["becomes"],
        )
        for column in explained["columns"]
    ]


def _print_explained(explained: dict[str, Any]) -> None:
    known = "" if explained["known"] else ", a type that the catalogue does not know"
    print_line(
        f"{explained['file']}: {explained['title']} ({explained['type']}{known}), "
        f"{counted(explained['rows'], 'row')}, highest severity {explained['severity']}",
        to=out,
    )
    print_table(_COLUMN_HEADINGS, _column_rows(explained), OutputFormat.TABLES)
    print_table(("Object", "Distinct"), list(explained["objects"].items()), OutputFormat.TABLES)
    for line in explained["remarks"]:
        print_line(f"anomaly: {line}", to=out)
    out.print()


_FINDING_HEADINGS = (
    "Type",
    "List",
    "Of",
    "Reported",
    "First",
    "Last",
    "Days",
    "Unchanged since",
    "Open",
)


_SUBJECTS = "an address, network, host name, CVE id or report type"


def history(directory: Path, term: str | None, longest: int | None, *, form: OutputFormat) -> int:
    """Show findings over time; return the exit code. Raises UsageError and as `reading_only`.

    ``term`` is what is asked about; ``longest`` how many of those that have been open longest.
    """
    if (term is None and longest is None) or (term is not None and not term.strip()):
        raise UsageError(f"name {_SUBJECTS}, or use --open")
    with reading_only(directory) as connection:
        if longest is not None:
            found = open_longest(connection, longest, term)
        else:
            found = list(findings_about(connection, term or ""))
        days = reported_days(connection)
    if term is not None and not found and is_mistyped(term):
        raise UsageError(f"{printable(term)} is not {_SUBJECTS}")
    if form is OutputFormat.JSON:
        print_json([_finding_as_json(finding) for finding in found])
        return OK
    print_table(_FINDING_HEADINGS, [_finding_row(finding) for finding in found], form)
    if not found:
        print_line(_nothing_found(term, longest, days))
    return OK


def _nothing_found(term: str | None, longest: int | None, days: tuple[date, date] | None) -> str:
    of = "" if term is None else f" of {printable(term)}"
    what = f"nothing was reported{of}" if longest is None else f"nothing{of} is open"
    if days is None:
        return f"{what}: the history has no reports"
    first, last = days
    when = f"of {first}" if first == last else f"from {first} to {last}"
    return f"{what} in the reports {when}"


def _finding_row(finding: FindingHistory) -> tuple[object, ...]:
    return (
        finding.type,
        finding.list,
        ", ".join([finding.subject, *finding.names]),
        finding.what,
        finding.first.isoformat(),
        finding.last.isoformat(),
        finding.days,
        finding.since.isoformat(),
        "yes" if finding.open else "no",
    )


def _finding_as_json(finding: FindingHistory) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in finding._asdict().items()
    }
