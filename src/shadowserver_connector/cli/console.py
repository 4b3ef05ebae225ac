"""Where the command line writes: tables and JSON to stdout, progress and errors to stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

# Rich takes 80 columns where there is no terminal; a file or a pipe has room for whole lines.
_WIDE = None if sys.stdout.isatty() else 200

out = Console(highlight=False, width=_WIDE)
err = Console(stderr=True, highlight=False)

SEVERITY_STYLES = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}


def progress() -> Progress:
    """Return a progress bar with a count and the time; nothing where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # it would leave an empty line in a file
    )


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows as a table; cells are plain text, numbers stand on the right."""
    table = Table(title=title, title_justify="left")
    for at, heading in enumerate(headings):
        numbers = bool(rows) and all(isinstance(row[at], int) for row in rows)
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a value as JSON, for scripts."""
    # Not print(): it would put emoji in the place of their names, such as :key:.
    out.out(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), highlight=False)


def _cell(value: object) -> Text:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return Text(text, style=SEVERITY_STYLES.get(text, ""))
