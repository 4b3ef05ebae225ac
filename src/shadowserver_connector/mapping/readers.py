"""Reading the cells of one column: empty, good or bad; cells that recur are read once."""

from __future__ import annotations

from typing import Any, Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.roles import PARSERS, is_empty

_REMEMBERED: Final = 1_024
_SHORT: Final = 1_000


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


_EMPTY: Final = Reading(None, "")


class ColumnReader:
    """Reads cells as the column's role says; a role without a parser is read as text."""

    __slots__ = ("_known", "_parse", "_role", "name")

    def __init__(self, column: Column) -> None:
        self.name = column.name
        self._role = column.role
        self._parse = PARSERS.get(column.role, str)
        self._known: dict[str, Reading] = {}

    def read(self, cell: str) -> Reading:
        """Return what a cell says."""
        reading = self._known.get(cell)
        if reading is None:
            reading = self._parsed(cell)
            if len(cell) <= _SHORT:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[cell] = reading
        return reading

    def _parsed(self, cell: str) -> Reading:
        if is_empty(self._role, cell):
            return _EMPTY
        try:
            return Reading(self._parse(cell.strip()), "")
        except ValueError as error:
            return Reading(None, str(error))
