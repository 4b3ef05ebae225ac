"""Which finding a row belongs to, and the state of that finding.

The identity of a finding is whose it is and what was found. Its state is everything else in a row,
except what changes by itself, such as times and counters. Which columns are which is stated in
``catalogue/data/``: by ``finding`` of a column, otherwise by the rules in ``findings.toml``.

The reader of both is compiled once for each file and run for each row. Three things make no
difference: the order of columns; a missing column, which counts as one of empty cells; and the
spelling of a value that can be written in several ways (addresses, names, hashes, dates, the order
of tags, the words for no value).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final, final

from shadowserver_connector.catalogue.catalogue import Catalogue, ReportType
from shadowserver_connector.catalogue.columns import ADDRESS_ROLES, IDENTITY, STATE, WORDING, Column
from shadowserver_connector.history.record import DIGEST_BYTES, shortened
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.planning.subjects import (
    is_packed_address,
    normal_address,
    packed_ipv4,
    packed_subject,
)

_REMEMBERED: Final = 512
_SHORT: Final = 24
"""Longer cells are not cached; no placeholder for "no value" is longer."""
_LONG: Final = 200
"""The same limit for cells whose wording is compared, because regular expressions take long."""
_SHORTEST: Final = 10
"""The same limit for roles whose cells differ in nearly every row."""
_DIFFERING: Final = frozenset(
    ["ip", "hostname", "domain", "email", "mac", "x509.not_before", "x509.not_after"]
)
"""Roles whose cells differ in nearly every row, so that caching them is of little use."""
_LONGEST_OTHERS: Final = 200
"""The same limit for the cells of an identity, but for its address, together."""
_LONGEST_NAME: Final = 255
_NO_SUBJECT: Final = b"t"
"""The subject of rows in which no cell names one: an empty text."""
_EMPTY_HASH: Final = blake2b(digest_size=DIGEST_BYTES)

# The same roles as in `_NOTE_SUBJECTS`, in another order, which must stay: the keys in stored
# histories begin with the cell that it selects. With the other order, each finding with both a URL
# and an account would be a new one after an update.
_KEY_SUBJECTS: Final = ("ip", "network", "url", "email", "account", "domain", "text")
"""Roles of the cell that a finding's key begins with; the first that is not empty counts."""
_ENDPOINT: Final = ("port", "protocol")
"""Roles of cells that are part of the identity but do not say whom a row is about."""
_WHAT: Final = ("malware", "activity", "cve", "tags")
"""Roles of cells that say in a word what was found."""

_FINGERPRINTS: Final = ("x509.sha256", "x509.sha512", "x509.sha1")
"""Roles of cells that identify a certificate; of each row the first one present counts."""

_MONTHS: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_TIME_OF_DAY: Final = re.compile(r"\d:\d\d")
_CLOCKS: Final = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s"
    rf"|\b\d{{1,2}}[ -]{_MONTHS}[ -]\d{{2,4}}\b"
    rf"|\b{_MONTHS}\s+\d{{1,2}}\b(?:,?\s+\d{{4}}\b)?"
    r"|\b\d{4}[-/]\d\d[-/]\d\d[T ]?"
    r"|\b\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?(?:\s?[AP]M\b)?Z?"
    r"|\s[+-]\d{4}\b(?:\s\([A-Z]+\))?"
)
# APOP's (RFC 1939, section 7); the digit before the @ sets it apart from most mail addresses.
_STAMP: Final = re.compile(r"<[^<>@\s]*\d[^<>@\s]*@[^<>\s]*>")
_TOKEN: Final = re.compile(r'\b(?:c?nonce|opaque|session_?(?:id)?)=(?:"[^"]*"|[^\s,;]+)', re.I)
_UPTIME: Final = re.compile(r"\bup(?:time)?(?:\s+is)?[: ]\s*\d[\w ,.:]*", re.I)


Member = tuple[int, Column]
"""A column and its place in the header."""


