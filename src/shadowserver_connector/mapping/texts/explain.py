"""How each column of a file is read, and what becomes of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from shadowserver_connector.catalogue.catalogue import Meaning, ReportType
from shadowserver_connector.catalogue.columns import ADDRESS_ROLES, Column
from shadowserver_connector.mapping.cells.dates import parse_seen
from shadowserver_connector.mapping.cells.hashes_and_keys import ALGORITHMS
from shadowserver_connector.mapping.cells.readers import PARSERS, TIME_ROLES, Parser, is_empty
from shadowserver_connector.mapping.cells.text_and_tags import LeftOutError
from shadowserver_connector.mapping.objects.certificates_software_urls import SERVICE, TARGET
from shadowserver_connector.mapping.objects.context import (
    ConversionContext,
    RelationshipRules,
    far_end_of_party,
)
from shadowserver_connector.mapping.objects.traffic import names_protocol, parties_of_traffic

NOTE_ONLY: Final = "Note only"

_ALGORITHMS: Final = tuple(part for part, _ in ALGORITHMS)
_CERTIFICATE: Final = "x509.raw"
_HASHES: Final = frozenset(f"x509.{part}" for part in _ALGORITHMS)

_BY_ROLE: Final[Mapping[str, str]] = {
    "severity": "severity of the finding, of Report and Case",
    "tags": "labels; a Vulnerability for each CVE",
    "ip": "IPv4-Addr or IPv6-Addr",
    "network": "IPv4-Addr or IPv6-Addr, networks included",
    "public_address": "IPv4-Addr or IPv6-Addr if public",
    "url": "Url",
    "user_agent": "User-Agent",
    "email": "Email-Addr",
    "account": "User-Account",
    "malware": "Malware, unless it names an activity; Vulnerability for a CVE id",
    "activity": "Malware, unless it names an activity or a family is given; Vulnerability for a "
    "CVE id",
    "cve": "Vulnerability; Attack-Pattern for an ATT&CK id",
    "attack_id": "Attack-Pattern",
    "secret": "masked in the Note, no object",
}
"""Role -> what its cells become, whatever columns there are."""

_OBSERVED: Final[Mapping[str, str]] = {
    "first_seen": "first time of the Observed-Data",
    "last_seen": "last time of the Observed-Data",
    "count": "count of the Observed-Data",
}
"""Role -> what its cells become if there is an Observed-Data."""

_SCORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(ADDRESS_ROLES, "address"),
    "domain": "name",
    **dict.fromkeys(["url", "url_part"], "url"),
    **dict.fromkeys([f"file.{part}" for part in _ALGORITHMS], "file"),
}
"""Role -> the kind of observable, one of ``INDICATED_KINDS``, that its cells become."""

_WITH_ADDRESS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "asn": ("Autonomous-System", "belongs-to", "autonomous-system", "the address belongs-to it"),
    "country": ("Location", "located-at", "location", "the address is located-at it"),
    "mac": ("Mac-Addr", "resolves-to", "mac-addr", "the address resolves-to it"),
}
"""Role -> what its cells become if the party has an address, how it is related to it, and the same
in words.
"""

_TOGETHER: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "file": ("File", frozenset(f"file.{part}" for part in _ALGORITHMS)),
    "x509": ("X509-Certificate", frozenset([*_HASHES, _CERTIFICATE])),
    "ssh": ("SSH-Key", frozenset(["ssh.public_key", "ssh.sha256"])),
    "software": ("Software", frozenset(["software.product", "software.short_name"])),
}
"""Part of a role before its dot -> the object of its group, and the roles of which it needs one."""


def describe_mapping(
    column: Column,
    columns: Sequence[Column],
    report_type: ReportType,
    meaning_of: Callable[[str], Meaning],
    rules: RelationshipRules,
) -> str:
    """Return what a column's cells become in a file of these columns.

    ``meaning_of`` says what a party is in the report type; ``rules`` have the options, too.
    """
    role = column.role
    kind = role.partition(".")[0]
    meaning = meaning_of(column.party)
    far_end = far_end_of_party(
        meaning, is_primary=bool(column.party) and column.party == report_type.primary
    )
    score = _score(meaning, role)
    mates = {mate.role for mate in columns if mate.party == column.party}
    if role in _BY_ROLE:
        if role == "public_address" and column.party not in report_type.parties:
            return f"{_BY_ROLE[role]}, related to nothing"
        return _BY_ROLE[role] + score
    if role == "time":
        return (
            "time of Note and Observed-Data" if rules.options.observed_data else "time of the Note"
        )
    if role in _OBSERVED:
        return _OBSERVED[role] if rules.options.observed_data else NOTE_ONLY
    if role in _WITH_ADDRESS:
        return _of_address(role, rules, far_end) if mates & ADDRESS_ROLES else NOTE_ONLY
    if role in ("hostname", "domain"):
        name_link = ("resolves-to", "domain-name", "ipv4-addr", far_end)
        if role == "hostname" and not rules.creates_far_end(*name_link):
            return NOTE_ONLY
        resolves = mates & ADDRESS_ROLES and rules.creates(*name_link)
        return f"Domain-Name or Hostname{', resolves-to the address' if resolves else ''}{score}"
    if role == "url_part":
        if not rules.creates_far_end("related-to", "ipv4-addr", "url", far_end):
            return NOTE_ONLY
        if mates & {*ADDRESS_ROLES, "domain"}:
            return f"Url, with host and port{score}"
        return NOTE_ONLY if far_end == "called" else f"Url, if it names its host{score}"
    if role in ("port", "protocol", "application", "scheme"):
        if not rules.options.network_traffic:
            return NOTE_ONLY
        return _of_traffic(column, columns, report_type)
    if kind == "ssh" and not rules.options.ssh_keys:
        return NOTE_ONLY
    if kind in _TOGETHER:
        name, needed = _TOGETHER[kind]
        group = {mate.role for mate in columns if mate.group == column.group}
        named = kind == "software" and column.group == SERVICE and report_type.product
        if role == "software.short_name" and "software.product" in group:
            return f"{name}, with its group, if no product is named"
        versioned = named and "software.version" in group
        sold = "software.vendor" in group and column.group != TARGET
        if group & needed or versioned or sold:
            return f"{name}, with its group{score}"
        return NOTE_ONLY
    return NOTE_ONLY


def _score(meaning: Meaning, role: str) -> str:
    """Return a clause about the score of what a role's cells become."""
    kind = _SCORED.get(role)
    if kind is None or meaning.score is None:
        return ""
    indicator = ", Indicator if enabled" if meaning.indicates(kind) else ", no Indicator"
    return f"; score {meaning.score}{indicator}"


