"""Which finding a row belongs to, the state of that finding, and whom the row is about.

The identity of a finding is whose it is and what was found; everything else in a row is its state.
The reader of both is compiled once for each file and run for each row. Three things make no
difference: the order of columns; a missing column, which counts as one of empty cells; and the
spelling of a value that can be written in several ways (addresses, names, hashes, dates, the order
of tags, the words for no value).

Whom a row is about is its subject: the primary address, or else its URL, account or name. A report
has one Note for each subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from socket import AF_INET6, inet_aton, inet_ntoa, inet_pton
from typing import Final, final

from shadowserver_connector.catalogue.catalogue import (
    ADDRESS_ROLES,
    IDENTITY,
    STATE,
    WORDING,
    Catalogue,
    Column,
    ReportType,
)
from shadowserver_connector.history.record import DIGEST_BYTES, SUBJECT_CHARACTERS
from shadowserver_connector.mapping.cells.addresses import parse_network
from shadowserver_connector.mapping.cells.dates import parse_time
from shadowserver_connector.mapping.cells.readers import is_empty
from shadowserver_connector.mapping.cells.text_and_tags import is_null

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
_LONGEST_LABEL: Final = 120
_LONGEST_NAME: Final = 255
_EMPTY_HASH: Final = blake2b(digest_size=DIGEST_BYTES)
_LONGEST_IPV4: Final = 15
_LONGEST_NETWORK: Final = 64
"""More characters than any IPv6 address or network has."""

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
"""Roles of cells that identify a certificate; the first one present counts."""

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

    __slots__ = ("key", "label", "name", "state")

    key: bytes
    """The subject (see `subject_of`), followed by ``DIGEST_BYTES`` of its identity."""
    state: bytes
    """``DIGEST_BYTES`` of its state."""
    label: str
    """Port, protocol and what was found, for people: ``22/tcp ssh-brute-force``."""
    name: str
    """Host name or domain of the subject, lower case, or empty."""

    def __init__(self, key: bytes, state: bytes, label: str, name: str) -> None:
        self.key = key
        self.state = state
        self.label = label
        self.name = name


@final
class _Cells:
    """Reads the cells of one column as input for the digest."""

    __slots__ = ("_cached", "_known", "_prefix", "_role", "_short", "at", "normal")

    def __init__(self, at: int, column: Column, part: str) -> None:
        self.at = at
        self._prefix = f"{column.name}="
        self._role = column.role
        self._short = _SHORTEST if column.role in _DIFFERING else _SHORT
        self._cached = _LONG if part == WORDING else self._short
        self.normal = _normal(column.role, part)
        self._known: dict[str, str] = {}

    def piece(self, cell: str) -> str:
        """Return a cell that is not empty with its column's name, or nothing if it says nothing."""
        # Longer cells are not cached, because they seldom recur. None is a placeholder.
        if len(cell) > self._cached:
            return self._prefix + self.normal(cell)
        piece = self._known.get(cell)
        if piece is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            piece = self._known[cell] = self._new_piece(cell)
        return piece

    def _new_piece(self, cell: str) -> str:
        if len(cell) > self._short:
            return self._prefix + self.normal(cell)
        value = "" if is_empty(self._role, cell) else self.normal(cell)
        return self._prefix + value if value else ""


class _Certificate:
    """The cells of one certificate: if its fingerprint is present, the others add nothing."""

    __slots__ = ("fingerprint", "others")

    def __init__(self, fingerprint: _Cells, others: Sequence[_Cells]) -> None:
        self.fingerprint = fingerprint
        self.others = tuple(others)

    def pieces(self, row: list[str]) -> list[str]:
        cell = row[self.fingerprint.at]
        # A shorter cell is not a fingerprint: SHA-1 has 40 digits.
        if len(cell) > _SHORT:
            return [self.fingerprint.piece(cell)]
        return _pieces(self.others, row)


