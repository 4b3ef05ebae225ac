"""How a column is read, the roles that it can have, and what its cells are for a finding."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

DN_ATTRIBUTES = (
    *("CN", "O", "OU", "C", "ST", "L", "street", "postalCode", "serialNumber", "emailAddress"),
    *("GN", "SN", "businessCategory"),
)
"""The 13 parts of a distinguished name that Shadowserver gives a column each."""

ROLES = frozenset(
    [
        *("time", "severity", "tags", "protocol", "application", "scheme"),
        *("ip", "network", "public_address", "port", "asn", "as_name"),
        *("country", "region", "city", "naics", "sic", "sector"),
        *("hostname", "hostname_source", "domain", "mac"),
        *("url", "url_part", "user_agent", "email", "account"),
        *("malware", "activity", "cve", "attack_id"),
        *(f"file.{part}" for part in ("md5", "sha1", "sha256", "sha512", "name")),
        *(f"x509.{part}" for part in ("md5", "sha1", "sha256", "sha512", "raw", "version")),
        *("x509.serial_number", "x509.not_before", "x509.not_after", "x509.self_signed"),
        *("x509.signature_algorithm", "x509.key_algorithm", "x509.issuer", "x509.subject"),
        *(f"x509.{side}.{rdn}" for side in ("issuer", "subject") for rdn in DN_ATTRIBUTES),
        *("ssh.public_key", "ssh.sha256", "ssh.md5", "ssh.algorithm"),
        *("software.vendor", "software.product", "software.short_name", "software.version"),
        *("software.cpe", "software.kind"),
        *("count", "first_seen", "last_seen"),
        *("secret", "internal", "text"),
    ]
)
"""Every role a column can have; the mapping decides what each requires of a cell."""

EXCLUSIVE_ROLES = frozenset(
    [
        *("time", "severity", "tags", "protocol", "application", "scheme"),
        *("ip", "network", "public_address", "port", "asn", "as_name"),
        *("country", "region", "city", "naics", "sic", "sector"),
        *("hostname_source", "first_seen", "last_seen", "count"),
        *(role for role in ROLES if role.startswith(("file.", "x509.", "software.", "ssh."))),
    ]
)
"""Roles that one party and group of a row can have only once."""

UNSPECIFIC_ROLES = frozenset(["text", "secret", "internal"])
"""Roles that do not show where a table comes from: any table may have a name, and an error about a
password contains a word that is kept secret.
"""

ADDRESS_ROLES = frozenset(["ip", "network", "public_address"])
"""Roles whose cells are the address of a party."""

LOCATING_ROLES = frozenset([*ADDRESS_ROLES, "url", "domain"])
"""Roles whose cells say where a party is."""

IDENTITY: Final = "identity"
STATE: Final = "state"
WORDING: Final = "wording"
VOLATILE: Final = "volatile"

FINDING_PARTS: Final = (IDENTITY, STATE, WORDING, VOLATILE)
"""Identity: whose and what. State: how it is. Wording: state, ignoring clocks and tokens in the
text. Volatile: ignored.
"""


@dataclass(frozen=True, slots=True)
class FindingRules:
    """Applies if a column does not say itself; a cell that nothing matches is state."""

    identity_roles: frozenset[str]
    volatile_roles: frozenset[str]
    volatile_meanings: frozenset[str]
    """Meanings of parties that a finding met by chance."""
    volatile_names: tuple[str, ...]
    """Globs of unpublished names, matched against the name between two underscores."""

    def part(self, role: str, meaning: str) -> str:
        """Return one of ``FINDING_PARTS``: what cells of a role are, for a party of a meaning."""
        if role in self.volatile_roles or meaning in self.volatile_meanings:
            return VOLATILE
        return IDENTITY if role in self.identity_roles else STATE

    def volatile_by_name(self, words: str) -> str:
        """Return ``VOLATILE`` if an unpublished name says that its cells are, otherwise nothing."""
        if any(fnmatchcase(words, glob) for glob in self.volatile_names):
            return VOLATILE
        return ""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of one report type is read."""

    name: str
    """As in the CSV header."""
    role: str
    """One of ``ROLES``."""
    party: str
    """Whose cell it is: ``asset`` (no prefix), ``src``, ``dst``, ``referer``, ``attack_src``, the
    prefix of a column known by pattern only, or empty: then it is about the row's primary."""
    group: str
    """Cells of one group make up one object (``device``, ``cert``, ...); otherwise empty."""
    title: str
    """Readable name for Notes."""
    order: int = 0
    """Place in a Note: what, where, when and why first, everything else after."""
    finding_part: str = ""
    """One of ``FINDING_PARTS`` if the column itself says what its cells are for a finding."""
