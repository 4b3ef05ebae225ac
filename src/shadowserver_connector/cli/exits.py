"""The one place where errors become one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.text import Text

from shadowserver_connector.cli.console import err
from shadowserver_connector.exits import INTERRUPTED, KINDS, OK, code_of


def _message(error: Exception) -> str:
    """Return what the error says, without the number that the system has for it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def run(command: Callable[[], object]) -> None:
    """Run a command and exit with its code; known errors are printed as one line each."""
    try:
        code = command()
    except tuple(kind for kind, _ in KINDS) as error:
        for line in _message(error).splitlines() or [type(error).__name__]:
            err.print(Text(f"error: {line}", style="bold red"), soft_wrap=True)
        sys.exit(code_of(error))
    except (KeyboardInterrupt, click.Abort):
        # The second is a question that was broken off, or that nobody can answer.
        err.print("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else OK)
