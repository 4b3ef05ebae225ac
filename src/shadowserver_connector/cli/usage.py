"""How commands are called and end: shared arguments, and errors as one line and an exit code."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from shadowserver_connector.cli.console import OutputFormat, err, print_line
from shadowserver_connector.errors import (
    EXIT_CODE_OF_KIND,
    INTERRUPTED,
    OK,
    USAGE,
    SinkUnavailableError,
    UsageError,
    exit_code_of,
)
from shadowserver_connector.report.info import safe_name

if TYPE_CHECKING:
    from shadowserver_connector.settings import LoadedSettings


def _message(error: Exception) -> str:
    """Return what the error says, without the system's error number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def run(command: Callable[[], object]) -> None:
    """Run a command and exit with its code; known errors are printed as one line each."""
    try:
        code = command()
    except tuple(kind for kind, _ in EXIT_CODE_OF_KIND) as error:
        for line in _message(error).splitlines() or [type(error).__name__]:
            print_line(f"error: {line}", style="bold red")
        sys.exit(exit_code_of(error))
    except (KeyboardInterrupt, typer.Abort):
        # The second is a question that was interrupted, or that nobody can answer.
        print_line("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else OK)


# From click or from typer's copy of it, depending on the version of typer.
_WRONG_USAGE: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """Commands that report wrong usage in one line with a pointer to the help, not in a box of five
    lines.
    """

    def get_params(self, ctx: Any) -> Any:
        """Return the options that all commands share."""
        return _without_bool(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _without_bool(command.get_params(ctx))
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name, and exit if ``standalone_mode``."""
        try:
            # Not standalone: otherwise Typer prints its errors itself, and exits.
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _WRONG_USAGE as error:
            if not standalone_mode:
                raise
            _show(error)
            sys.exit(USAGE)
        except typer.Abort:
            if not standalone_mode:
                raise
            # Outside of a command, as Typer does: with this text and code 1.
            err.print("\nAborted.")
            sys.exit(1)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else OK)
        return code


def _without_bool(params: Any) -> Any:
    """Let the help of a switch have no ``<bool>``: it takes no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def _show(error: Any) -> None:
    message = " ".join(error.format_message().split()).rstrip(".")
    # Without arguments the help has been shown instead.
    if message:
        command = error.ctx.command_path if error.ctx else "shadowserver-connector"
        ending = "" if message.endswith("?") else ";"
        line = f"error: {message[0].lower()}{message[1:]}{ending} see {command} --help"
        print_line(line, style="bold red")


# Ten years with their leap days, rounded up.
_MAX_DAYS = 3660

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


Csv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")]


def form_of(as_json: bool, as_csv: bool) -> OutputFormat:
    """Return how results are printed. Raises UsageError if both are wanted."""
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other; choose one")
    if as_json:
        return OutputFormat.JSON
    return OutputFormat.CSV if as_csv else OutputFormat.TABLES


def _day(text: str) -> date:
    try:
        # Python reads other forms of ISO 8601, too, such as those of weeks.
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write YYYY-MM-DD") from None


def day_option(name: str, text: str) -> Any:
    """Return an option that takes a day."""
    return typer.Option(name, parser=_day, metavar="YYYY-MM-DD", help=text)


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file; by default config.yml, if there is one.",
        exists=True,
        dir_okay=False,
    ),
]
Files = Annotated[
    list[Path],
    typer.Argument(
        help="Report files (.csv, .csv.gz, .zip) or folders of them.",
        exists=True,
        readable=False,  # an unreadable file fails on its own, like the others
    ),
]
STANDARD_INPUT: Final = "standard-input.csv"
"""What a file from standard input is called, unless the user names it."""


def _file_or_input(text: str) -> Path:
    path = Path(text)
    if text != "-" and not os.path.lexists(path):
        raise typer.BadParameter(f"path {text!r} does not exist")
    return path


FilesOrInput = Annotated[
    list[Path],
    typer.Argument(
        help="Report files (.csv, .csv.gz, .zip), folders of them, or - for standard input.",
        parser=_file_or_input,
        metavar="FILES...",
    ),
]
InputName = Annotated[
    str,
    typer.Option("--name", help="File name of what standard input gives: it tells type and day."),
]


def with_standard_input(paths: Sequence[Path], work: Path, name: str) -> list[Path]:
    """Return paths, with what standard input gives as a file of this name in place of ``-``."""
    if Path("-") not in paths:
        return list(paths)
    file = work / safe_name(name)
    # On disk, because a report is read more than once.
    with file.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return [file if path == Path("-") else path for path in paths]


def loaded_settings(config: Path | None) -> LoadedSettings:
    """Read the settings; imported late, because ``--help`` must not wait for pydantic."""
    from shadowserver_connector.settings import load_settings

    return load_settings(config_file=config)


def create_folder(path: Path) -> None:
    """Create a folder for results, parents included; SinkUnavailableError if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise SinkUnavailableError(
            f"{path} cannot be a folder: a file is in the way; name another folder"
        ) from error
    except OSError as error:
        raise SinkUnavailableError(
            f"{path} cannot be made: {error.strerror}; name a folder that can be written"
        ) from error


def checked_day_range(first: date, last: date) -> tuple[date, date]:
    """Return two days as given by ``--from`` and ``--to``.

    Raises UsageError if they are in the wrong order, or too far apart to query each day.
    """
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}; swap them")
    if (last - first).days > _MAX_DAYS:
        raise UsageError(f"--from {first} --to {last} are more than ten years; name fewer days")
    return first, last
