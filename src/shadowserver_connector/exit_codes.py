"""Exit codes: one table, true for every command and for the connector itself."""

from __future__ import annotations

from typing import Final

from shadowserver_connector.errors import (
    CredentialsError,
    FatalError,
    RetriableError,
    SettingsError,
    SkippableError,
)

OK: Final = 0
SOME_FAILED: Final = 1
"""Some reports could not be processed, the others were; or something that should be reported."""
USAGE: Final = 2
SETTINGS: Final = 3
CREDENTIALS: Final = 4
UNAVAILABLE: Final = 5
"""Shadowserver, OpenCTI or a disk did not do its part; the same command may work later."""
INTERRUPTED: Final = 130

TABLE: Final = (
    "0 done, 1 some reports failed, 2 usage, 3 settings or the version of pycti, 4 credentials, "
    "5 Shadowserver, OpenCTI or a disk is out of reach, 130 interrupted"
)


class UsageError(Exception):
    """What was given on the command line does not fit together."""


KINDS: Final = (
    (UsageError, USAGE),
    (SettingsError, SETTINGS),
    (CredentialsError, CREDENTIALS),
    (FatalError, SETTINGS),
    (RetriableError, UNAVAILABLE),
    (SkippableError, SOME_FAILED),
    (OSError, UNAVAILABLE),
)
"""Kinds of errors that are known, each with its code; the first that fits holds."""


def code_of(error: Exception) -> int:
    """Return the exit code of an error; that of failed reports for an unknown one."""
    return next((code for kind, code in KINDS if isinstance(error, kind)), SOME_FAILED)
