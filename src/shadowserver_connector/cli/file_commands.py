"""``convert`` and ``preview``: what becomes of files on disk, without network or OpenCTI."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from shadowserver_connector.cli.console import (
    NO_REPORT,
    ConsoleLog,
    OutputFormat,
    failures_as_json,
    out,
    print_failures,
    print_json,
    print_line,
    print_table,
    progress,
)
from shadowserver_connector.cli.usage import STANDARD_INPUT, create_folder, with_standard_input
from shadowserver_connector.errors import (
    OK,
    SOME_FAILED,
    NotReadyError,
    SkippableError,
    UsageError,
    is_about,
)
from shadowserver_connector.history.comparison import Comparison
from shadowserver_connector.history.history import open_history
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import (
    Compare,
    compare_with_nothing,
    convert_all,
    delete_if_unpacked,
    job_of,
    jobs_in,
    unread,
)
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.pipeline.processes import capacity, open_executor
from shadowserver_connector.pipeline.report_comparer import ReportComparer
from shadowserver_connector.preview.page import WrittenPage, write_page
from shadowserver_connector.preview.page_data import MAX_FINDINGS
from shadowserver_connector.report.report_files import find_reports
from shadowserver_connector.report.wording import counted
from shadowserver_connector.sink.directory import report_folder
from shadowserver_connector.temporary import temporary_folder

HEADINGS = ("Date", "Type", "Severity", "Findings", "Objects", "Folder of the bundles")
HEADINGS_OVER_TIME = ("New", "Changed", "Recurring", "Resurfaced", "Gone")


def show_results(results: Sequence[Outcome | Failure], out: Path, *, form: OutputFormat) -> int:
    """Print all results and return the exit code."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    failures = [result for result in results if isinstance(result, Failure)]
    if form is OutputFormat.JSON:
        print_json(
            {
                "reports": [_as_json(outcome, out) for outcome in outcomes],
                "failed": failures_as_json(failures),
            }
        )
    else:
        outcomes.sort(key=lambda outcome: (outcome.info.day, outcome.info.type, outcome.info.file))
        compared = any(outcome.verdict_counts is not None for outcome in outcomes)
        headings = (*HEADINGS, *HEADINGS_OVER_TIME) if compared else HEADINGS
        print_table(headings, [_row(outcome, out) for outcome in outcomes], form)
        if outcomes:
            print_line(f"The folders are below {out}/<date>/.")
            _print_sums(outcomes)
        _print_notes(outcomes, failures)
    return SOME_FAILED if failures else OK


def _row(outcome: Outcome, out: Path) -> tuple[object, ...]:
    folder = report_folder(out, outcome.info)
    return (
        outcome.info.day.isoformat(),
        outcome.info.type,
        outcome.severity,
        outcome.findings,
        sum(outcome.objects.values()),
        folder.name,
        *(outcome.verdict_counts or {}).values(),
    )


def _print_sums(outcomes: Sequence[Outcome]) -> None:
    findings = sum(outcome.findings for outcome in outcomes)
    objects = sum(sum(outcome.objects.values()) for outcome in outcomes)
    sums = ((len(outcomes), "report"), (findings, "finding"), (objects, "object"))
    print_line(f"{', '.join(counted(*each) for each in sums)}.")


def _print_notes(outcomes: Sequence[Outcome], failures: Sequence[Failure]) -> None:
    for outcome in outcomes:
        for remark in outcome.remarks:
            print_line(f"anomaly: {remark}")
    print_failures(failure.reason for failure in failures)


def _as_json(outcome: Outcome, out: Path) -> dict[str, Any]:
    plain = asdict(outcome)
    info = plain.pop("info")
    verdict_counts = plain.pop("verdict_counts") or {}
    return {
        "file": info["file"],
        "type": info["type"],
        "list": info["list"],
        "day": outcome.info.day.isoformat(),
        "folder": str(report_folder(out, outcome.info)),
        **plain,
        **verdict_counts,
    }


_OWNER: Final = "files"
"""The owner of a history that no connector writes."""


