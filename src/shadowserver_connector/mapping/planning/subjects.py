"""Whom a row is about: its primary address, or else its URL, account or name.

A report has one Note for each subject. A key identifies rows of the same subject, so that they can
be sorted by it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from shadowserver_connector.catalogue.catalogue import ADDRESS_ROLES, Column
from shadowserver_connector.mapping.cells.addresses import parse_network
from shadowserver_connector.mapping.cells.text_and_tags import is_null

NO_SUBJECT: Final = "~"
"""What the key of a row begins with that is about nothing with a name."""

_ROLES: Final = ("ip", "network", "email", "account", "url", "domain", "text")
"""Roles of the cell that says of whom a row is, the best first; addresses those of the primary."""


class Subjects:
    """Reads whom a row is about; `subjects_of` creates one."""

    __slots__ = ("places",)

    def __init__(self, places: Sequence[int]) -> None:
        self.places = tuple(places)
        """Of the cells that say it, the best first."""

    def key(self, number: int, row: Sequence[str]) -> str:
        """Return the same text for rows of the same subject; a row without one has its own."""
        return self.told(row) or f"{NO_SUBJECT}{number:012d}"

    def told(self, row: Sequence[str]) -> str:
        """Return the subject in the form in which it is one, or nothing."""
        for at in self.places:
            text = row[at].strip().lower()
            if text and (text[0].isdigit() or not is_null(text)):
                return _normal_address(text) if ":" in text else text
        return ""

    def shown(self, row: Sequence[str]) -> str:
        """Return the subject as the row has it, or nothing."""
        for at in self.places:
            text = row[at].strip()
            if text and not is_null(text):
                address = _normal_address(text.lower()) if ":" in text else text
                return text if address == text.lower() else address
        return ""


def subjects_of(columns: Sequence[Column], primary: str, identity: Collection[int]) -> Subjects:
    """Return what reads the subject of rows with these columns.

    ``identity`` are the places of those that tell one finding from another.
    """
    ranked = []
    for at, column in enumerate(columns):
        # If a report is not about addresses, its subject is whatever distinguishes findings.
        if column.role not in _ROLES or (primary and column.party not in ("", primary)):
            continue
        addressed = column.role in ADDRESS_ROLES and column.party in ("", primary)
        if addressed or (at in identity and (column.role != "text" or not primary)):
            ranked.append((_ROLES.index(column.role), at))
    return Subjects([at for _, at in sorted(ranked)])


def _normal_address(text: str) -> str:
    try:
        return parse_network(text).value
    except ValueError:
        return text
