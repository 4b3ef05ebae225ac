"""How each column of a file is read, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from shadowserver_connector.catalogue.model import Column
from shadowserver_connector.mapping.becomes import becomes
from shadowserver_connector.mapping.context import Context
from shadowserver_connector.mapping.roles import PARSERS, TIME_ROLES, Parser, is_empty
from shadowserver_connector.mapping.values.dates import parse_seen
from shadowserver_connector.mapping.values.several import TooManyError

_CERTIFICATE: Final = "x509.raw"
_HASHES: Final = frozenset(["x509.md5", "x509.sha1", "x509.sha256", "x509.sha512"])


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
    """Read all rows and yield a reading of each column, in the order of the header.

    Cells are bad here that are bad to a conversion of all rows.
    """
    filled = [0] * len(columns)
    bad = [0] * len(columns)
    reasons = [""] * len(columns)
    seen: Parser = partial(parse_seen, end=context.end)
    parsers = {**PARSERS, **dict.fromkeys(TIME_ROLES, seen)}
    roles = [(at, column.role, parsers.get(column.role)) for at, column in enumerate(columns)]
    hashes = _hashes_of_certificates(columns)
    for _, row in rows:
        wrong: dict[int, str] = {}
        for at, role, parse in roles:
            cell = row[at]
            if is_empty(role, cell):
                continue
            filled[at] += 1
            if parse is not None:
                try:
                    parse(cell.strip())
                except TooManyError:
                    continue
                except ValueError as error:
                    wrong[at] = str(error)
        for at, reason in wrong.items():
            # Where a hash says which certificate it is, nothing looks at the certificate itself.
            if any(
                mate not in wrong and not is_empty("", row[mate]) for mate in hashes.get(at, ())
            ):
                continue
            bad[at] += 1
            reasons[at] = reasons[at] or reason
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


def _hashes_of_certificates(columns: Sequence[Column]) -> Mapping[int, Sequence[int]]:
    """Return the places of whole certificates, each with those of the hashes beside it."""
    return {
        at: [
            place
            for place, mate in enumerate(columns)
            if mate.group == column.group and mate.role in _HASHES
        ]
        for at, column in enumerate(columns)
        if column.role == _CERTIFICATE
    }