def convert(
    paths: Sequence[Path],
    folder: Path,
    options: Options,
    *,
    workers: int | None,
    dask_scheduler: str | None,
    form: OutputFormat,
    history: Path | None = None,
) -> int:
    """Convert files, folders and archives into ``folder``; return the exit code.

    ``history`` is the directory of a history of findings: each report, in order, is compared with
    it and then added to it, and what would not be sent to OpenCTI is not written.
    """
    create_folder(folder)
    failures: list[Outcome | Failure] = []
    results: list[Outcome | Failure] = []
    copies: dict[Path, Path] = {}
    with temporary_folder() as work, progress() as bar:
        task = bar.add_task("converting", total=None)
        jobs = _jobs(paths, work, folder, failures.append)

        def release(job: Job) -> None:
            bar.advance(task)
            delete_if_unpacked(job[0], work)
            if job[0] in copies:
                copies.pop(job[0]).unlink(missing_ok=True)

        with ExitStack() as stack:
            compare: Compare = compare_with_nothing
            if history:
                compare = stack.enter_context(_comparing(history, copies))
            executor = stack.enter_context(open_executor(workers, dask_scheduler))
            ahead = 2 * capacity(executor)
            converted = convert_all(
                jobs, folder, options, executor, ahead=ahead, done=release, compare=compare
            )
            results.extend(converted)
    if not results and not failures:
        failures.append(unread("", ValueError(NO_REPORT)))
    return show_results([*results, *failures], folder, form=form)


@contextmanager
def _comparing(history: Path, copies: dict[Path, Path]) -> Iterator[Compare]:
    """Yield what compares each report and adds it to the history at once, before its conversion.

    ``copies`` gets the place of each report's parsed table; whoever converted it removes the file.
    """
    comparer = ReportComparer(lambda: open_history(history, _OWNER), ConsoleLog())
    numbers = itertools.count()

    def compare(job: Job) -> Comparison | None:
        path = job[0]
        # Longer than until it is committed: the conversion comes later.
        copies[path] = folder / f"{next(numbers)}.table"
        try:
            comparison = comparer.compare(*job, copies[path])
        except (SkippableError, NotReadyError):
            # Its conversion will say what is wrong with it.
            return None
        except OSError as error:
            if not is_about(error, path):
                raise
            return None
        comparer.commit(path)
        return comparison

    with temporary_folder() as folder:
        try:
            yield compare
        finally:
            comparer.close()


def _jobs(
    paths: Sequence[Path], work: Path, out_folder: Path, failed: Callable[[Failure], None]
) -> Iterator[Job]:
    taken: dict[Path, str] = {}
    for file in find_reports(paths, work, lambda error: failed(unread("", error))):
        try:
            job = job_of(file)
        except (SkippableError, NotReadyError) as error:
            failed(unread(file.shown_path, error))
            continue
        target = report_folder(out_folder, job[1])
        if target in taken:
            message = f"{file.shown_path}: same day and name as {taken[target]}; rename one of them"
            failed(unread(file.shown_path, SkippableError(message)))
            continue
        taken[target] = file.shown_path
        yield job


def preview(
    paths: Sequence[Path],
    page: Path,
    options: Options,
    *,
    max_findings: int = MAX_FINDINGS,
    as_json: bool,
    name: str = STANDARD_INPUT,
) -> int:
    """Write the page of files, folders and archives; return the exit code.

    It has at most ``max_findings``, the worst ones. If no report can be read, no page is written.
    """
    if page.is_dir():
        raise UsageError(f"{page} is a folder; name the page to write, such as {page}/page.html")
    create_folder(page.parent)
    failures: list[Failure] = []
    with temporary_folder() as work, progress() as bar:
        given = with_standard_input(paths, work, name)
        jobs = list(jobs_in(given, work, failures.append))
        task = bar.add_task("reading", total=2 * len(jobs))
        written = write_page(
            jobs, page, options, max_findings=max_findings, advance=lambda: bar.advance(task)
        )
    failures += written.failures
    if not written.reports and not failures:
        failures.append(unread("", ValueError(NO_REPORT)))
    _show_preview(written, failures, as_json=as_json)
    return SOME_FAILED if failures else OK


def _show_preview(written: WrittenPage, failures: Sequence[Failure], *, as_json: bool) -> None:
    page = str(written.page) if written.reports else None
    if as_json:
        print_json(
            {
                "page": page,
                "bytes": written.size,
                "reports": written.reports,
                "findings": written.findings,
                "shown": written.shown,
                "objects": written.objects,
                "failed": failures_as_json(failures),
            }
        )
        return
    if page:
        cut = f", {written.shown:,} shown" if written.shown < written.findings else ""
        print_line(page, to=out)
        print_line(
            f"{counted(written.reports, 'report')}, {counted(written.findings, 'finding')}{cut}, "
            f"{counted(written.objects, 'object')}, {written.size / 1e6:.1f} MB."
        )
    print_failures(failure.reason for failure in failures)
