"""``fetch``: originals downloaded into an archive, from the simulated API."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from tests.api.memory import KEY, SECRET, csv
from tests.sink.test_directory import aged

Run = Callable[..., Result]
RunJson = Callable[..., tuple[Any, int]]
DAYS = ("--from", "2024-01-30", "--to", "2024-01-31")


def test_fetch_fills_the_archive_once(
    run_json: RunJson, account: dict[str, str], tmp_path: Path
) -> None:
    """The first run stores every report of the days with its hash; the second downloads none."""
    told, code = run_json("fetch", *DAYS, "-o", "archive", **account)
    assert code == 0
    names = {f"2024-01-31-scan_{kind}.csv" for kind in ("ssl-example-net", "vnc-other")}
    assert {Path(each["file"]).name for each in told["fetched"]} == names
    kept = tmp_path / "archive/2024/01/31/2024-01-31-scan_ssl-example-net.csv"
    assert kept.read_bytes() == csv(3)
    digests = {each["sha256"] for each in told["fetched"]}
    assert hashlib.sha256(csv(3)).hexdigest() in digests
    again, code = run_json("fetch", *DAYS, "-o", "archive", **account)
    assert code == 0
    assert again == {"fetched": [], "already_there": 2, "failed": []}
    assert not list((tmp_path / "archive").glob(".*"))


def test_fetch_removes_what_a_killed_one_left(
    run: Run, account: dict[str, str], tmp_path: Path
) -> None:
    """Partial downloads of a killed process are removed from the archive."""
    left = tmp_path / "archive" / ".fetch.0a1b2c3d.partial"
    left.mkdir(parents=True)
    (left / "half.csv").write_bytes(b"half")
    aged(left)
    assert run("fetch", *DAYS, "-o", "archive", **account).exit_code == 0
    assert not left.exists()


def test_fetch_takes_what_the_settings_choose(run_json: RunJson, account: dict[str, str]) -> None:
    """The settings' archive and excluded types apply."""
    chosen = account | {
        "SHADOWSERVER_ARCHIVE_DIR": "kept",
        "SHADOWSERVER_EXCLUDE_TYPES": "scan_vnc",
    }
    told, code = run_json("fetch", *DAYS, **chosen)
    assert code == 0
    assert [each["file"] for each in told["fetched"]] == [
        "kept/2024/01/31/2024-01-31-scan_ssl-example-net.csv"
    ]


def test_fetch_needs_a_folder(run: Run, account: dict[str, str]) -> None:
    """Without an output folder or archive, the command is wrong usage."""
    result = run("fetch", *DAYS, **account)
    assert result.exit_code == 2
    assert "SHADOWSERVER_ARCHIVE_DIR" in result.stderr


def test_fetch_leaves_nothing_without_credentials(run: Run, tmp_path: Path) -> None:
    """Without credentials no folder is made."""
    result = run("fetch", *DAYS, "-o", "archive")
    assert result.exit_code == 3
    assert "SHADOWSERVER_API_KEY" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_fetch_keeps_the_floor(run: Run, account: dict[str, str], tmp_path: Path) -> None:
    """On a disk that is nearly full nothing is downloaded, and the error says what to do."""
    result = run("fetch", *DAYS, "-o", "archive", SHADOWSERVER_DISK_FLOOR="1024TiB", **account)
    assert result.exit_code == 5
    assert "SHADOWSERVER_DISK_FLOOR" in result.stderr
    assert not list(tmp_path.rglob("*.csv"))


def test_fetch_shows_a_table(run: Run, account: dict[str, str]) -> None:
    """The table for people has no secrets or report ids."""
    result = run("fetch", *DAYS, "-o", "archive", **account)
    assert result.exit_code == 0
    assert "2 fetched, 0 already there, 0 failed" in result.stderr
    assert "id-scan_ssl" not in result.output
    assert KEY not in result.output
    assert SECRET not in result.output
