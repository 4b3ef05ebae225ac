"""Input and output of commands: stdin, files named twice, days, help, tables as CSV."""

from __future__ import annotations

import ast
import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from shadowserver_connector.cli import usage
from shadowserver_connector.cli.app import app
from shadowserver_connector.operations.status import Status
from shadowserver_connector.operations.status_file import write_status
from shadowserver_connector.simulator.generate import write_report
from tests.cli.conftest import Run
from tests.preview.conftest import DAY

CLI = Path(usage.__file__).parent
NAME = f"{DAY}-scan_ssl-example.csv"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Write a report of three rows."""
    path = tmp_path / "in" / NAME
    path.parent.mkdir()
    write_report(path, "scan_ssl", DAY, 3)
    return path


def test_preview_needs_no_name_for_its_page(run: Run, report: Path) -> None:
    """Without ``--html`` the page is written to ``preview.html``."""
    result = run("preview", report)
    assert result.exit_code == 0
    assert result.stdout == "preview.html\n"
    assert Path("preview.html").stat().st_size > 10_000


@pytest.mark.usefixtures("run")
def test_preview_and_explain_read_standard_input(report: Path) -> None:
    """``-`` reads a report from stdin; ``--name`` gives its type and day."""

    def give(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, input=report.read_bytes())
        assert result.exit_code == 0
        return result.stdout

    assert give("preview", "-", "--name", NAME) == "preview.html\n"
    assert b"scan_ssl" in Path("preview.html").read_bytes()
    assert give("explain", "-", "--name", NAME).startswith(f"{NAME}: ")
    assert give("explain", "-").startswith("standard-input.csv: ")


def test_a_file_that_is_missing_is_named(run: Run) -> None:
    """Each command names a missing file before it reads any."""
    for command in ("preview", "explain"):
        result = run(command, "missing.csv")
        assert result.exit_code == 2
        assert "path 'missing.csv' does not exist" in result.stderr


def test_a_file_named_twice_is_one_file(run: Run, report: Path) -> None:
    """A file given twice, also by another path, a link or its folder, is converted once."""
    link = report.parent.parent / "link.csv"
    link.symlink_to(report)
    again = (report, report.parent / ".." / "in" / NAME, link, report.parent)
    result = run("convert", *again, "-o", "out", "--workers", 1, "--json")
    assert result.exit_code == 0
    assert result.stdout.count('"file"') == 1
    assert '"failed": []' in result.stdout


def test_tables_are_printed_as_csv(run: Run, report: Path) -> None:
    """With ``--csv`` stdout has a heading and one line per row, and nothing else."""
    result = run("types", "--csv")
    lines = list(csv.reader(io.StringIO(result.stdout)))
    assert lines[0] == ["Type", "Title", "Severity", "Family"]
    assert len(lines) > 100
    assert all(len(line) == 4 for line in lines)
    result = run("convert", report, "-o", "out", "--workers", 1, "--csv")
    lines = list(csv.reader(io.StringIO(result.stdout)))
    assert [line[:2] for line in lines[1:]] == [[DAY.isoformat(), "scan_ssl"]]
    # The next command prints for people again.
    assert "┃" in run("types").stdout


def table(result: Result) -> list[list[str]]:
    """Return the printed CSV table; nothing else may have been printed."""
    lines = list(csv.reader(io.StringIO(result.stdout)))
    assert len(lines) > 1
    assert {len(line) for line in lines} == {len(lines[0])}
    return lines


def test_explain_prints_the_columns_of_all_files_as_csv(run: Run, report: Path) -> None:
    """All files share one table, in which each row names its file."""
    other = report.with_name(f"{DAY}-scan_vnc-example.csv")
    write_report(other, "scan_vnc", DAY, 2)
    lines = table(run("explain", report, other, "--csv"))
    assert lines[0] == ["File", "Column", "Role", "Whose", "Filled", "Bad", "Becomes"]
    assert {line[0] for line in lines[1:]} == {report.name, other.name}


def test_commands_that_ask_shadowserver_print_csv(run: Run, account: dict[str, str]) -> None:
    """Commands that ask Shadowserver print the table alone to stdout."""
    days = ("--from", DAY, "--to", DAY)
    assert table(run("reports", *days, "--csv", **account))[1][1] == "scan_ssl"
    assert table(run("fetch", *days, "-o", "a", "--csv", **account))[0] == ["Date", "Bytes", "File"]
    # Nothing is new: the headings are there, so that a script reads the same table.
    assert run("fetch", *days, "-o", "a", "--csv", **account).stdout == "Date,Bytes,File\n"
    checked = run("check", "--csv", **account)
    assert ["SHADOWSERVER_API_KEY", "********", "environment"] in table(checked)
    assert "Shadowserver: " in checked.stderr


def test_the_status_is_printed_as_csv(run: Run, tmp_path: Path) -> None:
    """The status is a table on stdout; its verdict goes to stderr."""
    now = datetime.now(UTC)
    write_status(tmp_path / "status.json", Status(now, now))
    result = run("status", "--csv", SHADOWSERVER_STATUS_FILE=str(tmp_path / "status.json"))
    assert [line[0] for line in table(result)][:2] == ["What", "version"]
    assert result.stderr.strip()


def test_csv_and_json_exclude_each_other(run: Run) -> None:
    """``--csv`` and ``--json`` together are wrong usage."""
    result = run("types", "--csv", "--json")
    assert result.exit_code == 2
    assert "--json and --csv exclude each other" in result.stderr


def test_each_command_that_prints_a_table_prints_it_as_csv() -> None:
    """Exactly the commands that print a table have ``--csv``."""
    calls, commands = _calls(), {}
    for function in ast.parse((CLI / "app.py").read_text(encoding="utf-8")).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and node.names[0].asname == "command":
                has_csv = "as_csv" in {argument.arg for argument in function.args.args}
                commands[node.names[0].name] = has_csv
    assert len(commands) >= 10
    printing = {"print_table"}
    while more := {name for name, called in calls.items() if called & printing} - printing:
        printing |= more
    assert {name for name, has_csv in commands.items() if has_csv} == printing & set(commands)


def _calls() -> dict[str, set[str]]:
    """Return the names that each function of the commands calls."""
    return {
        function.name: {
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        for path in CLI.glob("*_command*.py")
        for function in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(function, ast.FunctionDef)
    }


def test_no_cell_of_a_table_is_a_formula(run: Run, tmp_path: Path) -> None:
    """A cell that a spreadsheet would take for a formula is escaped in CSV."""
    path = tmp_path / f"{DAY}-compromised_account-example.csv"
    path.write_text(f'timestamp,email\n{DAY} 00:00:00,"=cmd@example.org"\n')
    assert run("convert", path, "-o", "out", "--workers", 1, "--history", "h").exit_code == 0
    result = run("history", "compromised_account", "--dir", "h", "--csv")
    assert "'=cmd@example.org" in result.stdout


@pytest.mark.parametrize("command", ["reports", "backfill", "fetch"])
@pytest.mark.parametrize("day", ["2024-13-01", "31.01.2024", "yesterday", "2024-W01-1"])
def test_a_wrong_day_says_how_to_write_one(run: Run, command: str, day: str) -> None:
    """The error shows the day and its form as YYYY-MM-DD, not in strptime's codes."""
    result = run(command, "--from", day)
    assert result.exit_code == 2
    assert f"'{day}' is no day; write YYYY-MM-DD" in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", [(), ("convert",), ("preview",), ("reports",), ("run",)])
def test_help_has_no_types_for_switches(run: Run, command: tuple[str, ...]) -> None:
    """The help shows no type of value for a switch."""
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "bool" not in re.sub(r"\x1b\[[\d;]*m", "", result.stdout).lower()
