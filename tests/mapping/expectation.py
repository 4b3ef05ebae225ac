"""What the cells of a row must become, derived from the roles that the catalogue gives its columns.

Each column gets a cell of its own value, so that the object made from it can be told from all
others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from shadowserver_connector.catalogue.catalogue import ReportType
from shadowserver_connector.catalogue.columns import Column
from shadowserver_connector.catalogue.loader import load_catalogue
from shadowserver_connector.mapping.objects.context import RelationshipRules
from shadowserver_connector.mapping.objects.traffic import joins_parties
from shadowserver_connector.mapping.options import Options
from shadowserver_connector.mapping.texts.explain import NOTE_ONLY, describe_mapping
from tests.mapping.conversion import Converted, Stix
from tests.mapping.rows import ed25519_key, value

CATALOGUE = load_catalogue()

_HASH_NAMES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}

OWN: Mapping[str, Callable[[int], str]] = {
    "time": lambda n: "2024-01-31 05:06:07",
    "first_seen": lambda n: "2024-01-30 04:05:06",
    "last_seen": lambda n: "2024-01-31 06:07:08",
    "severity": lambda n: "critical",
    "tags": lambda n: "ssl;cve-2023-1234",
    "protocol": lambda n: "tcp",
    "application": lambda n: "telnets",
    "scheme": lambda n: "https",
    "ip": lambda n: f"198.51.100.{n % 250 + 1}",
    "network": lambda n: f"203.0.113.{n % 250 + 1}",
    "public_address": lambda n: f"192.0.2.{n % 250 + 1}",
    "port": lambda n: str(20_000 + n),
    "asn": lambda n: str(64496 + n % 16),
    "country": lambda n: ("DE", "US", "NL", "KR")[n % 4],
    "hostname": lambda n: f"host-{n}.example.com",
    "domain": lambda n: f"domain-{n}.example.org",
    "malware": lambda n: f"examplebot-{n}",
    "activity": lambda n: f"otherbot-{n}",
    "cve": lambda n: f"CVE-2021-{4000 + n}",
    "attack_id": lambda n: f"T{1000 + n}",
    "software.product": lambda n: f"Product{n}",
    "ssh.public_key": ed25519_key,
}
"""Cells that differ from column to column, where the plausible ones of ``rows`` may not."""


def cell(role: str, n: int) -> str:
    """Return a valid cell of this role, the n-th of its kind."""
    return OWN[role](n) if role in OWN else value(role, n)


def read(report_type: str, header: Sequence[str]) -> list[Column]:
    """Return the columns of a header as the catalogue reads them."""
    return [CATALOGUE.column(report_type, name) for name in header]


def filled(columns: Sequence[Column]) -> list[str]:
    """Return a row with a valid cell of its own in each column."""
    return [cell(column.role, at) for at, column in enumerate(columns)]


def silent(
    report_type: ReportType, columns: Sequence[Column], converted: Converted, options: Options
) -> list[str]:
    """Return the columns whose roles call for something that the objects lack."""
    row = filled(columns)
    rules = RelationshipRules(CATALOGUE.links, options, joined=joins_parties(columns, report_type))
    meaning_of = partial(CATALOGUE.meaning, report_type)
    return [
        column.name
        for column, text in zip(columns, row, strict=True)
        if (becomes := describe_mapping(column, columns, report_type, meaning_of, rules))
        != NOTE_ONLY
        and not _is_shown(column, text, columns, converted, becomes)
    ]


def _is_shown(
    column: Column, text: str, columns: Sequence[Column], converted: Converted, becomes: str
) -> bool:
    kind, _, part = column.role.partition(".")
    if column.role in _OF_ADDRESS:
        stix_type, relationship = _OF_ADDRESS[column.role]
        by = relationship if f"{relationship} it" in becomes else ""
        return _is_tied(stix_type, by, text, converted)
    if column.role == "application" and any(other.role == "scheme" for other in columns):
        return True  # which says how the URL was asked for
    if column.role == "url_part" and "names its host" in becomes:
        return True  # as no path does
    if column.role in _SHOWN:
        return _SHOWN[column.role](text, converted)
    if column.role == "activity":
        named = any(other.role == "malware" for other in columns)
        return named or _has(converted, "malware", name=text)
    if kind in ("file", "x509") and part in _HASH_NAMES:
        stix_type = {"file": "file", "x509": "x509-certificate"}[kind]
        return any(
            stix["hashes"].get(_HASH_NAMES[part]) == text for stix in converted.of(stix_type)
        )
    if kind == "x509":
        return _in_certificate(part, text, columns, converted)
    if kind == "ssh":
        return bool(converted.of("ssh-key"))
    if column.role == "software.kind":
        return True  # only of a vendor without a product
    if kind == "software":
        if part == "short_name" and any(c.role == "software.product" for c in columns):
            return True  # the full name is there, and better
        return any(text in _texts(stix) for stix in converted.of("software"))
    raise AssertionError(
        f"tests/mapping/expectation.py: add what becomes of {column.role} to _SHOWN"
    )


def _moment(text: str) -> str:
    return f"{text.replace(' ', 'T')}.000Z"


def _texts(stix: Stix) -> set[str]:
    return {value for value in stix.values() if isinstance(value, str)}


def _has(converted: Converted, stix_type: str, **fields: Any) -> bool:
    return any(
        all(stix.get(name) == wanted for name, wanted in fields.items())
        for stix in converted.of(stix_type)
    )


def _valued(*stix_types: str) -> Callable[[str, Converted], bool]:
    return lambda text, converted: any(stix["value"] == text for stix in converted.of(*stix_types))


def _has_port(text: str, converted: Converted) -> bool:
    return any(
        int(text) in (stix.get("src_port"), stix.get("dst_port"))
        for stix in converted.of("network-traffic")
    )


def _has_protocol(text: str, converted: Converted) -> bool:
    return any(text in stix["protocols"] for stix in converted.of("network-traffic"))


_OF_ADDRESS: Mapping[str, tuple[str, str]] = {
    "asn": ("autonomous-system", "belongs-to"),
    "country": ("location", "located-at"),
    "mac": ("mac-addr", "resolves-to"),
}
"""Role -> type of what its cells become, and how an address may be related to that."""


def _is_tied(stix_type: str, by: str, text: str, converted: Converted) -> bool:
    """Tell whether an address has the expected tie to what the text became."""
    if by:
        tied = {
            stix["target_ref"]
            for stix in converted.of("relationship")
            if stix["relationship_type"] == by and stix["source_ref"].startswith("ipv")
        }
    else:
        tied = set(converted.one("observed-data")["object_refs"])
    return any(
        stix["id"] in tied
        and text in (str(stix.get("number")), stix.get("country"), stix.get("value"))
        for stix in converted.of(stix_type)
    )


def _in_certificate(part: str, text: str, columns: Sequence[Column], converted: Converted) -> bool:
    if part == "raw":  # hashes of the parsed form win where they are given
        return bool(converted.of("x509-certificate"))
    certificates = converted.of("x509-certificate")
    if part in ("not_before", "not_after"):
        return any(stix.get(f"validity_{part}") == _moment(text) for stix in certificates)
    if part == "self_signed":
        return any("is_self_signed" in stix for stix in certificates)
    side, _, rdn = part.partition(".")
    if rdn:
        return any(f"{rdn}={text}" in stix[side] for stix in certificates)
    names = {"key_algorithm": "subject_public_key_algorithm"}
    return any(stix.get(names.get(part, part)) == text for stix in certificates)


_SHOWN: Mapping[str, Callable[[str, Converted], bool]] = {
    "time": lambda text, c: c.one("note")["created"] == _moment(text),
    "first_seen": lambda text, c: c.one("observed-data")["first_observed"] == _moment(text),
    "last_seen": lambda text, c: c.one("observed-data")["last_observed"] == _moment(text),
    "severity": lambda text, c: c.outcome.severity == text,
    "tags": lambda text, c: (
        {tag for tag in re.split(";", text) if not tag.startswith("cve-")}
        <= set(c.one("note")["labels"]) & set(c.one("report")["labels"])
        and _has(c, "vulnerability", name="CVE-2023-1234")
    ),
    "count": lambda text, c: c.one("observed-data")["number_observed"] == int(text),
    "secret": lambda text, c: text not in c.one("note")["content"],
    "ip": _valued("ipv4-addr", "ipv6-addr"),
    "network": _valued("ipv4-addr", "ipv6-addr"),
    "public_address": _valued("ipv4-addr", "ipv6-addr"),
    "hostname": _valued("domain-name", "hostname"),
    "domain": _valued("domain-name", "hostname"),
    "url": _valued("url"),
    "url_part": lambda text, c: any(stix["value"].endswith(text) for stix in c.of("url")),
    "user_agent": _valued("user-agent"),
    "email": _valued("email-addr"),
    "account": lambda text, c: _has(c, "user-account", account_login=text),
    "malware": lambda text, c: _has(c, "malware", name=text),
    "cve": lambda text, c: _has(c, "vulnerability", name=text),
    "file.name": lambda text, c: _has(c, "file", name=text),
    "attack_id": lambda text, c: _has(c, "attack-pattern", x_mitre_id=text),
    "port": _has_port,
    "protocol": _has_protocol,
    "application": _has_protocol,
    "scheme": _has_protocol,
}
"""Role -> whether a cell of it can be seen in what was made of its row."""
