"""The commands of whoever runs the connector."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from shadowserver_connector.cli.arguments import Config, Files, Json, days_between, loaded_settings
from shadowserver_connector.cli.console import err, out, print_json, print_table
from shadowserver_connector.cli.usage import run as run_command
from shadowserver_connector.errors import SettingsError
from shadowserver_connector.exit_codes import OK, SOME_FAILED, UsageError
from shadowserver_connector.operations.status import Failed, Run, Status, as_json, problems
from shadowserver_connector.operations.status_file import read_status, status_path
from shadowserver_connector.plural import counted
from shadowserver_connector.settings.settings import Settings


def show_status(settings: Settings, now: datetime, *, in_json: bool) -> int:
    """Show the status file; return 1 where a person should look at something.

    Raises SettingsError where it is not known which one, and SinkUnavailableError where there is
    none.
    """
    if settings.shadowserver.status_file is None and not settings.connector.id:
        raise SettingsError(
            "the status file is named after CONNECTOR_ID, which is not set; give the connector's "
            "settings, or SHADOWSERVER_STATUS_FILE alone"
        )
    found = read_status(status_path(settings))
    wrong = problems(found, now)
    if in_json:
        print_json({**as_json(found), "problems": wrong})
    else:
        print_table(("What", "How"), _rows(found))
        for failure in _failures(found):
            out.print(Text(f"failed: {failure}"), soft_wrap=True)
        for line in wrong:
            err.print(Text(line, style="bold red"), soft_wrap=True)
    return SOME_FAILED if wrong else OK


def _rows(found: Status) -> list[tuple[str, str]]:
    queue = found.queue_megabytes
    rows = [
        ("version", found.version),
        ("started", _time(found.started)),
        ("last sign of life", _time(found.alive)),
        ("run under way", _run(found.current)),
        ("last run", _run(found.last)),
        ("next run", _time(found.next_run)),
        ("newest day at Shadowserver", found.newest_day or "unknown"),
        ("queue in OpenCTI", "unknown" if queue is None else f"{queue:,.1f} MB"),
    ]
    if found.dropped or found.drop_failures:
        failed = len(found.drop_failures)
        rows.append(("drop folder", f"{counted(found.dropped, 'file')} imported, {failed} failed"))
    return rows


def _run(run: Run | None) -> str:
    if run is None:
        return "none"
    ended = f" to {_time(run.ended)}" if run.ended else ""
    of = "" if run.new is None else f" of {run.new:,}"
    return (
        f"{_time(run.started)}{ended}: {run.done:,}{of} reports done, {run.skipped:,} skipped, "
        f"{run.failed:,} failed; {counted(run.findings, 'finding')}, "
        f"{counted(run.objects, 'object')}"
    )


def _failures(found: Status) -> list[str]:
    runs = [run for run in (found.current, found.last) if run is not None]
    return [
        *(_failure(each) for run in runs for each in run.failures),
        *(f"{_failure(each)} (drop folder)" for each in found.drop_failures),
    ]


def _failure(failed: Failed) -> str:
    reason = failed.reason
    # Most reasons name the file themselves.
    text = reason if reason.startswith(failed.file) else f"{failed.file}: {reason}"
    return f"{text} ({failed.times} runs in a row)" if failed.times > 1 else text


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "not known"


app = typer.Typer()

From = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")]
To = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; today by default.")
]


@app.command(epilog="Example: shadowserver-connector run --once")
def run(
    once: Annotated[bool, typer.Option("--once", help="Run once and end.")] = False,
    config: Config = None,
) -> None:
    """Run as OpenCTI's connector, on its schedule: what Docker runs."""
    from shadowserver_connector.service import process

    entry = process.run_once if once else process.run
    run_command(lambda: entry(loaded_settings(config)))


@app.command(epilog="Example: shadowserver-connector status --json")
def status(config: Config = None, as_json: Json = False) -> None:
    """Show the last run, what failed and why, the queue and the next run."""
    run_command(
        lambda: show_status(loaded_settings(config).settings, datetime.now(UTC), in_json=as_json)
    )


@app.command("import", epilog="Example: shadowserver-connector import reports/")
def import_(files: Files, config: Config = None, as_json: Json = False) -> None:
    """Bring report files on disk into OpenCTI, in one work for each day."""
    from shadowserver_connector.cli.import_commands import import_ as command

    run_command(lambda: command(loaded_settings(config), files, as_json=as_json))


@app.command(epilog="Example: shadowserver-connector backfill --from 2024-01-01 --to 2024-01-31")
def backfill(
    first: From,
    last: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the import.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Import past days into OpenCTI, after an estimate of what it will cost."""
    from shadowserver_connector.cli.import_commands import backfill as command

    def confirm(estimate: str) -> bool:
        typer.echo(estimate, err=True)
        return yes or typer.confirm("Import them?", err=True)

    def work() -> int:
        since, to = days_between(first, last or datetime.now(UTC))
        if as_json and not yes:
            raise UsageError("--json asks no question; give --yes with it")
        return command(loaded_settings(config), since, to, confirm=confirm, as_json=as_json)

    run_command(work)


@app.command(epilog="Example: shadowserver-connector fetch --from 2024-01-01 -o archive/")
def fetch(
    first: From,
    last: To = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Archive folder; SHADOWSERVER_ARCHIVE_DIR by default."),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Download original files into an archive folder, none of them twice."""
    from shadowserver_connector.cli.import_commands import fetch as command

    def work() -> int:
        since, to = days_between(first, last or datetime.now(UTC))
        loaded = loaded_settings(config)
        archive = output or loaded.settings.shadowserver.archive_dir
        if archive is None:
            raise UsageError("name the archive folder: -o FOLDER or SHADOWSERVER_ARCHIVE_DIR")
        return command(loaded, archive, since, to, as_json=as_json)

    run_command(work)