# A plain class, as all that each row creates: mypyc makes these fastest.
class FindingIdentity:
    """What a row says about a finding, in the form in which a history stores it."""

    __slots__ = ("key", "name", "state", "what")

    key: bytes
    """The subject (see `packed_subject`), followed by ``DIGEST_BYTES`` of its identity."""
    state: bytes
    """``DIGEST_BYTES`` of its state."""
    what: str
    """Port, protocol and what was found, for people: ``22/tcp ssh-brute-force``."""
    name: str
    """Host name or domain of the subject, lower case, or empty."""

    def __init__(self, key: bytes, state: bytes, what: str, name: str) -> None:
        self.key = key
        self.state = state
        self.what = what
        self.name = name


@final
class _Cells:
    """Reads the cells of one column as input for the digest."""

    __slots__ = ("_cached", "_known", "_role", "_short", "at", "normal", "prefix")

    def __init__(self, at: int, column: Column, part: str) -> None:
        self.at = at
        self.prefix = _short_name(column.name)
        self._role = column.role
        self._short = _SHORTEST if column.role in _DIFFERING else _SHORT
        self._cached = _LONG if part == WORDING else self._short
        self.normal = _normal(column.role, part)
        self._known: dict[str, str] = {}

    def piece(self, cell: str) -> str:
        """Return a cell that is not empty with its column's name, or nothing if it says nothing."""
        # Longer cells are not cached, because they seldom recur. None is a placeholder.
        if len(cell) > self._cached:
            return self._long_piece(cell)
        piece = self._known.get(cell)
        if piece is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            piece = self._known[cell] = self._new_piece(cell)
        return piece

    def _new_piece(self, cell: str) -> str:
        if len(cell) > self._short:
            return self._long_piece(cell)
        value = "" if is_empty(self._role, cell) else self.normal(cell)
        return self.prefix + value if value else ""

    def _long_piece(self, cell: str) -> str:
        return self.prefix + self.normal(cell) if not cell.isspace() else ""

    def has_value(self, cell: str) -> bool:
        """Tell whether a cell says anything."""
        if len(cell) > _SHORTEST:
            # Longer than any placeholder for "no value".
            return not cell.isspace()
        return bool(cell) and not is_empty(self._role, cell)


class _Certificate:
    """The cells of one certificate: if a fingerprint is present, the others add nothing."""

    __slots__ = ("all", "fingerprints")

    def __init__(self, fingerprints: Sequence[_Cells], every: Sequence[_Cells]) -> None:
        self.fingerprints = tuple(fingerprints)
        self.all = tuple(every)

    def pieces(self, row: list[str]) -> list[str]:
        for fingerprint in self.fingerprints:
            cell = row[fingerprint.at]
            # A shorter cell is not a fingerprint: SHA-1 has 40 digits.
            if len(cell) > _SHORT:
                return [fingerprint.piece(cell)]
        return _pieces(self.all, row)


class _Descriptions:
    """Says in a few words what rows are about; cached, because few rows differ in it."""

    def __init__(self, identity: Sequence[Member], ordered: Sequence[Member]) -> None:
        places = [next((at for at, col in identity if col.role == role), -1) for role in _ENDPOINT]
        what = [at for role in _WHAT for at, column in ordered if column.role == role]
        self._said = (*places, *what)
        """Places of port, protocol and what was found; -1 for a column that is not there."""
        self._known: dict[str, str] = {}

    def of(self, row: list[str]) -> str:
        said = "\0".join([row[at] if at >= 0 else "" for at in self._said])
        what = self._known.get(said)
        if what is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            what = self._known[said] = _what_of(said.split("\0"))
        return what


@final
class _Subject:
    """Makes the keys of rows whose subject is in a certain column."""

    __slots__ = ("_identity", "_known", "cells")

    def __init__(
        self, cells: _Cells, identity: tuple[_Cells, ...], known: dict[str, bytes]
    ) -> None:
        """``identity`` and ``known``, a cache, are shared: a header may have thousands of these."""
        self.cells = cells
        self._identity = identity
        self._known = known

    def key(self, row: list[str]) -> bytes:
        own = self.cells
        cell = row[own.at]
        # Most are IPv4 addresses, which have only one form.
        subject = packed_ipv4(cell) or packed_subject(own.normal(cell))
        if not is_packed_address(subject):
            return subject + _digest(_pieces(self._identity, row))
        # An address is in the key as a whole. What else makes the identity, such as port, protocol
        # and malware, is the same in many rows.
        said = "\0".join([row[other.at] for other in self._identity if other is not own])
        others = own.prefix + said
        known = self._known.get(others)
        if known is None:
            pieces = _pieces(tuple([each for each in self._identity if each is not own]), row)
            known = _digest([own.prefix, *pieces])
            if len(others) <= _LONGEST_OTHERS:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[others] = known
        return subject + known


