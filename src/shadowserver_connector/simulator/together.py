"""Words for the cells of generated reports that must agree within a row.

The files in ``data`` say what the columns of report types contain: ``together`` lists rows of cells
that are used as a whole, ``apart`` lists words for columns that are independent of others. A cell
is a format string; ``Fields`` in ``cells`` lists what it may name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Group:
    """Columns whose cells are chosen together."""

    types: Sequence[str]
    """Patterns of report types; empty: all types."""
    of_host: bool
    """Whether the choice is the host's, the same in all of its rows, or each finding's."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    """Cells in the order of ``columns``; one of the rows is chosen."""

    @property
    def name(self) -> str:
        """Return what tells the group's choice from those of others."""
        return ",".join(self.columns)

    def cells(self, column: str) -> tuple[str, ...]:
        """Return the column's cell of each row."""
        place = self.columns.index(column)
        return tuple(row[place] for row in self.rows)


@cache
def groups() -> tuple[Group, ...]:
    """Return all groups: first those for certain types, then those for all."""
    folder = files("shadowserver_connector.simulator") / "data"
    paths = sorted(
        (path for path in folder.iterdir() if path.name.endswith(".toml")),
        key=lambda path: path.name,
    )
    found = [group for path in paths for group in _groups(tomllib.loads(path.read_text("utf-8")))]
    return tuple(sorted(found, key=lambda group: not group.types))


@cache
def groups_of(report_type: str) -> Mapping[str, Group]:
    """Return column -> the group that it is in, in reports of this type."""
    found: dict[str, Group] = {}
    for group in groups():
        if not group.types or any(fnmatchcase(report_type, one) for one in group.types):
            for column in group.columns:
                found.setdefault(column, group)
    return found


def _groups(content: Mapping[str, Any]) -> Iterator[Group]:
    for entry in content.get("together", ()):
        yield Group(
            entry.get("types", ()), entry.get("of") == "host", entry["columns"], entry["rows"]
        )
    for entry in content.get("apart", ()):
        for column, words in entry["words"].items():
            yield Group(
                entry.get("types", ()),
                entry.get("of") == "host",
                [column],
                [[word] for word in words],
            )
