"""``demo``: the whole pipeline against a simulated Shadowserver on this machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shadowserver_connector.api.client import ApiOptions, ReportsApi
from shadowserver_connector.api.download import Downloaded
from shadowserver_connector.cli.console import Form, err, progress
from shadowserver_connector.cli.file_commands import show
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import convert_all
from shadowserver_connector.pipeline.downloads import completed, downloads
from shadowserver_connector.pipeline.outcome import Failure, Job, Outcome
from shadowserver_connector.pipeline.processes import capacity, open_executor
from shadowserver_connector.preview.page import write_page
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until
from shadowserver_connector.simulator.server import Simulator
from shadowserver_connector.sink.directory import original_file

_KEY: Final = "simulated-key"
_SECRET: Final = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
_THREADS: Final = 8
_OPTIONS: Final = Options(create_incident=True)


def demo(folder: Path, days: int, seed: int, *, form: Form) -> int:
    """Fetch, convert and write some days of generated reports; return the exit code."""
    # Shadowserver's newest reports are of the day before.
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    store = GeneratedReports(PROFILES["demo"](), days_until(yesterday, days), seed)
    with (
        Simulator(store, key=_KEY, secret=_SECRET) as simulator,
        ReportsApi(
            _KEY,
            _SECRET,
            ApiOptions(
                api_url=simulator.api_url,
                download_url=simulator.download_url,
                connections=_THREADS,
                # The simulator runs on this machine.
                requests_per_second=1_000,
            ),
        ) as api,
    ):
        results = _run(api, store, folder)
    code = show(results, folder, form=form)
    page = _preview(results, folder)
    err.print(f"Open in a browser: {page}", markup=False, soft_wrap=True)
    return code


def _preview(results: Sequence[Outcome | Failure], folder: Path) -> Path:
    """Write the preview page of the converted reports; return its path."""
    page = folder / "preview.html"
    outcomes = [result for result in results if isinstance(result, Outcome)]
    jobs = [(original_file(folder, outcome.info), outcome.info) for outcome in outcomes]
    with progress() as bar:
        task = bar.add_task("drawing the preview", total=2 * len(jobs))
        write_page(jobs, page, _OPTIONS, advance=lambda: bar.advance(task))
    return page


def _run(api: ReportsApi, store: GeneratedReports, folder: Path) -> list[Outcome | Failure]:
    results: list[Outcome | Failure] = []
    # After an interruption an abandoned download may still write there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work, progress() as bar:
        listing = bar.add_task("listing days", total=len(store.days()))
        reports = []
        for day in store.days():
            reports += api.list_reports(day)
            bar.advance(listing)
        fetched = bar.add_task("downloading", total=len(reports))
        converted = bar.add_task("converting", total=len(reports))

        def counted(found: tuple[Downloaded, ReportInfo]) -> Job:
            bar.advance(fetched)
            return found[0].path, found[1]

        def release(job: Job) -> None:
            bar.advance(converted)
            # Each download has a folder of its own.
            shutil.rmtree(job[0].parent)

        files = downloads(reports, api.download, Path(work), threads=_THREADS)
        found = completed(files, results.append)
        with open_executor(None) as executor:
            results += convert_all(
                map(counted, found),
                folder,
                _OPTIONS,
                executor,
                ahead=2 * capacity(executor),
                done=release,
            )
    return results