class FindingIdentifier:
    """Tells which finding each row belongs to; `compile_finding_identifier` creates one."""

    def __init__(
        self,
        identity: Sequence[_Cells],
        state: Sequence[_Cells],
        certificates: Sequence[_Certificate],
        subjects: Sequence[_Subject],
        names: Sequence[int],
        descriptions: _Descriptions,
    ) -> None:
        self._identity = tuple(identity)
        self._state = tuple(state)
        self._certificates = tuple(certificates)
        self._subjects = tuple(subjects)
        self._names = tuple(names)
        self._descriptions = descriptions

    def read(self, row: list[str]) -> FindingIdentity:
        """Return what a row says; it must have as many cells as the header."""
        name = ""
        for at in self._names:
            cell = row[at]
            if len(cell) > _SHORTEST or (cell and not is_empty("text", cell)):
                name = cell.strip().rstrip(".").lower()[:_LONGEST_NAME]
                break
        state = _pieces(self._state, row)
        for certificate in self._certificates:
            state += certificate.pieces(row)
        return FindingIdentity(self.key(row), _digest(state), self._descriptions.of(row), name)

    def key(self, row: list[str]) -> bytes:
        """Return the key of a row's finding alone, see `FindingIdentity`."""
        for subject in self._subjects:
            if subject.cells.has_value(row[subject.cells.at]):
                return subject.key(row)
        return _NO_SUBJECT + _digest(_pieces(self._identity, row))


def compile_finding_identifier(
    catalogue: Catalogue, report_type: ReportType, columns: Sequence[Column]
) -> FindingIdentifier:
    """Return the reader for a header whose columns the catalogue has named."""
    # By today's names: a digest depends neither on the order of the header nor on the year.
    ordered = sorted(
        (
            (at, replace(column, name=catalogue.current_column_name(report_type.name, column.name)))
            for at, column in enumerate(columns)
        ),
        key=lambda numbered: (numbered[1].name, columns[numbered[0]].name),
    )
    parts = [(at, column, catalogue.finding_part(report_type, column)) for at, column in ordered]
    identity = [(at, column) for at, column, part in parts if part == IDENTITY]
    telling = [found for found in identity if found[1].role not in _ENDPOINT]
    named = [
        (at, column)
        for at, column in ordered
        if column.party == report_type.primary and column.role == "hostname"
    ]
    named += [(at, column) for at, column in identity if column.role == "domain"]
    state = [
        (column, _Cells(at, column, part)) for at, column, part in parts if part in (STATE, WORDING)
    ]
    certificates = dict(_certificates(state))
    cells_of = {at: _Cells(at, column, IDENTITY) for at, column in identity}
    all_cells = tuple(cells_of.values())
    telling.sort(key=lambda found: _rank(found[1], report_type))
    known: dict[str, bytes] = {}
    return FindingIdentifier(
        all_cells,
        [cells for column, cells in state if _certificate_of(column) not in certificates],
        list(certificates.values()),
        [_Subject(cells_of[at], all_cells, known) for at, _ in telling],
        [at for at, _ in named],
        _Descriptions(identity, ordered),
    )


def _certificates(
    state: Sequence[tuple[Column, _Cells]],
) -> Iterator[tuple[tuple[str, str], _Certificate]]:
    """Yield the certificates that have a fingerprint column, each with its party and group."""
    groups: dict[tuple[str, str], list[tuple[Column, _Cells]]] = {}
    for column, cells in state:
        if of := _certificate_of(column):
            groups.setdefault(of, []).append((column, cells))
    for of, members in groups.items():
        by_role = {column.role: cells for column, cells in members}
        fingerprints = [by_role[role] for role in _FINGERPRINTS if role in by_role]
        if fingerprints:
            yield of, _Certificate(fingerprints, [cells for _, cells in members])


