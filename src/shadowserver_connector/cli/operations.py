"""The commands of whoever runs the connector."""

from __future__ import annotations

from typing import Annotated

import typer

from shadowserver_connector.cli.arguments import Config, loaded_settings
from shadowserver_connector.cli.exits import run as run_command

app = typer.Typer()


@app.command(epilog="Example: shadowserver-connector run --once")
def run(
    once: Annotated[bool, typer.Option("--once", help="Run once and end.")] = False,
    config: Config = None,
) -> None:
    """Run as OpenCTI's connector, on its schedule: what Docker runs."""
    from shadowserver_connector.connector import main

    entry = main.run_once if once else main.run
    run_command(lambda: entry(loaded_settings(config)))
