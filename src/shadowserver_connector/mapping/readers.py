"""Reading the cells of one column: empty, good or bad; cells that recur are read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.roles import PARSERS, is_empty

_REMEMBERED: Final = 1_024


class Reading:
    """What a cell says."""

    __slots__ = ("bad", "value")

    value: Any
    """As the role's parser returns it; ``None`` for an empty or a bad cell."""
    bad: str
    """Why the cell is bad; empty for a good or an empty one."""

    def __init__(self, value: Any, bad: str) -> None:
        self.value = value
        self.bad = bad


Reader = Callable[[str], Reading]

_EMPTY: Final = Reading(None, "")


def column_reader(column: Column) -> Reader:
    """Return the reader of a column whose role has a parser or is read as text."""
    role = column.role
    parse = PARSERS.get(role, str)

    def read(cell: str) -> Reading:
        if is_empty(role, cell):
            return _EMPTY
        try:
            return Reading(parse(cell.strip()), "")
        except ValueError as error:
            return Reading(None, str(error))

    return lru_cache(maxsize=_REMEMBERED)(read)
