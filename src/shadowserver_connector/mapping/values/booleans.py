"""Truth values."""

from __future__ import annotations

from typing import Final

_TRUE: Final = frozenset({"y", "yes", "true", "1"})
_FALSE: Final = frozenset({"n", "no", "false", "0"})


def parse_boolean(text: str) -> bool:
    """Return what Y/N, yes/no, true/false or 1/0 says."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("neither yes nor no")
