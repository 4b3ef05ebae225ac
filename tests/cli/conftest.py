"""Commands run in an empty folder, with no settings but the given ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from shadowserver_connector.cli.app import app
from shadowserver_connector.simulator.server import Simulator
from tests.api.memory import KEY, SECRET, MemoryStore, csv, stored

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command in an empty folder, with these
    environment variables.
    """
    for name in os.environ:
        if name.startswith(("SHADOWSERVER_", "OPENCTI_", "CONNECTOR_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **environ: str) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], env=environ)

    return run


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    """Return a function that runs a command with ``--json``; it returns the
    output and exit code.
    """

    def run_json(*arguments: object, **environ: str) -> tuple[Any, int]:
        result = run(*arguments, "--json", **environ)
        return orjson.loads(result.stdout), result.exit_code

    return run_json


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Serve a few reports from a simulator of the API."""
    files = {stored("scan_ssl"): csv(3), stored("scan_vnc", list="other"): csv(2)}
    with Simulator(MemoryStore(dict(files)), key=KEY, secret=SECRET) as running:
        yield running


@pytest.fixture
def account(simulator: Simulator) -> dict[str, str]:
    """Return the environment variables of an account with the simulator."""
    return {
        "SHADOWSERVER_API_KEY": KEY,
        "SHADOWSERVER_API_SECRET": SECRET,
        "SHADOWSERVER_API_URL": simulator.api_url,
        "SHADOWSERVER_DOWNLOAD_URL": simulator.download_url,
    }
