"""All commands, their arguments and help."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from shadowserver_connector import __version__
from shadowserver_connector.cli.usage import (
    STANDARD_INPUT,
    Commands,
    Config,
    Csv,
    Files,
    FilesOrInput,
    InputName,
    Json,
    checked_day_range,
    day_option,
    form_of,
    loaded_settings,
)
from shadowserver_connector.cli.usage import run as run_command
from shadowserver_connector.errors import EXIT_CODES_HELP, UsageError


def is_compiled() -> bool:
    """Tell whether the modules that process each row are compiled."""
    rows = find_spec("shadowserver_connector.mapping.rows")
    return bool(rows and rows.origin and rows.origin.endswith(tuple(EXTENSION_SUFFIXES)))


app = typer.Typer(
    name="shadowserver-connector",
    cls=Commands,
    help="Brings The Shadowserver Foundation's reports into OpenCTI as STIX 2.1.",
    no_args_is_help=True,
    # Typer's own tracebacks can show the values of variables, and so secrets.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {EXIT_CODES_HELP}.",
)


def _version(wanted: bool) -> None:
    if wanted:
        build = " (compiled)" if is_compiled() else ""
        typer.echo(f"shadowserver-connector {__version__}{build}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Handle the option that all commands share."""


@app.command(epilog="Example: shadowserver-connector convert reports/ -o bundles/")
def convert(
    files: Files,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write the bundles to.")],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Number of processes; one for each processor by default."
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a history: show what is new in each report, and add the report to it."
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Convert report files on disk into STIX 2.1 bundles."""
    # Here, as in the other commands: `--help` must not wait for what only a command needs.
    from shadowserver_connector.cli.file_commands import convert as command
    from shadowserver_connector.settings.load import conversion_options

    def work() -> int:
        settings = loaded_settings(config).settings.shadowserver
        return command(
            files,
            output,
            conversion_options(settings),
            workers=workers or settings.workers,
            dask_scheduler=settings.dask_scheduler,
            form=form_of(as_json, as_csv),
            history=history,
        )

    run_command(work)


@app.command(epilog="Example: shadowserver-connector history 192.0.2.1")
def history(
    asked: Annotated[
        str | None,
        typer.Argument(help="An address, network, host name, CVE id or report type."),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of the history; the connector's own by default."),
    ] = None,
    longest: Annotated[
        int | None,
        typer.Option(
            "--open",
            min=1,
            help="Show this many of these findings, those that have been open longest.",
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what was reported about an address, network, host name, CVE or type, and when."""
    from shadowserver_connector.cli.question_commands import history as command
    from shadowserver_connector.connector.history_store import history_directory

    def work() -> int:
        folder = directory or history_directory(loaded_settings(config).settings)
        return command(folder, asked, longest, form=form_of(as_json, as_csv))

    run_command(work)


@app.command(epilog="Example: shadowserver-connector explain 2024-01-31-scan_ssl-example.csv")
def explain(
    files: FilesOrInput,
    name: InputName = STANDARD_INPUT,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show how each column of a file is read, what becomes of it, and which cells are invalid."""
    from shadowserver_connector.cli.question_commands import explain as command
    from shadowserver_connector.settings.load import conversion_options

    def work() -> int:
        options = conversion_options(loaded_settings(config).settings.shadowserver)
        return command(files, options, form=form_of(as_json, as_csv), name=name)

    run_command(work)


@app.command(epilog="Example: shadowserver-connector preview reports/ --html page.html")
def preview(
    files: FilesOrInput,
    page: Annotated[
        Path, typer.Option("--html", help="Page to write; it needs no network.")
    ] = Path("preview.html"),
    # The default is `page_data.MAX_FINDINGS`, whose import would delay `--help`.
    max_findings: Annotated[
        int,
        typer.Option(
            "--max-findings", min=1, help="Maximum number of findings; the worst are kept."
        ),
    ] = 100_000,
    name: InputName = STANDARD_INPUT,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page: worst hosts, charts, all findings, and the STIX graph."""
    from shadowserver_connector.cli.file_commands import preview as command
    from shadowserver_connector.settings.load import conversion_options

    def work() -> int:
        options = conversion_options(loaded_settings(config).settings.shadowserver)
        return command(files, page, options, max_findings=max_findings, as_json=as_json, name=name)

    run_command(work)


@app.command(epilog="Example: shadowserver-connector demo -o demo-output")
def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder to write the bundles to.")
    ] = Path("demo-output"),
    days: Annotated[int, typer.Option(min=1, max=31, help="Number of days to simulate.")] = 3,
    seed: Annotated[
        int, typer.Option(help="Seed of the simulated reports: another number, other reports.")
    ] = 1,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Run the whole pipeline against a simulated Shadowserver; needs no account and no OpenCTI."""
    from shadowserver_connector.cli.import_commands import demo as command

    run_command(lambda: command(output, days, seed, form=form_of(as_json, as_csv)))


@app.command(epilog="Example: shadowserver-connector check --config config.yml")
def check(config: Config = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show every setting with its value and source, and test both connections and the clock."""
    from shadowserver_connector.cli.shadowserver_commands import check as command

    run_command(lambda: command(loaded_settings(config), form=form_of(as_json, as_csv)))


@app.command(epilog="Example: shadowserver-connector types --subscribed")
def types(
    subscribed: Annotated[
        bool,
        typer.Option("--subscribed", help="Show the subscribed types only, asking Shadowserver."),
    ] = False,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the report types in the catalogue, or those you are subscribed to."""
    from shadowserver_connector.cli.shadowserver_commands import types as command

    run_command(
        lambda: command(
            loaded_settings(config).settings if subscribed else None, form=form_of(as_json, as_csv)
        )
    )


@app.command(epilog="Example: shadowserver-connector subscriptions --json")
def subscriptions(config: Config = None, as_json: Json = False) -> None:
    """List the report lists (subscriptions) you are subscribed to."""
    from shadowserver_connector.cli.shadowserver_commands import subscriptions as command

    run_command(lambda: command(loaded_settings(config).settings, as_json=as_json))


@app.command(epilog="Example: shadowserver-connector reports --from 2024-01-29 --to 2024-01-31")
def reports(
    first: Annotated[
        date | None, day_option("--from", "First day; three days ago by default.")
    ] = None,
    last: Annotated[date | None, day_option("--to", "Last day; today by default.")] = None,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the reports that Shadowserver has for a range of days."""
    from shadowserver_connector.cli.shadowserver_commands import reports as command

    def work() -> int:
        until = last or datetime.now(UTC).date()
        # There is no day before January 1 of year 1.
        three_before = date.fromordinal(max(1, until.toordinal() - 3))
        since, to = checked_day_range(first or three_before, until)
        return command(loaded_settings(config).settings, since, to, form=form_of(as_json, as_csv))

    run_command(work)


From = Annotated[date, day_option("--from", "First day.")]
To = Annotated[date | None, day_option("--to", "Last day; today by default.")]


@app.command(epilog="Example: shadowserver-connector run --once")
def run(
    once: Annotated[bool, typer.Option("--once", help="Run once and exit.")] = False,
    config: Config = None,
) -> None:
    """Run as OpenCTI's connector, on its schedule. This is what the Docker image runs."""
    from shadowserver_connector.service import process

    entry = process.run_once if once else process.run
    run_command(lambda: entry(loaded_settings(config)))


@app.command(epilog="Example: shadowserver-connector status --json")
def status(config: Config = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the last run, what failed and why, the queue, and the next run."""
    from shadowserver_connector.cli.status_command import status as command

    run_command(
        lambda: command(
            loaded_settings(config).settings, datetime.now(UTC), form=form_of(as_json, as_csv)
        )
    )


@app.command("import", epilog="Example: shadowserver-connector import reports/")
def import_(
    files: Files, config: Config = None, as_json: Json = False, as_csv: Csv = False
) -> None:
    """Import report files on disk into OpenCTI, one work for each day."""
    from shadowserver_connector.cli.import_commands import import_ as command

    run_command(lambda: command(loaded_settings(config), files, form=form_of(as_json, as_csv)))


@app.command(epilog="Example: shadowserver-connector backfill --from 2024-01-01 --to 2024-01-31")
def backfill(
    first: From,
    last: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Import without asking.")] = False,
    config: Config = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Import past days into OpenCTI, after an estimate of the load."""
    from shadowserver_connector.cli.import_commands import backfill as command

    def confirm(estimate: str) -> bool:
        typer.echo(estimate, err=True)
        return yes or typer.confirm("Import them?", err=True)

    def work() -> int:
        since, to = checked_day_range(first, last or datetime.now(UTC).date())
        if as_json and not yes:
            raise UsageError("--json does not ask; add --yes")
        return command(
            loaded_settings(config), since, to, confirm=confirm, form=form_of(as_json, as_csv)
        )

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
    as_csv: Csv = False,
) -> None:
    """Download original files into an archive folder, each of them once."""
    from shadowserver_connector.cli.import_commands import fetch as command

    def work() -> int:
        since, to = checked_day_range(first, last or datetime.now(UTC).date())
        loaded = loaded_settings(config)
        archive = output or loaded.settings.shadowserver.archive_dir
        if archive is None:
            raise UsageError("name the archive folder with -o FOLDER or SHADOWSERVER_ARCHIVE_DIR")
        return command(loaded, archive, since, to, form=form_of(as_json, as_csv))

    run_command(work)
