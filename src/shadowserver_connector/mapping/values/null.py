"""Cells that say nothing."""

from __future__ import annotations

from typing import Final

_NULLS: Final = frozenset({"", "-", "null", "none", "unknown", "??", "n/a"})


def is_null(text: str) -> bool:
    """Tell whether a cell says that there is no value."""
    return text.strip().lower() in _NULLS


def is_null_number(text: str) -> bool:
    """Tell whether a cell of an ASN or NAICS column says that there is no value: also by 0."""
    stripped = text.strip()
    return stripped == "0" or stripped.lower() in _NULLS
