"""Wording of messages: counts, paths, and texts of files, which may have any content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shadowserver_connector.errors import ReportUnreadableError

DETAIL_CHARACTERS = 60
"""Characters of a cell that a message shows; an escaped one takes several."""
# PATH_MAX of Linux.
_PATH_CHARACTERS = 4096


def printable(text: str, limit: int = DETAIL_CHARACTERS) -> str:
    """Return the start of ``text`` with everything unprintable escaped, on one line."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text[:limit]
    )
    return shown + "..." if len(text) > limit else shown


def shown_path(path: Path) -> str:
    """Return a path for messages and JSON, whatever bytes its name has."""
    return printable(str(path), _PATH_CHARACTERS)


def unreadable_error(name: str, error: OSError) -> ReportUnreadableError:
    """Return the error for a file or folder that the system does not let us read."""
    return ReportUnreadableError(
        f"{name}: cannot be read: {error.strerror or type(error).__name__}"
    )


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: ``1 report``, ``2,000 reports``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def bracketed(numbers: Mapping[str, int]) -> str:
    """Return numbers and what they count, in brackets after a space: `` (3 new, 1 changed)``.

    Empty if there are none.
    """
    counts = [f"{number:,} {name}" for name, number in numbers.items()]
    return f" ({', '.join(counts)})" if counts else ""