class _Labels:
    """Says in a few words what rows are about, which repeats, so that most is said once."""

    def __init__(self, identity: Sequence[Member], ordered: Sequence[Member]) -> None:
        places = [next((at for at, col in identity if col.role == role), -1) for role in _ENDPOINT]
        what = [at for role in _WHAT for at, column in ordered if column.role == role]
        self._said = (*places, *what)
        """Places of port, protocol and what was found; -1 for a column that is not there."""
        self._known: dict[str, str] = {}

    def of(self, row: list[str]) -> str:
        said = "\0".join([row[at] if at >= 0 else "" for at in self._said])
        label = self._known.get(said)
        if label is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            label = self._known[said] = _label_of(said.split("\0"))
        return label


class FindingIdentifier:
    """Tells which finding each row belongs to; `compile_finding_identifier` creates one."""

    def __init__(
        self,
        identity: Sequence[_Cells],
        state: Sequence[_Cells],
        certificates: Sequence[_Certificate],
        subjects: Sequence[_Cells],
        names: Sequence[int],
        labels: _Labels,
    ) -> None:
        self._identity = tuple(identity)
        self._state = tuple(state)
        self._certificates = tuple(certificates)
        self._subjects = tuple(subjects)
        self._names = tuple(names)
        self._labels = labels

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
        return FindingIdentity(self.key(row), _digest(state), self._labels.of(row), name)

    def key(self, row: list[str]) -> bytes:
        """Return the key of a row's finding alone, see `FindingIdentity`."""
        # The subject is an empty text if no cell names one.
        subject = b"t"
        for cells in self._subjects:
            cell = row[cells.at]
            # A longer cell is never a placeholder for "no value".
            if len(cell) > _SHORTEST or (cell and not is_empty("text", cell)):
                # Most are IPv4 addresses, which have only one form.
                subject = _ipv4(cell) or subject_of(cells.normal(cell))
                break
        return subject + _digest(_pieces(self._identity, row))


def compile_finding_identifier(
    catalogue: Catalogue, report_type: ReportType, columns: Sequence[Column]
) -> FindingIdentifier:
    """Return the reader for a header whose columns the catalogue has named."""
    # By name: a digest must not depend on the order of the header.
    ordered = sorted(enumerate(columns), key=lambda numbered: numbered[1].name)
    parts = [(at, column, catalogue.part(report_type, column)) for at, column in ordered]
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
    return FindingIdentifier(
        [_Cells(at, column, IDENTITY) for at, column in identity],
        [cells for column, cells in state if _certificate_of(column) not in certificates],
        list(certificates.values()),
        [
            _Cells(at, column, IDENTITY)
            for at, column in sorted(telling, key=lambda found: _rank(found[1], report_type))
        ],
        [at for at, _ in named],
        _Labels(identity, ordered),
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
        fingerprint = next((by_role[role] for role in _FINGERPRINTS if role in by_role), None)
        if fingerprint is not None:
            yield of, _Certificate(fingerprint, [cells for _, cells in members])


def _certificate_of(column: Column) -> tuple[str, str] | None:
    """Return party and group of the certificate that a column describes; ``None`` if none."""
    return (column.party, column.group) if column.role.startswith("x509.") else None


def subject_of(text: str) -> bytes:
    """Return the beginning of a key: the address, network or text that a finding is about.

    An address is ``4`` or ``6`` and its packed form; a network is the same with its prefix length
    in one byte; a text is ``t`` and its first ``SUBJECT_CHARACTERS``. Keys sort as addresses do.
    """
    text = text.strip()
    if ipv4 := _ipv4(text):
        return ipv4
    first, _, length = _normal_address(text).partition("/")
    try:
        packed = b"6" + inet_pton(AF_INET6, first) if ":" in first else _ipv4(first)
        if packed:
            return packed + bytes((int(length),)) if length else packed
    except (OSError, ValueError):
        pass
    return _as_text(text)


def _ipv4(text: str) -> bytes:
    """Return the subject that an IPv4 address is, or nothing for any other text."""
    if len(text) > _LONGEST_IPV4 or not text[:1].isdigit():
        return b""
    try:
        packed = inet_aton(text)
    except (OSError, ValueError):
        return b""
    # It takes 192.0.513 and octal numbers as well; here only the usual form is an address.
    return b"4" + packed if inet_ntoa(packed) == text else b""


def _as_text(text: str) -> bytes:
    return b"t" + text[:SUBJECT_CHARACTERS].encode("utf-8", "replace")


def _rank(column: Column, report_type: ReportType) -> tuple[bool, int, int, str]:
    """Return a sort key: the columns that say best whom a row is about come first."""
    addressed = column.role in ADDRESS_ROLES and column.party == report_type.primary
    role = _KEY_SUBJECTS.index(column.role) if column.role in _KEY_SUBJECTS else len(_KEY_SUBJECTS)
    return not addressed, role, column.order, column.name


def _pieces(cells: tuple[_Cells, ...], row: list[str]) -> list[str]:
    return [piece for one in cells if (cell := row[one.at]) and (piece := one.piece(cell))]


def _digest(pieces: Sequence[str]) -> bytes:
    # No cell holds a NUL, so different cells are never one text.
    said = "\0".join(pieces)
    hashed = _EMPTY_HASH.copy()
    hashed.update(said.encode())
    return hashed.digest()


def _label_of(said: Sequence[str]) -> str:
    port, protocol, *cells = ["" if is_empty("text", cell) else cell.strip() for cell in said]
    endpoint = "/".join(filter(None, (port, protocol.lower())))
    words = [word.strip() for cell in cells for word in cell.replace(",", ";").split(";")]
    return " ".join(filter(None, (endpoint, *dict.fromkeys(words))))[:_LONGEST_LABEL]


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


def _normal_address(cell: str) -> str:
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
    **dict.fromkeys(("ip", "network", "public_address"), _normal_address),
    **dict.fromkeys(("port", "asn"), _number),
    **dict.fromkeys(("hostname", "domain", "email"), _name),
    **dict.fromkeys(("country", "severity", "protocol", "application", "mac"), _lower),
    **dict.fromkeys(("cve", "x509.self_signed", "hostname_source"), _lower),
    **dict.fromkeys(("x509.not_before", "x509.not_after"), _time),
    "tags": _tags,
}


