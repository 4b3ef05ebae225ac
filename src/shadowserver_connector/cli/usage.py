"""How commands end: errors and wrong usage as one line and a code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import typer
from rich.text import Text
from typer.core import TyperGroup

from shadowserver_connector.cli.console import err
from shadowserver_connector.exit_codes import INTERRUPTED, KINDS, OK, USAGE, code_of


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
    except (KeyboardInterrupt, typer.Abort):
        # The second is a question that was broken off, or that nobody can answer.
        err.print("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else OK)


# Of click or of typer's copy of it, as the version of typer has it.
_WRONG_USAGE: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """Commands whose wrong usage is one line that says where to read on, not a box of five."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run what the arguments ask for, and end the process if ``standalone_mode``."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _WRONG_USAGE as error:
            if not standalone_mode:
                raise
            _show(error)
            sys.exit(USAGE)
        except typer.Abort:
            if not standalone_mode:
                raise
            err.print("\nAborted.")
            sys.exit(1)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else OK)
        return code


def _show(error: Any) -> None:
    message = " ".join(error.format_message().split()).rstrip(".")
    # Without arguments the help has been shown instead.
    if message:
        command = error.ctx.command_path if error.ctx else "shadowserver-connector"
        ending = "" if message.endswith("?") else ";"
        line = f"error: {message[0].lower()}{message[1:]}{ending} see {command} --help"
        err.print(Text(line, style="bold red"), soft_wrap=True)
