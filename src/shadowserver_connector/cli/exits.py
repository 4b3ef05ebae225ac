"""Exit codes, and the one place where errors become one line and a code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from rich.text import Text

from shadowserver_connector.cli.console import err
from shadowserver_connector.errors import (
    CredentialsError,
    FatalError,
    RetriableError,
    SettingsError,
    SkippableError,
)

OK: Final = 0
SOME_FAILED: Final = 1
"""Some reports could not be processed; the others were."""
USAGE: Final = 2
SETTINGS: Final = 3
CREDENTIALS: Final = 4
UNAVAILABLE: Final = 5
"""Shadowserver, OpenCTI or a disk did not do its part; the same command may work later."""
INTERRUPTED: Final = 130


class UsageError(Exception):
    """What was given on the command line does not fit together."""


_CODES: Final = (
    (UsageError, USAGE),
    (SettingsError, SETTINGS),
    (CredentialsError, CREDENTIALS),
    (FatalError, SETTINGS),
    (RetriableError, UNAVAILABLE),
    (SkippableError, SOME_FAILED),
    (OSError, UNAVAILABLE),
)


def code_of(error: Exception) -> int:
    """Return the exit code of a known error; ``StopIteration`` for another one."""
    return next(code for kind, code in _CODES if isinstance(error, kind))


def _message(error: Exception) -> str:
    """Return what the error says, without the number that the system has for it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def run(command: Callable[[], object]) -> None:
    """Run a command and exit with its code; known errors are printed as one line each."""
    try:
        code = command()
    except tuple(kind for kind, _ in _CODES) as error:
        for line in _message(error).splitlines() or [type(error).__name__]:
            err.print(Text(f"error: {line}", style="bold red"), soft_wrap=True)
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else OK)
