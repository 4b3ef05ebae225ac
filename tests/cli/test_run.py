"""``run``: the connector itself, from the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "--once"), ("backfill", "--from", "2024-01-01")]
)
def test_run_names_what_is_not_set(run: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 3 before anything is contacted, with a line for each missing setting."""
    result = run(*arguments)
    assert result.exit_code == 3
    for name in ("OPENCTI_URL", "OPENCTI_TOKEN", "CONNECTOR_ID", "SHADOWSERVER_API_KEY"):
        assert f"error: {name} is not set" in result.stderr
    assert "Traceback" not in result.output


def test_backfill_needs_an_account(run: Run) -> None:
    """A drop folder is enough to run, not to ask Shadowserver for past days."""
    by_mail = {
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "token",
        "CONNECTOR_ID": "my-id",
        "SHADOWSERVER_DROP_DIR": "drop",
    }
    result = run("backfill", "--from", "2024-01-01", **by_mail)
    assert result.exit_code == 3
    assert "SHADOWSERVER_API_KEY is not set" in result.stderr


def test_days_the_wrong_way_round(run: Run) -> None:
    """Is a mistake that is said, by every command that takes days."""
    for command in ("backfill", "fetch"):
        result = run(command, "--from", "2024-02-01", "--to", "2024-01-31")
        assert result.exit_code == 2
        assert "swap" in result.stderr


def test_status_without_a_connector(run: Run) -> None:
    """Exit code 5, and where it was looked for."""
    result = run("status", SHADOWSERVER_STATUS_FILE="nowhere.json")
    assert result.exit_code == 5
    assert "nowhere.json" in result.stderr
