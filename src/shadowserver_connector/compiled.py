"""Which of the two builds is running: the compiled one, or pure Python."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec


def is_compiled() -> bool:
    """Tell whether the modules that each row passes through are compiled."""
    rows = find_spec("shadowserver_connector.mapping.rows")
    return bool(rows and rows.origin and rows.origin.endswith(tuple(EXTENSION_SUFFIXES)))
