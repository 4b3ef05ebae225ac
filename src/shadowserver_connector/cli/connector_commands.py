"""The commands of whoever runs the connector."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from shadowserver_connector.cli.usage import Config, Files, Json, days_between, loaded_settings
from shadowserver_connector.cli.usage import run as run_command
from shadowserver_connector.errors import UsageError

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
    from shadowserver_connector.cli.status_command import status as command

    run_command(
        lambda: command(loaded_settings(config).settings, datetime.now(UTC), as_json=as_json)
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
