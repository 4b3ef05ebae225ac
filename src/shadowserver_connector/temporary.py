"""Where temporary files go, also while there is no room for them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

_VARIABLES: Final = ("TMPDIR", "TEMP", "TMP")
_USUAL: Final = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - the files there have safe names


def temporary_directory() -> Path:
    """Return the directory that ``TMPDIR`` names, else the first of the usual ones.

    Python's own ``tempfile.gettempdir`` tries to write, and passes over a directory whose disk is
    full: files would be looked for in one place and be in another.
    """
    for place in (*map(os.environ.get, _VARIABLES), *_USUAL):
        if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(place).absolute()
    return Path(tempfile.gettempdir())
