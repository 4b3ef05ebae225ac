"""What commands print: tables and JSON on stdout; progress, failures and the log on stderr."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from shadowserver_connector.errors import SOME_FAILED
from shadowserver_connector.pipeline.outcome import Failure
from shadowserver_connector.report.wording import printable

# Without a terminal Rich assumes 80 columns; a file or a pipe has room for whole lines.
_WIDE = None if sys.stdout.isatty() else 200

out = Console(highlight=False, width=_WIDE)
err = Console(stderr=True, highlight=False)


def print_line(text: object, *, to: Console = err, style: str = "") -> None:
    """Print one line as it is: never divided, and nothing in it is taken for markup.

    What a terminal would obey is escaped: names of files and reports are chosen by others.
    """
    line = _valid(str(text))
    to.print(Text(printable(line, len(line)), style=style), soft_wrap=True)


# Characters that a column needs to be readable, if its cells are that long.
_NARROWEST: Final = 12

_SEVERITY_STYLES: Final = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}
_SEVERITY: Final = "Severity"


def progress() -> Progress:
    """Return a progress bar with a count and the time; it is silent if stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # in a file it would leave an empty line
    )


class OutputFormat(Enum):
    """How a command prints its results."""

    TABLES = auto()
    """For people."""
    CSV = auto()
    """Standard output is one table, with its headings, and nothing else."""
    JSON = auto()


def beside_table(form: OutputFormat) -> Console:
    """Return where a command prints what is not in its table."""
    return err if form is OutputFormat.CSV else out


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], form: OutputFormat
) -> None:
    """Print rows as a table; cells are plain text, numbers are right-aligned.

    A column with the heading ``Severity`` is coloured. In CSV a text that a spreadsheet would take
    for a formula gets an apostrophe. If columns would be too narrow to read, each row is printed as
    a list of headings and cells. Where there are no rows, people see no table, and CSV has only the
    headings.
    """
    if form is OutputFormat.CSV:
        # As other commands end lines; the csv module would write CRLF.
        lines = csv.writer(sys.stdout, lineterminator="\n")
        try:
            lines.writerows([headings, *([_csv_cell(value) for value in row] for row in rows)])
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads, such as `head`, has enough. Rich ends in the same way; what is written
            # from here on must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(SOME_FAILED)
    elif rows:
        _print_for_people(headings, rows)


def _csv_cell(value: object) -> str:
    text: str = _valid(str(value))
    is_formula = isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{text}" if is_formula else text


def _print_for_people(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [
        [_cell(value, heading) for heading, value in zip(headings, row, strict=True)]
        for row in rows
    ]
    columns = zip(headings, *cells, strict=True)
    widths = [max(cell_len(str(cell)) for cell in column) for column in columns]
    # A line on the left of each column, a space on both sides of it, and the last line.
    frame = 3 * len(widths) + 1
    if sum(min(width, _NARROWEST) for width in widths) + frame > out.width:
        _print_lists(headings, cells)
        return
    table = Table()
    for at, heading in enumerate(headings):
        numbers = all(isinstance(row[at], int) for row in rows)
        # Folded, because Rich would cut off what is too long.
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    out.print(table)


def _print_lists(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    for row in rows:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for heading, cell in zip(headings, row, strict=True):
            grid.add_row(heading, cell)
        out.print(grid)
        out.print()


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a value as JSON, for scripts."""
    text = orjson.dumps(_valid(value), option=orjson.OPT_INDENT_2).decode()
    # Not print(): it would replace names such as :key: with emoji.
    out.out(text, highlight=False)


def _valid(value: Any) -> Any:
    """Return a value with all texts in it made valid Unicode: file names may contain any bytes."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_valid(key): _valid(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(each) for each in value]
    return value


def _cell(value: object, heading: str) -> Text:
    text = f"{value:,}" if isinstance(value, int) else _valid(str(value))
    style = _SEVERITY_STYLES.get(text, "") if heading == _SEVERITY else ""
    return Text(printable(text, len(text)), style=style)


NO_REPORT: Final = "no reports in these files and folders"


def failures_as_json(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """Return what ``--json`` says about reports that failed."""
    return [{"file": each.info.file, "reason": each.reason} for each in failures]


def print_failures(reasons: Iterable[object]) -> None:
    """Print why reports failed, one line each."""
    for reason in reasons:
        print_line(f"failed: {reason}", style="red")


class ConsoleLog:
    """A logger for commands: messages and their details go to stderr, debug messages nowhere."""

    def debug(self, message: str, meta: dict[str, Any] | None = None) -> None:
        pass

    def info(self, message: str, meta: dict[str, Any] | None = None) -> None:
        _print(message, meta, "dim")

    def warning(self, message: str, meta: dict[str, Any] | None = None) -> None:
        _print(message, meta, "yellow")

    def error(self, message: str, meta: dict[str, Any] | None = None) -> None:
        _print(message, meta, "bold red")


def _print(message: str, meta: dict[str, Any] | None, style: str) -> None:
    details = ", ".join(f"{name} {value}" for name, value in (meta or {}).items())
    print_line(f"{message}: {details}" if details else message, style=style)
