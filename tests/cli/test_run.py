"""``run``: the connector itself, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from shadowserver_connector.operations import status
from shadowserver_connector.operations.status import DroppedFiles, FailedFile, Status
from shadowserver_connector.operations.status_file import write_status

Run = Callable[..., Result]


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "--once"), ("backfill", "--from", "2024-01-01")]
)
def test_run_names_what_is_not_set(run: Run, arguments: tuple[str, ...]) -> None:
    """Each missing setting gives a line, with exit code 3, before any connection."""
    result = run(*arguments)
    assert result.exit_code == 3
    for name in ("OPENCTI_URL", "OPENCTI_TOKEN", "SHADOWSERVER_API_KEY"):
        assert f"error: {name} is not set" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHADOWSERVER_API_URL", "http://transform.example.org/api2"),
        ("OPENCTI_URL", "http://"),
        ("CONNECTOR_ID", "my-id"),
        ("OPENCTI_TOKEN", '"hunter2"'),
        ("SHADOWSERVER_API_SECRET", "hunter2\n"),
        ("SHADOWSERVER_API_KEY", "${hunter2}"),
        ("SHADOWSERVER_API_KEY", "hunter2\udcff"),
        ("CONNECTOR_DURATION_PERIOD", "P99999999999D"),
        ("SHADOWSERVER_CHUNK_BYTES", "1"),
        ("SHADOWSERVER_CA_BUNDLE", "a" * 300),
    ],
)
@pytest.mark.parametrize("command", [("run", "--once"), ("check",), ("import", ".")])
def test_a_setting_that_was_not_meant_ends_with_3(
    run: Run, command: tuple[str, ...], name: str, value: str
) -> None:
    """For every command, a flawed setting gives one line and exit code 3 before any connection."""
    given = {
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "token",
        "CONNECTOR_ID": "0f0e0d0c-0000-4000-8000-00000000feed",
        "SHADOWSERVER_API_KEY": "key",
        "SHADOWSERVER_API_SECRET": "secret",
        name: value,
    }
    result = run(*command, **given)
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
    assert f"{name} (environment): " in result.stderr
    assert "hunter2" not in result.output


def test_backfill_needs_an_account(run: Run) -> None:
    """A drop folder is enough for ``run``, but ``backfill`` needs an account."""
    by_mail = {
        "OPENCTI_URL": "http://127.0.0.1:9",
        "OPENCTI_TOKEN": "token",
        "CONNECTOR_ID": "0f0e0d0c-0000-4000-8000-00000000feed",
        "SHADOWSERVER_DROP_DIR": "drop",
    }
    result = run("backfill", "--from", "2024-01-01", **by_mail)
    assert result.exit_code == 3
    assert "SHADOWSERVER_API_KEY is not set" in result.stderr


def test_days_the_wrong_way_round(run: Run) -> None:
    """Every command that takes days refuses a first day after the last one."""
    for command in ("backfill", "fetch"):
        result = run(command, "--from", "2024-02-01", "--to", "2024-01-31")
        assert result.exit_code == 2
        assert "swap" in result.stderr


def test_status_without_a_connector(run: Run) -> None:
    """Without a status file, the exit code is 5 and the error names the path."""
    result = run("status", SHADOWSERVER_STATUS_FILE="nowhere.json")
    assert result.exit_code == 5
    assert "nowhere.json" in result.stderr


def test_status_names_what_failed(run: Run, tmp_path: Path) -> None:
    """Each failed report is named once with its reason, and the count if it failed repeatedly."""
    now = datetime.now(UTC)
    reason = "a.csv: no header"
    failures = (FailedFile("a.csv", reason, 3), FailedFile("b.csv", "gone"))
    last = status.Run(now, now, complete=True, new=2, failed=2, failures=failures)
    dropped = (FailedFile("c.zip", "c.zip: encrypted"),)
    found = Status(
        now,
        now,
        last=last,
        next_run=now + timedelta(days=1),
        drop_folder=DroppedFiles(failed=1, failures=dropped),
    )
    write_status(tmp_path / "status.json", found)
    result = run("status", SHADOWSERVER_STATUS_FILE="status.json")
    assert result.exit_code == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("failed")] == [
        "failed: a.csv: no header (3 runs in a row)",
        "failed: b.csv: gone",
        "failed: c.zip: encrypted (drop folder)",
    ]
    assert result.stdout.startswith(
        "NOT OK: 2 reports of the last run failed; the next run tries again; if that fails too, "
        "see the reason (and 1 more)\nalso: 1 file of the drop folder failed; see the .reason files"
    )


def test_status_counts_the_failures_that_it_does_not_name(run: Run, tmp_path: Path) -> None:
    """What failed in both runs is named once; what is beyond the bound is counted."""
    now = datetime.now(UTC)
    found = Status(
        now,
        now,
        last=status.Run(
            now,
            now,
            failed=300,
            failures=(FailedFile("a.csv", "no header", 2), FailedFile("b.csv", "gone")),
        ),
        current=status.Run(now, failed=1, failures=(FailedFile("a.csv", "no header", 3),)),
        drop_folder=DroppedFiles(done=1, failed=2, failures=(FailedFile("c.zip", "encrypted"),)),
    )
    write_status(tmp_path / "status.json", found)
    told = run("status", SHADOWSERVER_STATUS_FILE="status.json").stdout.splitlines()
    assert [line for line in told if line.startswith("failed")] == [
        "failed: a.csv: no header (3 runs in a row)",
        "failed: b.csv: gone",
        "failed: 298 more reports of the last run",
        "failed: c.zip: encrypted (drop folder)",
        "failed: 1 more file of the drop folder",
    ]
    assert any("1 file imported, 2 failed" in line for line in told)
    [complete] = [line for line in told if "last complete run" in line]
    assert "none yet" in complete
