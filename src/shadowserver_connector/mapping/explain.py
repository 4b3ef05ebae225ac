"""How each column of a file is read, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.becomes import becomes
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.roles import PARSERS, is_empty


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """One column of a file."""

    name: str
    role: str
    party: str
    """What the party is in this report type, such as ``exposed asset``; empty without a party."""
    becomes: str
    filled: int
    """Cells that are neither empty nor a word for nothing."""
    bad: int
    """Filled cells that are not what the role asks for; they stay in the Note."""
    reason: str
    """Why the first bad one is bad, empty where there is none."""


def explain_columns(
    rows: Iterable[tuple[int, list[str]]], columns: Sequence[Column], context: Context
) -> Iterator[ColumnReading]:
    """Read all rows and yield a reading of each column, in the order of the header."""
    filled = [0] * len(columns)
    bad = [0] * len(columns)
    reasons = [""] * len(columns)
    roles = [(at, column.role, PARSERS.get(column.role)) for at, column in enumerate(columns)]
    for _, row in rows:
        for at, role, parse in roles:
            cell = row[at]
            if is_empty(role, cell):
                continue
            filled[at] += 1
            if parse is not None:
                try:
                    parse(cell.strip())
                except ValueError as error:
                    bad[at] += 1
                    reasons[at] = reasons[at] or str(error)
    for at, column in enumerate(columns):
        yield ColumnReading(
            name=column.name,
            role=column.role,
            party=context.meaning(column.party).text if column.party else "",
            becomes=becomes(column, columns, context.report_type, context.meanings),
            filled=filled[at],
            bad=bad[at],
            reason=reasons[at],
        )
