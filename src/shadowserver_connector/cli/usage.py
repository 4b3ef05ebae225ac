"""Wrong usage of the command line, in one line like any other error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import typer
from rich.text import Text
from typer.core import TyperGroup

from shadowserver_connector.cli.console import err
from shadowserver_connector.exits import OK, USAGE

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
