"""``types``, ``subscriptions``, ``reports`` and ``check`` against the simulated API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.cli import shadowserver_commands
from shadowserver_connector.cli.console import OutputFormat
from shadowserver_connector.report.info import ReportInfo
from shadowserver_connector.settings import Settings
from tests.api.memory import KEY, SECRET

DAY = date(2024, 1, 31)
Run = Callable[..., Result]
RunJson = Callable[..., tuple[Any, int]]


def test_types_of_the_catalogue(run_json: RunJson) -> None:
    """Without an account, ``types`` lists all types of the catalogue."""
    told, code = run_json("types")
    assert code == 0
    assert [one["type"] for one in told] == sorted(load_catalogue().types)
    assert all(one["known"] and one["title"] for one in told)


def test_types_subscribed(run_json: RunJson, account: dict[str, str]) -> None:
    """With an account, ``types`` lists those that the API names."""
    told, code = run_json("types", "--subscribed", **account)
    assert code == 0
    assert [one["type"] for one in told] == ["scan_ssl", "scan_vnc"]


def test_subscriptions(run: Run, run_json: RunJson, account: dict[str, str]) -> None:
    """``subscriptions`` prints one list per line, or JSON."""
    assert run_json("subscriptions", **account) == (["example-net", "other"], 0)
    assert run("subscriptions", **account).stdout.split() == ["example-net", "other"]


def test_reports(run_json: RunJson, account: dict[str, str]) -> None:
    """``reports`` lists the reports of the days without their ids, which are secret."""
    told, code = run_json("reports", "--from", "2024-01-30", "--to", "2024-01-31", **account)
    assert code == 0
    assert sorted(told, key=lambda report: report["type"]) == [
        {
            "day": "2024-01-31",
            "type": report_type,
            "list": report_list,
            "file": f"2024-01-31-{report_type}-{report_list}.csv",
        }
        for report_type, report_list in (("scan_ssl", "example-net"), ("scan_vnc", "other"))
    ]
    assert "id-scan_ssl" not in str(told)


def test_reports_as_settings_choose_them(run_json: RunJson, account: dict[str, str]) -> None:
    """Types and lists that the settings exclude are not shown."""
    days = ("--from", "2024-01-31", "--to", "2024-01-31")
    told, _ = run_json("reports", *days, **account, SHADOWSERVER_EXCLUDE_TYPES="scan_ssl")
    assert [report["type"] for report in told] == ["scan_vnc"]
    told, _ = run_json("reports", *days, **account, SHADOWSERVER_REPORT_NAMES="example-net")
    assert [report["type"] for report in told] == ["scan_ssl"]


def test_reports_of_days_the_wrong_way_round(run: Run, account: dict[str, str]) -> None:
    """A first day after the last one is wrong usage."""
    result = run("reports", "--from", "2024-02-01", "--to", "2024-01-31", **account)
    assert result.exit_code == 2
    assert "swap" in result.stderr


def test_days_at_the_edge_of_the_calendar(run_json: RunJson, account: dict[str, str]) -> None:
    """A lookback that would begin before the year 1 gives no traceback."""
    assert run_json("reports", "--to", "0001-01-02", **account) == ([], 0)


def test_days_too_far_apart(run: Run, account: dict[str, str]) -> None:
    """A span of too many days, as from a mistyped year, is refused, since each is a request."""
    result = run("reports", "--from", "0202-01-31", "--to", "2024-01-31", **account)
    assert result.exit_code == 2
    assert "more than ten years; name fewer days" in result.stderr


def test_check(run_json: RunJson, account: dict[str, str]) -> None:
    """``check`` shows every setting with its source, secrets masked, and
    whether the API answers.
    """
    told, code = run_json("check", **account)
    assert code == 0
    assert told["shadowserver"] == "ok, 2 lists with 2 report types"
    settings = {setting["name"]: setting for setting in told["settings"]}
    assert settings["SHADOWSERVER_API_URL"] == {
        "name": "SHADOWSERVER_API_URL",
        "value": account["SHADOWSERVER_API_URL"].rstrip("/"),
        "source": "environment",
    }
    assert settings["SHADOWSERVER_NOTES"]["source"] == "default"
    assert KEY not in str(told)
    assert SECRET not in str(told)


def test_check_shows_a_table(run: Run, account: dict[str, str]) -> None:
    """``check`` prints a table for people."""
    result = run("check", **account)
    assert result.exit_code == 0
    assert "SHADOWSERVER_API_KEY" in result.stdout
    assert "Shadowserver: ok" in result.stdout
    assert KEY not in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize("command", ["check", "subscriptions", "reports", "types"])
def test_wrong_secret_is_a_matter_of_credentials(
    run: Run, account: dict[str, str], command: str
) -> None:
    """Each command ends with exit code 4 for a wrong secret, and does not show it."""
    wrong = account | {"SHADOWSERVER_API_SECRET": "wrong-0123456789"}
    extra = ["--subscribed"] if command == "types" else []
    result = run(command, *extra, **wrong)
    assert result.exit_code == 4
    assert "wrong-0123456789" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["check", "subscriptions", "reports"])
def test_no_account_is_a_matter_of_settings(run: Run, command: str) -> None:
    """Without an account the exit code is 3, and the error names what to set."""
    result = run(command)
    assert result.exit_code == 3
    assert "SHADOWSERVER_API_KEY" in result.output
    assert "Traceback" not in result.output


def test_a_report_of_another_day_is_named_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a run, the command takes no report that is listed for a day which is not its own."""
    own = ReportInfo("scan_ssl", DAY, f"{DAY}-scan_ssl-example.csv", "example", "id-1")
    stray = replace(own, day=date(2024, 1, 30), file="2024-01-30-scan_ssl-example.csv", id="id-2")
    api = SimpleNamespace(list_reports=lambda day, **_: [own, stray])
    monkeypatch.setattr(shadowserver_commands, "open_api", lambda _: nullcontext(api))
    code = shadowserver_commands.reports(Settings(), DAY, DAY, form=OutputFormat.CSV)
    shown = capsys.readouterr()
    assert code == 0
    assert shown.out.splitlines()[1:] == [f"{DAY},scan_ssl,example,{own.file}"]
    assert "is not its day" in shown.err
