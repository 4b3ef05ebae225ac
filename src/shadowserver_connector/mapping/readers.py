"""Reading the cells of one column: empty, good or bad; cells that recur are read once."""

from __future__ import annotations

from typing import Any, Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.memory import WIDEST, Memory
from shadowserver_connector.mapping.roles import PARSERS, is_empty
from shadowserver_connector.mapping.values.several import TooManyError

_REMEMBERED: Final = 1_024
_SHORT: Final = 1_000

Bad = tuple[tuple[str, str, int], ...]
"""(Column, why, how often): what could not be read of cells, or was left out."""


class Reading:
    """What a cell says."""

    __slots__ = ("bad", "times", "value")

    value: Any
    """As the role's parser returns it; ``None`` for an empty or a bad cell."""
    bad: str
    """Why the cell is bad, or what of it is left out; empty for a good or an empty one."""
    times: int
    """How many values are left out; 1 for a bad cell."""

    def __init__(self, value: Any, bad: str, times: int = 1) -> None:
        self.value = value
        self.bad = bad
        self.times = times


_EMPTY: Final = Reading(None, "")


class ColumnReader:
    """Reads cells as the column's role says; a role without a parser is read as text."""

    __slots__ = ("_kept", "_known", "_parse", "_role", "name")

    def __init__(self, column: Column, memory: Memory) -> None:
        self.name = column.name
        self._role = column.role
        self._parse = PARSERS.get(column.role, str)
        self._kept = memory.keeping(_REMEMBERED)
        self._known: dict[str, Reading] = self._kept.known

    def read(self, cell: str) -> Reading:
        """Return what a cell says."""
        reading = self._known.get(cell)
        if reading is None:
            reading = self._parsed(cell)
            if len(cell) <= _SHORT:
                # What is read of a cell is no more than what stands in it.
                self._kept.keep(cell, reading, 2 * WIDEST * len(cell))
        return reading

    def _parsed(self, cell: str) -> Reading:
        if is_empty(self._role, cell):
            return _EMPTY
        try:
            return Reading(self._parse(cell.strip()), "")
        except TooManyError as error:
            return Reading(error.values, str(error), error.left_out)
        except ValueError as error:
            return Reading(None, str(error))