def _of_address(role: str, rules: RelationshipRules, far_end: str) -> str:
    stix_type, relationship, target, related = _WITH_ADDRESS[role]
    if rules.creates(relationship, "ipv4-addr", target, far_end):
        return f"{stix_type}, {related}"
    return (
        stix_type
        if rules.creates_far_end(relationship, "ipv4-addr", target, far_end)
        else NOTE_ONLY
    )


def _of_traffic(column: Column, columns: Sequence[Column], report_type: ReportType) -> str:
    roles = {(mate.role, mate.party) for mate in columns}
    addressed = {party for role, party in roles if role == "ip"}
    source, target = parties_of_traffic(report_type, addressed)
    # The port of a target without an address goes with the source.
    known = {source: source in addressed, target: not addressed.isdisjoint([source, target])}
    ends = [party for party, is_known in known.items() if is_known and ("port", party) in roles]
    named = names_protocol(columns, report_type)
    if not ends or not named or (column.role == "port" and column.party not in ends):
        return NOTE_ONLY
    return f"{column.role if column.role == 'port' else 'protocol'} of the Network-Traffic"


@dataclass(frozen=True, slots=True)
class ExplainedColumn:
    """One column of a file."""

    name: str
    role: str
    party: str
    """What the party is in this report type, such as ``exposed asset``; empty without a party."""
    becomes: str
    filled: int
    """Cells that are neither empty nor a placeholder for no value."""
    bad: int
    """Filled cells that are not valid for the role; they stay in the Note."""
    reason: str
    """Why the first bad one is bad, empty if there is none."""


def explain_columns(
    rows: Iterable[tuple[int, list[str]]], columns: Sequence[Column], context: ConversionContext
) -> Iterator[ExplainedColumn]:
    """Read all rows and yield a reading of each column, in the order of the header.

    A cell is bad exactly if a conversion of all rows would find it bad.
    """
    filled = [0] * len(columns)
    bad = [0] * len(columns)
    reasons = [""] * len(columns)
    seen: Parser = partial(parse_seen, too_late=context.too_late)
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
                except LeftOutError:
                    # Its other values are used.
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
        yield ExplainedColumn(
            name=column.name,
            role=column.role,
            party=context.meaning(column.party).text if column.party else "",
            becomes=describe_mapping(
                column, columns, context.report_type, context.meaning, context.rules
            ),
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
