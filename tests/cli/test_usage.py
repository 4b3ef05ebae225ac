"""Exit codes: each error becomes one line and a code."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from shadowserver_connector import __version__
from shadowserver_connector.cli import usage
from shadowserver_connector.cli.usage import Commands
from shadowserver_connector.errors import (
    INTERRUPTED,
    ApiUnavailableError,
    ArchiveRejectedError,
    CatalogueError,
    CredentialsError,
    NotReadyError,
    ReportUnreadableError,
    SettingsError,
    SinkUnavailableError,
    UsageError,
)
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("a"), 2),
        (SettingsError("a: [b] is no :key:"), 3),
        (CatalogueError("a"), 3),
        (CredentialsError("a"), 4),
        (ApiUnavailableError("a"), 5),
        (SinkUnavailableError("a"), 5),
        (NotReadyError("a"), 5),
        (ReportUnreadableError("a"), 1),
        (ArchiveRejectedError("a"), 1),
        (OSError("the disk is full"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_kind_of_error_has_its_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of the connector's errors gives its text as one line on stderr, and its code."""

    def command() -> int:
        raise error

    with pytest.raises(SystemExit) as ended:
        usage.run(command)
    assert ended.value.code == code
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    if code != 130:
        assert said.err == f"error: {error}\n"


def test_an_error_of_the_system_is_said_without_its_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A system error is shown with its path, if any, and reason, without its number."""

    def command(error: OSError) -> int:
        raise error

    for error in (OSError(28, "No space left on device", "/x"), OSError(28, "No space")):
        with pytest.raises(SystemExit):
            usage.run(partial(command, error))
    said = capsys.readouterr().err
    assert said == "error: /x: No space left on device\nerror: No space\n"


def test_unknown_errors_are_not_hidden() -> None:
    """An unexpected error keeps its traceback."""

    def command() -> int:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        usage.run(command)


def test_codes_of_commands_are_exit_codes() -> None:
    """The code that a command returns is the process's exit code; None means 0."""
    for returned, code in ((0, 0), (1, 1), (None, 0)):
        with pytest.raises(SystemExit) as ended:
            usage.run(lambda returned=returned: returned)
        assert ended.value.code == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["convert", "no[such]file.csv", "-o", "out"], ["no[such]file.csv", "not exist"]),
        (["convert"], ["missing"]),
        (["convert", "here", "-o", "out", "--workers", "many"], ["--workers"]),
        (["convert", "here", "-o", "out", "--workers", "0"], ["--workers", "1"]),
        (["convert", "here", "--nothing"], ["--nothing"]),
        (["reports", "--from", "yesterday"], ["--from", "yesterday"]),
        (["check", "--config", "nowhere.yml"], ["nowhere.yml"]),
        (["convrt"], ["convrt", "convert"]),
        (["--nothing"], ["--nothing"]),
    ],
)
def test_wrong_usage_is_one_line(
    run: Run, tmp_path: Path, arguments: list[str], said: list[str]
) -> None:
    """Wrong usage gives one line on stderr with a pointer to the help, and exit code 2."""
    (tmp_path / "here").mkdir()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    known = arguments[0] in ("convert", "reports", "check")
    assert line.endswith(f"see shadowserver-connector {arguments[0]} --help") is known
    assert line.endswith(" --help")
    for word in said:
        assert word in line


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    """Without a command the help is printed, no error message, and the exit code is 2."""
    result = run()
    assert result.exit_code == 2
    assert "Commands" in result.output
    assert "error:" not in result.output


def test_a_question_that_nobody_answers_ends_the_command() -> None:
    """A question without an answer ends the command in one line, as a refusal does."""
    asking = typer.Typer(cls=Commands)

    @asking.command()
    def ask() -> None:
        usage.run(lambda: typer.confirm("Import them?", err=True))

    @asking.command()
    def other() -> None: ...

    result = CliRunner().invoke(asking, ["ask"], input="")
    assert result.exit_code == INTERRUPTED
    assert result.stderr.endswith("interrupted\n")


def test_version_and_help(run: Run) -> None:
    """``--version`` and ``--help`` work without settings."""
    assert __version__ in run("--version").stdout
    shown = run("--help").stdout
    for command in ("convert", "explain", "types", "check", "reports", "subscriptions", "demo"):
        assert command in shown
    assert "Exit codes" in shown
