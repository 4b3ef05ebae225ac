"""Whom a row is about: the primary address, or else its URL, account or name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

from shadowserver_connector.catalogue.columns import ADDRESS_ROLES, Column
from shadowserver_connector.history.record import SUBJECT_CHARACTERS
from shadowserver_connector.mapping.cells.addresses import parse_network
from shadowserver_connector.mapping.cells.text_and_tags import is_null

_REMEMBERED: Final = 512
_LONGEST_IPV4: Final = 15
_LONGEST_NETWORK: Final = 64
"""More characters than any IPv6 address or network has."""

_ADDRESS_BYTES: Final = (5, 17)
"""Lengths of packed IPv4 and IPv6 addresses."""

OWN_KEY_PREFIX: Final = "~"
"""Beginning of the key of a row that names no subject, and shares its key with no other row."""

# Unlike in `_KEY_SUBJECTS`, accounts come before URLs. This order must stay as well: the ids of
# Notes are derived from the cell that it selects. With the other one, OpenCTI would get a second
# Note on each account whose rows have a URL.
_NOTE_SUBJECTS: Final = ("ip", "network", "email", "account", "url", "domain", "text")
"""Roles of the cell that says whom a Note is about, the best first; of addresses, the primary's."""


class SubjectReader:
    """Reads whom a row is about; `compile_subject_reader` creates one."""

    __slots__ = ("places",)

    def __init__(self, places: Sequence[int]) -> None:
        self.places = tuple(places)
        """Places of the cells that say it, the best first."""

    def key(self, number: int, row: Sequence[str]) -> str:
        """Return a text that rows of one subject share; a row without one has a text of its own."""
        # Rows are sorted by this text: with leading zeros, these stay in the order of the file.
        return self.normalised(row) or f"{OWN_KEY_PREFIX}{number:012d}"

    def normalised(self, row: Sequence[str]) -> str:
        """Return the subject in the form in which subjects are compared; empty if there is none."""
        text = self._cell(row).lower()
        return normal_address(text) if ":" in text or "/" in text else text

    def shown(self, row: Sequence[str]) -> str:
        """Return the subject as a person reads it; empty if there is none."""
        text = self._cell(row)
        if ":" not in text:
            return text
        lowered = text.lower()
        address = normal_address(lowered)
        # What has no other form, such as a URL, keeps its capitals.
        return text if address == lowered else address

    def _cell(self, row: Sequence[str]) -> str:
        """Return the best cell that names a subject; empty if none does."""
        for at in self.places:
            text = row[at].strip()
            # Nearly all subjects begin with a digit, and no placeholder does.
            if text and (text[0].isdigit() or not is_null(text)):
                return text
        return ""


def compile_subject_reader(
    columns: Sequence[Column], primary: str, identity: Collection[int]
) -> SubjectReader:
    """Return what reads the subject of rows with these columns.

    ``identity`` are the places of the columns that tell one finding from another.
    """
    ranked = []
    for at, column in enumerate(columns):
        if column.role not in _NOTE_SUBJECTS or (primary and column.party not in ("", primary)):
            continue
        is_own_address = column.role in ADDRESS_ROLES and column.party in ("", primary)
        # If a report is not about addresses, its subject is whatever distinguishes findings.
        distinguishes = at in identity and (column.role != "text" or not primary)
        if is_own_address or distinguishes:
            ranked.append((_NOTE_SUBJECTS.index(column.role), at))
    return SubjectReader([at for _, at in sorted(ranked)])


def packed_subject(text: str) -> bytes:
    """Return the beginning of a finding's key: the address, network or text that it is about.

    An address is ``4`` or ``6`` and its packed form; a network is the same with its prefix length
    in one byte; a text is ``t`` and its first ``SUBJECT_CHARACTERS``. Keys sort as addresses do.
    """
    text = text.strip()
    if packed := packed_ipv4(text):
        return packed
    first, _, length = normal_address(text).partition("/")
    try:
        packed = b"6" + inet_pton(AF_INET6, first) if ":" in first else packed_ipv4(first)
        if packed:
            return packed + bytes((int(length),)) if length else packed
    except (OSError, ValueError):
        pass
    return _as_text(text)


def packed_ipv4(text: str) -> bytes:
    """Return what `packed_subject` returns for an IPv4 address, or nothing for any other text."""
    if len(text) > _LONGEST_IPV4 or not text[:1].isdigit():
        return b""
    try:
        return b"4" + inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return b""


def is_packed_address(subject: bytes) -> bool:
    """Tell whether a packed subject is one address, so that nothing of its cell was cut off."""
    return len(subject) in _ADDRESS_BYTES and subject[:1] in (b"4", b"6")


def _as_text(text: str) -> bytes:
    return b"t" + text[:SUBJECT_CHARACTERS].encode("utf-8", "replace")


def normal_address(cell: str) -> str:
    """Return an address or network in the form in which it is compared, whatever its spelling."""
    text = cell.strip()
    if ":" not in text and "/" not in text:
        return text
    return _normal_network(text) if len(text) <= _LONGEST_NETWORK else text.lower()


# Cached, because a row's network is read for its subject and its identity, and again for the
# next row.
@lru_cache(maxsize=_REMEMBERED)
def _normal_network(text: str) -> str:
    try:
        return parse_network(text).value
    except ValueError:
        return text.lower()
