"""``demo``: the whole pipeline against a simulated Shadowserver on this machine."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shadowserver_connector.api.client import ReportsApi
from shadowserver_connector.cli.console import progress
from shadowserver_connector.cli.outcomes import show
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.pipeline.batch import Failure, Job, convert_all
from shadowserver_connector.pipeline.executors import capacity, open_executor
from shadowserver_connector.pipeline.fetch import fetch_all
from shadowserver_connector.pipeline.outcome import Outcome
from shadowserver_connector.simulator.profiles import PROFILES, GeneratedReports, days_until
from shadowserver_connector.simulator.server import Simulator

_KEY: Final = "simulated-key"
_SECRET: Final = "simulated-secret"  # noqa: S105 - opens nothing but the simulator
_THREADS: Final = 8


def demo(folder: Path, days: int, seed: int, *, as_json: bool) -> int:
    """Fetch, convert and write some days of generated reports; return the exit code."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    store = GeneratedReports(PROFILES["demo"](), days_until(yesterday, days), seed)
    with (
        Simulator(store, key=_KEY, secret=_SECRET) as simulator,
        ReportsApi(
            _KEY,
            _SECRET,
            api_url=simulator.api_url,
            download_url=simulator.download_url,
            connections=_THREADS,
            requests_per_second=1_000,  # it is our own machine that we ask
        ) as api,
    ):
        results = _run(api, store, folder)
    return show(results, folder, as_json=as_json)


def _run(api: ReportsApi, store: GeneratedReports, folder: Path) -> list[Outcome | Failure]:
    results: list[Outcome | Failure] = []
    options = Options(create_incident=True)
    with tempfile.TemporaryDirectory(prefix="shadowserver-") as work, progress() as bar:
        listing = bar.add_task("listing days", total=len(store.days()))
        reports = []
        for day in store.days():
            reports += api.list_reports(day)
            bar.advance(listing)
        fetched = bar.add_task("downloading", total=len(reports))
        converted = bar.add_task("converting", total=len(reports))

        def count_download(job: Job) -> Job:
            bar.advance(fetched)
            return job

        def release(job: Job) -> None:
            bar.advance(converted)
            job[0].unlink()

        jobs = fetch_all(api, reports, Path(work), threads=_THREADS, failed=results.append)
        with open_executor(None) as executor:
            results += convert_all(
                map(count_download, jobs),
                folder,
                options,
                executor,
                ahead=2 * capacity(executor),
                done=release,
            )
    return results