NO_SUBJECT: Final = "~"
"""Beginning of the key of a row that names no subject."""

# Unlike in `_KEY_SUBJECTS`, accounts come before URLs. This order must stay as well: the ids of
# Notes are derived from the cell that it selects. With the other one, OpenCTI would get a second
# Note on each account whose rows have a URL.
_NOTE_SUBJECTS: Final = ("ip", "network", "email", "account", "url", "domain", "text")
"""Roles of the cell that says whom a Note is about, the best first; of addresses, the primary's."""


class Subjects:
    """Reads whom a row is about; `subjects_of` creates one."""

    __slots__ = ("places",)

    def __init__(self, places: Sequence[int]) -> None:
        self.places = tuple(places)
        """Places of the cells that say it, the best first."""

    def key(self, number: int, row: Sequence[str]) -> str:
        """Return a text that rows of one subject share; a row without one has a text of its own."""
        # Rows are sorted by this text: with leading zeros, these stay in the order of the file.
        return self.normalised(row) or f"{NO_SUBJECT}{number:012d}"

    def normalised(self, row: Sequence[str]) -> str:
        """Return the subject in the form in which subjects are compared; empty if there is none."""
        for at in self.places:
            text = row[at].strip().lower()
            # Nearly all subjects begin with a digit, and no placeholder does.
            if text and (text[0].isdigit() or not is_null(text)):
                return _normal_address(text) if ":" in text else text
        return ""

    def shown(self, row: Sequence[str]) -> str:
        """Return the subject as a person reads it; empty if there is none."""
        for at in self.places:
            text = row[at].strip()
            if text and not is_null(text):
                address = _normal_address(text.lower()) if ":" in text else text
                return text if address == text.lower() else address
        return ""


def subjects_of(columns: Sequence[Column], primary: str, identity: Collection[int]) -> Subjects:
    """Return what reads the subject of rows with these columns.

    ``identity`` are the places of the columns that tell one finding from another.
    """
    ranked = []
    for at, column in enumerate(columns):
        # If a report is not about addresses, its subject is whatever distinguishes findings.
        if column.role not in _NOTE_SUBJECTS or (primary and column.party not in ("", primary)):
            continue
        addressed = column.role in ADDRESS_ROLES and column.party in ("", primary)
        if addressed or (at in identity and (column.role != "text" or not primary)):
            ranked.append((_NOTE_SUBJECTS.index(column.role), at))
    return Subjects([at for _, at in sorted(ranked)])