def _certificate_of(column: Column) -> tuple[str, str] | None:
    """Return party and group of the certificate that a column describes; ``None`` if none."""
    return (column.party, column.group) if column.role.startswith("x509.") else None


def _rank(column: Column, report_type: ReportType) -> tuple[bool, int, int, str]:
    """Return a sort key: the columns that say best whom a row is about come first."""
    addressed = column.role in ADDRESS_ROLES and column.party == report_type.primary
    role = _KEY_SUBJECTS.index(column.role) if column.role in _KEY_SUBJECTS else len(_KEY_SUBJECTS)
    return not addressed, role, column.order, column.name


def _pieces(cells: tuple[_Cells, ...], row: list[str]) -> list[str]:
    return [piece for one in cells if (cell := row[one.at]) and (piece := one.piece(cell))]


def _short_name(column: str) -> str:
    """Return a column's name in four characters: with whole names, hashing takes longer."""
    return b64encode(blake2b(column.encode(), digest_size=3).digest()).decode()


def _digest(pieces: Sequence[str]) -> bytes:
    # No cell holds a NUL, so different cells are never one text.
    said = "\0".join(pieces)
    hashed = _EMPTY_HASH.copy()
    hashed.update(said.encode())
    return hashed.digest()


def _what_of(said: Sequence[str]) -> str:
    port, protocol, *cells = ["" if is_empty("text", cell) else cell.strip() for cell in said]
    endpoint = "/".join(filter(None, (port, protocol.lower())))
    words = [word.strip() for cell in cells for word in cell.replace(",", ";").split(";")]
    return shortened(" ".join(filter(None, (endpoint, *dict.fromkeys(words)))))


def _normal(role: str, part: str) -> Callable[[str], str]:
    """Return the function that gives all spellings of a value the same form."""
    if part == WORDING:
        return _wording
    if role.startswith(("file.", "x509.")) and role.rpartition(".")[2] in _HASHES:
        return _hash
    return _NORMAL.get(role, str.strip)


# Unlike parsers, these refuse no cell: bad ones have to be compared too.
def _lower(cell: str) -> str:
    return cell.strip().lower()


def _name(cell: str) -> str:
    return cell.strip().lower().rstrip(".")


def _number(cell: str) -> str:
    stripped = cell.strip()
    return stripped.lstrip("0") or "0" if stripped.isdigit() else stripped


def _hash(cell: str) -> str:
    return cell.lower().replace(":", "").replace(" ", "")


def _tags(cell: str) -> str:
    return ";".join(
        sorted({tag.strip() for tag in cell.lower().replace(",", ";").split(";")} - {""})
    )


def _time(cell: str) -> str:
    # As Shadowserver writes it, and as the others are written below.
    if len(cell) == 19 and cell[4] == "-":
        return cell
    try:
        return parse_time(cell.strip()).removesuffix(".000Z").replace("T", " ")
    except ValueError:
        return cell.strip()


def _wording(cell: str) -> str:
    """Remove what differs on each request: dates, times, APOP's stamps, HTTP's nonces, uptimes."""
    text = cell
    # Each expression takes long, and most cells have nothing for it: so a cheap test comes first.
    # A date without a time of day does not pass it, and stays.
    if _TIME_OF_DAY.search(text):
        text = _CLOCKS.sub(" ", text)
    if "@" in text:
        text = _STAMP.sub(" ", text)
    if "=" in text:
        text = _TOKEN.sub(" ", text)
    if "up" in text or "UP" in text or "Up" in text:
        text = _UPTIME.sub(" ", text)
    return text.strip() if text is cell else " ".join(text.split())


_HASHES: Final = frozenset(["md5", "sha1", "sha256", "sha512"])

_NORMAL: Final[dict[str, Callable[[str], str]]] = {
    **dict.fromkeys(("ip", "network", "public_address"), normal_address),
    **dict.fromkeys(("port", "asn"), _number),
    **dict.fromkeys(("hostname", "domain", "email"), _name),
    **dict.fromkeys(("country", "severity", "protocol", "application", "mac"), _lower),
    **dict.fromkeys(("cve", "x509.self_signed", "hostname_source"), _lower),
    **dict.fromkeys(("x509.not_before", "x509.not_after"), _time),
    "tags": _tags,
}
