"""The header of a report: its delimiter, its column names, and whether it is one at all."""

from __future__ import annotations

import csv
import re

from shadowserver_connector.errors import ReportUnreadableError
from shadowserver_connector.report.oddities import Oddities

SURPLUS = "_surplus"
"""Name of the last, virtual column: what a row holds beyond its header, as one CSV line."""

NAME_CHARACTERS = 100
COLUMNS = 5_000
HEADER_CHARACTERS = 1 << 20
"""Characters of a header line: far more than any has, few enough to be taken apart at once."""

_MARKUP = re.compile(r"\s*(<[!?a-z/]|[{\[])", re.IGNORECASE)
_DATA = re.compile(r"\d{4}-\d\d-\d\d|\d{1,3}(\.\d{1,3}){3}$|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*$", re.I)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def delimiter_of(line: str) -> str:
    """Return the delimiter of a header line: a comma, unless it has none but others."""
    if "," in line:
        return ","
    return max(",", ";", "\t", key=line.count)


def read_header(line: str, delimiter: str, name: str) -> list[str]:
    """Return the cells of the header line as they are.

    Raises ``ReportUnreadableError`` naming the file where the line cannot be a header; nothing of
    the line is quoted, as a file that is no report may be anything, a secret among them.
    """
    if len(line) > HEADER_CHARACTERS:
        raise ReportUnreadableError(
            f"{name}: the first line has more than {HEADER_CHARACTERS:,} characters; "
            "it is no CSV header"
        )
    if _MARKUP.match(line):
        kind = "JSON" if line.lstrip()[0] in "{[" else "HTML or XML"
        raise ReportUnreadableError(f"{name}: the file is {kind}, not a CSV report")
    cells = next(csv.reader([line], delimiter=delimiter), [])
    if len(cells) < 2:
        raise ReportUnreadableError(f"{name}: the first line is no CSV header: it has one cell")
    if len(cells) > COLUMNS:
        raise ReportUnreadableError(
            f"{name}: the header has {len(cells)} columns, more than {COLUMNS}"
        )
    at = next((at for at, cell in enumerate(cells, 1) if _DATA.match(cell.strip())), None)
    if at is not None:
        raise ReportUnreadableError(
            f"{name}: the header is missing, the first line holds data (cell {at})"
        )
    return cells


def column_names(cells: list[str], oddities: Oddities) -> tuple[str, ...]:
    """Return the names that the columns go by: lower-case, trimmed, never empty, each once.

    A name that comes again gets a number: ``tag``, ``tag_2``. A column without a name is
    ``column_<position>``, from 1.
    """
    plain = [
        _UNPRINTABLE.sub("", cell).strip().strip('"').strip().lower()[:NAME_CHARACTERS]
        for cell in cells
    ]
    taken = {SURPLUS}
    # Name -> the number to try next: not from 2 on again for each of thousands of equal names.
    numbers: dict[str, int] = {}
    names: list[str] = []
    for position, name in enumerate(plain, start=1):
        if not name:
            oddities.add("column without a name", 0, f"column_{position}")
            name = f"column_{position}"
        unique = name
        number = numbers.get(name, 2)
        while unique in taken:
            unique = f"{name}_{number}"
            number += 1
        numbers[name] = number
        if unique != name:
            oddities.add("column name used twice", 0, name)
        taken.add(unique)
        names.append(unique)
    return tuple(names)
