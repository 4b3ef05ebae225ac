"""``import``, ``backfill``, ``fetch`` and ``demo``: reports brought in by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

from shadowserver_connector.api.client import ApiOptions, ReportsApi, open_api
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.cli.console import (
    NO_REPORT,
    ConsoleLog,
    OutputFormat,
    failures_as_json,
    print_failures,
    print_json,
    print_line,
    print_table,
    progress,
)
from shadowserver_connector.cli.file_commands import show_results
from shadowserver_connector.cli.usage import create_folder
from shadowserver_connector.connector.estimates import OBJECTS_PER_SECOND, estimate
from shadowserver_connector.connector.history_store import open_comparer
from shadowserver_connector.connector.importer import ImportSetup, Result
from shadowserver_connector.errors import OK, SOME_FAILED
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.operations.manual_imports import backfill as import_days
from shadowserver_connector.operations.manual_imports import (
    days_of,
    fetch_into,
    import_files,
    wanted_reports,
)
from shadowserver_connector.operations.reachability import register_silently
from shadowserver_connector.pipeline.batch import convert_all, unread
from shadowserver_connector.pipeline.bounds import DiskFloor
from shadowserver_connector.pipeline.downloads_ahead import completed_downloads, downloads
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.pipeline.processes import capacity, if_ahead, open_executor
from shadowserver_connector.pipeline.report_comparer import with_comparison
from shadowserver_connector.preview.page import write_page
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.report.wording import counted
from shadowserver_connector.settings import LoadedSettings
from shadowserver_connector.settings.load import conversion_options
from shadowserver_connector.settings.sections import ShadowserverSettings
from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.sink.directory import original_file
from shadowserver_connector.sink.opencti import Session
from shadowserver_connector.sink.platform import find_abilities, limit_to_abilities
from shadowserver_connector.state.serialisation import load_state
from shadowserver_connector.state.state import is_done
from shadowserver_connector.temporary import temporary_folder
from shadowserver_connector.waiting import Waiter

HEADINGS: Final = ("Date", "Type", "Severity", "Findings", "Objects", "File")


def import_(loaded: LoadedSettings, paths: Sequence[Path], *, form: OutputFormat) -> int:
    """Import files, folders and archives into OpenCTI; return the exit code."""
    results: list[Result] = []
    with (
        _setup(loaded, "import") as setup,
        temporary_folder() as work,
        _executor(loaded.settings.shadowserver) as executor,
        progress() as bar,
    ):
        task = bar.add_task("importing", total=None)
        for result in import_files(setup, paths, work, if_ahead(executor)):
            results.append(result)
            bar.advance(task)
    if not results:
        results.append(unread("", ValueError(NO_REPORT)))
    return _show(results, form=form)


def backfill(
    loaded: LoadedSettings,
    first: date,
    last: date,
    *,
    confirm: Callable[[str], bool],
    form: OutputFormat,
) -> int:
    """Import what Shadowserver has for some days, once ``confirm`` agrees; return the exit code."""
    settings = loaded.settings.shadowserver
    loaded.settings.require_run()
    # With a drop folder the connector runs without a key; a backfill does not.
    loaded.settings.require_api()
    misdated: list[Failure] = []
    with _setup(loaded, "backfill") as setup, open_api(loaded.settings) as api:
        # Read only: the connector running under this id writes it.
        state = load_state(setup.session.helper.get_state())
        reports = [
            report
            for report in wanted_reports(api, settings, days_of(first, last), misdated.append)
            if not is_done(state, report)
        ]
        expected = estimate(reports, api.stats(first, last), setup.options)
        question = (
            f"{counted(expected.reports, 'report')} with about "
            f"{counted(expected.findings, 'finding')} make about "
            f"{counted(expected.objects, 'object')}, "
            f"{expected.hours:,.1f} hours of work for OpenCTI at "
            f"{OBJECTS_PER_SECOND} objects a second."
        )
        if not reports or not confirm(question):
            print_line("Nothing new." if not reports else "Nothing is imported.")
            return _show(misdated, form=form)
        results = _import_days(setup, api, settings, reports)
    return _show([*results, *misdated], form=form)


def _import_days(
    setup: ImportSetup,
    api: ReportsApi,
    settings: ShadowserverSettings,
    reports: Sequence[ReportInfo],
) -> list[Result]:
    results: list[Result] = []
    with (
        temporary_folder() as work,
        _executor(settings) as executor,
        progress() as bar,
    ):
        task = bar.add_task("importing", total=len(reports))
        try:
            for result in import_days(setup, api, settings, reports, work, if_ahead(executor)):
                results.append(result)
                bar.advance(task)
        except BaseException:
            # Also after an error, such as a full disk. Days are imported from newest to oldest.
            day = reports[len(results)].day if len(results) < len(reports) else reports[-1].day
            print_line(f"To continue, repeat the command with --to {day}.")
            raise
    return results


@contextmanager
def _setup(loaded: LoadedSettings, command: str) -> Iterator[ImportSetup]:
    helper, waiter = register_silently(loaded, ConsoleLog())
    abilities = find_abilities(helper)
    options = limit_to_abilities(conversion_options(loaded.settings.shadowserver), abilities)
    comparer = open_comparer(loaded.settings, waiter)
    try:
        yield ImportSetup(
            Session(helper, abilities, waiter),
            options,
            with_comparison(comparer),
            comparer=comparer,
            command=command,
        )
    finally:
        if comparer is not None:
            comparer.close()


def _executor(settings: ShadowserverSettings) -> AbstractContextManager[Executor]:
    return open_executor(settings.workers, settings.dask_scheduler)


def _show(results: Sequence[Result], *, form: OutputFormat) -> int:
    sent = [result for result in results if isinstance(result, Outcome)]
    failed = [result for result in results if isinstance(result, Failure)]
    if form is OutputFormat.JSON:
        print_json(
            {
                "reports": [
                    {
                        "file": each.info.file,
                        "day": each.info.day.isoformat(),
                        "type": each.info.type,
                        "severity": each.severity,
                        "rows": each.rows,
                        "objects": dict(each.objects),
                    }
                    for each in sent
                ],
                "failed": failures_as_json(failed),
            }
        )
    else:
        print_table(HEADINGS, [_row(each) for each in sent], form)
        print_failures(failure.reason for failure in failed)
    return SOME_FAILED if failed else OK


def _row(sent: Outcome) -> tuple[object, ...]:
    return (
        sent.info.day.isoformat(),
        sent.info.type,
        sent.severity,
        sent.findings,
        sum(sent.objects.values()),
        sent.info.file,
    )


def fetch(
    loaded: LoadedSettings, archive: Path, first: date, last: date, *, form: OutputFormat
) -> int:
    """Download the originals of some days into an archive folder; return the exit code."""
    settings = loaded.settings.shadowserver
    failures: list[Failure] = []
    with open_api(loaded.settings) as api, progress() as bar:
        reports = list(wanted_reports(api, settings, days_of(first, last), failures.append))
        number = len(reports) + len(failures)
        create_folder(archive)
        task = bar.add_task("downloading", total=None)
        kept = []
        for each in fetch_into(
            api,
            archive,
            reports,
            threads=settings.max_threads,
            # Its waiter is not used: below the floor, `fetch_into` stops and does not wait.
            floor=DiskFloor(archive, settings.disk_floor, Waiter(Event(), ConsoleLog())),
            failed=failures.append,
        ):
            kept.append(each)
            bar.advance(task)
    # What was neither fetched nor failed was in the archive before.
    there = number - len(kept) - len(failures)
    if form is OutputFormat.JSON:
        print_json(
            {
                "fetched": [
                    {"file": str(each.path), "bytes": each.size, "sha256": each.sha256}
                    for each in kept
                ],
                "already_there": there,
                "failed": failures_as_json(failures),
            }
        )
    else:
        print_table(
            ("Date", "Bytes", "File"),
            [(each.report.day.isoformat(), each.size, str(each.path)) for each in kept],
            form,
        )
        print_line(f"{len(kept)} fetched, {there} already there, {len(failures)} failed.")
        print_failures(failure.reason for failure in failures)
    return SOME_FAILED if failures else OK


_DEMO_KEY: Final = "simulated-key"
_DEMO_SECRET: Final = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
_DEMO_THREADS: Final = 8
_DEMO_OPTIONS: Final = Options(create_incident=True)


def demo(folder: Path, days: int, seed: int, *, form: OutputFormat) -> int:
    """Fetch, convert and write some days of generated reports; return the exit code."""
    # Shadowserver's newest reports are of the day before.
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    store = GeneratedReports(PROFILES["demo"](), days_until(yesterday, days), seed)
    with (
        Simulator(store, key=_DEMO_KEY, secret=_DEMO_SECRET) as simulator,
        ReportsApi(
            _DEMO_KEY,
            _DEMO_SECRET,
            ApiOptions(
                api_url=simulator.api_url,
                download_url=simulator.download_url,
                connections=_DEMO_THREADS,
                # The simulator runs on this machine.
                requests_per_second=1_000,
            ),
        ) as api,
    ):
        results = _fetch_and_convert(api, store, folder)
    code = show_results(results, folder, form=form)
    page = _demo_preview(results, folder)
    print_line(f"Open in a browser: {page}")
    return code


def _demo_preview(results: Sequence[Outcome | Failure], folder: Path) -> Path:
    """Write the preview page of the converted reports; return its path."""
    page = folder / "preview.html"
    outcomes = [result for result in results if isinstance(result, Outcome)]
    jobs = [(original_file(folder, outcome.info), outcome.info) for outcome in outcomes]
    with progress() as bar:
        task = bar.add_task("drawing the preview", total=2 * len(jobs))
        write_page(jobs, page, _DEMO_OPTIONS, advance=lambda: bar.advance(task))
    return page


def _fetch_and_convert(
    api: ReportsApi, store: GeneratedReports, folder: Path
) -> list[Outcome | Failure]:
    results: list[Outcome | Failure] = []
    with temporary_folder() as work, progress() as bar:
        listing = bar.add_task("listing days", total=len(store.days()))
        reports = []
        for day in store.days():
            reports += api.list_reports(day)
            bar.advance(listing)
        fetched = bar.add_task("downloading", total=len(reports))
        converted = bar.add_task("converting", total=len(reports))

        def job_of_download(found: tuple[Downloaded, ReportInfo]) -> Job:
            bar.advance(fetched)
            return found[0].path, found[1]

        def release(job: Job) -> None:
            bar.advance(converted)
            # Each download has a folder of its own.
            shutil.rmtree(job[0].parent)

        files = downloads(reports, api.download, work, threads=_DEMO_THREADS)
        found = completed_downloads(files, results.append)
        with open_executor(None) as executor:
            results += convert_all(
                map(job_of_download, found),
                folder,
                _DEMO_OPTIONS,
                executor,
                ahead=2 * capacity(executor),
                done=release,
            )
    return results
